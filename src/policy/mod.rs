//! The policy: what is allowed to whom on what, answered by one pure function for every door.
//!
//! Invariants: the strictest matching effect wins; the order of rules in a file never matters; a
//! policy that cannot be read denies and says so; an example that does not behave makes the policy
//! unreadable; nothing here reads a clock or a file.
//!
//! Deliberately absent for now: the global and the agent layer (their places exist) and `extends:`, which is refused by
//! name rather than ignored.

mod asked;
mod builtin;
mod condition;
mod engine;
mod examples;
mod file_schema;
#[cfg(test)]
mod hostile_tests;
mod limits;
mod load;
mod model;
mod name_globs;
mod needs;
mod outside;
mod packs;
mod path_globs;
mod pattern_list;
mod replay;
mod rule;
mod show;

pub use asked::Request;
pub use engine::{DEFAULT_RULE, UNREADABLE_RULE, decide};
pub use file_schema::PolicyFile;
pub use limits::PolicyLimits;
pub use load::{FILE, validate};
pub use model::PolicyState;
pub use outside::OUTSIDE_RULE;
pub use packs::{PACKS, Pack, pack};
pub use path_globs::check_path_pattern;
pub use replay::{UnmetCondition, unmet_conditions};
pub use rule::is_one_of;
pub use show::{Shown, show};
