//! What scenes are made of.
//!
//! - [`Sandbox`]: a temporary directory with its own home and a cleared environment, a repository
//!   in it, and `ai` and `git` there. `Sandbox::project()` is the usual start: a repository with
//!   one commit, after `ai init`.
//! - [`Outcome`]: exit code, stdout and stderr of one command, whole. Compare the whole with
//!   [`snapshot!`](crate::snapshot), which replaces ids, tokens, times, hashes and temporary paths
//!   by stable words, or read `.json()` and `.lines()` of it.
//! - [`scene`]: projects with agents, policies and finished runs, by one builder. Look there before
//!   you write a `fn scene` of your own.
//! - [`runs`]: commands in the background, and looks at everything that a run may leave.
//! - [`Transcript`]: several commands with all that came of them, for one snapshot.
//! - [`markdown`] and [`story`]: the pages of this project, and replaying their commands.
//! - [`run_on_terminal`]: what a person sees. [`Typist`]: one who types, too, and waits for what stands on the screen.
//! - [`once`](once()): what all tests of a run share, made by the first that wants it.
//! - [`poll`]: waiting for something that no event announces. The only place where a test may
//!   sleep.
#![allow(
    dead_code,
    unused_imports,
    reason = "a shared toolbox: each module takes what it needs"
)]

pub mod clis;
mod cmd;
mod git;
pub mod markdown;
mod once;
pub mod poll;
pub mod runs;
mod sandbox;
pub mod scene;
pub mod story;
mod terminal;
mod tree;

pub use cmd::{Outcome, Transcript, heed_the_switch, mask, mask_also, run, run_with_input, sorted};
pub use once::{once, text_once};
pub use sandbox::Sandbox;
pub use terminal::{Typist, run_on_terminal};
pub use tree::{copy_tree, tree};
