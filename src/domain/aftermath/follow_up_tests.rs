use crate::base::rules::rules;
use crate::domain::actor::ActorKind;
use crate::domain::aftermath::Parked;
use crate::domain::agent_event::{FailureClass, StreamOutcome};
use crate::domain::backoff::pause_ms;
use crate::domain::process_end::{ProcessEnd, StopReason};
use crate::domain::verdict::{Cell, Freshness, PolicyVerdict, Verification};

use super::*;

const NOW: WallMs = 1_000_000;
const EXITED: ProcessEnd = ProcessEnd::Exited { code: 0 };
const DONE: StreamOutcome = StreamOutcome::Completed;
const END: AttemptEnd<'static> = AttemptEnd {
    process: &EXITED,
    stream: &DONE,
    stopped: None,
    parked: None,
    stall: &[],
    unfinished: None,
    hidden: None,
    refused: None,
};

static AS_EVER: RetryPlan = RetryPlan(std::collections::BTreeMap::new());

/// An attempt of three that ended in this way and left nothing.
fn attempt(outcome: Outcome, lifecycle: Lifecycle) -> JudgedAttempt<'static> {
    JudgedAttempt {
        outcome,
        lifecycle,
        end: END,
        summary: "why.",
        change: TreeChange::Nothing,
        branch: "ai/t-1/1",
        run: "t-1.1",
        attempts: 0,
        max_attempts: 3,
        retry: &AS_EVER,
        paused_until_ms: None,
        relief: Relief::Nobody,
        refused_before: 0,
        failed_before: None,
    }
}

fn ann() -> Actor {
    Actor::new(ActorKind::Human, "ann").unwrap()
}

fn after(attempt: JudgedAttempt<'_>) -> FollowUp {
    attempt.after(NOW, &ann())
}

fn note(text: &str) -> Option<Note> {
    Some(Note {
        at_ms: NOW,
        by: ann(),
        text: text.to_owned(),
    })
}

fn free(not_before_ms: Option<WallMs>, note: Option<Note>) -> FollowUp {
    again(AttemptCount::Free, not_before_ms, note)
}

fn counted_again(text: &str) -> FollowUp {
    again(AttemptCount::Counts, None, note(text))
}

fn reviewed() -> FollowUp {
    FollowUp::Review {
        attempt: AttemptCount::Counts,
    }
}

/// A review of work against which nothing is held.
fn unheld() -> FollowUp {
    FollowUp::Review {
        attempt: AttemptCount::Free,
    }
}

fn held() -> FollowUp {
    hold(BlockReason::Hold, "why.".into(), NOW)
}

/// An attempt whose provider refused it until a time, with something left on its branch.
fn refused(relief: Relief) -> JudgedAttempt<'static> {
    JudgedAttempt {
        change: TreeChange::Something,
        paused_until_ms: Some(NOW + 50),
        relief,
        ..attempt(Outcome::RetryUncounted, Lifecycle::Quota)
    }
}

const LEFT: &str = "why; what it had done stands on ai/t-1/1";

rules! {
    good_work_is_reviewed:
        after(attempt(Outcome::ReadyForReview, Lifecycle::Finished)) => reviewed();
    work_that_needs_an_approval_is_reviewed:
        after(attempt(Outcome::NeedsApproval, Lifecycle::Finished)) => reviewed();
    unverified_work_is_reviewed:
        after(attempt(Outcome::Unverified, Lifecycle::Finished)) => reviewed();
    work_to_be_checked_again_is_reviewed:
        after(attempt(Outcome::NeedsRecheck, Lifecycle::Finished)) => reviewed();
    finished_work_whose_check_is_broken_is_reviewed:
        after(attempt(Outcome::Environment, Lifecycle::Finished)) => unheld();
    a_refused_login_waits_for_a_person:
        after(attempt(Outcome::Environment, Lifecycle::Auth)) => held();
    a_missing_program_waits_for_a_person:
        after(attempt(Outcome::Environment, Lifecycle::NotStarted)) => held();
    a_failed_check_goes_back_and_counts:
        after(attempt(Outcome::SendBackChecks, Lifecycle::Finished)) => counted_again("why.");
    no_change_goes_back_and_counts:
        after(attempt(Outcome::SendBackNoChanges, Lifecycle::NoChanges)) => counted_again("why.");
    a_conflict_goes_back_and_counts:
        after(attempt(Outcome::SendBackConflict, Lifecycle::Finished)) => counted_again("why.");
    a_denial_goes_back_and_counts:
        after(attempt(Outcome::Denied, Lifecycle::Finished)) => counted_again("why.");
    a_lost_supervisor_costs_nothing:
        after(attempt(Outcome::RetryUncounted, Lifecycle::Lost)) => free(None, None);
    a_quota_pauses_the_task_with_its_agent_where_nobody_takes_over:
        after(refused(Relief::Nobody)) => free(Some(NOW + 50), note(LEFT));
    a_quota_pauses_nothing_where_somebody_takes_over_at_once:
        after(refused(Relief::Now)) => free(None, note(LEFT));
    a_quota_pauses_nothing_where_somebody_soon_has_room:
        after(refused(Relief::Room)) => free(None, note(LEFT));
    a_quota_pauses_no_longer_than_until_somebody_is_back:
        after(refused(Relief::At(NOW + 20))) => free(Some(NOW + 20), note(LEFT));
    a_quota_pauses_no_longer_than_its_own_agent:
        after(refused(Relief::At(NOW + 90))) => free(Some(NOW + 50), note(LEFT));
    a_refused_login_needs_no_person_where_somebody_takes_over:
        after(JudgedAttempt {
            relief: Relief::Now,
            ..attempt(Outcome::Environment, Lifecycle::Auth)
        }) => free(None, None);
    a_missing_program_needs_a_person_whoever_could_take_over:
        after(JudgedAttempt {
            relief: Relief::Now,
            ..attempt(Outcome::Environment, Lifecycle::NotStarted)
        }) => held();
    a_lost_supervisor_is_nothing_to_take_over_from:
        after(JudgedAttempt {
            relief: Relief::At(NOW + 5),
            ..attempt(Outcome::RetryUncounted, Lifecycle::Lost)
        }) => free(None, None);
    the_last_attempt_fails_the_task:
        after(JudgedAttempt {
            attempts: 2,
            ..attempt(Outcome::SendBackChecks, Lifecycle::Finished)
        }) => FollowUp::Fail { reason: "used up: 3 attempts; the last: why.".into() };
    the_only_attempt_fails_the_task:
        after(JudgedAttempt {
            max_attempts: 1,
            ..attempt(Outcome::Denied, Lifecycle::Finished)
        }) => FollowUp::Fail { reason: "used up: 1 attempt; the last: why.".into() };
    the_last_attempt_that_is_good_fails_nothing:
        after(JudgedAttempt {
            attempts: 2,
            ..attempt(Outcome::ReadyForReview, Lifecycle::Finished)
        }) => reviewed();
    the_last_attempt_that_met_a_quota_fails_nothing:
        after(JudgedAttempt { attempts: 2, ..refused(Relief::Nobody) })
        => free(Some(NOW + 50), note(LEFT));
}

