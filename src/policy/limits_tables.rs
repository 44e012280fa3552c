use crate::base::rules::rules;
use crate::policy::limits::*;

const LIMITS: PolicyLimits = PolicyLimits {
    max_attempts: Some(3),
    run_minutes: Some(1),
    silence_minutes: Some(1),
    max_diff_lines: Some(10),
    max_diff_files: Some(2),
    parallel_runs: Some(2),
};

/// Effects and reasons of what is exceeded.
fn exceeded(action: Action, facts: &Facts) -> Vec<(Effect, String)> {
    LIMITS
        .exceeded(PolicyLayer::Project, action, facts)
        .into_iter()
        .map(|rule| (rule.effect, rule.reason))
        .collect()
}

fn start(attempts: Option<u32>, alive: Option<u32>) -> Vec<(Effect, String)> {
    let facts = Facts {
        attempts_used: attempts,
        runs_alive: alive,
        ..Facts::default()
    };
    exceeded(Action::RunStart, &facts)
}

fn end(action: Action, lines: Option<u64>, files: Option<u64>) -> Vec<(Effect, String)> {
    let facts = Facts {
        diff_lines: lines,
        diff_files: files,
        ..Facts::default()
    };
    exceeded(action, &facts)
}

fn one(effect: Effect, reason: &str) -> Vec<(Effect, String)> {
    vec![(effect, reason.to_owned())]
}

rules! {
    a_start_below_every_limit_is_free: start(Some(2), Some(1)) => vec![];
    used_up_attempts_deny_a_start:
        start(Some(3), Some(0)) => one(Effect::Deny, "3 attempts are used up; the limit is 3");
    runs_at_their_limit_deny_a_start:
        start(Some(0), Some(2)) => one(Effect::Deny, "2 runs are alive; the limit is 2");
    attempts_that_nobody_counted_deny_a_start:
        start(None, Some(0)) => one(
            Effect::Deny,
            "how many attempts are used up was not measured, and the limit is 3",
        );
    runs_that_nobody_counted_deny_a_start:
        start(Some(0), None)
        => one(Effect::Deny, "how many runs are alive was not measured, and the limit is 2");
    a_change_at_its_limit_is_free: end(Action::RunFinish, Some(10), Some(2)) => vec![];
    too_many_lines_need_an_approval:
        end(Action::RunFinish, Some(11), Some(2)) => one(
            Effect::RequireApproval,
            "11 changed lines; the limit is 10, so split the work or let a human say yes",
        );
    too_many_files_need_an_approval:
        end(Action::RunFinish, Some(0), Some(3)) => one(
            Effect::RequireApproval,
            "3 changed files; the limit is 2, so split the work or let a human say yes",
        );
    an_accept_is_measured_like_a_run: end(Action::TaskAccept, Some(11), Some(3)).len() => 2;
    lines_that_nobody_counted_deny_the_end:
        end(Action::RunFinish, None, Some(0)) => one(
            Effect::Deny,
            "the number of changed lines was not measured, and the limit is 10",
        );
    files_that_nobody_counted_deny_the_end:
        end(Action::RunFinish, Some(0), None) => one(
            Effect::Deny,
            "the number of changed files was not measured, and the limit is 2",
        );
    the_size_of_a_change_stops_no_start: end(Action::RunStart, Some(99), Some(99)).len() => 2;
    a_claim_meets_no_limit: exceeded(Action::TaskClaim, &Facts::default()) => vec![];
    an_edit_meets_no_limit: exceeded(Action::Edit, &Facts::default()) => vec![];
    without_limits_nothing_is_exceeded:
        PolicyLimits::default().exceeded(PolicyLayer::Project, Action::RunStart, &Facts::default()).len() => 0;
}
