//! No orphans: what ends a child's whole process tree, even when `ai` itself is killed.
//!
//! Nets, each for what slips through the one before:
//!
//! 1. [`keeper`]: between `ai` and the command stands a small process of its own session, a child
//!    subreaper, so that nothing below it can get away by double fork or `setsid`. It ends the tree
//!    when the command ends, when `ai` asks, and when the line to `ai` breaks, which it does
//!    however `ai` dies.
//! 2. [`outer`]: the commands of a run have two keepers, one below the other, and where it can be
//!    had a pid namespace of their own, with whose first process the kernel ends all of them.
//! 3. [`tie`]: the command itself dies with its keeper.
//! 4. [`orphans`]: `ai` is a subreaper too. If the keeper alone is killed, its tree falls to `ai`,
//!    which ends it.
//! 5. [`leftovers`]: if all of them were killed, the next `ai` finds the processes by their run's mark in
//!    the environment.
//!
//! Where a cgroup can be made, the keeper goes into it first of all ([`entrance`]), so that everything below can be
//! ended in one stroke.
//!
//! A process that is out of reach of all of them has to clear its environment, leave its session, and
//! outlive the killing of `ai` and both keepers, on a machine where no pid namespace can be made.

mod apart;
mod client;
mod covers;
mod entrance;
mod events;
mod fence;
mod housekeeping;
mod keeper;

mod leftovers;
mod orphans;
mod outer;
mod protocol;
mod tie;

pub(in crate::process) use client::{Keeper, program};
pub(in crate::process) use fence::LeaseFence;
pub use keeper::main;
pub use leftovers::{ProcessLook, StrayProcess, kill_leftovers, kill_strays};
pub(in crate::process) use orphans::{end_orphans, reap_orphans};
pub use protocol::KeeperWord;
pub(in crate::process) use protocol::{
    KeeperConfinement, KeeperLaunch, KeeperPair, KeeperReport, StopCause,
};
