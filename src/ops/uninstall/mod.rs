//! `ai uninstall`: gives a repository back as it was.
//!
//! Two promises meet here: every byte is given back, and no work is lost. So nothing is removed
//! that a person made or changed: files that differ from what `ai init` wrote, or that are
//! committed, stay and are named. Work in a worktree that stands nowhere else is put on a rescue
//! ref first, and the command stops there once, so that somebody hears of it. Branches and refs
//! stay unless a bundle of them was written. A store in which tasks were kept goes only after a
//! copy was made where the user named a place, or by the user's explicit word that it may be
//! discarded; no message of `ai` suggests that word.

mod carry_out;
mod plan;
pub mod refs;
mod slots;

pub use carry_out::{Farewell, Keep, WAYS, carry_out};
pub use plan::{KeptItem, UninstallPlan, plan};
