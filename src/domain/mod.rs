//! The model: pure types and decisions. No clock, no I/O, no SQL, no async.

pub mod action;
pub mod actor;
pub mod decision;
pub mod trailer;
pub mod verdict;
