//! The model: pure types and decisions. No clock, no I/O, no SQL, no async.

pub mod path_lock;
pub mod path_pattern;
