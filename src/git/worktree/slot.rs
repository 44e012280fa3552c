//! One worktree of the pool, and the states in which it can be.

use std::path::PathBuf;

/// A worktree that is there and ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The directory name in the pool.
    pub name: String,
    /// The worktree.
    pub path: PathBuf,
    /// The git directory, `<common>/worktrees/<id>`; an agent may write in it.
    pub admin: PathBuf,
}

/// The state of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotState {
    /// There, registered, its links agree.
    Ready,
    /// Registered, but the directory is gone.
    Missing,
    /// Registered elsewhere: the directory was moved here by hand.
    Moved {
        /// Path at which Git believes it to be.
        registered: PathBuf,
    },
    /// A directory that Git does not know.
    Unregistered,
    /// A file stands in the place of the directory.
    ReplacedByFile,
    /// A symbolic link stands in the place of the directory.
    ReplacedByLink,
    /// The slot's `.git` or `commondir` leads elsewhere. A reuse puts that right.
    Redirected,
    /// The slot's `.git` is a repository of its own, which may hold commits.
    OwnRepository,
}

impl std::fmt::Display for SlotState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready => f.write_str("a worktree in use"),
            Self::Missing => f.write_str("registered, but its directory is gone"),
            Self::Moved { registered } => {
                write!(f, "moved here by hand from {}", registered.display())
            }
            Self::Unregistered => f.write_str("a directory that Git does not know as a worktree"),
            Self::ReplacedByFile => f.write_str("replaced by a file"),
            Self::ReplacedByLink => f.write_str("replaced by a symbolic link"),
            Self::Redirected => {
                f.write_str("redirected: its .git does not lead back to this repository")
            }
            Self::OwnRepository => f.write_str("a repository of its own now"),
        }
    }
}
