//! A second name for what stands somewhere, and programs that are replaced as a whole.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::base::fs::error::{FsError, at};
use crate::base::fs::metadata::FileId;

/// Replaces `path` by a program, so that whoever starts it finds the old or the new one. It is written
/// under the name `draft` in the same directory first; `between` is called when it stands there whole.
pub fn write_program<E: From<FsError>>(
    path: &Path,
    (draft, bytes): (&Path, &[u8]),
    between: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let mut options = fs::OpenOptions::new();
    let options = options.create(true).truncate(true).write(true);
    let mut file = at("write", draft, options.open(draft))?;
    at("write", draft, file.write_all(bytes))?;
    let mode = fs::Permissions::from_mode(0o755);
    at("write", draft, file.set_permissions(mode))?;
    at("write", draft, file.sync_all())?;
    between()?;
    Ok(at("write", path, fs::rename(draft, path))?)
}

/// Gives a file or a link a second name, under which it keeps its bytes, its rights and its times. Where
/// the file system knows no second names, it is copied.
pub fn name_also(path: &Path, name: &Path) -> Result<(), FsError> {
    match fs::hard_link(path, name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => copy_as_it_is(path, name),
        other => at("rename", path, other),
    }
}

fn copy_as_it_is(path: &Path, name: &Path) -> Result<(), FsError> {
    if let Ok(target) = fs::read_link(path) {
        return at("copy", path, std::os::unix::fs::symlink(target, name));
    }
    at("copy", path, fs::copy(path, name).map(drop))
}

/// Tells whether two names stand for one file; a link stands for itself.
pub fn same_file(one: &Path, other: &Path) -> bool {
    let id = |path: &Path| {
        let meta = fs::symlink_metadata(path).ok()?;
        Some(FileId(meta.dev(), meta.ino()))
    };
    id(one).is_some_and(|found| id(other) == Some(found))
}

/// True where something stands at a path that can be started.
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
}
