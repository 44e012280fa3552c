//! Errors between `ai` and Git.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::fs::FsError;
use crate::base::text::{multi_line, one_line};
use crate::git::oid::BadOid;

/// A Git operation that failed. The text names the command and Git's own reason.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `git` on the PATH.
    #[error("no `git` found in an absolute directory of PATH")]
    NotInstalled,
    /// The installed `git` lacks something that is needed.
    #[error("git {found} is too old: {what} needs git {needed} or newer")]
    TooOld {
        /// The installed version.
        found: String,
        /// The oldest version that will do.
        needed: String,
        /// The feature that needs it.
        what: &'static str,
    },
    /// The process could not be started or fed.
    #[error("cannot run `{}`: {source}", one_line(argv))]
    Spawn {
        /// The command line.
        argv: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Git ran and refused.
    #[error("`{}` failed ({status}): {}", one_line(argv), multi_line(stderr.trim()))]
    Failed {
        /// The command line.
        argv: String,
        /// `exit N` or the signal.
        status: String,
        /// Git's message, capped.
        stderr: String,
    },
    /// Git did not end in time and was killed.
    #[error("`{}` did not end within {} s and was stopped", one_line(argv), after.as_secs())]
    TimedOut {
        /// The command line.
        argv: String,
        /// The limit.
        after: Duration,
    },
    /// More output than the caller allows.
    #[error("`{}` printed more than {cap} bytes", one_line(argv))]
    TooLong {
        /// The command line.
        argv: String,
        /// The limit in bytes.
        cap: usize,
    },
    /// Output that is not in the promised form.
    #[error("cannot read the output of `{}`: {what}", one_line(argv))]
    Unparsable {
        /// The command line.
        argv: String,
        /// The expected output.
        what: String,
    },
    /// The library failed.
    #[error("cannot {what}: {}", source.message())]
    Native {
        /// The operation.
        what: String,
        /// The cause.
        #[source]
        source: git2::Error,
    },
    /// A revision that names no commit here.
    #[error("`{}` names no commit in this repository", one_line(rev))]
    NoCommit {
        /// The revision as given.
        rev: String,
    },
    /// An object that is not in the store, as in a shallow or partial clone. Nothing is ever
    /// fetched for it.
    #[error(
        "object {oid} is not in this repository (a shallow or partial clone?); `git fetch` it first"
    )]
    Missing {
        /// The object.
        oid: String,
    },
    /// A tree entry that is no regular file where one was asked for.
    #[error("{path} in {commit} is {what}, not a file")]
    NotAFile {
        /// The path, escaped.
        path: String,
        /// The commit.
        commit: String,
        /// The kind of object that stands there.
        what: &'static str,
    },
    /// Text that is no object name.
    #[error(transparent)]
    BadOid(#[from] BadOid),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file of the git directory that does not have the form it must have.
    #[error("{}: {why}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        why: String,
    },
    /// A value that cannot be stored in a commit.
    #[error("cannot write a commit: {0}")]
    BadCommit(String),
}

impl GitError {
    /// Makes an error of the library into ours; `what` names what was tried.
    pub(super) fn native(what: impl Into<String>) -> impl FnOnce(git2::Error) -> Self {
        let what = what.into();
        move |source| Self::Native { what, source }
    }

    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotInstalled | Self::TooOld { .. } => {
                Some("install git 2.38 or newer and see that it is on the PATH")
            }
            Self::Missing { .. } => {
                Some("git fetch --unshallow, or git fetch --refetch in a partial clone")
            }
            Self::BadFile { .. } => Some(
                "correct that file in an editor; `git status` says whether Git can read the repository then",
            ),
            _ => None,
        }
    }
}
