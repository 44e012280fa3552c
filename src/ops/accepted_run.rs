//! The run by whose work a task is done, for whoever takes that back, or whose work has landed without
//! a word that it is done. A task that a person ended has
//! none, and neither has one whose work was left on its own branch.

use crate::domain::ids::TaskId;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Proof, Task, TaskState};
use crate::domain::task_rules::{Misfit, TaskAct};
use crate::git::{Git, Repo, RepoLocation};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::{cx, fit, landing};
use crate::store::{Store, Tx};

/// The accepted run of a task, with the landing, or the reason why there is none.
pub(super) fn accepted(tx: &mut dyn Tx, typed: &str) -> Result<(Task, Run, Accepting), OpError> {
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    let runs = tx.runs(&id)?;
    let reopen = format!("`ai task reopen {id}` opens it again");
    let no = |why: String, next: String| Err(fit::refusal(&task, Misfit { why, next }));
    let run = match &task.state {
        TaskState::Review { run }
            if runs
                .iter()
                .any(|one| one.id == *run && one.taken_back().is_some()) =>
        {
            return no(
                format!("the accept of run {run} was taken back already"),
                format!(
                    "`ai accept {id}` brings it in again, `ai reject {id} --note TEXT` has it done anew"
                ),
            );
        }
        TaskState::Done {
            proof: Proof::Verdict { run: Some(run), .. },
            ..
        } => runs.into_iter().find(|r| r.id == *run),
        // Such a proof names no run.
        TaskState::Done {
            proof: Proof::Overridden { .. },
            ..
        } => runs.into_iter().rfind(|r| r.accepting.is_some()),
        TaskState::Done { .. } => None,
        _ => {
            fit::require(TaskAct::Undo, &task)?;
            None
        }
    };
    let found = run.and_then(|run| Some((run.accepting.clone()?, run)));
    let Some((accepting, run)) = found else {
        return no(
            "a person ended it, and nothing was accepted".to_owned(),
            reopen,
        );
    };
    if cx::epoch_in(typed).is_some_and(|epoch| epoch != run.id.epoch()) {
        let why = format!("what was accepted is run {}", run.id);
        return Err(Refusal::Conflict {
            why,
            hint: format!("`ai undo {}` takes that one back", run.id),
        }
        .into());
    }
    if accepting.target == format!("refs/heads/{}", run.branch) {
        return no("its work was left on its own branch".to_owned(), reopen);
    }
    Ok((task, run, accepting))
}

/// Refuses to send work back that has landed already: its accept was cut off before it could say so,
/// and the next one completes it.
pub fn refuse_landed(
    place: &RepoLocation,
    store: &mut dyn Store,
    task: &TaskId,
) -> Result<(), OpError> {
    let found = store.read(|tx| -> Result<_, OpError> {
        let Some(task) = tx.task(task)? else {
            return Ok(None);
        };
        let TaskState::Review { run } = &task.state else {
            return Ok(None);
        };
        let accepting = tx.run(run)?.and_then(|run| run.accepting);
        Ok(accepting.map(|accepting| (task, accepting)))
    })?;
    let Some((task, accepting)) = found else {
        return Ok(());
    };
    let repo = Repo::open(place, Git::system()?)?;
    if !landing::landed(&repo, &accepting)? {
        return Ok(());
    }
    let why = "its work has landed, by an accept that was cut off before it could say so";
    let next = format!(
        "`ai accept {0}` completes it, `ai undo {0}` then takes it back",
        task.id
    );
    Err(fit::refusal(
        &task,
        Misfit {
            why: why.to_owned(),
            next,
        },
    ))
}
