//! The integration tests: the real `ai`, in real repositories, as people and agents use it. One
//! binary, one module a topic.
//!
//! A new module is one file and one `mod` line here. What a test needs to set a scene up is in
//! [`support`]; read its header first.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests set up real files and processes, and a scene that cannot be set up must fail loudly"
)]

mod support;

mod accept;
mod acp;
mod adopt;
mod agent_doctor;
mod agent_imports;
mod agents;
mod approvals;
mod archive;
mod backup;
mod base_failures;
mod bypasses;
mod check;
mod cli_text;
mod connector_manifest;
mod contention;
mod credentials;
mod daemon;
mod daemon_install;
mod daemon_lands;
mod daemon_socket;
mod daemon_trouble;
mod demo;
mod digest;
mod docs;
mod doctor;
mod ecosystems;
mod egress;
mod eligible;
mod exit_codes;
mod gc;
mod guard;
mod guard_install;
mod guards;
mod held_paths;
mod hooks;
mod hooks_install;
mod hooks_server;
mod hostile;
mod in_place;
mod in_run;
mod init;
mod land;
mod land_look;
mod leases;
mod locks;
mod logs;
mod mcp;
mod mcp_install;
mod messages;
mod modes;
mod needs_you;
mod nobody;
mod notices;
mod notices_webhook;
mod outside;
mod overrides;
mod person_done;
mod places;
mod places_python;
mod plurals;
mod policy;
mod policy_actions;
mod policy_layers;
mod policy_past;
mod policy_tools;
mod quick_start;
mod ready;
mod recurring;
mod repeated;
mod repositories;
#[cfg(feature = "test-fakes")]
mod resources;
mod routing;
mod run_basic;
mod run_budgets;
mod run_costs;
mod run_failpoints;
mod run_full_disk;
mod run_kills;
mod run_left;
mod run_nasty;
mod run_recover;
mod run_resume;
mod run_supervised;
mod sandbox;
mod schedule;
mod schemas;
mod shared_repository;
mod store;
mod tampered;
mod target;
mod task_files;
mod task_parts;
mod terminal;
#[cfg(feature = "test-fakes")]
mod torture;
mod trespass;
mod typed_secret;
mod undo;
mod uninstall;
mod watch;
mod watch_keys;
mod who_acts;
mod words;
mod worktree;