/// The last of so many refusals in a row.
fn refusal(number: u32, lifecycle: Lifecycle) -> FollowUp {
    after(JudgedAttempt {
        outcome: Outcome::RetryUncounted,
        lifecycle,
        refused_before: number - 1,
        ..refused(Relief::Now)
    })
}

fn parked(times: u32) -> FollowUp {
    let reason = format!("its provider has refused it {times} times in a row; the last: why.");
    hold(BlockReason::Parked, reason, NOW)
}

rules! {
    a_provider_that_is_down_for_a_while_parks_nothing:
        refusal(23, Lifecycle::Provider) => free(None, note(LEFT));
    a_provider_that_is_down_for_a_day_parks_the_task:
        refusal(24, Lifecycle::Provider) => parked(24);
    a_quota_that_does_not_come_back_parks_the_task:
        refusal(24, Lifecycle::Quota) => parked(24);
    a_task_that_a_person_has_released_has_as_many_tries_again:
        refusal(25, Lifecycle::Quota) => free(None, note(LEFT));
    and_is_parked_after_them:
        refusal(48, Lifecycle::Quota) => parked(48);
    a_lost_supervisor_is_no_refusal:
        refusal(24, Lifecycle::Lost) => free(Some(NOW + 50), note(LEFT));
}

/// A killed attempt, the last one, stopped for this reason.
fn stopped(reason: &StopReason) -> FollowUp {
    after(JudgedAttempt {
        attempts: 2,
        end: AttemptEnd {
            stopped: Some(reason),
            ..END
        },
        ..attempt(Outcome::Retry, Lifecycle::Killed)
    })
}

rules! {
    whoever_presses_ctrl_c_costs_the_task_no_attempt:
        stopped(&StopReason::Interrupted) => free(None, note("why."));
    a_lost_lease_costs_the_task_no_attempt:
        stopped(&StopReason::LeaseLost) => free(None, note("why."));
    a_limit_that_it_met_is_its_own_doing:
        stopped(&StopReason::Limit("tokens".into()))
        => FollowUp::Fail { reason: "used up: 3 attempts; the last: why.".into() };
}

#[test]
fn a_failed_attempt_rests_before_the_next() {
    let failed = StreamOutcome::Failed {
        class: FailureClass::Provider,
        message: String::new(),
    };
    let ended = JudgedAttempt {
        attempts: 1,
        end: AttemptEnd {
            stream: &failed,
            ..END
        },
        change: TreeChange::Something,
        ..attempt(Outcome::Retry, Lifecycle::Failed)
    };
    let pause = pause_ms(ended.end.trouble(), 1, "t-1.1");
    assert_eq!(
        after(ended),
        again(AttemptCount::Counts, Some(NOW + pause), note(LEFT))
    );
}

