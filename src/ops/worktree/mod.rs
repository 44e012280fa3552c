//! The pool of worktrees as people see it: what is there, where a task's work stands, saving it,
//! and giving the room back.
//!
//! Invariants: a look writes nothing; a rescue changes nothing in the worktree; a removal takes
//! only what was proven to stand elsewhere, leaves a way back, and takes nothing where a look
//! failed.

mod adopt;
mod adoption;
mod find;
mod hand_in;
mod list;
mod prune;
mod prune_item;
mod prune_reason;
pub(in crate::ops) mod pruned;
mod rescue;

pub use crate::domain::pruning::Ages;
pub use adopt::{AdoptableWorktree, Adopted, Wanted, adopt, look, place};
pub use adoption::{Adoption, key as adopted_key, of_epoch};
pub use find::{FoundWorktree, find};
pub use hand_in::hand_in;
pub use list::{ListedWorktree, list};
pub use prune::{PrunePlan, carry_out, plan};
pub use prune_item::{Item, Kind};
pub use prune_reason::PruneReason;
pub use rescue::{Saved, rescue};
