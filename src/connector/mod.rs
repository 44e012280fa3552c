//! Drives external AI CLIs: describes each, builds its command line, understands its stream.
//! Pure: nothing is started here.
//!
//! A connector is a manifest (YAML, shipped or in `.ai/connectors/`) plus a parser for its output
//! format. A new CLI whose output is known needs only a manifest; a new output format needs one
//! more parser.

mod acp;
pub mod agent_file;
pub mod announced;
pub mod api;
mod by_manifest;
mod claude;
mod claude_usage;
pub mod cli_places;
pub mod cli_settings;
pub mod cli_switches;
mod cline;
mod clip;
mod codex;
mod command;
mod copilot;
pub mod dialogue;
pub mod error;
mod gemini;
pub mod guides;
pub mod home_settings;
mod json;
pub mod json_text;
mod judge;
pub mod launch;
pub mod manifest;
mod manifest_check;
pub mod manifest_given;
mod opencode;
mod pi;
pub mod placeholders;
pub mod registry;
mod service_words;
mod signs;
mod stream;
#[cfg(test)]
mod stream_tests;
mod text;
mod toml_text;
mod tool_input;
pub mod version;
pub mod yaml_out;
