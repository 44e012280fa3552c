//! The project's configuration, `.ai/config.yaml`: modules, checks, defaults, locks, runs, accept.
//!
//! Everything has a default; no file means all defaults. A file that cannot be read or understood is an error, never the
//! defaults. What it holds that would run code is inert until the user trusts it: see [`Config::code_digest`].

mod detect;
mod load;
mod model;
mod origin;
mod template;

pub use detect::{DetectedCheck, detect};
pub use load::{ConfigError, FILE, load, parse};
pub use model::{
    Accept, AcceptMode, Check, CheckParser, CommandLine, Config, Defaults, Isolation, LockCase, Locks, Notify, Runs,
};
pub use origin::{Entry, Origin, entries};
pub use template::default_text;
