//! The file with the high-water mark of a store, and the comparison of the two.
//!
//! Written in place after a commit, without a flush: the commit is durable by then, so that a mark
//! never runs ahead of the store that it was taken from. One that cannot be written or read is
//! none; nobody fails for it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use crate::base::fs;
use crate::domain::high_water::{self, HighWater, LogAtHand, Setback};
use crate::store::StoreError;
use crate::store::sqlite::connect::failed;

/// Longer than any mark.
const CAP: u64 = 4096;

/// The mark that an open store moves.
pub(super) struct Mark {
    file: PathBuf,
    store: String,
}

impl Mark {
    /// The mark of this store; refuses a store that does not reach it.
    pub(super) fn reached(conn: &Connection, path: &Path, file: &Path) -> Result<Mark, StoreError> {
        match setback(conn, path, file)? {
            Some(setback) => Err(StoreError::SetBack {
                path: path.to_owned(),
                setback,
            }),
            None => Ok(Mark {
                file: file.to_owned(),
                store: id(conn).map_err(|e| failed(path, e))?,
            }),
        }
    }

    /// Moves the mark to a record that is durable.
    pub(super) fn advance(&self, (seq, hash): (u64, String)) {
        let mark = HighWater {
            store: self.store.clone(),
            seq,
            hash,
        };
        // The next one who writes moves it on.
        let _ = fs::overwrite(&self.file, mark.line().as_bytes());
    }
}

/// Compares a store with its mark.
pub(super) fn setback(
    conn: &Connection,
    path: &Path,
    file: &Path,
) -> Result<Option<Setback>, StoreError> {
    let mut mark = read(file);
    loop {
        let Some(marked) = &mark else {
            return Ok(None);
        };
        let log = at_hand(conn, marked.seq).map_err(|e| failed(path, e))?;
        let found = high_water::setback(marked, &log);
        // Whoever puts a backup in place moves the mark, too, and may be doing it now.
        let again = read(file);
        if found.is_none() || again == mark {
            return Ok(found);
        }
        mark = again;
    }
}

fn read(file: &Path) -> Option<HighWater> {
    HighWater::parse(&fs::read_text_if_there(file, CAP).ok()??)
}

fn id(conn: &Connection) -> rusqlite::Result<String> {
    let found = conn
        .query_row("SELECT value FROM meta WHERE key = 'store'", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

fn at_hand(conn: &Connection, marked: u64) -> rusqlite::Result<LogAtHand> {
    let sql = "SELECT coalesce((SELECT seq FROM event ORDER BY seq DESC LIMIT 1), 0), \
               (SELECT hash FROM event WHERE seq = ?1)";
    let store = id(conn)?;
    conn.query_row(sql, [marked], |row| {
        Ok(LogAtHand {
            store,
            last: row.get(0)?,
            hash_at_mark: row.get(1)?,
        })
    })
}
