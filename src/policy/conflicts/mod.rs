//! What the rules of a policy do to one another: where two of them meet with different effects, which never
//! decide anything, and which actions have one answer whatever is asked.
//!
//! A finding about rules that meet carries a question, which was asked before the finding is told. Conditions
//! are not solved: rules with one *may* meet. Where nothing is found, that proves nothing; what is found holds.
//!
//! Deliberately absent: facts, limits and approvals.

mod constant;
mod example;
mod find;
mod names;

pub use example::ExampleQuestion;
pub use find::{ConflictKind, FoundConflict, RuleName, conflicts};

#[cfg(test)]
mod tests;
