//! The end of one attempt, and what of the verdict table's first axis it amounts to.

use crate::base::text::counted;
use crate::domain::aftermath::Parked;
use crate::domain::agent_event::{FailureClass, StreamOutcome};
use crate::domain::backoff::PauseCause;
use crate::domain::process_end::{ProcessEnd, StopReason};
use crate::domain::verdict::{Cell, Lifecycle, Outcome};

/// The end of an attempt, as far as that decides what follows.
#[derive(Debug, Clone, Copy)]
pub struct AttemptEnd<'a> {
    /// The end of the agent's process.
    pub process: &'a ProcessEnd,
    /// The connector's conclusion from the agent's stream.
    pub stream: &'a StreamOutcome,
    /// The reason for which `ai` stopped it; absent where it did not.
    pub stopped: Option<&'a StopReason>,
    /// The question at which it ended, since only a person can answer it.
    pub parked: Option<&'a Parked>,
    /// The signs by which it was found to have stalled.
    pub stall: &'a [String],
    /// The merge, rebase or conflict in the middle of which it ended, in words.
    pub unfinished: Option<&'a str>,
    /// A place that its sandbox hides and that it named when it ended before it had begun.
    pub hidden: Option<&'a str>,
    /// The reason, with what to do, for which its program refused to start.
    pub refused: Option<&'a str>,
}

/// The difference of an attempt's tree from the one that it started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeChange {
    /// Something was changed.
    Something,
    /// Nothing was changed.
    Nothing,
}

impl TreeChange {
    /// The change that a list of changed paths stands for.
    pub fn of<T>(changed: &[T]) -> TreeChange {
        if changed.is_empty() {
            TreeChange::Nothing
        } else {
            TreeChange::Something
        }
    }
}