#[test]
fn a_question_holds_the_task_for_an_approval() {
    let parked = Parked {
        decision: "d-1".into(),
        what: "edit a".into(),
        reason: "ask".into(),
    };
    let asking = JudgedAttempt {
        attempts: 2,
        end: AttemptEnd {
            parked: Some(&parked),
            ..END
        },
        ..attempt(Outcome::RetryUncounted, Lifecycle::Parked)
    };
    assert_eq!(
        after(asking),
        hold(BlockReason::Approval, parked.waits(), NOW)
    );
    let killed = JudgedAttempt {
        outcome: Outcome::Retry,
        lifecycle: Lifecycle::Killed,
        attempts: 0,
        ..asking
    };
    assert!(
        matches!(after(killed), FollowUp::Requeue { .. }),
        "a stop stands above the question"
    );
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for lifecycle in Lifecycle::ALL.iter().copied() {
        for verification in Verification::ALL.iter().copied() {
            for policy in PolicyVerdict::ALL.iter().copied() {
                for freshness in Freshness::ALL.iter().copied() {
                    cells.push(Cell {
                        lifecycle,
                        verification,
                        policy,
                        freshness,
                    });
                }
            }
        }
    }
    cells
}

/// Every cell of the table, on the first attempt and on the last.
fn aftermaths() -> Vec<(Cell, FollowUp)> {
    let mut all = Vec::new();
    for cell in cells() {
        for attempts in [0, 2] {
            let ended = JudgedAttempt {
                attempts,
                ..attempt(cell.outcome(), cell.lifecycle)
            };
            all.push((cell, after(ended)));
        }
    }
    all
}

#[test]
fn infrastructure_is_never_held_against_the_work() {
    for (cell, after) in aftermaths() {
        let outside = matches!(
            cell.lifecycle,
            Lifecycle::Quota
                | Lifecycle::Lost
                | Lifecycle::Auth
                | Lifecycle::NotStarted
                | Lifecycle::Parked
        );
        let costs = matches!(
            after,
            FollowUp::Fail { .. }
                | FollowUp::Requeue {
                    attempt: AttemptCount::Counts,
                    ..
                }
        );
        assert!(!(outside && costs), "{cell:?}: {after:?}");
    }
}

#[test]
fn a_broken_check_never_sends_finished_work_back() {
    for (cell, after) in aftermaths() {
        let broken = cell.lifecycle == Lifecycle::Finished
            && cell.verification == Verification::CheckBroken
            && cell.policy != PolicyVerdict::Deny;
        if broken {
            assert!(matches!(after, FollowUp::Review { .. }), "{cell:?}");
        }
    }
}

#[test]
fn forbidden_work_never_comes_to_a_review() {
    for (cell, after) in aftermaths() {
        if cell.policy == PolicyVerdict::Deny {
            assert!(!matches!(after, FollowUp::Review { .. }), "{cell:?}");
        }
    }
}

#[test]
fn only_finished_work_comes_to_a_review() {
    for (cell, after) in aftermaths() {
        if matches!(after, FollowUp::Review { .. }) {
            assert_eq!(cell.lifecycle, Lifecycle::Finished, "{cell:?}");
        }
    }
}

#[test]
fn a_task_fails_only_by_an_attempt_that_counts() {
    for (cell, after) in aftermaths() {
        if matches!(after, FollowUp::Fail { .. }) {
            assert!(cell.outcome().counts_attempt(), "{cell:?}");
        }
    }
}

/// Run `t-1.1`, which failed with these words.
fn failed_run(summary: &str) -> Run {
    let text = serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "command", "branch": "ai/t-1/1",
        "worktree": "w1", "supervisor": {"pid": 1, "boot_id": "b", "pid_namespace": "n", "start_ticks": 1}, "started_ms": 0, "step": "judged",
        "end": {
            "at_ms": 1, "lifecycle": "finished", "verification": "failed", "policy": "allow", "freshness": "current",
            "outcome": "send_back_checks", "summary": summary,
        },
    });
    serde_json::from_value(text).unwrap()
}

/// The attempt after one that failed with the words `before`.
fn second(before: &Run, attempts: u32, max_attempts: u32, now: &str) -> FollowUp {
    after(JudgedAttempt {
        summary: now,
        run: "t-1.2",
        attempts,
        max_attempts,
        failed_before: Some(before),
        ..attempt(Outcome::SendBackChecks, Lifecycle::Finished)
    })
}

#[test]
fn what_fails_twice_in_the_same_way_is_parked_and_counted() {
    let words = "check `unit` failed: 1 test\n  sums: no";
    let before = failed_run(words);
    assert_eq!(
        second(&before, 1, 5, words),
        FollowUp::Hold {
            hold: Hold {
                kind: BlockReason::Parked,
                reason: "runs t-1.1 and t-1.2 failed in the same way: check `unit` failed: 1 test: sums: no".into(),
                since_ms: NOW,
            },
            attempt: AttemptCount::Counts,
        }
    );
    let goes_on = |follow_up| matches!(follow_up, FollowUp::Requeue { .. });
    assert!(goes_on(second(
        &before,
        1,
        5,
        "check `unit` failed: 1 test\n  products: no"
    )));
    assert!(
        goes_on(second(&before, 0, 5, words)),
        "a person has queued it again"
    );
    assert!(
        matches!(second(&before, 1, 2, words), FollowUp::Fail { .. }),
        "the last attempt fails the task"
    );
}
