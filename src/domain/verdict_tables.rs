use crate::base::rules::rules;
use crate::domain::verdict::*;

/// The outcome of a run that ended so and is otherwise perfect.
fn ended(lifecycle: Lifecycle) -> Outcome {
    let cell = Cell {
        lifecycle,
        verification: Verification::Passed,
        policy: PolicyVerdict::Allow,
        freshness: Freshness::Current,
    };
    cell.outcome()
}

fn finished(verification: Verification, policy: PolicyVerdict, freshness: Freshness) -> Outcome {
    let cell = Cell {
        lifecycle: Lifecycle::Finished,
        verification,
        policy,
        freshness,
    };
    cell.outcome()
}

rules! {
    a_perfect_run_is_ready_for_review: ended(Lifecycle::Finished) => Outcome::ReadyForReview;
    a_run_without_changes_goes_back: ended(Lifecycle::NoChanges) => Outcome::SendBackNoChanges;
    a_failed_run_is_tried_again: ended(Lifecycle::Failed) => Outcome::Retry;
    a_run_out_of_time_is_tried_again: ended(Lifecycle::TimedOut) => Outcome::Retry;
    a_killed_run_is_tried_again: ended(Lifecycle::Killed) => Outcome::Retry;
    a_lost_run_is_tried_again_uncounted: ended(Lifecycle::Lost) => Outcome::RetryUncounted;
    a_run_that_met_a_quota_is_tried_again_uncounted:
        ended(Lifecycle::Quota) => Outcome::RetryUncounted;
    a_run_whose_provider_was_down_is_tried_again_uncounted:
        ended(Lifecycle::Provider) => Outcome::RetryUncounted;
    a_parked_run_is_tried_again_uncounted: ended(Lifecycle::Parked) => Outcome::RetryUncounted;
    a_refused_login_is_a_matter_of_the_account: ended(Lifecycle::Auth) => Outcome::Environment;
    a_missing_program_is_a_matter_of_the_machine:
        ended(Lifecycle::NotStarted) => Outcome::Environment;
}

rules! {
    a_denial_stands_above_failed_checks:
        finished(Verification::Failed, PolicyVerdict::Deny, Freshness::Current)
        => Outcome::Denied;
    a_denial_stands_above_another_tree:
        finished(Verification::Passed, PolicyVerdict::Deny, Freshness::TreeMoved)
        => Outcome::Denied;
    another_tree_is_checked_again:
        finished(Verification::Passed, PolicyVerdict::Allow, Freshness::TreeMoved)
        => Outcome::NeedsRecheck;
    stale_results_are_checked_again:
        finished(Verification::Stale, PolicyVerdict::Allow, Freshness::Current)
        => Outcome::NeedsRecheck;
    a_broken_check_is_a_matter_of_the_machine:
        finished(Verification::CheckBroken, PolicyVerdict::Allow, Freshness::Current)
        => Outcome::Environment;
    a_failed_check_goes_back:
        finished(Verification::Failed, PolicyVerdict::Allow, Freshness::Current)
        => Outcome::SendBackChecks;
    a_failed_check_stands_above_an_approval:
        finished(Verification::Failed, PolicyVerdict::NeedsApproval, Freshness::Current)
        => Outcome::SendBackChecks;
    a_failed_check_stands_above_a_conflict:
        finished(Verification::Failed, PolicyVerdict::Allow, Freshness::BaseMovedConflicting)
        => Outcome::SendBackChecks;
    a_conflict_goes_back:
        finished(Verification::Passed, PolicyVerdict::Allow, Freshness::BaseMovedConflicting)
        => Outcome::SendBackConflict;
    a_conflict_stands_above_an_approval:
        finished(
            Verification::Passed,
            PolicyVerdict::NeedsApproval,
            Freshness::BaseMovedConflicting,
        ) => Outcome::SendBackConflict;
    work_without_checks_is_unverified:
        finished(Verification::Unverified, PolicyVerdict::Allow, Freshness::Current)
        => Outcome::Unverified;
    unverified_work_needs_an_override_before_an_approval:
        finished(Verification::Unverified, PolicyVerdict::NeedsApproval, Freshness::Current)
        => Outcome::Unverified;
    proven_work_may_need_an_approval:
        finished(Verification::Passed, PolicyVerdict::NeedsApproval, Freshness::Current)
        => Outcome::NeedsApproval;
}

rules! {
    an_allowed_change_is_allowed: PolicyVerdict::of(Effect::Allow) => PolicyVerdict::Allow;
    a_warning_allows: PolicyVerdict::of(Effect::Warn) => PolicyVerdict::Allow;
    an_approval_is_needed: PolicyVerdict::of(Effect::RequireApproval)
        => PolicyVerdict::NeedsApproval;
    a_denied_change_is_denied: PolicyVerdict::of(Effect::Deny) => PolicyVerdict::Deny;
    an_approval_opens_what_needs_one: PolicyVerdict::NeedsApproval.approved()
        => PolicyVerdict::Allow;
    an_approval_opens_no_denial: PolicyVerdict::Deny.approved() => PolicyVerdict::Deny;
    an_approval_changes_nothing_that_is_allowed: PolicyVerdict::Allow.approved()
        => PolicyVerdict::Allow;
    verdicts_are_ordered_from_mild_to_strict:
        PolicyVerdict::ALL.is_sorted() && PolicyVerdict::ALL.last() == Some(&PolicyVerdict::Deny)
        => true;
    a_quota_is_a_refusal_by_the_provider: Lifecycle::Quota.is_refused_by_provider() => true;
    a_login_is_a_refusal_by_the_provider: Lifecycle::Auth.is_refused_by_provider() => true;
    a_provider_that_is_down_refuses: Lifecycle::Provider.is_refused_by_provider() => true;
    a_quota_passes_by_itself: Lifecycle::Quota.passes_by_itself() => true;
    a_provider_that_is_down_comes_back_by_itself: Lifecycle::Provider.passes_by_itself() => true;
    a_login_does_not: Lifecycle::Auth.passes_by_itself() => false;
    a_failure_is_none: Lifecycle::Failed.is_refused_by_provider() => false;
    a_question_is_none: Lifecycle::Parked.is_refused_by_provider() => false;
}

#[test]
fn exactly_five_outcomes_cost_an_attempt() {
    let cost: Vec<&str> = Outcome::ALL
        .iter()
        .filter(|outcome| outcome.counts_attempt())
        .map(|outcome| outcome.as_str())
        .collect();
    assert_eq!(
        cost,
        [
            "denied",
            "send_back_checks",
            "send_back_no_changes",
            "send_back_conflict",
            "retry"
        ]
    );
}
