//! The project's configuration, `.ai/config.yaml`: modules, checks, defaults, locks, runs, accept.
//!
//! Everything has a default; no file means all defaults. A file that cannot be read or understood
//! is an error, never the defaults. What it holds that would run code is inert until the user
//! trusts it: see [`Config::code_digest`].

pub mod credentials;
mod detect;
mod load;
mod load_routing;
mod model;
mod origin;
mod template;
mod trees;

pub use detect::{detect, detect_setup};
pub use load::{ConfigError, FILE, load};
pub use model::{Accept, AcceptMode, CacheMode, Check, CheckParser, CommandLine, Config, LockCase};
pub use origin::{Entry, Origin, entries};
pub use template::default_text;
pub use trees::{Trees, dir as trees_dir};
