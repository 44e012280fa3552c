//! The rights that an owner has taken from itself, lent for as long as something is done.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The right to read.
pub(super) const READ: u32 = 0o400;
/// The rights to change what a directory holds.
pub(super) const WRITE_IN: u32 = 0o300;
/// All rights of the owner.
pub(super) const ALL: u32 = 0o700;

/// Rights of the owner that a file or directory has for now.
#[must_use]
pub(super) struct LentRights {
    before: Permissions,
}

impl LentRights {
    /// Gives the owner of `path` the rights `bits`; nothing where it has them, is a link, or where that
    /// is not allowed, which then shows by what fails.
    pub fn lend(path: &Path, bits: u32) -> Option<LentRights> {
        let meta = fs::symlink_metadata(path).ok()?;
        let before = meta.permissions();
        if meta.is_symlink() || before.mode() & bits == bits {
            return None;
        }
        let more = Permissions::from_mode(before.mode() | bits);
        fs::set_permissions(path, more).ok()?;
        Some(LentRights { before })
    }

    /// Takes them back, where the thing lies now.
    pub fn take_back(self, path: &Path) {
        // It is gone, or somebody else's: then it is not for `ai` to close.
        let _closed = fs::set_permissions(path, self.before);
    }
}

/// Lets the owner list, search and change a directory, for good: what is in it can be seen then.
pub fn open_dir(dir: &Path) {
    if fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir()) {
        let _lent = LentRights::lend(dir, ALL);
    }
}

/// The rights on a directory at one moment.
#[derive(Debug)]
pub struct DirRights(Permissions);

impl DirRights {
    /// Those that it has now; none where it is no directory.
    pub fn of(dir: &Path) -> Option<DirRights> {
        let meta = fs::symlink_metadata(dir).ok()?;
        meta.is_dir().then(|| DirRights(meta.permissions()))
    }

    /// Gives them back to the directory, where its owner has fewer by now.
    pub fn restore(&self, dir: &Path) {
        let owner = |rights: &DirRights| rights.0.mode() & ALL;
        if let Some(now) = DirRights::of(dir)
            && owner(self) & !owner(&now) != 0
        {
            // What is not allowed shows by what fails.
            let _closed = fs::set_permissions(dir, self.0.clone());
        }
    }
}

/// Removes a directory in which there are only directories without anything in them; any other stays.
pub fn remove_hollow_dir(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_hollow_dir(&entry.path());
        }
    }
    // One that holds something stays.
    let _removed = fs::remove_dir(dir);
}
