use crate::base::rules::rules;

use super::*;

const BY_NAME: &str = "check `unit` failed: 1 of 9 tests\n  sums: left 1, right 2 after 0.12s";
const LATER: &str = "check `unit` failed: 1 of 9 tests\n  sums: left 1, right 2 after 0.31s";
const ANOTHER: &str = "check `unit` failed: 1 of 9 tests\n  products: left 1, right 2 after 0.12s";
const SILENT: &str = "check `unit` failed: exit code 1\n  it fails on the base commit, too, but nothing shows that it is the same failure";
const TWO_SILENT: &str = "check `unit` failed: exit code 1\ncheck `lint` failed: exit code 1";

fn way(outcome: Outcome, lifecycle: Lifecycle, summary: &str) -> FailedWay<'_> {
    FailedWay {
        outcome,
        lifecycle,
        summary,
    }
}

fn checks(summary: &str) -> FailedWay<'_> {
    way(Outcome::SendBackChecks, Lifecycle::Finished, summary)
}

fn cut_off(summary: &str) -> FailedWay<'_> {
    way(Outcome::Retry, Lifecycle::Failed, summary)
}

fn nothing(lifecycle: Lifecycle) -> FailedWay<'static> {
    way(Outcome::SendBackNoChanges, lifecycle, "it changed nothing")
}

rules! {
    the_same_test_fails_at_another_time: checks(BY_NAME).is_that_of(&checks(LATER)) => true;
    another_test_fails: checks(BY_NAME).is_that_of(&checks(ANOTHER)) => false;
    a_check_that_says_nothing_is_never_the_same: checks(SILENT).is_that_of(&checks(SILENT)) => false;
    nor_are_two_of_them: checks(TWO_SILENT).is_that_of(&checks(TWO_SILENT)) => false;
    what_did_not_get_to_its_end_is_tried_again:
        cut_off("it did not end: no model").is_that_of(&cut_off("it did not end: no model")) => false;
    nothing_is_changed_twice:
        nothing(Lifecycle::NoChanges).is_that_of(&nothing(Lifecycle::NoChanges)) => true;
    two_conflicts_may_be_two:
        way(Outcome::SendBackConflict, Lifecycle::Finished, "x\ny")
            .is_that_of(&way(Outcome::SendBackConflict, Lifecycle::Finished, "x\ny")) => false;
    the_end_is_another:
        checks(BY_NAME).is_that_of(&way(Outcome::SendBackChecks, Lifecycle::Failed, BY_NAME)) => false;
    what_is_told_in_a_line: checks(BY_NAME).in_a_line()
        => "check `unit` failed: 1 of 9 tests: sums: left 1, right 2 after 0.12s";
}

/// A run of the task that ended with this outcome.
fn run(epoch: u32, outcome: &str) -> Run {
    serde_json::from_value(serde_json::json!({
        "id": format!("t-1.{epoch}"), "task": "t-1", "agent": "a", "connector": "command", "branch": "ai/t-1/1",
        "worktree": "w1", "supervisor": {"pid": 1, "boot_id": "b", "pid_namespace": "n", "start_ticks": 1},
        "started_ms": 0, "step": "judged",
        "end": {
            "at_ms": 1, "lifecycle": "finished", "verification": "failed", "policy": "allow", "freshness": "current",
            "outcome": outcome, "summary": BY_NAME,
        },
    }))
    .unwrap()
}

/// The epochs of the last two attempts, where those failed alike.
fn alike(outcomes: &[&str]) -> Option<(String, String)> {
    let runs: Vec<Run> = (1..).zip(outcomes).map(|(n, word)| run(n, word)).collect();
    let both = failed_alike(&runs)?;
    Some((both.0.id.to_string(), both.1.id.to_string()))
}

fn two(first: u32, second: u32) -> Option<(String, String)> {
    Some((format!("t-1.{first}"), format!("t-1.{second}")))
}

rules! {
    two_in_a_row: alike(&["send_back_checks", "send_back_checks"]) => two(1, 2);
    what_is_nobodys_does_not_come_between:
        alike(&["send_back_checks", "retry_uncounted", "environment", "send_back_checks"]) => two(1, 4);
    work_that_went_to_a_person_does: alike(&["send_back_checks", "ready_for_review", "send_back_checks"]) => None;
    nor_is_it_the_last: alike(&["send_back_checks", "send_back_checks", "ready_for_review"]) => None;
    one_alone: alike(&["send_back_checks"]) => None;
}
