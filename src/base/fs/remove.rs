//! Removing files and directories; what is gone already is no error.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs;
use std::io;
use std::path::Path;

use crate::base::fs::error::{FsError, at};
use crate::base::fs::metadata::list_dir;

/// Removes a file; one that is already gone is no error.
pub fn remove_file(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("remove", path, other),
    }
}

/// Removes a directory tree that `ai` itself made; one that is already gone is no error.
pub fn remove_dir_all(path: &Path) -> Result<(), FsError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("remove", path, other),
    }
}

/// Removes a directory tree that `ai` itself made and others have filled: directories in it may be
/// write-protected, as those of module caches are. One that is already gone is no error.
pub fn remove_stubborn(path: &Path) -> Result<(), FsError> {
    if remove_dir_all(path).is_ok() {
        return Ok(());
    }
    make_writable(path)?;
    remove_dir_all(path)
}

/// Lets the user write in a directory and in all below it, where that is allowed.
pub fn make_writable(dir: &Path) -> Result<(), FsError> {
    use std::os::unix::fs::PermissionsExt;
    if !fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    // Where that is not allowed, the removal says so.
    let _set = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in list_dir(dir)? {
        if fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir()) {
            make_writable(&entry)?;
        }
    }
    Ok(())
}

/// Removes a directory that is empty; one that is not stays, which is an error.
pub fn remove_empty_dir(path: &Path) -> Result<(), FsError> {
    at("remove", path, fs::remove_dir(path))
}
