//! The reasons for which no repository was found, or one is not believed.

use std::path::{Path, PathBuf};

use crate::git::error::GitError;

/// The reason why no repository was found, or why it is not believed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// Nothing upwards of the start is a repository.
    #[error("{} is not inside a Git repository", .0.display())]
    NotARepository(PathBuf),
    /// Something on the way cannot be looked at.
    #[error("cannot look at {}: {source}", path.display())]
    Unreadable {
        /// The path that was looked at.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A `.git` file or `commondir` that leads nowhere.
    #[error("{}: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// A worktree whose links do not agree: somebody changed its `.git`.
    #[error("{} is not trusted: {why}", path.display())]
    Redirected {
        /// The worktree or git directory.
        path: PathBuf,
        /// The disagreement.
        why: String,
    },
    /// The repository's configuration cannot be read.
    #[error(transparent)]
    Config(#[from] GitError),
}

impl DiscoverError {
    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotARepository(_) => Some("git init, or change into a repository"),
            Self::Broken { .. } => Some("git worktree repair, from the main checkout"),
            Self::Unreadable { .. } => {
                Some("see that you may read it and every directory above: `ls -ld` shows who may")
            }
            Self::Redirected { .. } => Some(
                "work in the main checkout; `git worktree list` there names the worktrees that are real",
            ),
            Self::Config(error) => error.hint(),
        }
    }
}

/// The error of a path that cannot be looked at.
pub(super) fn unreadable(path: &Path, source: std::io::Error) -> DiscoverError {
    DiscoverError::Unreadable {
        path: path.to_owned(),
        source,
    }
}
