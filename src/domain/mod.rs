//! The model: pure types and decisions. No clock, no I/O, no SQL, no async.

pub mod action;
pub mod actor;
pub mod agent;
pub mod agent_event;
pub mod backoff;
pub mod budget;
pub mod check;
pub mod cycle;
pub mod decision;
pub mod event;
pub mod evidence;
pub mod fold;
pub mod history;
pub mod ids;
pub mod lease;
pub mod money;
pub mod path_lock;
pub mod path_pattern;
pub mod process_end;
pub mod routing;
pub mod run;
pub mod sandbox;
pub mod task;
pub mod time;
pub mod trailer;
pub mod verdict;
