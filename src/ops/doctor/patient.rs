//! The project that is examined, and how thoroughly.

use std::path::Path;

use crate::domain::time::Now;
use crate::git::RepoLocation;

/// The thoroughness with which the log is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The newest record of the log.
    Quick,
    /// Every record, and that the tables are what they say.
    Deep,
}

/// The project under examination.
pub struct Patient<'a> {
    /// The repository.
    pub place: &'a RepoLocation,
    /// The checkout whose `.ai/` counts; `None` in a bare repository.
    pub root: Option<&'a Path>,
    /// Both clocks.
    pub now: Now,
    /// The thoroughness.
    pub depth: Depth,
}
