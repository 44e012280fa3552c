use crate::domain::aftermath::Parked;
use crate::domain::agent::Name;
use crate::domain::agent_event::StreamOutcome;
use crate::domain::check::{CheckCommand, CheckResult, CheckSpec, FailedTest, TestCounts};
use crate::domain::process_end::ProcessEnd;

use super::*;

const EXITED: ProcessEnd = ProcessEnd::Exited { code: 0 };

fn end(stream: &StreamOutcome) -> AttemptEnd<'_> {
    AttemptEnd {
        process: &EXITED,
        stream,
        stopped: None,
        parked: None,
        stall: &[],
        unfinished: None,
        hidden: None,
        refused: None,
    }
}

fn failed_test(name: &str, message: &str) -> FailedTest {
    FailedTest {
        name: name.into(),
        message: message.into(),
    }
}

fn check(name: &str, status: CheckStatus, failures: Vec<FailedTest>) -> (CheckSpec, CheckResult) {
    let name = Name::new(name).unwrap();
    let spec = CheckSpec::new(name.clone(), CheckCommand::Shell("make".into()));
    let result = CheckResult {
        name,
        status,
        note: None,
        exit: None,
        duration_ms: 0,
        counts: None,
        failures,
        log_sha256: None,
    };
    (spec, result)
}

fn told(outcome: Outcome, checks: &[(CheckSpec, CheckResult)]) -> String {
    let ends: Vec<CheckEnd<'_>> = checks
        .iter()
        .map(|(spec, result)| CheckEnd { spec, result })
        .collect();
    summary(
        outcome,
        &end(&StreamOutcome::Truncated),
        &ends,
        "ci is ours",
    )
}

#[test]
fn failed_checks_are_told_one_by_one_with_their_tests() {
    let checks = [
        check("lint", CheckStatus::Passed, vec![]),
        check(
            "unit",
            CheckStatus::Failed,
            vec![failed_test("a::b", " left != right\n")],
        ),
        check("slow", CheckStatus::NotRun, vec![]),
    ];
    assert_eq!(
        told(Outcome::SendBackChecks, &checks),
        "check `unit` failed (a::b)\n  a::b: left != right\ncheck `slow` not run"
    );
}

#[test]
fn an_exit_code_is_not_told_twice() {
    let code = "exit code 2";
    let silent = check("a", CheckStatus::Failed, vec![failed_test(code, " ")]);
    assert_eq!(
        told(Outcome::SendBackChecks, &[silent]),
        "check `a` failed (exit code 2)"
    );
    let with_words = check("a", CheckStatus::Failed, vec![failed_test(code, "no rule")]);
    assert_eq!(
        told(Outcome::SendBackChecks, &[with_words]),
        "check `a` failed (exit code 2)\n  no rule"
    );
}

#[test]
fn five_tests_of_a_check_are_told_each_is_cut_and_the_rest_is_named() {
    let tests = (0..9)
        .map(|n| failed_test(&format!("t{n}"), &"é".repeat(700)))
        .collect();
    let text = told(
        Outcome::SendBackChecks,
        &[check("a", CheckStatus::Failed, tests)],
    );
    assert_eq!(text.lines().count(), 1 + 5 + 1);
    assert_eq!(text.lines().last(), Some("  and t5, t6, t7, t8"));
    let message = text
        .lines()
        .nth(1)
        .and_then(|line| line.strip_prefix("  t0: "))
        .unwrap();
    assert_eq!(message.chars().count(), 600);
}

#[test]
fn a_broken_check_is_told_where_the_machine_is_to_blame() {
    let status = CheckStatus::Broken {
        why: "no space".into(),
    };
    assert_eq!(
        told(Outcome::Environment, &[check("a", status, vec![])]),
        "check `a` broken (no space)"
    );
}

#[test]
fn a_denial_tells_the_objection_and_not_the_checks() {
    let checks = [check("a", CheckStatus::Failed, vec![])];
    assert_eq!(
        told(Outcome::Denied, &checks),
        "the policy forbids a change that it makes: ci is ours"
    );
    assert_eq!(
        told(Outcome::NeedsApproval, &[]),
        "checks passed on this tree; the policy wants a person's yes first: ci is ours"
    );
}

#[test]
fn an_attempt_that_did_not_get_to_its_end_tells_why() {
    let why = "its output ended without a result";
    for outcome in [
        Outcome::Retry,
        Outcome::RetryUncounted,
        Outcome::Environment,
        Outcome::SendBackNoChanges,
    ] {
        assert_eq!(told(outcome, &[]), format!("{}: {why}", outcome.meaning()));
    }
}

#[test]
fn where_there_is_nothing_more_to_say_the_outcome_says_it() {
    let done = end(&StreamOutcome::Completed);
    for outcome in Outcome::ALL.iter().copied() {
        if !matches!(outcome, Outcome::Denied | Outcome::NeedsApproval) {
            assert_eq!(summary(outcome, &done, &[], ""), outcome.meaning());
        }
    }
}

#[test]
fn a_question_that_waits_is_all_that_is_told() {
    let parked = Parked {
        decision: "d-1".into(),
        what: "edit a".into(),
        reason: "ask".into(),
    };
    let asking = AttemptEnd {
        parked: Some(&parked),
        ..end(&StreamOutcome::Completed)
    };
    for outcome in Outcome::ALL.iter().copied() {
        assert_eq!(
            summary(outcome, &asking, &[], "no"),
            parked.waits(),
            "{outcome}"
        );
    }
}

#[test]
fn a_result_is_told_with_its_counts_and_first_failures() {
    let tests = ["a", "b", "c", "d"]
        .map(|name| failed_test(name, ""))
        .to_vec();
    let (_, mut result) = check("unit", CheckStatus::Failed, tests);
    assert_eq!(result.in_words(), "failed (a, b, c)");
    result.counts = Some(TestCounts::of(12, 4, 0));
    assert_eq!(result.in_words(), "failed (12 passed, 4 failed: a, b, c)");
    let (_, mut passed) = check("unit", CheckStatus::Passed, vec![]);
    assert_eq!(passed.in_words(), "passed");
    passed.counts = Some(TestCounts::of(12, 0, 3));
    assert_eq!(passed.in_words(), "passed (12 passed, 0 failed)");
}
