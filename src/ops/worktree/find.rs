//! From what a person types, a slot or a task, to the worktree that is meant.

use std::path::PathBuf;

use crate::base::text::one_line;
use crate::domain::ids::TaskId;
use crate::domain::run::Run;
use crate::git::Repo;
use crate::git::worktree::{SlotInfo, SlotState};
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::worktree::adoption::{self, Adoption};
use crate::ops::worktree::list::{everywhere, last_run};
use crate::ops::world::World;
use crate::store::Store;

/// A worktree that is there: one of the pool, or one that was taken up.
pub struct FoundWorktree {
    /// The name: of the slot, else of the directory.
    pub slot: String,
    /// The directory.
    pub path: PathBuf,
    /// The run that worked there last.
    pub last: Option<Run>,
    /// The adoption, where somebody else made it.
    pub adoption: Option<Adoption>,
}

impl FoundWorktree {
    /// The task whose work it holds.
    pub fn task(&self) -> Option<&TaskId> {
        self.adoption
            .as_ref()
            .map(|one| &one.task)
            .or(self.last.as_ref().map(|run| &run.task))
    }
}

/// The worktree of that name, else the one where the task's last run worked and nobody since, or
/// that was taken up for it.
pub fn find(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    typed: &str,
) -> Result<FoundWorktree, OpError> {
    let runs = store.read(|tx| tx.all_runs())?;
    let slots = everywhere(world, repo)?;
    if let Some(slot) = slots.iter().find(|slot| slot.name == typed) {
        return there(slot, last_run(&runs, &slot.name));
    }
    let adopted = adoption::latest(&world.state())?;
    let named = |one: &&Adoption| one.path.file_name().is_some_and(|name| name == typed);
    if let Some(one) = adopted.iter().find(named) {
        return Ok(taken_up(one, &runs));
    }
    let id = store
        .read(|tx| cx::resolve(tx, typed))
        .map_err(|error| unknown(error, typed))?;
    let missing = |hint: String| {
        let why = format!("no worktree holds the work of {id}");
        OpError::from(Refusal::Missing { why, hint })
    };
    let since = runs
        .iter()
        .filter(|run| run.task == id)
        .map(|run| run.id.epoch())
        .max()
        .unwrap_or(0);
    if let Some(one) = adopted
        .iter()
        .find(|one| one.task == id && one.epoch >= since)
    {
        return Ok(taken_up(one, &runs));
    }
    let own = runs
        .iter()
        .filter(|run| run.task == id)
        .max_by_key(|run| run.started_ms);
    let Some(own) = own else {
        return Err(missing(format!(
            "no run has worked on it; `ai run {id}` starts one"
        )));
    };
    let is_last = last_run(&runs, &own.worktree).is_some_and(|last| last.id == own.id);
    match slots
        .iter()
        .find(|slot| is_last && slot.name == own.worktree)
    {
        Some(slot) => there(slot, Some(own)),
        None => Err(missing(format!(
            "another run has its place by now; `git switch {}` shows its work",
            own.branch
        ))),
    }
}

fn taken_up(one: &Adoption, runs: &[Run]) -> FoundWorktree {
    let slot = one
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let last = last_run(runs, &one.key()).cloned();
    FoundWorktree {
        slot,
        path: one.path.clone(),
        last,
        adoption: Some(one.clone()),
    }
}

/// Tells both meanings of a name that is neither a worktree nor a task.
fn unknown(error: OpError, typed: &str) -> OpError {
    match error.refusal() {
        Some(Refusal::NotFound { .. }) => {
            let why = format!("there is no worktree and no task `{}`", one_line(typed));
            Refusal::Missing {
                why,
                hint: "`ai worktree list` shows the worktrees, `ai task list` the tasks".into(),
            }
            .into()
        }
        _ => error,
    }
}

fn there(slot: &SlotInfo, last: Option<&Run>) -> Result<FoundWorktree, OpError> {
    match slot.state {
        SlotState::Ready | SlotState::Redirected | SlotState::OwnRepository => Ok(FoundWorktree {
            slot: slot.name.clone(),
            path: slot.path.clone(),
            last: last.cloned(),
            adoption: None,
        }),
        _ => {
            let why = format!(
                "worktree {} cannot be used: it is {}",
                slot.name, slot.state
            );
            Err(Refusal::Conflict { why, hint: "`ai worktree list` shows it; `ai recover`, or `ai worktree prune`, puts it in order".into() }.into())
        }
    }
}
