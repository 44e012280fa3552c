//! The record of a worktree that was taken up: which task it is bound to, and what its work is
//! measured against. One file an adoption, below `adopted/` of the state directory, with its digest
//! in the evidence; it stays when the task has ended.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{fs, hash};
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;
use crate::ops::error::{Bug as _, Kept as _, OpError};

/// Larger ones were not written by `ai`.
const CAP: u64 = 64 << 10;

/// A worktree that somebody else made, bound to a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Adoption {
    /// Format version, 1.
    pub version: u32,
    /// The task.
    pub task: TaskId,
    /// The epoch of the lease under which it was taken up.
    pub epoch: u64,
    /// The worktree.
    pub path: PathBuf,
    /// The git directory.
    pub git_dir: PathBuf,
    /// The branch that it stood on; null where HEAD was detached.
    pub branch: Option<String>,
    /// The commit that it stood at; null on an unborn branch.
    pub head: Option<String>,
    /// The commit at which its work left the target; null where neither has a commit.
    pub base: Option<String>,
    /// The branch that its work is to go into; null where the main checkout stands on none.
    pub target: Option<String>,
    /// The ref on which its work was saved first; null where all of it stood on branches.
    pub rescue: Option<String>,
    /// Files that differed from the base.
    pub files: usize,
    /// Time of the adoption, in milliseconds since 1970.
    pub at_ms: WallMs,
}

impl Adoption {
    /// The name of its place in the state directory, and in the run that hands its work in.
    pub fn key(&self) -> String {
        key(&self.git_dir)
    }
}

/// The name of the place of the worktree with this git directory.
pub fn key(git_dir: &Path) -> String {
    let name = hash::sha256_hex(git_dir.as_os_str().as_bytes());
    format!("adopted-{}", &name[..16])
}

fn dir(state: &Path) -> PathBuf {
    state.join("adopted")
}

/// The file of one adoption.
pub(super) fn file(state: &Path, task: &TaskId, epoch: u64) -> PathBuf {
    dir(state).join(format!("{task}.{epoch}.json"))
}

/// Writes it down.
pub(super) fn keep(state: &Path, adoption: &Adoption) -> Result<PathBuf, OpError> {
    let file = file(state, &adoption.task, adoption.epoch);
    let text =
        serde_json::to_string_pretty(adoption).bug("an adoption cannot be written as JSON")?;
    fs::write_private(&file, text.as_bytes())?;
    Ok(file)
}

/// The worktree that was taken up for a task under this epoch; `None` where none was.
pub fn of_epoch(state: &Path, task: &TaskId, epoch: u64) -> Result<Option<Adoption>, OpError> {
    read(&file(state, task, epoch))
}

/// Every adoption there ever was, newest first.
pub(super) fn all(state: &Path) -> Result<Vec<Adoption>, OpError> {
    let files = fs::list_dir(&dir(state))?;
    let read: Result<Vec<_>, OpError> = files.iter().map(|file| read(file)).collect();
    let mut found: Vec<Adoption> = read?.into_iter().flatten().collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.at_ms, one.epoch)));
    Ok(found)
}

/// The newest adoption of each worktree that is still there, newest first.
pub(super) fn latest(state: &Path) -> Result<Vec<Adoption>, OpError> {
    let mut found: Vec<Adoption> = Vec::new();
    for one in all(state)? {
        if one.path.is_dir() && found.iter().all(|other| other.git_dir != one.git_dir) {
            found.push(one);
        }
    }
    Ok(found)
}

fn read(file: &Path) -> Result<Option<Adoption>, OpError> {
    let Some(text) = fs::read_text_if_there(file, CAP)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .kept(file.display().to_string())
}
