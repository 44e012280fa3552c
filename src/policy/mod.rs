//! The policy: what is allowed to whom on what, answered by one pure function for every door.
//!
//! Invariants: the strictest matching effect wins; the order of rules and files never matters; a lower
//! layer tightens, and loosens only where a rule above says that it may; a policy that cannot be read
//! denies and says so; an example that does not behave makes the policy unreadable; nothing here reads
//! a clock or a file.
//!
//! Deliberately absent: how files are found, and time.

mod asked;
mod bounds;
mod bounds_file;
mod builtin;
mod committed;
mod condition;
mod conflicts;
mod engine;
mod examples;
mod file_schema;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod gather;
mod guards;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod layer_tests;
mod limits;
mod load;
mod message_shape;
mod model;
mod name_globs;
mod needs;
mod outside;
mod overrides;
mod packs;
mod path_globs;
mod pattern_list;
mod replay;
mod rule;
mod show;
mod source;
mod test_file;
mod test_schema;

pub use asked::Request;
pub use conflicts::{ConflictKind, ExampleQuestion, FoundConflict, RuleName, conflicts};
pub use engine::{DEFAULT_RULE, UNREADABLE_RULE, decide};
pub use examples::{TriedExample, examples_of};
pub use file_schema::PolicyFile;
pub use gather::{BadFile, layer_problems};
pub use limits::PolicyLimits;
pub use load::FILE;
pub use model::{PolicyPart, PolicyState, agent_of};
pub use outside::OUTSIDE_RULE;
pub use overrides::{NotOverridable, ShownOverride, is_of_ai, may_override, soften};
pub use packs::{PACKS, Pack, pack};
pub use path_globs::check_path_pattern;
pub use replay::{HeldRule, NotReplayable, Replay, replay, replay_with_rules};
pub use rule::is_one_of;
pub use show::{Shown, ShownBounds, ShownRule, show};
pub use source::{LAYER_FILE, PolicySource};
pub use test_file::{PolicyTest, TEST_FILE, tests_of};
pub use test_schema::PolicyTestFile;
