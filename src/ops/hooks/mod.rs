//! Hooks of Git: what is asked there, and the files by which Git asks.

mod doors;
mod in_the_way;
mod install;
mod layout;
mod place;
mod remove;
mod standing;

pub mod bypass;
pub mod commit;
pub mod message;
pub mod push;
pub mod range;
pub mod receive;
pub mod references;

pub use doors::begin;
pub use in_the_way::HooksInTheWay;
pub use install::{DryRun, HookChange, HookOrder, HookPlan, install};
pub use layout::{hooks_path, of_others_at_commits, refused_here};
pub use place::{is_of_run, is_worktree_of};
pub use remove::{RemovedHooks, ours, remove};
pub use standing::{HookStanding, HookState, standings, standings_under};
