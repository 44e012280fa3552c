//! The steps of a run, a file each, named as they are recorded.

pub mod agent;
pub mod checkout;
pub mod checks;
pub mod claim;
pub mod evidence;
pub mod leak;
pub mod prompt;
pub mod provision;
pub mod snapshot;
pub mod statement;
pub mod take_up;
pub mod verdict;
pub mod worktree;
