//! How to drive one external AI CLI: describe it, build its command line, understand its stream. Pure: nothing is started here.
//!
//! A connector is a manifest (YAML, shipped or in `.ai/connectors/`) plus a parser for its output format. A new CLI whose output
//! is known needs only a manifest; a new output format needs one more parser.

pub mod agent_file;
pub mod api;
mod by_manifest;
mod claude;
mod claude_outcome;
mod clip;
mod command;
pub mod launch;
pub mod manifest;
pub mod registry;
mod signs;
mod text;
pub mod yaml_out;
