//! The reasons for which a merge did not happen, and what helps.

use crate::domain::repo_path::RepoPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::RefError;

/// A merge that did not happen. The branch and every file are as before, unless the text says
/// otherwise.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// Both sides changed the same place.
    #[error("{} conflicts: {}", count(conflicts.len(), "path"), list(conflicts))]
    Conflicts {
        /// The paths, sorted.
        conflicts: Vec<RepoPath>,
    },
    /// Both have no commit in common: the work was begun before the branch had one.
    #[error("{} and {target} have no commit in common, so they cannot be merged", commit.short())]
    Unrelated {
        /// The branch.
        target: String,
        /// The commit.
        commit: Oid,
    },
    /// A fast-forward was asked for and is not possible.
    #[error("{target} has moved on; it cannot fast-forward to {}", commit.short())]
    NotFastForward {
        /// The branch.
        target: String,
        /// The commit.
        commit: Oid,
    },
    /// The branch is checked out and something is going on there.
    #[error("{target} is checked out in {root}, where {what}")]
    InProgress {
        /// The branch.
        target: String,
        /// The checkout.
        root: String,
        /// The operation that is going on.
        what: String,
    },
    /// The branch is checked out and its index is locked.
    #[error(
        "{target} is checked out in {root}, where another git command is running, or was killed (index.lock is there)"
    )]
    IndexLocked {
        /// The branch.
        target: String,
        /// The checkout.
        root: String,
    },
    /// The branch is checked out with changes in the way.
    #[error("{target} is checked out in {root} with changes in the way: {what}")]
    Dirty {
        /// The branch.
        target: String,
        /// The checkout.
        root: String,
        /// Git's reason, or the files.
        what: String,
    },
    /// Files of the checkout need a filter that `ai` does not run.
    #[error(
        "{path} of {target} needs the filter `{filter}` of the repository's own configuration, which ai does not run"
    )]
    NeedsFilter {
        /// The branch.
        target: String,
        /// The path.
        path: RepoPath,
        /// The filter.
        filter: String,
    },
    /// Files were half updated and could not all be put back.
    #[error("updating {root} failed half-way and not everything could be put back: {what}")]
    HalfDone {
        /// The checkout.
        root: String,
        /// The obstacle.
        what: String,
    },
    /// Whoever was asked in the last moment has refused; what they said is known to the caller.
    #[error("it was refused in the moment in which it was to land")]
    Refused,
    /// The branch is not where it was.
    #[error(transparent)]
    Ref(#[from] RefError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl MergeError {
    /// True where the work does not fit any more, and only doing it again helps.
    pub fn wants_new_attempt(&self) -> bool {
        matches!(
            self,
            Self::Conflicts { .. } | Self::NotFastForward { .. } | Self::Unrelated { .. }
        )
    }

    /// Returns what to do in the checkout, where that helps. None of it can destroy data.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Dirty { .. } => Some("commit or stash the changes there, then try again"),
            Self::InProgress { .. } => Some("finish it there, then try again"),
            Self::IndexLocked { .. } => Some(
                "try again when it has ended; `ai doctor` says whether a process holds the lock, and how to be rid of one that nobody holds",
            ),
            Self::NeedsFilter { .. } => {
                Some("check another branch out there, try again, then check the branch out")
            }
            _ => None,
        }
    }
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("{n} {noun}")
    } else {
        format!("{n} {noun}s")
    }
}

/// Lists the first paths in one line.
pub(super) fn list(paths: &[RepoPath]) -> String {
    let shown: Vec<String> = paths.iter().take(5).map(ToString::to_string).collect();
    let more = if paths.len() > 5 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
