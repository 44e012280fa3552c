//! Whole copies of a database, each of one moment.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::base::fs::{FsError, PublishOutcome};
use crate::base::{clock, fs, id};
use crate::store::StoreError;
use crate::store::sqlite::connect::{draw_up, failed, place};
use crate::store::sqlite::files;

/// What the names of backups taken before a migration begin with.
pub(super) const BEFORE_MIGRATION: &str = "before-migration-";

/// The copy that stands beside a store before its format changes.
pub(super) fn before_migration(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new(".")).join("backups");
    copy(conn, path, &name(&dir, BEFORE_MIGRATION, clock::wall_ms()))
}

/// A new name for a backup of this sort.
pub(super) fn name(dir: &Path, prefix: &str, at_ms: i64) -> PathBuf {
    dir.join(format!("{prefix}{at_ms:015}-{}.db", id::random_text(6)))
}

/// Copies the database behind `conn`, which is `path`, to `target`, which must not exist.
pub(super) fn copy(conn: &Connection, path: &Path, target: &Path) -> Result<(), StoreError> {
    if let Some(dir) = target.parent().filter(|dir| !dir.exists()) {
        fs::create_private_dir(dir)?;
    }
    let draft = files::draft(target);
    // What is wrong is wrong with the store that is read, or with the disk.
    let filled = draw_up(&draft, |copy| {
        whole(conn, copy).map_err(|e| failed(path, e))
    });
    match place(&draft, filled, target)? {
        PublishOutcome::Here => Ok(()),
        PublishOutcome::Taken => {
            let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            Err(FsError {
                action: "create",
                path: target.to_owned(),
                source,
            }
            .into())
        }
    }
}

/// Copies every page in one step: of one moment, whoever writes meanwhile.
pub(super) fn whole(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    match Backup::new(from, to)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            None,
        )),
    }
}
