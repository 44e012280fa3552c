//! Moving a file or a directory tree to where it may lie on another disk.
//!
//! What is moved is never half there: it is copied beside its new place first, and removed from the
//! old one when the copy has its name. Devices, pipes and sockets hold nothing that a copy could
//! have, so they end with the move.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::fs::error::{FsError, at};
use crate::base::fs::{make_writable, remove_dir_all, remove_file, symlink};

/// Moves a file, a link or a directory with everything in it; nothing may bear the new name yet.
pub fn relocate(from: &Path, to: &Path) -> Result<(), FsError> {
    match fs::rename(from, to) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => move_by_copy(from, to),
        other => at("move", from, other),
    }
}

fn move_by_copy(from: &Path, to: &Path) -> Result<(), FsError> {
    let draft = beside(to);
    let placed = copy(from, &draft).and_then(|()| at("move", from, fs::rename(&draft, to)));
    if let Err(error) = placed {
        // Half a copy would be in the way of the next try.
        let _removed = remove(&draft);
        return Err(error);
    }
    remove(from)
}

fn remove(from: &Path) -> Result<(), FsError> {
    if at("look at", from, fs::symlink_metadata(from))?.is_dir() {
        // Directories in it may be write-protected, as those of module caches are.
        make_writable(from)?;
        remove_dir_all(from)
    } else {
        remove_file(from)
    }
}

fn beside(to: &Path) -> PathBuf {
    let mut name: OsString = to.as_os_str().to_owned();
    name.push(".moving");
    PathBuf::from(name)
}

fn copy(from: &Path, to: &Path) -> Result<(), FsError> {
    let meta = at("look at", from, fs::symlink_metadata(from))?;
    if meta.is_symlink() {
        return symlink(&at("read", from, fs::read_link(from))?, to);
    }
    if meta.is_file() {
        return at("copy", from, fs::copy(from, to).map(drop));
    }
    if meta.is_dir() {
        at("make", to, fs::create_dir(to))?;
        for entry in at("list", from, fs::read_dir(from))? {
            let entry = at("list", from, entry)?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return at("copy", to, fs::set_permissions(to, meta.permissions()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What the two ways of moving have in common.
    fn moves(relocate: fn(&Path, &Path) -> Result<(), FsError>) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deep/er")).unwrap();
        fs::write(from.join("deep/er/tool"), "x").unwrap();
        fs::set_permissions(from.join("deep/er/tool"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("link")).unwrap();
        fs::set_permissions(from.join("deep"), fs::Permissions::from_mode(0o555)).unwrap();
        relocate(&from, &to).unwrap();
        assert!(!from.exists());
        assert_eq!(fs::read(to.join("deep/er/tool")).unwrap(), b"x");
        assert_eq!(
            fs::read_link(to.join("link")).unwrap(),
            Path::new("nowhere")
        );
        let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("deep"), mode("deep/er/tool")), (0o555, 0o755));
        make_writable(&to).unwrap();
    }

    #[test]
    fn a_tree_is_whole_wherever_it_goes() {
        moves(relocate);
        moves(move_by_copy);
    }

    #[test]
    fn half_a_copy_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("a"), "x").unwrap();
        // A directory with something in it cannot be replaced.
        fs::create_dir_all(to.join("full")).unwrap();
        assert!(move_by_copy(&from, &to).is_err());
        assert!(!beside(&to).exists() && from.join("a").exists());
        fs::remove_dir_all(&to).unwrap();
        move_by_copy(&from, &to).unwrap();
        assert!(to.join("a").exists() && !from.exists());
    }

    #[test]
    fn a_move_by_copy_that_fails_leaves_everything_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("no/such/to"));
        fs::write(&from, "x").unwrap();
        assert!(move_by_copy(&from, &to).is_err());
        assert_eq!(fs::read(&from).unwrap(), b"x");
    }
}
