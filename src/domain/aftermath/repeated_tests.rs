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
    an_agent_that_fails_with_the_same_words:
        cut_off("it did not end: exit code 1: no model").is_that_of(&cut_off("it did not end: exit code 1: no model")) => true;
    an_agent_that_fails_without_words:
        cut_off(Outcome::Retry.meaning()).is_that_of(&cut_off(Outcome::Retry.meaning())) => false;
    nothing_is_changed_twice:
        nothing(Lifecycle::NoChanges).is_that_of(&nothing(Lifecycle::NoChanges)) => true;
    two_conflicts_may_be_two:
        way(Outcome::SendBackConflict, Lifecycle::Finished, "x\ny")
            .is_that_of(&way(Outcome::SendBackConflict, Lifecycle::Finished, "x\ny")) => false;
    the_end_is_another:
        cut_off("same: words").is_that_of(&way(Outcome::Retry, Lifecycle::TimedOut, "same: words")) => false;
    what_is_told_in_a_line: checks(BY_NAME).in_a_line()
        => "check `unit` failed: 1 of 9 tests: sums: left 1, right 2 after 0.12s";
}
