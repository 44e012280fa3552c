//! The store of the floor programs: one table, opened with the settings that any durable store of `ai` must have.
//!
//! Deliberately absent: schema checks, identity checks, busy handling beyond a plain retry, events. What `ai` spends
//! on those is exactly what the benchmark shows.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Result};

/// Opens `path`: WAL, `synchronous=FULL`, and no checkpoint by the last one to close it.
pub fn open(path: &Path) -> Result<Connection> {
    let mut db = Connection::open(path)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.busy_handler(Some(wait))?;
    db.execute_batch("PRAGMA synchronous=FULL")?;
    Ok(db)
}

/// Makes an empty store at `path`.
pub fn create(path: &Path) -> Result<Connection> {
    let db = open(path)?;
    db.execute_batch(
        "PRAGMA journal_mode=WAL;
         CREATE TABLE task(id INTEGER PRIMARY KEY, title TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL);
         CREATE INDEX task_status ON task(status);",
    )?;
    Ok(db)
}

/// Short sleeps between tries; SQLite's own growing ones would let newcomers overtake for seconds.
fn wait(tries: i32) -> bool {
    let jitter = u64::from(std::process::id()) * 31 + u64::from(tries.unsigned_abs()) * 17;
    std::thread::sleep(Duration::from_micros(200 + jitter % 1_800));
    tries < 30_000
}
