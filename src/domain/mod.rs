//! The model: pure types and decisions. No clock, no I/O, no SQL, no async.

pub mod agent;
pub mod agent_event;
pub mod check;
pub mod process_end;
