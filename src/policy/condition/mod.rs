//! Conditions of rules (`when:`): expressions in CEL over what `ai` knows of a question.
//!
//! [`syntax`] reads a text, [`types`] checks it against the [`schema`] of facts and makes a program of it, and
//! [`eval`] runs that within bounds of steps and sizes. Invariants: what cannot be typed never becomes a
//! program; a program that fails says so and is never taken for true or false; the same question has
//! the same answer on every machine, since no clock bounds it but a count of steps.
//!
//! Deliberately absent: what `ai` has no facts for (numbers with a fraction, bytes, maps, times),
//! and functions of one's own.

mod budget;
mod eval;
mod failure;
mod program;
mod rule_condition;
mod schema;
mod syntax;
mod types;
mod value;

pub(super) use budget::StepBudget;
pub(super) use failure::ConditionFailure;
pub(super) use rule_condition::{Condition, condition_of};
pub(super) use schema::{asked_for_content, asks_for_messages};
