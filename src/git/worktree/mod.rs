//! The pool of linked worktrees under one directory, one slot for one agent at a time.
//!
//! Creating files costs far more than anything else at the start of a task, so slots are kept and
//! reset instead of removed. Invariants: no slot is reset or removed without a [`ClearedSlot`], which
//! only a rescue that left nothing behind gives out; checkouts of one repository never overlap; a
//! slot that an agent has touched is never the working directory of a `git` that discovers
//! anything. Worktrees are locked, so `git worktree prune` of a person leaves them alone.
//! Submodules stay uninitialised; a sparse cone of the main checkout is inherited; bare
//! repositories and unborn branches work.

mod admin;
mod aside;
mod create;
mod error;
mod foreign;
mod lock;
mod remove;
mod rescue;
mod reuse;
mod state;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use admin::{ours, registered};
pub use aside::move_aside;
pub use error::WorktreeError;
pub use foreign::{ForeignWorktree, UnfitWorktree};
use lock::CheckoutLock;
pub use lock::DiskLocks;
pub use rescue::{
    ClearedSlot, KnownRescue, RESCUE_LIMITS, Rescue, RescueAs, RescueResult, save_tree,
};
pub use reuse::FreshSlot;
pub use state::{SlotInfo, SlotState};

use super::error::GitError;
use super::oid::Oid;
use super::repo::Repo;
use super::snapshot::TreeReport;
use crate::base::fs;

/// What a slot starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotStart {
    /// A commit.
    Commit(Oid),
    /// Nothing: the repository has no commit yet. Needs Git 2.42.
    Unborn,
}

impl SlotStart {
    /// The commit, where there is one.
    pub const fn commit(&self) -> Option<&Oid> {
        match self {
            Self::Commit(oid) => Some(oid),
            Self::Unborn => None,
        }
    }
}

/// Limits of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// Bytes that must be free on the disk before a slot is made.
    pub reserve_bytes: u64,
    /// How long to wait for another checkout.
    pub patience: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            reserve_bytes: 256 << 20,
            patience: Duration::from_secs(600),
        }
    }
}

/// The worktrees under one directory.
pub struct WorktreePool<'r> {
    repo: &'r Repo,
    dir: PathBuf,
    limits: PoolLimits,
    disk: Option<DiskLocks<'r>>,
}

/// A worktree that is there and ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The directory name in the pool.
    pub name: String,
    /// The worktree.
    pub path: PathBuf,
    /// Its git directory, `<common>/worktrees/<id>`; an agent may write in it.
    pub admin: PathBuf,
}

impl<'r> WorktreePool<'r> {
    /// The pool at `dir`, an absolute path without symbolic links. Nothing is made yet.
    pub fn new(repo: &'r Repo, dir: impl Into<PathBuf>, limits: PoolLimits) -> Self {
        Self {
            repo,
            dir: dir.into(),
            limits,
            disk: None,
        }
    }

    /// The same pool, whose checkouts also wait for those of other repositories on the same disk.
    pub fn sharing(self, disk: Option<DiskLocks<'r>>) -> Self {
        Self { disk, ..self }
    }

    fn hold(&self) -> Result<CheckoutLock, WorktreeError> {
        CheckoutLock::acquire(
            self.repo.common_dir(),
            self.limits.patience,
            &self.dir,
            self.disk.as_ref(),
        )
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn slot_path(&self, name: &str) -> Result<PathBuf, WorktreeError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty()
            || name.len() > 100
            || name.starts_with(['.', '-'])
            || !name.bytes().all(plain)
        {
            return Err(WorktreeError::BadName(name.to_owned()));
        }
        Ok(self.dir.join(name))
    }

    /// Makes the pool directory and sees that it is where it says: a repository could bring `.ai`
    /// as a link to elsewhere.
    fn make_dir(&self) -> Result<(), WorktreeError> {
        fs::create_dir_all(&self.dir)?;
        match std::fs::canonicalize(&self.dir) {
            Ok(real) if real == self.dir => Ok(()),
            Ok(real) => Err(WorktreeError::Elsewhere {
                dir: self.dir.clone(),
                real,
            }),
            Err(source) => Err(fs::FsError {
                action: "look at",
                path: self.dir.clone(),
                source,
            }
            .into()),
        }
    }

    fn tree_of(&self, start: &SlotStart) -> Result<Oid, GitError> {
        match start {
            SlotStart::Commit(commit) => self.repo.tree_of(commit),
            SlotStart::Unborn => Ok(self.repo.format().objects.empty_tree()),
        }
    }
}

fn first_of(changed: &[super::diff::ChangedPath], left: &[TreeReport]) -> String {
    match (changed, left) {
        ([], [report, ..]) => report.to_string(),
        ([one, rest @ ..], _) => format!("{} and {} more", one.path, rest.len()),
        ([], []) => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod aside_tests;
#[cfg(test)]
mod tests;
