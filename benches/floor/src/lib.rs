//! The store of the floor programs: one table, opened with the settings that any durable store of
//! `ai` must have.
//!
//! Deliberately absent: schema checks, identity checks, busy handling beyond a plain retry, events.
//! What `ai` spends on those is exactly what the benchmark shows.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, Result};

/// Pages in the log at which a commit empties it. Without that, programs that run one after the
/// other read an ever longer log.
const FULL: i32 = 128;
/// Set while this process empties the log, which waits for nobody.
static EMPTYING: AtomicBool = AtomicBool::new(false);

/// Opens `path`: WAL, `synchronous=FULL`, no checkpoint by the last one to close it, but one by the
/// commit that fills the log.
pub fn open(path: &Path) -> Result<Connection> {
    let mut db = Connection::open(path)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.busy_handler(Some(wait))?;
    db.wal_hook(Some(|log: &mut Wal, pages: i32| {
        if pages >= FULL {
            EMPTYING.store(true, Ordering::Relaxed);
            let _ = log.checkpoint_v2(CheckpointMode::TRUNCATE);
            EMPTYING.store(false, Ordering::Relaxed);
        }
        Ok(())
    }))?;
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
    if EMPTYING.load(Ordering::Relaxed) {
        return false;
    }
    let jitter = u64::from(std::process::id()) * 31 + u64::from(tries.unsigned_abs()) * 17;
    std::thread::sleep(Duration::from_micros(200 + jitter % 1_800));
    tries < 30_000
}
