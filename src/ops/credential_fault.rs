//! Faults of credentials: why the secret that a connector needs cannot be had. No error holds a
//! part of a secret, nor the words of a parser that would quote one.

use std::io;
use std::path::PathBuf;

use crate::base::fs::FsError;
use crate::process::redact::Secret;

/// A credential that cannot be had. The error never holds a part of a secret.
#[derive(Debug, thiserror::Error)]
#[error("credential `{id}`: {why}")]
pub struct CredentialError {
    /// The name of the credential.
    pub id: String,
    /// The reason.
    #[source]
    pub why: CredentialFault,
}

/// The fault of a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// The variable that holds it is not set, or is empty.
    #[error("the variable {0} is not set")]
    NotSet(String),
    /// The file holds nothing, or nothing at the key.
    #[error("{0} holds nothing there")]
    Nothing(String),
    /// Too short to be found again in a log.
    #[error(
        "it is shorter than {} bytes and could not be kept out of the logs",
        Secret::SHORTEST
    )]
    Short,
    /// A variable cannot hold it.
    #[error("it has more than one line")]
    ManyLines,
    /// The path begins with `~/`, and nobody knows where that is.
    #[error("HOME is not set, so {0} leads nowhere")]
    NoHome(String),
    /// The file cannot be looked at.
    #[error("{}: {source}", path.display())]
    OutOfSight {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory, a pipe or the like.
    #[error("{} is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// The group or others may read it.
    #[error("others may read {shown} (mode {mode:04o}); say `chmod 600 {shown}`", shown = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The permissions.
        mode: u32,
    },
    /// The file's owner is somebody else.
    #[error("{} belongs to somebody else", .0.display())]
    NotOurs(PathBuf),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] FsError),
    /// The file has no such key, or no text there.
    #[error("{} has no text at `{key}`", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}
