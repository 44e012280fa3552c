//! Runs: claim, worktree, agent, snapshot, checks, evidence, verdict.
//!
//! Each step is recorded before it is begun, and its effect is named by task and epoch, so that a
//! crash at any point is found and either taken up or undone by the next command (`recovery`),
//! never guessed. What proves anything is measured here, on objects that `ai` itself wrote; an
//! agent's exit code and words prove nothing.
//!
//! The rooms are layers, and `tests/tidy/layers.rs` holds their table: what a step needs stands
//! below it, and only `drive` knows the order of the steps.

pub mod agent;
pub mod batch;
pub mod checks;
pub mod choose;
pub mod drive;
pub mod files;
pub mod model;
pub mod origin;
pub mod recovery;
pub mod sandbox;
pub mod step;
pub mod watch;
