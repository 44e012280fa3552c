//! The project's configuration, `.ai/config.yaml`: modules, checks, defaults, locks, runs, accept.
//!
//! Everything has a default; no file means all defaults. A file that cannot be read or understood
//! is an error, never the defaults. What it holds that would run code is inert until the user
//! trusts it: see [`Config::code_digest`].

mod check_section;
mod checked_text;
pub mod credentials;
mod detect;
mod entries;
mod error;
mod load;
mod model;
mod notices_section;
mod origin;
mod reader;
pub mod resource_fields;
mod routing_sections;
mod scheduler_section;
mod sections;
mod template;
mod trees;

pub use detect::{CheckFamily, DetectedCheck, detect, detect_caches, detect_setup};
pub use entries::{ConfigEntry, entries};
pub use error::ConfigError;
pub use load::{FILE, load, read};
pub use model::{Accept, AcceptMode, Budgets, CacheMode, Check, CommandLine, Config, LockCase};
pub use origin::ValueOrigin;
pub use template::{CheckStanding, StartConfig};
pub use trees::{Trees, dir as trees_dir};
