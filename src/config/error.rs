//! The error of a configuration that cannot be used.

use crate::base::fs::FsError;
use crate::base::yaml::YamlProblems;

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error(transparent)]
    Read(#[from] FsError),
    /// The file was read and is not in order.
    #[error("{0}")]
    Content(#[source] YamlProblems),
}

impl ConfigError {
    /// The next step for the person who meets it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read(_) => "make the file readable, or remove it to work with the defaults",
            Self::Content(_) => "correct the file, or remove it to work with the defaults",
        }
    }
}
