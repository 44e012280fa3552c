//! The pool itself and its slots by name; what is done to a slot stands in the files beside this one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::fs;
use crate::base::onlooker::Onlooker;
use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::WorktreeError;
use crate::git::worktree::lock::{CheckoutLock, DiskLocks};

/// The start of a slot.
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
    /// Time to wait for another checkout.
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
    /// The repository whose worktrees they are.
    pub(super) repo: &'r Repo,
    /// The directory of the pool.
    pub(super) dir: PathBuf,
    /// The limits of the pool.
    pub(super) limits: PoolLimits,
    /// The locks of the disk, where other repositories share it.
    pub(super) disk: Option<DiskLocks<'r>>,
    /// Waits for what takes long.
    pub(super) onlooker: Option<Onlooker<'r>>,
}

impl<'r> WorktreePool<'r> {
    /// The pool at `dir`, an absolute path without symbolic links. Nothing is made yet.
    pub fn new(repo: &'r Repo, dir: impl Into<PathBuf>, limits: PoolLimits) -> Self {
        Self {
            repo,
            dir: dir.into(),
            limits,
            disk: None,
            onlooker: None,
        }
    }

    /// The same pool, whose checkouts also wait for those of other repositories on the same disk.
    pub fn sharing(self, disk: Option<DiskLocks<'r>>) -> Self {
        Self { disk, ..self }
    }

    /// The same pool with somebody who waits for what takes long: saving, and moving to another disk.
    pub fn watched_by(self, onlooker: Onlooker<'r>) -> Self {
        Self {
            onlooker: Some(onlooker),
            ..self
        }
    }

    /// Waits for every other checkout and holds them off.
    pub(super) fn hold(&self) -> Result<CheckoutLock, WorktreeError> {
        CheckoutLock::acquire(
            self.repo.common_dir(),
            self.limits.patience,
            &self.dir,
            self.disk.as_ref(),
        )
    }

    /// Returns the pool's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of a slot; refuses a name that is no plain directory name.
    pub(super) fn slot_path(&self, name: &str) -> Result<PathBuf, WorktreeError> {
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
    pub(super) fn make_dir(&self) -> Result<(), WorktreeError> {
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

    /// The tree of a start; the empty one where there is no commit.
    pub(super) fn tree_of(&self, start: &SlotStart) -> Result<Oid, GitError> {
        match start {
            SlotStart::Commit(commit) => self.repo.tree_of(commit),
            SlotStart::Unborn => Ok(self.repo.format().objects.empty_tree()),
        }
    }
}

/// Names the first of what stands in the way.
pub(super) fn first_of(changed: &[ChangedPath], left: &[TreeReport]) -> String {
    match (changed, left) {
        ([], [report, ..]) => report.to_string(),
        ([one, rest @ ..], _) => format!("{} and {} more", one.path, rest.len()),
        ([], []) => "nothing".to_owned(),
    }
}
