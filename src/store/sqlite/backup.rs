//! Backups: whole copies taken through SQLite, never by copying the file, whose newest rows stand
//! in the WAL beside it.
//!
//! A backup gets its name when it is complete, so that whatever bears one can be restored.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::base::{clock, fs};
use crate::store::StoreError;
use crate::store::sqlite::connect::{connect_immutable, failed};
use crate::store::sqlite::copy::{BEFORE_MIGRATION, copy, name};
use crate::store::sqlite::store::SqliteStore;
use crate::store::sqlite::{files, migrate};

/// Number of rolling backups that are kept.
const KEEP: usize = 8;
/// Prefix of the names of rolling backups.
const ROLLING: &str = "ai-";
/// A backup on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// The file.
    pub path: PathBuf,
    /// Tasks in it.
    pub tasks: u64,
    /// Events in it.
    pub events: u64,
    /// Time at which the newest of them was written.
    pub newest_ms: Option<i64>,
}

/// Copies the store to `target`, which must not exist, as one consistent state; writers go on
/// meanwhile.
pub fn copy_to(store: &SqliteStore, target: &Path) -> Result<(), StoreError> {
    copy(store.connection(), store.path(), target)
}

/// Takes a rolling backup in `dir` and removes the oldest beyond the number kept. Returns the new
/// file.
pub fn roll(store: &SqliteStore, dir: &Path) -> Result<PathBuf, StoreError> {
    // Later than the newest by name, even where the clock was set back: it must not be the one that
    // is removed as the oldest.
    let target = name(
        dir,
        ROLLING,
        clock::wall_ms().max(newest_ms(dir)?.map_or(0, |ms| ms + 1)),
    );
    copy_to(store, &target)?;
    let rolling: Vec<PathBuf> = backups(dir)?
        .into_iter()
        .filter(|path| stamp(path, ROLLING).is_some())
        .collect();
    for old in rolling.iter().rev().skip(KEEP) {
        fs::remove_file(old)?;
    }
    Ok(target)
}

/// Finds the time of the newest rolling backup of a directory, by its name.
fn newest_ms(dir: &Path) -> Result<Option<i64>, StoreError> {
    Ok(fs::list_dir(dir)?
        .iter()
        .filter_map(|path| stamp(path, ROLLING))
        .max())
}

/// The backup files of a directory, oldest first.
pub fn backups(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let taken = |path: &PathBuf| stamp(path, ROLLING).or_else(|| stamp(path, BEFORE_MIGRATION));
    let mut all: Vec<(i64, PathBuf)> = fs::list_dir(dir)?
        .into_iter()
        .filter_map(|path| taken(&path).map(|ms| (ms, path)))
        .collect();
    all.sort();
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

/// Opens a backup read-only, checks it whole and says what is in it. Puts nothing beside it.
pub fn inspect(path: &Path) -> Result<BackupInfo, StoreError> {
    files::look(path)?;
    let conn = connect_immutable(path).map_err(|e| failed(path, e))?;
    migrate::check(&conn, path, migrate::MIGRATIONS)?;
    let damaged = |why| StoreError::Damaged {
        path: path.to_owned(),
        why,
    };
    if let Some(why) = problems(&conn).map_err(|e| failed(path, e))? {
        return Err(damaged(why));
    }
    if short(&conn, path)? {
        return Err(damaged("its end is missing".into()));
    }
    describe(&conn, path)
}

/// Sums up the content of an open store, without checking it.
pub fn contents(store: &SqliteStore) -> Result<BackupInfo, StoreError> {
    describe(store.connection(), store.path())
}

/// Reads the whole store and says the first thing that is wrong with it, if anything is.
pub fn integrity(store: &SqliteStore) -> Result<Option<String>, StoreError> {
    problems(store.connection()).map_err(|e| failed(store.path(), e))
}

/// Reads the time of a backup of this sort out of its name.
fn stamp(path: &Path, prefix: &str) -> Option<i64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".db")?;
    stem.strip_prefix(prefix)?.split_once('-')?.0.parse().ok()
}

fn describe(conn: &Connection, path: &Path) -> Result<BackupInfo, StoreError> {
    conn.query_row(
        "SELECT (SELECT count(*) FROM task), count(*), max(at_ms) FROM event",
        [],
        |row| {
            Ok(BackupInfo {
                path: path.to_owned(),
                tasks: row.get(0)?,
                events: row.get(1)?,
                newest_ms: row.get(2)?,
            })
        },
    )
    .map_err(|e| failed(path, e))
}

/// Returns true if the file is shorter than its pages: SQLite reads a last page that was cut as if
/// zeros followed.
fn short(conn: &Connection, path: &Path) -> Result<bool, StoreError> {
    let sql = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    let bytes: u64 = conn
        .query_row(sql, [], |row| row.get(0))
        .map_err(|e| failed(path, e))?;
    Ok(fs::stat(path)?.is_none_or(|stat| stat.len < bytes))
}

fn problems(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let first: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(Some(first).filter(|text| text != "ok"))
}
