//! Use cases, one a file: load, decide, ask policy, write and record, in one transaction. No
//! terminal, no clock, no file of the user's: what a use case needs of the world stands in
//! [`cx::Cx`] or is handed to it.

pub mod accept;
pub mod accepted_run;
pub mod agent_doctor;
pub mod agent_log;
pub mod agents;
pub mod approve;
pub mod ask;
pub mod backup;
pub mod budget;
pub mod check;
pub mod claim;
pub mod cli_setup;
pub mod create;
pub mod credential_fault;
pub mod credentials;
pub mod cx;
pub mod detect;
pub mod doctor;
pub mod edit;
pub mod entries;
mod entry_index;
pub mod error;
pub mod evidence;
pub mod export;
pub mod failpoint;
pub mod findings;
pub mod finish;
mod fit;
pub mod fitness;
pub mod gates;
pub mod guard;
pub mod hatch;
pub mod health;
pub mod held_paths;
pub mod hindrance;
pub mod hooks;
pub mod hosts;
pub mod import;
pub mod init;
mod judgement;
pub(crate) mod landing;
pub mod lease;
pub mod lock;
pub mod log;
pub mod mask_key;
pub mod masked;
pub mod messages;
pub mod moves;
pub mod mutant;
pub mod needs_you;
pub mod overridden;
pub mod overrides;
pub mod patterns;
pub mod places;
pub mod policy_export;
pub mod policy_files;
pub mod project;
pub mod prove;
pub mod ready;
pub mod refusal;
pub mod refusal_words;
pub mod reject;
pub mod replay;
pub mod restore;
pub mod review;
mod reviewed_work;
pub mod route;
pub mod run;
pub mod scrub;
pub mod signals;
pub mod standing;
pub mod standing_policy;
pub mod testimony;
pub mod tokens;
pub mod trust;
pub mod tryout;
pub mod undo;
pub mod uninstall;
pub mod unready;
mod unsigned;
pub mod version_memory;
pub mod whereabouts;
pub mod why;
pub mod why_agent;
pub mod worktree;
pub mod world;

#[cfg(test)]
mod claim_tests;
#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod story_tests;
#[cfg(test)]
pub(crate) mod testing;
