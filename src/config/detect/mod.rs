//! Guesses the checks of a repository from the files at its root, for `ai init` to propose and to
//! try. A guess reads little and runs nothing; a file that cannot be read proposes nothing.

mod environment;
mod found;
mod look;
mod native;
mod node;
mod python;

pub use found::{CheckFamily, DetectedCheck};
pub use look::{detect, detect_caches, detect_setup};
