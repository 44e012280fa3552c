//! Refuses what a task does not allow in its state; the rules are those of
//! [`crate::domain::task_rules`].

use crate::base::text::one_line;
use crate::domain::ids::TaskId;
use crate::domain::parts::{Ended, TaskPart, closed_whole, open_parts};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::task_rules::{Misfit, TaskAct};
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::store::{Flow, TaskFilter, Tx};

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

/// Refuses to end a task whose parts are open. `command` is the one that ends it.
pub fn require_parts(
    tx: &mut dyn Tx,
    task: &Task,
    ended: Ended,
    command: &str,
) -> Result<(), OpError> {
    let children = TaskFilter {
        parent: Some(task.id.to_string()),
        ..TaskFilter::default()
    };
    let mut parts = Vec::new();
    tx.list(&children, &mut |line| {
        parts.push(TaskPart {
            id: TaskId(line.id.to_owned()),
            state: line.status.to_owned(),
        });
        Ok(Flow::More)
    })?;
    match open_parts(task, &parts, ended, command) {
        None => Ok(()),
        Some(misfit) => Err(refusal(task, misfit)),
    }
}

/// Refuses to open a part of a task that is done.
pub fn require_open_whole(tx: &mut dyn Tx, whole: Option<&TaskId>) -> Result<(), OpError> {
    let Some(whole) = whole.filter(|whole| !whole.as_str().is_empty()) else {
        return Ok(());
    };
    let whole = cx::load(tx, whole)?;
    match closed_whole(&whole.id, whole.state.name()) {
        None => Ok(()),
        Some(misfit) => Err(refusal(&whole, misfit)),
    }
}

/// Returns a task in review with its run, or refuses.
pub fn in_review(tx: &mut dyn Tx, typed: &str) -> Result<(Task, Run), OpError> {
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    require(TaskAct::Judge, &task)?;
    let TaskState::Review { run } = &task.state else {
        return Err(OpError::internal("a task that can be judged is in review"));
    };
    let missing = || Refusal::NotFound {
        what: Thing::Run,
        id: run.to_string(),
    };
    let run = tx.run(run)?.ok_or_else(missing)?;
    // Whoever names another run has seen other work than what would be judged.
    if cx::epoch_in(typed).is_some_and(|epoch| epoch != run.id.epoch()) {
        let why = format!(
            "what waits for a review is run {}, not {}",
            run.id,
            one_line(typed)
        );
        return Err(Refusal::Conflict {
            why,
            hint: format!("`ai review {}` shows it", run.id),
        }
        .into());
    }
    Ok((task, run))
}
