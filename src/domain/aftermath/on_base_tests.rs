use crate::base::rules::rules;
use crate::domain::agent::Name;
use crate::domain::check::TestCounts;
use crate::domain::process_end::ProcessEnd;

use super::*;

fn result(status: CheckStatus, code: i32, failures: &[(&str, &str)]) -> CheckResult {
    let failures = failures.iter().map(|(name, message)| FailedTest {
        name: (*name).to_owned(),
        message: (*message).to_owned(),
    });
    CheckResult {
        name: Name::new("unit").unwrap(),
        status,
        note: None,
        exit: Some(ProcessEnd::Exited { code }),
        duration_ms: 0,
        counts: None,
        failures: failures.collect(),
        log_sha256: None,
    }
}

fn failed_in(names: &[&str]) -> CheckResult {
    let failures: Vec<(&str, &str)> = names.iter().map(|name| (*name, "expected 4")).collect();
    result(CheckStatus::Failed, 1, &failures)
}

/// One whose output gives no names.
fn failed_with(code: i32, words: &str) -> CheckResult {
    let name = format!("exit code {code}");
    result(CheckStatus::Failed, code, &[(&name, words)])
}

fn counted(mut result: CheckResult, failed: u64) -> CheckResult {
    result.counts = Some(TestCounts::of(3, failed, 0));
    result
}

fn passed() -> CheckResult {
    result(CheckStatus::Passed, 0, &[])
}

fn broken() -> CheckResult {
    result(CheckStatus::Broken { why: "gone".into() }, 127, &[])
}

fn work(told: &str) -> FailureOf {
    FailureOf::Work(Some(told.to_owned()))
}

const UNPROVEN: &str =
    "it fails on the base commit, too, but nothing shows that it is the same failure";

rules! {
    what_passes_on_the_base_fails_by_the_work:
        failure_of(&failed_in(&["a"]), &passed()) => FailureOf::Work(None);
    what_cannot_tell_of_the_base_excuses_nothing:
        failure_of(&failed_in(&["a"]), &broken()) => FailureOf::Work(None);
    what_did_not_run_on_the_base_excuses_nothing:
        failure_of(&failed_in(&["a"]), &result(CheckStatus::NotRun, 0, &[])) => FailureOf::Work(None);
    the_same_test_fails:
        failure_of(&failed_in(&["a"]), &failed_in(&["a"])) => FailureOf::Base;
    the_same_tests_fail_in_another_order:
        failure_of(&failed_in(&["b", "a"]), &failed_in(&["a", "b"])) => FailureOf::Base;
    fewer_of_them_fail:
        failure_of(&failed_in(&["b"]), &failed_in(&["a", "b"])) => FailureOf::Base;
    one_more_fails:
        failure_of(&failed_in(&["a", "b"]), &failed_in(&["a"]))
        => work("it fails on the base commit, too, but not in b");
    another_one_fails:
        failure_of(&failed_in(&["b"]), &failed_in(&["a"]))
        => work("it fails on the base commit, too, but not in b");
    of_many_new_ones_the_first_are_told:
        failure_of(&failed_in(&["1", "2", "3", "4", "5", "6", "7"]), &failed_in(&["1"]))
        => work("it fails on the base commit, too, but not in 2, 3, 4, 5, 6");
    a_name_cannot_write_lines_of_its_own:
        failure_of(&failed_in(&["b\nit passed"]), &failed_in(&["a"]))
        => work("it fails on the base commit, too, but not in b\\nit passed");
    more_than_are_named_fail:
        failure_of(&counted(failed_in(&["a"]), 300), &counted(failed_in(&["a"]), 200))
        => work("it fails on the base commit, too, in fewer tests");
    as_many_as_are_not_named_fail:
        failure_of(&counted(failed_in(&["a"]), 200), &counted(failed_in(&["a"]), 200)) => FailureOf::Base;
    a_build_that_broke_is_no_test_that_failed:
        failure_of(&failed_with(101, "error: expected `;`"), &failed_in(&["a"])) => work(UNPROVEN);
    a_test_that_failed_is_no_build_that_broke:
        failure_of(&failed_in(&["a"]), &failed_with(101, "error: expected `;`")) => work(UNPROVEN);
    the_same_words_and_the_same_end:
        failure_of(&failed_with(2, "make: cc: No such file"), &failed_with(2, "make: cc: No such file"))
        => FailureOf::Base;
    the_same_words_after_another_time:
        failure_of(
            &failed_with(1, "ran 3 in 0.12s (5 ms) at 12:03:59, 2026-01-02T03:04:05Z, 0x7ffe12"),
            &failed_with(1, "ran 3 in 7.4s (11 ms) at 12:04:07, 2026-01-02T03:09:00Z, 0x7ffe99"),
        ) => FailureOf::Base;
    a_number_that_is_no_time_counts:
        failure_of(&failed_with(1, "expected 4, got 5"), &failed_with(1, "expected 4, got 6"))
        => work(UNPROVEN);
    a_decimal_that_is_no_time_counts:
        failure_of(&failed_with(1, "expected 0.5"), &failed_with(1, "expected 0.7")) => work(UNPROVEN);
    the_same_words_and_another_end:
        failure_of(&failed_with(1, "no"), &failed_with(2, "no")) => work(UNPROVEN);
    other_words:
        failure_of(&failed_with(1, "no"), &failed_with(1, "never")) => work(UNPROVEN);
    no_words_at_all:
        failure_of(&failed_with(1, ""), &failed_with(1, "")) => FailureOf::Base;
    no_words_at_all_and_another_end:
        failure_of(&failed_with(1, ""), &failed_with(2, "")) => work(UNPROVEN);
    words_where_the_base_has_none:
        failure_of(&failed_with(1, "no"), &failed_with(1, "")) => work(UNPROVEN);
    no_words_where_the_base_has_some:
        failure_of(&failed_with(1, ""), &failed_with(1, "no")) => work(UNPROVEN);
    work_that_has_passed_has_no_failure:
        failure_of(&passed(), &failed_in(&["a"])) => FailureOf::Work(None);
    work_of_which_nothing_is_known_stays_so:
        failure_of(&broken(), &broken()) => FailureOf::Work(None);
}
