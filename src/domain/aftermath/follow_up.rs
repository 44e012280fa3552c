//! What becomes of a task whose run came to its verdict.

use crate::base::text::counted;
use crate::domain::actor::Actor;
use crate::domain::aftermath::{AttemptEnd, FailedWay, MOST_REFUSALS, TreeChange};
use crate::domain::backoff::RetryPlan;
use crate::domain::event::{AttemptCount, FollowUp};
use crate::domain::routing::Relief;
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Hold, Note};
use crate::domain::time::WallMs;
use crate::domain::verdict::{Lifecycle, Outcome};

/// A run that has come to its verdict, with everything that decides about its task.
#[derive(Debug, Clone, Copy)]
pub struct JudgedAttempt<'a> {
    /// The verdict table's word.
    pub outcome: Outcome,
    /// The end of the run on the table's first axis.
    pub lifecycle: Lifecycle,
    /// The end of the attempt.
    pub end: AttemptEnd<'a>,
    /// The same in words, for people and the next prompt.
    pub summary: &'a str,
    /// The change that it made, which then stands on its branch.
    pub change: TreeChange,
    /// The branch.
    pub branch: &'a str,
    /// The id of the run; decides where a pause lies within its spread.
    pub run: &'a str,
    /// Attempts of the task that counted before this one.
    pub attempts: u32,
    /// Attempts before the task fails.
    pub max_attempts: u32,
    /// The rests between attempts.
    pub retry: &'a RetryPlan,
    /// Until when its agent is left alone.
    pub paused_until_ms: Option<WallMs>,
    /// Agents that could go on, where its provider has refused it.
    pub relief: Relief,
    /// Refusals of the task in a row before this one that pass by themselves.
    pub refused_before: u32,
    /// The run before it that failed and counted, where there was one.
    pub failed_before: Option<&'a Run>,
}

impl JudgedAttempt<'_> {
    /// Decides what becomes of the task. Notes are signed by `by`.
    ///
    /// A question for a person is asked; work that could be good is looked at; what went wrong
    /// outside of the work goes back without a counted attempt, or waits for a person who can mend
    /// the machine; only then an attempt counts, and the last of them fails the task.
    pub fn after(&self, now_ms: WallMs, by: &Actor) -> FollowUp {
        if let (Lifecycle::Parked, Some(parked)) = (self.lifecycle, self.end.parked) {
            return hold(BlockReason::Approval, parked.waits(), now_ms);
        }
        if self.is_to_be_reviewed() {
            let attempt = if self.outcome.is_attempt() {
                AttemptCount::Counts
            } else {
                AttemptCount::Free
            };
            return FollowUp::Review { attempt };
        }
        let note = || Note {
            at_ms: now_ms,
            by: by.clone(),
            text: self.with_its_work(),
        };
        if self.was_interrupted() {
            return again(AttemptCount::Free, None, Some(note()));
        }
        if !self.outcome.counts_attempt() {
            // Whoever goes on wants to know of what is there; that nothing is there says the run
            // itself.
            let left = (self.change == TreeChange::Something).then(note);
            return self.after_trouble_outside(now_ms, left);
        }
        let attempts = self.attempts.saturating_add(1);
        if attempts >= self.max_attempts {
            return FollowUp::Fail {
                reason: format!(
                    "used up: {}; the last: {}",
                    counted(attempts, "attempt"),
                    self.summary
                ),
            };
        }
        if let Some(before) = self.alike() {
            let reason = format!(
                "runs {} and {} failed in the same way: {}",
                before.id,
                self.run,
                self.way().in_a_line()
            );
            return FollowUp::Hold {
                hold: Hold {
                    kind: BlockReason::Parked,
                    reason,
                    since_ms: now_ms,
                },
                attempt: AttemptCount::Counts,
            };
        }
        let pause = (self.outcome == Outcome::Retry).then(|| {
            let trouble = self.end.trouble();
            now_ms + self.retry.pause_ms(trouble, self.attempts, self.run)
        });
        again(AttemptCount::Counts, pause, Some(note()))
    }

    fn way(&self) -> FailedWay<'_> {
        FailedWay {
            outcome: self.outcome,
            lifecycle: self.lifecycle,
            summary: self.summary,
        }
    }

    /// The run before that failed in the same way. A person who has queued the task again has begun anew, and what was
    /// stopped from outside has not come to its own end.
    fn alike(&self) -> Option<&Run> {
        let before = self.failed_before.filter(|_| self.attempts > 0)?;
        let is_its_own = self.end.stopped.is_none();
        let way = FailedWay::of(before)?;
        (is_its_own && self.way().is_that_of(&way)).then_some(before)
    }

    /// True for work that could be good as it stands, or of which nobody can tell yet.
    fn is_to_be_reviewed(&self) -> bool {
        match self.outcome {
            Outcome::ReadyForReview
            | Outcome::NeedsApproval
            | Outcome::Unverified
            | Outcome::NeedsRecheck => true,
            // A check is broken, not the work.
            Outcome::Environment => self.lifecycle == Lifecycle::Finished,
            Outcome::Denied
            | Outcome::SendBackChecks
            | Outcome::SendBackNoChanges
            | Outcome::SendBackConflict
            | Outcome::Retry
            | Outcome::RetryUncounted => false,
        }
    }

    fn after_trouble_outside(&self, now_ms: WallMs, left: Option<Note>) -> FollowUp {
        let refusals = self.refused_before.saturating_add(1);
        // A person who lifts the hold gives it as many again.
        if self.lifecycle.passes_by_itself() && refusals.is_multiple_of(MOST_REFUSALS) {
            let reason = format!(
                "its provider has refused it {} in a row; the last: {}",
                counted(refusals, "time"),
                self.summary
            );
            return hold(BlockReason::Parked, reason, now_ms);
        }
        if self.has_relief() {
            let pause = self.relief.pause(self.paused_until_ms);
            return again(AttemptCount::Free, pause, left);
        }
        if self.outcome == Outcome::Environment {
            return hold(BlockReason::Hold, self.summary.to_owned(), now_ms);
        }
        again(AttemptCount::Free, self.paused_until_ms, left)
    }

    /// The note for the next attempt: why this one did not get to its end, and where to find what
    /// it had done.
    fn with_its_work(&self) -> String {
        let cut_off = matches!(
            self.outcome,
            Outcome::Retry | Outcome::RetryUncounted | Outcome::Environment
        );
        if cut_off && self.change == TreeChange::Something {
            format!(
                "{}; what it had done stands on {}",
                self.summary.trim_end_matches('.'),
                self.branch
            )
        } else {
            self.summary.to_owned()
        }
    }

    /// True where its provider refused it and somebody is configured to take over: then no person
    /// is needed.
    fn has_relief(&self) -> bool {
        self.lifecycle.is_refused_by_provider() && self.relief != Relief::Nobody
    }

    /// True where somebody or something stopped it that is no limit of its own.
    fn was_interrupted(&self) -> bool {
        self.lifecycle == Lifecycle::Killed && self.end.was_interrupted()
    }
}

fn again(attempt: AttemptCount, not_before_ms: Option<WallMs>, note: Option<Note>) -> FollowUp {
    FollowUp::Requeue {
        attempt,
        not_before_ms,
        note,
    }
}

fn hold(kind: BlockReason, reason: String, since_ms: WallMs) -> FollowUp {
    FollowUp::Hold {
        hold: Hold {
            kind,
            reason,
            since_ms,
        },
        attempt: AttemptCount::Free,
    }
}

#[cfg(test)]
#[path = "follow_up_tests.rs"]
mod tests;
