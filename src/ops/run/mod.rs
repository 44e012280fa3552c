//! Runs: claim, worktree, agent, snapshot, checks, evidence, verdict.
//!
//! Each step is recorded before it is begun, and its effect is named by task and epoch, so that a
//! crash at any point is found and either taken up or undone by the next command (`recover`), never
//! guessed. What proves anything is measured here, on objects that `ai` itself wrote; an agent's
//! exit code and words prove nothing.

mod adopt;
mod agent;
pub mod all;
mod check_environment;
pub mod check_place;
mod check_process;
mod check_scene;
mod checks;
mod choose;
mod drive;
mod evidence;
pub mod failpoint;
pub mod fence;
mod finish;
mod foreign_sources;
mod gate;
mod hand_in;
mod heartbeat;
mod held;
mod homes;
pub mod in_place;
mod judge;
mod ledger;
mod listen;
pub mod origin;
mod place;
mod ports;
mod project_files;
mod prompt;
mod provision;
mod python_search;
mod python_sources;
pub mod recover;
mod resume;
mod signals;
mod start;
mod statement;
pub mod stop;
pub mod stopped;
mod tools;
mod trespass;
mod trespass_home;
mod trial;
mod work;
pub mod world;

pub use check_place::{CheckPlace, Judged};
pub use checks::{CheckPlan, result_text, run_checks};
pub use choose::explain;
pub use drive::{Report, run};
pub use evidence::{Filed, file_evidence};
pub use hand_in::hand_in;
pub use judge::{blacken, policy_verdict, verification};
pub use place::{identity, rescue_slot};
pub use signals::Signals;
pub use trial::trial;
pub use world::{World, environment};
