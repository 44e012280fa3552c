//! Finding the repository around a directory, in microseconds: no process, no library, no ambient
//! `GIT_*` variables.
//!
//! A linked worktree is believed only where its links agree in both directions, and a directory
//! that stands in the pool of a repository (see `outside`; `.ai/worktrees/…` in older ones) only
//! where it belongs to that repository: agents can write their own `.git` file, and a crafted one
//! must not lead `ai` to a foreign store. Reading never changes anything.

mod dotgit;
mod error;
mod locate;

pub use error::DiscoverError;
pub use locate::{RepoLocation, discover};

#[cfg(test)]
mod tests;
