//! Everything that `ai` does with Git.
//!
//! Reading order: [`mod@discover`] finds the repository, [`cmd`] runs `git`, [`repo`] reads objects
//! and swaps references, `shadow` keeps our own git directory through which agents' trees are
//! looked at, `snapshot` and `rescue` turn such a tree into commits, `worktree` pools linked
//! worktrees, `diff` and `merge` judge and land the result.
//!
//! Invariant of the whole layer: nothing that a repository or an agent's tree planted is ever run.

pub mod busy;
pub mod bystander;
pub mod cmd;
pub mod diff;
pub mod discover;
pub mod error;
pub mod format;
pub mod history;
pub mod locks;
pub mod merge;
pub mod message_settings;
pub mod moved_refs;
mod moved_stash;
pub mod oid;
pub mod outside;
pub mod path;
pub mod person;
pub mod preflight;
pub mod quarantine;
pub mod ref_trace;
pub mod repo;
pub mod scratch;
pub mod shadow;
pub mod sharing;
pub mod snapshot;
#[cfg(test)]
pub(crate) mod testing;
pub mod worktree;

pub use cmd::Git;
pub use discover::RepoLocation;
pub use error::GitError;
pub use oid::{ObjectFormat, Oid};
pub use outside::{OutsideDir, WorktreeOwner};
pub use repo::{CommitIdentity, ExpectedRef, Head, Repo};
