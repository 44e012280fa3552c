//! Everything that touches the machine: clock, ids, environment, files, hashing, terminal-safe text. Knows
//! nothing of tasks.

pub mod ansi;
pub mod clock;
pub mod columns;
pub mod descriptors;
pub mod duration;
pub mod env;
pub mod file_lock;
pub mod foot;
pub mod fs;
pub mod hash;
pub mod heap;
pub mod holders;
pub mod id;
pub mod json_path;
pub mod login;
pub mod meter;
pub mod onlooker;
pub mod path;
pub mod peer;
#[cfg(test)]
pub(crate) mod rules;
pub mod seed;
pub mod shown_time;
#[cfg(test)]
pub(crate) mod simulated;
pub mod socket;
pub mod suggest;
pub mod text;
pub mod time_zone;
pub mod version;
pub mod yaml;
