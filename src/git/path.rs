//! Paths in Git's own one-line files.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A path read from a one-line file of Git, without its line end.
pub(super) fn path_of_line(bytes: &[u8]) -> PathBuf {
    let end = bytes
        .iter()
        .rposition(|b| !matches!(b, b'\n' | b'\r'))
        .map_or(0, |at| at + 1);
    PathBuf::from(std::ffi::OsString::from_vec(bytes[..end].to_vec()))
}
