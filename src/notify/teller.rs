//! What sinks need of the machine.

use std::ffi::OsString;
use std::path::PathBuf;

/// Everything that a sink needs of the machine.
#[derive(Debug, Clone)]
pub struct Teller {
    /// The checkout, in which programs are started.
    pub root: PathBuf,
    /// The directory of `ai`'s own files about notices.
    pub dir: PathBuf,
    /// The home of whoever acts.
    pub home: Option<PathBuf>,
    /// The environment of programs, and of secrets.
    pub env: Vec<(OsString, OsString)>,
    /// Addresses and secrets, which no word about a failure may hold.
    pub hidden: Vec<String>,
    /// The tries of a host that does not answer.
    pub tries: TryWish,
}

/// The tries that a failure which may pass is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryWish {
    /// One: somebody waits for the answer.
    Once,
    /// As many as the sink says.
    Several,
}
