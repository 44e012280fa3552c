//! The model: pure types and decisions. No clock, no I/O, no SQL, no async.

pub mod acceptance;
pub mod action;
pub mod actor;
pub mod aftermath;
pub mod agent;
pub mod agent_change;
pub mod agent_event;
pub mod backoff;
pub mod budget;
pub mod check;
pub mod claiming;
pub mod cycle;
pub mod decision;
pub mod error_class;
pub mod event;
pub mod evidence;
pub mod fold;
pub mod free_text;
pub mod guarded_path;
pub mod history;
pub mod ids;
pub mod imported;
pub mod lease;
pub mod money;
pub mod path_lock;
pub mod path_pattern;
pub mod process_end;
pub mod pruning;
pub mod repo_path;
pub mod restoring;
pub mod resume;
pub mod routing;
pub mod run;
pub mod sandbox;
pub mod stall;
pub mod task;
pub mod task_rules;
pub mod task_text;
pub mod time;
pub mod tool_kind;
pub mod trailer;
pub mod trusted_set;
pub mod uninstalling;
pub mod verdict;

#[cfg(test)]
mod small_tables;
