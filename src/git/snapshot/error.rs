//! The reasons for which there is no snapshot.

use crate::base::onlooker::Stopped;
use crate::git::error::GitError;
use crate::git::oid::Oid;

/// A snapshot that could not be taken. Never to be read as "nothing changed".
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The directory is not there, or is no directory any more.
    #[error("cannot look at the worktree {path}: it is {what}")]
    TreeGone {
        /// The directory.
        path: String,
        /// The kind of file that stands there.
        what: &'static str,
    },
    /// More changed files than the limit.
    #[error(
        "{count} changed files are more than the limit of {limit}; is a build directory missing in .gitignore?"
    )]
    TooMany {
        /// The number.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The shadow has no index for this directory yet.
    #[error("the shadow {0} does not know this worktree yet")]
    NotPrimed(String),
    /// A commit of the agent that must not be merged or checked out.
    #[error("the agent's commit {} holds the path {path}, which a checkout could write into a git directory", commit.short())]
    Forbidden {
        /// The commit.
        commit: Oid,
        /// The path, escaped.
        path: String,
    },
    /// Whoever waited for it has left.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl SnapshotError {
    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}
