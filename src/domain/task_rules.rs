//! Which acts a task allows in which state. Absent on purpose: whether the actor may, which is the
//! policy's and the lease's word.

use crate::domain::task::{Task, TaskState};

/// Something that somebody wants to do with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskAct {
    /// Claim it.
    Claim,
    /// End it as done.
    Finish,
    /// Accept or reject its work.
    Judge,
    /// Give it back, hand it over or give it up.
    GiveBack,
    /// Change what it locks.
    ChangePaths,
    /// Make it wait for another task.
    AddDependency,
    /// Keep it out of the queue.
    Hold,
    /// Let it back into the queue.
    Unhold,
    /// End it as a task that nobody will do.
    Cancel,
    /// Queue it again with fresh attempts.
    Retry,
    /// Open it again after its end.
    Reopen,
    /// Take its accept back.
    Undo,
    /// Write to whoever works on it.
    Address,
}

/// The reason why a task does not allow an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The reason, as the end of a sentence about the task.
    pub why: String,
    /// The command that helps.
    pub next: String,
}

impl TaskAct {
    #[cfg(test)]
    const ALL: [TaskAct; 13] = [
        TaskAct::Claim,
        TaskAct::Finish,
        TaskAct::Judge,
        TaskAct::GiveBack,
        TaskAct::ChangePaths,
        TaskAct::AddDependency,
        TaskAct::Hold,
        TaskAct::Unhold,
        TaskAct::Cancel,
        TaskAct::Retry,
        TaskAct::Reopen,
        TaskAct::Undo,
        TaskAct::Address,
    ];

    /// The reason why `task` does not allow the act; absent where it does.
    pub fn misfit(self, task: &Task) -> Option<Misfit> {
        let (state, id) = (&task.state, &task.id);
        let fits = match self {
            TaskAct::Claim => return claim_misfit(task),
            TaskAct::Finish => return finish_misfit(task),
            TaskAct::GiveBack => return give_back_misfit(task),
            TaskAct::Judge => matches!(state, TaskState::Review { .. }),
            TaskAct::ChangePaths => !state.is_leased(),
            TaskAct::AddDependency => {
                matches!(state, TaskState::Queued | TaskState::Blocked { .. })
            }
            TaskAct::Hold => !state.is_final() && !state.is_leased(),
            TaskAct::Unhold => task.hold.is_some(),
            TaskAct::Cancel | TaskAct::Address => !state.is_final(),
            TaskAct::Retry => matches!(
                state,
                TaskState::Failed { .. }
                    | TaskState::Cancelled { .. }
                    | TaskState::Blocked { .. }
                    | TaskState::Queued
            ),
            TaskAct::Reopen => state.is_final(),
            TaskAct::Undo => matches!(state, TaskState::Done { .. }),
        };
        if fits {
            return None;
        }
        let (why, next) = match self {
            TaskAct::Judge => (
                "only work that waits for a review can be accepted or rejected",
                format!("`ai why {id}`"),
            ),
            TaskAct::ChangePaths => (
                "its paths are locked by a lease",
                format!("`ai task release {id}` first"),
            ),
            TaskAct::AddDependency => (
                "a dependency can only be added while it waits",
                format!("`ai task show {id}`"),
            ),
            TaskAct::Hold => (
                "only a task that waits can be held",
                format!("`ai task show {id}`"),
            ),
            TaskAct::Unhold => ("it is not on hold", format!("`ai why {id}`")),
            TaskAct::Cancel => (
                "it has ended already",
                format!("`ai task reopen {id}` opens it again"),
            ),
            TaskAct::Address => {
                let next = match state {
                    TaskState::Cancelled { .. } => {
                        format!("`ai task retry {id}` takes it up again")
                    }
                    _ => format!("`ai task reopen {id}` opens it again"),
                };
                (
                    "it has ended, and nobody works on it who could read a message",
                    next,
                )
            }
            TaskAct::Retry => (
                "only a task that failed, waits or was cancelled can be retried",
                format!("`ai why {id}`"),
            ),
            TaskAct::Undo => (
                "only work that was accepted can be taken back",
                format!("`ai why {id}`"),
            ),
            TaskAct::Claim | TaskAct::Finish | TaskAct::GiveBack | TaskAct::Reopen => {
                ("it is not finished", format!("`ai why {id}`"))
            }
        };
        misfit(why, next)
    }
}

fn misfit(why: impl Into<String>, next: String) -> Option<Misfit> {
    Some(Misfit {
        why: why.into(),
        next,
    })
}

/// Only a queued task is free. Of a blocked one the caller knows better what it waits for.
fn claim_misfit(task: &Task) -> Option<Misfit> {
    let id = &task.id;
    match &task.state {
        TaskState::Queued => None,
        TaskState::Blocked { .. } => {
            misfit("something must happen first", format!("`ai why {id}`"))
        }
        TaskState::Review { run } => misfit(
            format!("run {run} waits for a review"),
            format!("`ai review {id}`, then `ai accept {id}` or `ai reject {id}`"),
        ),
        TaskState::Done { .. } => misfit(
            "it is finished",
            format!("`ai task reopen {id}` opens it again"),
        ),
        TaskState::Failed { failed_because } => misfit(
            failed_because.as_str(),
            format!("`ai task retry {id}` gives it fresh attempts"),
        ),
        TaskState::Cancelled { cancelled_because } => misfit(
            cancelled_because.as_str(),
            format!("`ai task retry {id}` takes it up again"),
        ),
        TaskState::Claimed | TaskState::Running { .. } => {
            misfit("it has no lease", "`ai doctor`".to_owned())
        }
    }
}

/// Neither a run's work nor a judged one can be ended past its verdict.
fn finish_misfit(task: &Task) -> Option<Misfit> {
    let id = &task.id;
    match &task.state {
        TaskState::Running { run } => misfit(
            format!("run {run} is at work on it"),
            format!("ai why {id}"),
        ),
        TaskState::Review { .. } => misfit(
            "its work waits for a review",
            format!("`ai accept {id}` or `ai reject {id}`"),
        ),
        TaskState::Done { .. } | TaskState::Cancelled { .. } => misfit(
            "it has ended",
            format!("`ai task reopen {id}` opens it again"),
        ),
        TaskState::Queued
        | TaskState::Claimed
        | TaskState::Blocked { .. }
        | TaskState::Failed { .. } => None,
    }
}

/// A run gives its lease back itself when it ends.
fn give_back_misfit(task: &Task) -> Option<Misfit> {
    match &task.state {
        TaskState::Running { run } => misfit(
            format!("run {run} holds it until it ends"),
            format!("`ai task cancel {}` stops it", task.id),
        ),
        _ => None,
    }
}

#[cfg(test)]
#[path = "task_rules_tests.rs"]
mod tests;
