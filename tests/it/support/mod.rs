//! What scenes are made of.
//!
//! - [`Sandbox`]: a temporary directory with its own home and a cleared environment, a repository
//!   in it, and `ai` and `git` there. `Sandbox::project()` is the usual start: a repository with
//!   one commit, after `ai init`.
//! - [`Outcome`]: exit code, stdout and stderr of one command, whole. Compare the whole with
//!   [`snapshot!`](crate::snapshot), which replaces ids, tokens, times, hashes and temporary paths
//!   by stable words, or read `.json()` and `.lines()` of it.
//! - [`markdown`] and [`story`]: the pages of this project, and replaying their commands.
//! - [`poll`]: waiting for something that no event announces. The only place where a test may
//!   sleep.
#![allow(
    dead_code,
    unused_imports,
    reason = "a shared toolbox: each module takes what it needs"
)]

mod cmd;
mod git;
pub mod markdown;
pub mod poll;
pub mod runs;
mod sandbox;
pub mod story;
mod tree;

pub use cmd::{Outcome, mask, run, run_with_input};
pub use sandbox::Sandbox;
pub use tree::tree;
