//! Which rescued work waits for somebody: pure.
//!
//! A rescue of a run is taken by a later run that continues it or takes its snapshot up, and by
//! whoever ends its task: then its work has been looked at, or is not wanted. Until then it stands
//! nowhere else.

use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};

/// The part of a rescue's name that stands before all others.
pub const RESCUES: &str = "refs/ai/rescue/";

/// The run whose work stands on a rescue; none for the work of somebody else in a slot.
pub fn run_of(name: &str) -> Option<RunId> {
    let (task, epoch) = name.strip_prefix(RESCUES)?.split_once('/')?;
    let epoch = epoch.split('-').next()?;
    let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
    (task.starts_with("t-") && is_number)
        .then(|| epoch.parse().ok())
        .flatten()
        .map(|epoch| TaskId(task.to_owned()).run(epoch))
}

/// True while nobody has taken what was rescued of a run. `task` is its task, where the store knows
/// it, and `runs` are all runs of that task.
pub fn waits(run: &RunId, task: Option<&Task>, runs: &[Run]) -> bool {
    let Some(task) = task else {
        return true;
    };
    let goes_on = |later: &Run| {
        let resumed = later.resumed.as_ref().map(|resumed| &resumed.run);
        later.adopted.as_ref() == Some(run) || resumed == Some(run)
    };
    match &task.state {
        TaskState::Queued | TaskState::Blocked { .. } | TaskState::Failed { .. } => {
            !runs.iter().any(goes_on)
        }
        // Somebody is at work on the task, has handed work in, or has ended it.
        TaskState::Claimed
        | TaskState::Running { .. }
        | TaskState::Review { .. }
        | TaskState::Done { .. }
        | TaskState::Cancelled { .. } => false,
    }
}

#[cfg(test)]
#[path = "rescued_tables.rs"]
mod tables;
