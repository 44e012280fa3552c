//! The error of every file operation: the action, the path and the reason of the system.

use std::io;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FsError {
    /// The operation: `read`, `write`, `create`, `remove`, `rename`, `list`.
    pub action: &'static str,
    /// The path.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// True where the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// True where there is no room: the disk is full, or the user's share of it.
    pub fn is_no_room(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// Adds the action and the path to an error of the system.
pub(super) fn at<T>(
    action: &'static str,
    path: &Path,
    result: io::Result<T>,
) -> Result<T, FsError> {
    result.map_err(|source| FsError {
        action,
        path: path.to_owned(),
        source,
    })
}
