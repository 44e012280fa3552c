//! Backups: whole copies taken through SQLite, never by copying the file, whose newest rows stand in the WAL beside it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::base::{clock, fs};
use crate::store::StoreError;
use crate::store::sqlite::conn::{SqliteStore, failed};

/// How many rolling backups are kept.
const KEEP: usize = 8;

/// A backup on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInfo {
    /// The file.
    pub path: PathBuf,
    /// Tasks in it.
    pub tasks: u64,
    /// Events in it.
    pub events: u64,
    /// When the newest of them was written.
    pub newest_ms: Option<i64>,
}

/// Copies the store to `target`, which must not exist, as one consistent state; writers go on meanwhile.
pub fn copy_to(store: &SqliteStore, target: &Path) -> Result<(), StoreError> {
    copy(store.connection(), store.path(), target)
}

/// Takes a rolling backup in `dir` and removes the oldest beyond the number kept. Returns the new file.
pub fn roll(store: &SqliteStore, dir: &Path) -> Result<PathBuf, StoreError> {
    let target = dir.join(format!("ai-{:015}-{}.db", clock::wall_ms(), crate::base::id::random_text(4)));
    copy_to(store, &target)?;
    let rolling: Vec<PathBuf> = backups(dir)?.into_iter().filter(|path| is_rolling(path)).collect();
    for old in rolling.iter().rev().skip(KEEP) {
        fs::remove_file(old)?;
    }
    Ok(target)
}

/// The backup files of a directory, oldest first.
pub fn backups(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let all = fs::list_dir(dir)?;
    Ok(all.into_iter().filter(|path| path.extension().is_some_and(|e| e == "db")).collect())
}

/// Opens a backup read-only, checks it whole and says what is in it.
pub fn inspect(path: &Path) -> Result<BackupInfo, StoreError> {
    let conn =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(|e| failed(path, e))?;
    super::migrate::check(&conn, path)?;
    if let Some(why) = problems(&conn).map_err(|e| failed(path, e))? {
        return Err(StoreError::Damaged { path: path.to_owned(), why });
    }
    conn.query_row("SELECT (SELECT count(*) FROM task), count(*), max(at_ms) FROM event", [], |row| {
        Ok(BackupInfo { path: path.to_owned(), tasks: row.get(0)?, events: row.get(1)?, newest_ms: row.get(2)? })
    })
    .map_err(|e| failed(path, e))
}

/// Reads the whole store and says the first thing that is wrong with it, if anything is.
pub fn integrity(store: &SqliteStore) -> Result<Option<String>, StoreError> {
    problems(store.connection()).map_err(|e| failed(store.path(), e))
}

/// The copy that stands beside a store before its format changes.
pub(super) fn before_migration(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new(".")).join("backups");
    fs::create_dir_all(&dir)?;
    copy(conn, path, &dir.join(format!("before-migration-{:015}-{}.db", clock::wall_ms(), std::process::id())))
}

fn is_rolling(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("ai-"))
}

fn copy(conn: &Connection, path: &Path, target: &Path) -> Result<(), StoreError> {
    if let Some(dir) = target.parent() {
        fs::create_dir_all(dir)?;
    }
    if target.exists() {
        let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(fs::FsError { action: "create", path: target.to_owned(), source }.into());
    }
    let run = || -> rusqlite::Result<()> {
        let mut copy = Connection::open(target)?;
        // One step of all pages: the copy is of one moment, whoever writes meanwhile.
        rusqlite::backup::Backup::new(conn, &mut copy)?.step(-1).map(drop)
    };
    run().map_err(|e| failed(path, e))
}

fn problems(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let first: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(Some(first).filter(|text| text != "ok"))
}