impl AttemptEnd<'_> {
    /// The end of work that was done outside of `ai`: it has ended well by the word of who hands it
    /// in.
    pub const OUTSIDE: AttemptEnd<'static> = AttemptEnd {
        process: &ProcessEnd::Exited { code: 0 },
        stream: &StreamOutcome::Completed,
        stopped: None,
        parked: None,
        stall: &[],
        unfinished: None,
        hidden: None,
        refused: None,
    };

    /// The place of this end on the verdict table's first axis.
    ///
    /// A stop from outside stands above the process, the process above a question that was asked,
    /// and that above the words of the stream. An agent that calls itself done is believed only as
    /// far as the tree has `change`.
    pub fn lifecycle(&self, change: TreeChange) -> Lifecycle {
        if self.stopped.is_some() {
            return Lifecycle::Killed;
        }
        // The next one would meet the same, whoever it is.
        let has_not_begun = self.hidden.is_some() || self.refused.is_some();
        if has_not_begun && change == TreeChange::Nothing && self.has_failed() {
            return Lifecycle::NotStarted;
        }
        match self.process {
            ProcessEnd::NotStarted { .. } => Lifecycle::NotStarted,
            ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. } => self.out_of_time(change),
            ProcessEnd::Signaled { .. }
            | ProcessEnd::OutOfMemory
            | ProcessEnd::OverMemory { .. }
            | ProcessEnd::TooMuchOutput { .. } => Lifecycle::Killed,
            ProcessEnd::Exited { .. } | ProcessEnd::Dismissed | ProcessEnd::Stopped => {
                self.lifecycle_by_itself(change)
            }
        }
    }

    /// True where the process itself tells of failure.
    fn has_failed(&self) -> bool {
        match self.process {
            ProcessEnd::Exited { code } => *code != 0,
            ProcessEnd::NotStarted { .. } => true,
            _ => false,
        }
    }

    /// The same for a process at its limit of time or silence. One that had done nothing and was still
    /// asking a provider that refused it has met that refusal.
    fn out_of_time(&self, change: TreeChange) -> Lifecycle {
        match (self.stream, change) {
            (StreamOutcome::Quota { .. }, TreeChange::Nothing) => Lifecycle::Quota,
            (
                StreamOutcome::Failed {
                    class: FailureClass::Provider,
                    ..
                },
                TreeChange::Nothing,
            ) => Lifecycle::Provider,
            _ => Lifecycle::TimedOut,
        }
    }

    /// The same for a process that came to its end by itself.
    fn lifecycle_by_itself(&self, change: TreeChange) -> Lifecycle {
        if self.parked.is_some() {
            return Lifecycle::Parked;
        }
        match (self.stream, change) {
            (StreamOutcome::Completed | StreamOutcome::Refused { .. }, _)
                if self.unfinished.is_some() =>
            {
                Lifecycle::Failed
            }
            (StreamOutcome::Quota { .. }, _) => Lifecycle::Quota,
            (StreamOutcome::Auth { .. }, _) => Lifecycle::Auth,
            // What it has changed is an attempt, and the next one goes on from there.
            (
                StreamOutcome::Failed {
                    class: FailureClass::Provider,
                    ..
                },
                TreeChange::Nothing,
            ) => Lifecycle::Provider,
            (StreamOutcome::Completed | StreamOutcome::Refused { .. }, TreeChange::Nothing) => {
                Lifecycle::NoChanges
            }
            (StreamOutcome::Completed | StreamOutcome::Refused { .. }, TreeChange::Something) => {
                Lifecycle::Finished
            }
            (
                StreamOutcome::Failed { .. } | StreamOutcome::Truncated | StreamOutcome::NoResult,
                _,
            ) => Lifecycle::Failed,
        }
    }

    /// The outcome of this attempt in this cell of the verdict's table. What somebody stopped is no
    /// failure of the agent, and nothing of it is held against it.
    pub fn outcome(&self, cell: &Cell) -> Outcome {
        if cell.lifecycle == Lifecycle::Killed && self.was_interrupted() {
            Outcome::RetryUncounted
        } else {
            cell.outcome()
        }
    }

    /// The kind of failure that the pause before the next attempt is for.
    pub fn trouble(&self) -> PauseCause {
        match (self.process, self.stream) {
            (ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. }, _) => PauseCause::Time,
            (_, StreamOutcome::Failed { class, .. }) => PauseCause::Failure(*class),
            _ => PauseCause::Other,
        }
    }

    /// True for an attempt that somebody or something stopped which is no limit of its own.
    pub fn was_interrupted(&self) -> bool {
        self.stopped
            .is_some_and(|reason| !matches!(reason, StopReason::Limit(_)))
    }

    /// Tells people why the attempt did not get to its end; empty where it did.
    pub fn in_words(&self) -> String {
        if let Some(reason) = self.stopped {
            return match reason {
                StopReason::Interrupted => "stopped by Ctrl-C".to_owned(),
                StopReason::LeaseLost => "its lease was lost".to_owned(),
                StopReason::Shutdown => "ai was asked to stop".to_owned(),
                StopReason::Limit(text) | StopReason::Other(text) => text.clone(),
            };
        }
        if let Some(parked) = self.parked {
            return parked.waits();
        }
        if !self.stall.is_empty() {
            return format!("stopped as stalled: {}", self.stall.join(", "));
        }
        if let Some(path) = self.hidden.filter(|_| self.has_failed()) {
            return format!(
                "its program did not start, since its sandbox hides {path} from it: add {path} to `allow_read` below `runs:` in \
                 .ai/config.yaml, then `ai trust`; `ai agent doctor` shows whether that is enough"
            );
        }
        if let Some(why) = self.refused.filter(|_| self.has_failed()) {
            return why.to_owned();
        }
        if let Some(trouble) = self.process.trouble() {
            return trouble;
        }
        let half_done = || {
            self.unfinished
                .map(|what| format!("it ended before its work was whole: {what}"))
        };
        match self.stream {
            StreamOutcome::Failed { message, .. } | StreamOutcome::Auth { message } => {
                message.clone()
            }
            StreamOutcome::Quota { .. } => {
                "rate limit or quota: the provider asks to come back later".to_owned()
            }
            StreamOutcome::Refused { denials } => half_done()
                .unwrap_or_else(|| format!("denied: {}", counted(denials.len(), "tool call"))),
            StreamOutcome::Truncated => "its output ended without a result".to_owned(),
            StreamOutcome::NoResult => "its output was not understood".to_owned(),
            StreamOutcome::Completed => half_done().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
