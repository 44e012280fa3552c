//! The pool of linked worktrees under one directory, one slot for one agent at a time.
//!
//! Creating files costs far more than anything else at the start of a task, so slots are kept and
//! reset instead of removed. Invariants: no slot is reset or removed without a [`ClearedSlot`], which
//! only a rescue that left nothing behind gives out; checkouts of one repository never overlap; a
//! slot that an agent has touched is never the working directory of a `git` that discovers
//! anything. Worktrees are locked, so `git worktree prune` of a person leaves them alone.
//! Submodules stay uninitialised; a sparse cone of the main checkout is inherited; bare
//! repositories and unborn branches work.

mod admin;
mod aside;
mod create;
mod error;
mod foreign;
mod lock;
mod pool;
mod remove;
mod rescue;
mod reuse;
mod slot;
mod state;

pub use admin::{ours, registered};
pub use aside::move_aside;
pub use error::WorktreeError;
pub use foreign::{ForeignWorktree, UnfitWorktree};
pub use lock::{DiskLocks, remove_idle};
pub use pool::{PoolLimits, SlotStart, WorktreePool};
#[cfg(test)]
pub use rescue::SLOT_LIMITS;
pub use rescue::{
    ClearedSlot, KnownRescue, RESCUE_LIMITS, Rescue, RescueAs, RescueResult, save_tree,
};
pub use reuse::FreshSlot;
pub use slot::{Slot, SlotState};
pub use state::SlotInfo;

#[cfg(test)]
mod aside_tests;
#[cfg(test)]
mod tests;
