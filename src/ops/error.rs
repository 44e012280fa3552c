//! Why an operation did not happen, with the error of the layer below still in it.
//!
//! Every layer below has its own error type, and [`OpError`] holds each of them as it is: a front
//! end asks for the class, the next command and the causes, never for a piece of a sentence. Errors
//! that name what they are about (a command line, a path, a slot) come up by `?`. Those that do not
//! are given a few words on the way, by [`Doing::doing`], [`Kept::kept`] or [`Bug::bug`]; no error
//! is turned into text here.

use std::io;

use crate::base::fs::FsError;
use crate::connector::error::ConnectorError;
use crate::domain::agent::BadName;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::path_pattern::PatternError;
use crate::git::GitError;
use crate::git::discover::DiscoverError;
use crate::git::merge::MergeError;
use crate::git::preflight::Unsupported;
use crate::git::repo::RefError;
use crate::git::snapshot::SnapshotError;
use crate::git::worktree::{UnfitWorktree, WorktreeError};
use crate::ops::cli_setup::SettingsInTheWay;
use crate::ops::credential_fault::CredentialError;
use crate::ops::hindrance::{self, Hindrance};
use crate::ops::hooks::HooksInTheWay;
use crate::ops::refusal::{AnyError, MEND, Refusal};
use crate::process::sandbox::NoSandbox;
use crate::process::supervise::SuperviseError;
use crate::store::StoreError;

/// The next command where the disk is too full for a worktree.
pub(super) const MAKE_ROOM: &str = "`ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit";

/// The way a bug is reported, and with what.
const REPORT: &str = "please report it where you got `ai`, with the output of `ai --version`, the command, and what it says with `-v`";

