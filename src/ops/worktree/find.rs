//! From what a person types, a slot or a task, to the worktree that is meant.

use std::path::PathBuf;

use crate::domain::run::Run;
use crate::git::Repo;
use crate::git::worktree::{Pool, PoolLimits, SlotInfo, SlotState};
use crate::ops::cx;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::{World, environment};
use crate::ops::worktree::list::last_run;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// A worktree of the pool that is there.
pub struct Found {
    /// The slot's name.
    pub slot: String,
    /// The directory.
    pub path: PathBuf,
    /// The run that worked there last.
    pub last: Option<Run>,
}

/// The slot of that name, else the one where the task's last run worked and nobody since.
pub fn find(world: &World, repo: &Repo, store: &mut SqliteStore, typed: &str) -> Result<Found, OpError> {
    let runs = store.read(|tx| tx.all_runs())?;
    let pool = Pool::new(repo, world.pool_dir(), PoolLimits::default());
    let slots = pool.list().map_err(environment)?;
    if let Some(slot) = slots.iter().find(|slot| slot.name == typed) {
        return there(slot, last_run(&runs, &slot.name));
    }
    let id = store.read(|tx| cx::resolve(tx, typed))?;
    let missing = |next: String| {
        let why = format!("no worktree holds the work of {id}");
        OpError::from(Refusal::Missing { why, next })
    };
    let own = runs.iter().filter(|run| run.task == id).max_by_key(|run| run.started_ms);
    let Some(own) = own else { return Err(missing(format!("no run has worked on it; `ai run {id}` starts one"))) };
    let is_last = last_run(&runs, &own.worktree).is_some_and(|last| last.id == own.id);
    match slots.iter().find(|slot| is_last && slot.name == own.worktree) {
        Some(slot) => there(slot, Some(own)),
        None => Err(missing(format!("another run has its place by now; `git switch {}` shows its work", own.branch))),
    }
}

fn there(slot: &SlotInfo, last: Option<&Run>) -> Result<Found, OpError> {
    match slot.state {
        SlotState::Ready | SlotState::Redirected | SlotState::OwnRepository => {
            Ok(Found { slot: slot.name.clone(), path: slot.path.clone(), last: last.cloned() })
        }
        _ => Err(Refusal::Conflict(format!("worktree {} is {}", slot.name, slot.state)).into()),
    }
}
