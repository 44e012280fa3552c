//! Runs that are at work, and when each will end.

use crate::domain::run::Run;
use crate::domain::schedule::{RunAtWork, RunRange, WantedPath};
use crate::domain::time::WallMs;

/// One of the two ends of a range.
#[derive(Clone, Copy)]
pub(super) enum RangeEnd {
    /// The earlier one.
    First,
    /// The later one.
    Last,
}

impl RangeEnd {
    /// The milliseconds at this end.
    pub(super) fn of(self, range: &RunRange) -> i64 {
        match self {
            RangeEnd::First => range.from_ms,
            RangeEnd::Last => range.to_ms,
        }
    }
}

/// A run that is at work.
pub(super) struct RunNow {
    /// The run.
    pub(super) run: Run,
    /// The paths that it locks.
    pub(super) paths: Vec<WantedPath>,
    /// The time that it takes, where that is known.
    pub(super) takes: Option<RunRange>,
    /// The time of the look.
    pub(super) now: WallMs,
}

impl RunNow {
    /// The time at which it ends, never before now.
    pub(super) fn ends_ms(&self, end: RangeEnd) -> Option<WallMs> {
        let took = end.of(self.takes.as_ref()?);
        Some(self.run.started_ms.saturating_add(took).max(self.now + 1))
    }

    /// The run as the queue is played on with it.
    pub(super) fn for_forecast(&self, end: RangeEnd) -> RunAtWork {
        RunAtWork {
            task: self.run.task.clone(),
            agent: self.run.agent.clone(),
            paths: self.paths.clone(),
            needs: self.run.resources,
            ends_ms: self.ends_ms(end),
        }
    }
}
