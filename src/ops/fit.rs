//! Refuses what a task does not allow in its state; the rules are those of
//! [`crate::domain::task_rules`].

use crate::domain::task::Task;
use crate::domain::task_rules::{Misfit, TaskAct};
use crate::ops::refusal::{OpError, Refusal};

/// Refuses an act that the task does not allow as it stands.
pub fn require(act: TaskAct, task: &Task) -> Result<(), OpError> {
    match act.misfit(task) {
        None => Ok(()),
        Some(misfit) => Err(refusal(task, misfit)),
    }
}

/// The refusal of an act for this reason.
pub fn refusal(task: &Task, misfit: Misfit) -> OpError {
    Refusal::WrongState {
        task: task.id.clone(),
        state: task.status_text().into(),
        why: misfit.why,
        hint: misfit.next,
    }
    .into()
}
