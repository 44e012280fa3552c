//! Bringing a judged commit into a branch.
//!
//! Two steps. [`prepare()`] computes the resulting commit from objects alone, so that it can be
//! judged; nothing is named or touched. [`land()`] moves the branch by compare-and-swap to exactly
//! that commit. Where the branch is checked out, its files are brought along: the reference is
//! locked, then index and files go from old to new, then the reference moves. A crash before the
//! last step leaves the old commit with the new state staged, which a repeated [`land()`]
//! completes; files that differ from the old commit are never overwritten, and untracked or ignored
//! ones never replaced. Locks that a killed one has left are told by what stands in them, or
//! by when they were made, and taken away by the next. From the first file to the reference it all
//! happens within [`Lander::unopposed`], so that the caller can hold whatever must not change meanwhile.

mod checkout;
mod contained;
mod error;
mod index_lock;
mod land;
mod obstacles;
mod prepare;
mod reverse;

pub use contained::{Containment, containment};
pub use error::MergeError;
pub use index_lock::{IndexHolder, Lander, Move, index_holder};
pub use land::{LandedMerge, land, look_ahead};
pub use prepare::{
    ACCEPT_LOG, MergeMode, MergePlan, MergeProposal, PreparedMerge, prepare, prepare_on,
};
pub use reverse::{Reversal, UNDO_LOG, reverse};

#[cfg(test)]
mod tests;
