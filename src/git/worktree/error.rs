//! The reasons for which a worktree could not be made, used, saved or removed.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::fs;
use crate::base::text::one_line;
use crate::git::error::GitError;
use crate::git::repo::RefError;
use crate::git::snapshot::SnapshotError;
use crate::git::worktree::SlotState;

/// An operation that the pool did not do. Nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    /// A slot name that could leave the pool.
    #[error("`{}` is not a slot name (letters, digits, `.`, `_`, `-`)", one_line(.0))]
    BadName(String),
    /// The pool directory leads elsewhere, through a symbolic link.
    #[error("{} leads to {}; worktrees are made only in the pool itself", dir.display(), real.display())]
    Elsewhere {
        /// The pool directory.
        dir: PathBuf,
        /// The path to which it leads.
        real: PathBuf,
    },
    /// Something stands where the slot should be.
    #[error("slot {name} is {state}")]
    NotFree {
        /// The slot.
        name: String,
        /// The state.
        state: SlotState,
    },
    /// The slot cannot be used as it is.
    #[error("slot {name} cannot be used: it is {state}")]
    Unusable {
        /// The slot.
        name: String,
        /// The state.
        state: SlotState,
    },
    /// The branch exists already.
    #[error("branch {0} exists already")]
    BranchExists(String),
    /// Too little room.
    #[error("only {free_mib} MiB are free at {}, {needed_mib} MiB are needed", dir.display())]
    NoSpace {
        /// The directory.
        dir: PathBuf,
        /// Free space, in MiB.
        free_mib: u64,
        /// Needed space, in MiB.
        needed_mib: u64,
    },
    /// Another checkout takes too long.
    #[error("another checkout on this disk has been going on for {} s", .0.as_secs())]
    Busy(Duration),
    /// The worktree changed after its work was saved.
    #[error("slot {name} changed after it was saved: {what}")]
    ChangedSince {
        /// The slot.
        name: String,
        /// The change.
        what: String,
    },
    /// The slot is not clean after a reset, or never could be.
    #[error("slot {name} cannot be made clean: {what}")]
    NotClean {
        /// The slot.
        name: String,
        /// The rest that is left.
        what: String,
    },
    /// A look at the tree failed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A reference was not moved.
    #[error(transparent)]
    Ref(#[from] RefError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl WorktreeError {
    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Snapshot(error) => error.hint(),
            Self::Ref(error) => error.hint(),
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}

impl From<fs::FsError> for WorktreeError {
    fn from(error: fs::FsError) -> Self {
        Self::Git(error.into())
    }
}
