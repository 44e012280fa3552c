//! What changed outside of an agent's worktree while it worked.

pub mod home;
pub mod trespass;
