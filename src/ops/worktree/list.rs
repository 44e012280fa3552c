//! What stands in each slot, from looks that write nothing.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::fs;
use crate::base::json_path;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{PoolLimits, SlotInfo, SlotState, WorktreePool};
use crate::git::{Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::worktree::adoption::{self, Adoption};
use crate::ops::world::World;
use crate::store::Store;

/// The present use of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// A run works in it.
    Working,
    /// The worktree waits for the next run.
    Idle,
    /// Somebody else made it, and it was taken up for a task that is not finished.
    Adopted,
    /// The worktree is not what it should be; `state` says what it is.
    Odd,
}

/// One worktree: a slot of the pool, or one that was taken up.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Listed")]
pub struct ListedWorktree {
    /// The name in the pool; of one that was taken up, the name of its directory.
    pub slot: String,
    /// The directory.
    #[serde(serialize_with = "json_path::one")]
    pub path: PathBuf,
    /// The present use.
    #[serde(rename = "use")]
    pub usage: Use,
    /// The description.
    pub state: String,
    /// The branch that it stands on; null where it stands on none, or that cannot be read.
    pub branch: Option<String>,
    /// The run that worked in it last; null where none has.
    pub run: Option<RunId>,
    /// The task of that run.
    pub task: Option<TaskId>,
    /// Number of files that differ from its last commit, untracked ones included; null where that
    /// cannot be told.
    pub dirty: Option<usize>,
    /// The size on the disk, in bytes.
    pub bytes: u64,
    /// Time at which a run last began or ended in it, in milliseconds since 1970; null where none
    /// has.
    pub last_used_ms: Option<i64>,
}

/// Every worktree: the slots, and those that were taken up for a task that is not finished. `runs`
/// are all runs of the store.
pub fn list(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    runs: &[Run],
) -> Result<Vec<ListedWorktree>, OpError> {
    let mut all = slots(world, repo, runs)?;
    for one in adoption::latest(&world.state())? {
        let task = store.read(|tx| tx.task(&one.task))?;
        if let Some(task) = task.filter(|task| {
            !matches!(
                task.state,
                TaskState::Done { .. } | TaskState::Cancelled { .. }
            )
        }) {
            all.push(adopted(world, repo, runs, &one, &task));
        }
    }
    Ok(all)
}

/// The slots of the pool alone, and those that an older version left elsewhere.
pub(super) fn slots(
    world: &World,
    repo: &Repo,
    runs: &[Run],
) -> Result<Vec<ListedWorktree>, OpError> {
    Ok(everywhere(world, repo)?
        .iter()
        .map(|slot| listed(world, repo, runs, slot))
        .collect())
}

/// Every slot of every pool, that of today first.
pub(super) fn everywhere(world: &World, repo: &Repo) -> Result<Vec<SlotInfo>, OpError> {
    let mut all = Vec::new();
    for dir in world.places.pools() {
        all.extend(WorktreePool::new(repo, dir, PoolLimits::default()).list()?);
    }
    Ok(all)
}

fn listed(world: &World, repo: &Repo, runs: &[Run], slot: &SlotInfo) -> ListedWorktree {
    let last = last_run(runs, &slot.name);
    let is_working = runs
        .iter()
        .any(|run| run.worktree == slot.name && run.end.is_none());
    let (usage, state) = match (&slot.state, is_working) {
        (SlotState::Ready, true) => (Use::Working, "a run works in it".to_owned()),
        (SlotState::Ready, false) => (Use::Idle, "idle".to_owned()),
        (odd, _) => (Use::Odd, odd.to_string()),
    };
    ListedWorktree {
        slot: slot.name.clone(),
        path: slot.path.clone(),
        usage,
        state,
        branch: slot
            .head
            .as_ref()
            .and_then(Head::branch)
            .map(|name| name.trim_start_matches("refs/heads/").to_owned()),
        run: last.map(|run| run.id.clone()),
        task: last.map(|run| run.task.clone()),
        dirty: dirty(world, repo, slot, last),
        bytes: fs::disk_usage(&slot.path),
        last_used_ms: last.map(used_ms),
    }
}

fn adopted(
    world: &World,
    repo: &Repo,
    runs: &[Run],
    one: &Adoption,
    task: &Task,
) -> ListedWorktree {
    let last = last_run(runs, &one.key()).filter(|run| run.task == one.task);
    let head = repo.head_of(&one.git_dir).ok();
    let branch = head
        .as_ref()
        .and_then(Head::branch)
        .map(|name| name.trim_start_matches("refs/heads/").to_owned());
    let stand = head.as_ref().map(|head| head.commit().cloned());
    let base = one.base.as_deref().and_then(|base| Oid::parse(base).ok());
    let dirty = stand.and_then(|stand| {
        peek(
            world,
            repo,
            (&one.key(), &one.path),
            stand.as_ref(),
            base.as_ref(),
        )
    });
    ListedWorktree {
        slot: one
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        path: one.path.clone(),
        usage: Use::Adopted,
        state: format!("taken up, {}", task.status_text()),
        branch,
        run: last.map(|run| run.id.clone()),
        task: Some(one.task.clone()),
        dirty,
        bytes: fs::disk_usage(&one.path),
        last_used_ms: Some(last.map_or(one.at_ms, used_ms)),
    }
}

/// The run that worked in a slot last.
pub(super) fn last_run<'r>(runs: &'r [Run], slot: &str) -> Option<&'r Run> {
    runs.iter()
        .filter(|run| run.worktree == slot)
        .max_by_key(|run| run.started_ms)
}

pub(super) fn used_ms(run: &Run) -> i64 {
    run.end.as_ref().map_or(run.started_ms, |end| end.at_ms)
}

/// A look that fails is an unknown, never a "clean".
fn dirty(world: &World, repo: &Repo, slot: &SlotInfo, last: Option<&Run>) -> Option<usize> {
    if !matches!(slot.state, SlotState::Ready | SlotState::Redirected) {
        return None;
    }
    let base = last
        .and_then(|run| run.base.as_deref())
        .and_then(|base| Oid::parse(base).ok());
    peek(
        world,
        repo,
        (&slot.name, &slot.path),
        slot.head.as_ref()?.commit(),
        base.as_ref(),
    )
}

/// Counts the files of the worktree at `path` differ from the commit `stand`. The attributes are
/// those of `base`: an agent may have written those of its own commits.
fn peek(
    world: &World,
    repo: &Repo,
    (key, path): (&str, &Path),
    stand: Option<&Oid>,
    base: Option<&Oid>,
) -> Option<usize> {
    let shadow = ShadowRepo::existing(repo, &world.shadow_dir(key))?;
    let empty = || shadow.format().empty_tree();
    let tree = |commit: Option<&Oid>| {
        commit.map_or_else(|| Some(empty()), |commit| repo.tree_of(commit).ok())
    };
    let (stand, attributes) = (tree(stand)?, tree(base)?);
    shadow
        .peek(path, &stand, &attributes)
        .ok()
        .map(|paths| paths.len())
}