/// An operation that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The operation was refused; the events say what is recorded about it all the same.
    #[error(transparent)]
    Refused(Box<Refused>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository around cannot be found, or its links do not agree.
    #[error(transparent)]
    Place(#[from] DiscoverError),
    /// The repository is one with which `ai` does not work.
    #[error(transparent)]
    Repository(#[from] Unsupported),
    /// A reference was not moved.
    #[error(transparent)]
    Reference(#[from] RefError),
    /// A worktree cannot be made, used or given up.
    #[error(transparent)]
    Worktree(#[from] WorktreeError),
    /// A tree cannot be looked at.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Hooks of Git cannot be installed.
    #[error(transparent)]
    Hooks(#[from] HooksInTheWay),
    /// The settings of a CLI cannot be changed.
    #[error(transparent)]
    Settings(#[from] SettingsInTheWay),
    /// A worktree that somebody else made cannot be taken up as it is.
    #[error(transparent)]
    Foreign(#[from] UnfitWorktree),
    /// The work of a task did not get onto its target.
    #[error("{source}")]
    Merge {
        /// The task.
        task: TaskId,
        /// Why.
        source: Box<MergeError>,
    },
    /// A command cannot be supervised.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    /// A credential cannot be had.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The operating system refused something that its error does not name.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried, as it follows on "cannot".
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Something that `ai` kept is not what it wrote there.
    #[error("{what}: {source}")]
    Kept {
        /// The file, or the field of the record.
        what: String,
        /// The reader's words.
        source: AnyError,
    },
    /// A state that cannot be: a bug of ours.
    #[error("this is a bug in `ai`: {what}")]
    Internal {
        /// What cannot be.
        what: &'static str,
        /// The error that it came out by, where there is one.
        source: Option<AnyError>,
    },
}

/// A refusal with what is recorded about it.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// The reason.
    #[source]
    pub why: Refusal,
    /// Recorded although the operation itself is not.
    pub record: Vec<Event>,
}

impl OpError {
    /// A refusal that leaves no record.
    pub fn refused(why: Refusal) -> OpError {
        OpError::recorded(why, Vec::new())
    }

    /// A refusal with events that are recorded although the operation is not.
    pub fn recorded(why: Refusal, record: Vec<Event>) -> OpError {
        OpError::Refused(Box::new(Refused { why, record }))
    }

    /// The same without what would be recorded about it.
    pub fn unrecorded(self) -> OpError {
        match self {
            OpError::Refused(refused) => OpError::refused(refused.why),
            other => other,
        }
    }

    /// A state that cannot be, found without an error.
    pub fn internal(what: &'static str) -> OpError {
        OpError::Internal { what, source: None }
    }

    /// The refusal, where it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            OpError::Refused(refused) => Some(&refused.why),
            _ => None,
        }
    }

    /// True where a person or the machine stopped the command.
    pub fn is_interruption(&self) -> bool {
        matches!(self.refusal(), Some(Refusal::Interrupted(_)))
    }

    /// True where what was recorded before can be relied on, and more can be recorded: neither the
    /// store nor `ai` itself is at fault.
    pub fn leaves_the_store(&self) -> bool {
        !matches!(self, OpError::Store(_) | OpError::Internal { .. })
    }

    /// The state of the machine that it failed by, where it is one that has a name.
    pub fn hindrance(&self) -> Option<Hindrance> {
        hindrance::hindrance(self)
    }

    /// The command to type next, where one helps.
    pub fn hint(&self) -> Option<String> {
        if let Some(hindrance) = self.hindrance() {
            return Some(hindrance.hint());
        }
        let known = match self {
            OpError::Refused(refused) => return refused.why.hint(),
            OpError::Foreign(error) => return after_unfit(error),
            OpError::Hooks(error) => return Some(error.hint.clone()),
            OpError::Settings(error) => return Some(error.hint.clone()),
            OpError::Merge { task, source } => return Some(after_merge(task, source)),
            OpError::Store(error) => return error.hint().map(str::to_owned),
            OpError::Repository(error) => return error.hint().or_else(|| Some(MEND.to_owned())),
            OpError::Git(error) => error.hint(),
            OpError::Place(error) => error.hint(),
            OpError::Reference(error) => error.hint(),
            OpError::Worktree(WorktreeError::NoSpace { .. }) => Some(MAKE_ROOM),
            OpError::Worktree(error) => error.hint(),
            OpError::Snapshot(SnapshotError::Forbidden { commit, .. }) => {
                return Some(format!(
                    "`git show --stat {}` shows that commit, and nothing of it lands; `ai run` the task again: the next attempt reads why, and starts without it",
                    commit.short()
                ));
            }
            OpError::Snapshot(error) => error.hint(),
            OpError::File(_)
            | OpError::Supervise(_)
            | OpError::Credential(_)
            | OpError::System { .. }
            | OpError::Kept { .. } => None,
            OpError::Internal { .. } => Some(REPORT),
        };
        Some(known.unwrap_or(MEND).to_owned())
    }
}

impl From<Refusal> for OpError {
    fn from(why: Refusal) -> OpError {
        OpError::refused(why)
    }
}

impl From<PatternError> for OpError {
    fn from(error: PatternError) -> OpError {
        Refusal::from(error).into()
    }
}

impl From<BadName> for OpError {
    fn from(error: BadName) -> OpError {
        Refusal::from(error).into()
    }
}

impl From<NoSandbox> for OpError {
    fn from(error: NoSandbox) -> OpError {
        Refusal::from(error).into()
    }
}

impl From<ConnectorError> for OpError {
    fn from(error: ConnectorError) -> OpError {
        Refusal::from(error).into()
    }
}

/// The next command after work that did not get onto its target.
fn after_merge(task: &TaskId, error: &MergeError) -> String {
    if error.wants_new_attempt() {
        return format!(
            "`ai reject {task} --note TEXT`, so that the next run begins on what the target is now"
        );
    }
    error.hint().unwrap_or("`ai doctor`").to_owned()
}

/// The next command about a worktree that cannot be taken up.
fn after_unfit(error: &UnfitWorktree) -> Option<String> {
    Some(match error {
        UnfitWorktree::Main(_) => {
            "`ai task claim TASK` takes a task for the main checkout".to_owned()
        }
        UnfitWorktree::Locked { path, .. } => format!("git worktree unlock {}", path.display()),
        UnfitWorktree::OfThePool(_) => {
            "`ai worktree list` says whose it is; `ai worktree rescue` saves what stands there"
                .to_owned()
        }
        UnfitWorktree::InProgress { path, .. } => format!("git -C {} status", path.display()),
        UnfitWorktree::OwnCone(path) => {
            format!("git -C {} sparse-checkout disable", path.display())
        }
        UnfitWorktree::OtherRepository(_) | UnfitWorktree::NoWorktree(_) => {
            "git worktree list".to_owned()
        }
        UnfitWorktree::NotFound(error) => return error.hint().map(str::to_owned),
        UnfitWorktree::Git(error) => error.hint().unwrap_or(MEND).to_owned(),
    })
}

/// Says what was being done, to errors of the operating system, which name neither file nor call.
pub trait Doing<T> {
    /// The same result; its error says that this could not be done. The words follow on "cannot".
    fn doing(self, doing: &'static str) -> Result<T, OpError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: &'static str) -> Result<T, OpError> {
        self.map_err(|source| OpError::System {
            doing,
            source: source.into(),
        })
    }
}

/// Says what was being read back, to the error of a parser: the text is our own, so it names
/// nothing that a person has typed.
pub trait Kept<T> {
    /// The same result; its error names the file or the field of the record.
    fn kept(self, what: impl Into<String>) -> Result<T, OpError>;
}

impl<T, E: Into<AnyError>> Kept<T> for Result<T, E> {
    fn kept(self, what: impl Into<String>) -> Result<T, OpError> {
        self.map_err(|source| OpError::Kept {
            what: what.into(),
            source: source.into(),
        })
    }
}

/// The bug where an agent's name, which was looked at before, is no name of an actor.
pub const NO_ACTOR: &str = "the name of an agent is no name of an actor";

/// Says that an error cannot be.
pub trait Bug<T> {
    /// The same result; its error is a bug of ours.
    fn bug(self, what: &'static str) -> Result<T, OpError>;
}

impl<T, E: Into<AnyError>> Bug<T> for Result<T, E> {
    fn bug(self, what: &'static str) -> Result<T, OpError> {
        self.map_err(|source| OpError::Internal {
            what,
            source: Some(source.into()),
        })
    }
}
