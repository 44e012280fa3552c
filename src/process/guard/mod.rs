//! No orphans: what ends a child's whole process tree, even when `ai` itself is killed.
//!
//! Three nets, each for what slips through the one before:
//!
//! 1. [`keeper`]: between `ai` and the command stands a small process of its own session, a child
//!    subreaper, so that nothing below it can get away by double fork or `setsid`. It ends the tree
//!    when the command ends, when `ai` asks, and when the line to `ai` breaks, which it does
//!    however `ai` dies.
//! 2. [`orphans`]: `ai` is a subreaper too. If the keeper alone is killed, its tree falls to `ai`,
//!    which ends it.
//! 3. [`leftovers`]: if both were killed, the next `ai` finds the processes by their run's mark in
//!    the environment.
//!
//! A process that is out of reach of all three has to clear its environment, leave its session, and
//! outlive the killing of both `ai` and the keeper.

mod client;
mod events;
mod fence;
mod keeper;

mod leftovers;
mod orphans;
mod protocol;

pub(in crate::process) use client::{Keeper, program};
pub(in crate::process) use fence::LeaseFence;
pub use keeper::main;
pub use leftovers::{StrayProcess, kill_leftovers, kill_strays, processes_within, strays};
pub(in crate::process) use orphans::{end_orphans, reap_orphans};
pub use protocol::ARGUMENT;
pub(in crate::process) use protocol::{KeeperConfinement, KeeperLaunch, KeeperReport, StopCause};
