//! What can be wrong with a store. Each variant is a sentence with the way out; none of them is
//! ever read as "no tasks".

use std::error::Error;
use std::path::PathBuf;

use crate::base::fs::FsError;
use crate::base::text::counted;
use crate::domain::high_water::Setback;

/// A store that cannot be used, or an access to it that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There never was a store here.
    #[error("this repository has no task store yet")]
    NotInitialised,
    /// The sandbox of a run hides it.
    #[error("inside of a run the task store is out of sight")]
    OutOfSight,
    /// There was one, and the file is gone.
    #[error("the task store {} is gone, but its directory is still there", .0.display())]
    Vanished(PathBuf),
    /// The file is empty.
    #[error("the task store {} is an empty file", .0.display())]
    Empty(PathBuf),
    /// The file is not ours.
    #[error("{} is not a task store of `ai`: {why}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The finding.
        why: String,
    },
    /// The file was written by a newer version.
    #[error("the task store has format {found}, and this `ai` reads up to {ours}")]
    Newer {
        /// The file's format.
        found: String,
        /// Ours.
        ours: String,
    },
    /// The file was written by an older version, in a format that must be migrated before it can be
    /// read.
    #[error("the task store has the older format {found}; this `ai` reads {ours}")]
    Older {
        /// The file's format.
        found: String,
        /// Ours.
        ours: String,
    },
    /// A step from one format to the next does not fit.
    #[error("the task store's migration `{name}` {why}; nothing was changed")]
    Migration {
        /// The migration.
        name: String,
        /// The fault.
        why: String,
    },
    /// The file is damaged.
    #[error("the task store {} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The finding.
        why: String,
    },
    /// The store is not the one that was written here before, but an older copy of it.
    #[error("the task store {} is {setback}; nothing was written", path.display())]
    SetBack {
        /// The file.
        path: PathBuf,
        /// The difference.
        setback: Setback,
    },
    /// The file under the open connection was replaced or removed.
    #[error("the task store was replaced or removed while this command ran; nothing was written")]
    Replaced,
    /// Other writers held the store for the whole deadline.
    #[error("the task store was busy for {}{holders}", counted(*seconds, "second"))]
    Busy {
        /// The deadline.
        seconds: u64,
        /// Its holders then, as the end of the sentence; empty where nobody was seen.
        holders: String,
        /// The one of them that writes and was stopped, so that waiting is of no use.
        stopped: Option<u32>,
    },
    /// The disk is full.
    #[error("the disk is full; nothing was written, what was stored is intact")]
    Full,
    /// The store cannot be written here.
    #[error("the task store is read-only here; nothing was written")]
    ReadOnly,
    /// The file system cannot hold a store that several processes share.
    #[error("{} lies on {filesystem}, which does not keep locks between processes reliably", path.display())]
    NetworkDisk {
        /// The directory.
        path: PathBuf,
        /// The file system's name.
        filesystem: &'static str,
    },
    /// SQLite opens no file of so long a path.
    #[error("the path of the task store has {bytes} bytes, and SQLite leaves room for {limit}: {}", path.display())]
    PathTooLong {
        /// The file.
        path: PathBuf,
        /// Length of its path in bytes.
        bytes: usize,
        /// The longest path in bytes.
        limit: usize,
    },
    /// A row that this version cannot read.
    #[error("row {row} cannot be read: {source}")]
    Row {
        /// Table and id.
        row: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FsError),
    /// Anything else that the backend says, such as a row that it does not take.
    #[error("the task store failed: {0}")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// The command to type next.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            StoreError::NotInitialised => "run `ai init`",
            StoreError::OutOfSight => {
                "your prompt has the task; what another holds is told when the run has ended"
            }
            StoreError::Vanished(_) | StoreError::Empty(_) | StoreError::Damaged { .. } => {
                "run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored"
            }
            StoreError::Foreign { .. } | StoreError::Row { .. } => "run `ai doctor`",
            StoreError::Migration { .. } => "upgrade `ai`, or use the build that made this store",
            StoreError::Older { .. } => "run `ai init`, which takes a backup and migrates it",
            StoreError::Newer { .. } => "upgrade `ai`; nothing was touched",
            StoreError::SetBack { .. } => {
                "`ai restore --dry-run` shows the backups, which may be newer; `ai restore --as-it-is` goes on with this store"
            }
            StoreError::Replaced => "run the command again",
            StoreError::Busy { .. } => {
                "run the command again; `ai doctor` shows who holds the store"
            }
            StoreError::Full => "free some space and run the command again",
            StoreError::ReadOnly => "reads work; to write, make the git directory writable",
            StoreError::PathTooLong { .. } => {
                "move the repository to a directory with a shorter path; nothing was touched"
            }
            StoreError::NetworkDisk { .. } => "move the repository to a local disk",
            StoreError::File(_) | StoreError::Backend(_) => "run `ai doctor`",
        })
    }
}
