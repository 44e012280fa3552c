//! The file with the high-water mark of a store, and the comparison of the two.
//!
//! Written in place after a commit, without a flush: the commit is durable by then, so that a mark
//! never runs ahead of the store that it was taken from. One that cannot be written or read is
//! none; nobody fails for it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

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
        match compare(conn, path, file)? {
            (_, Some(setback)) => Err(StoreError::SetBack {
                path: path.to_owned(),
                setback,
            }),
            (store, None) => Ok(Mark {
                file: file.to_owned(),
                store,
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
    Ok(compare(conn, path, file)?.1)
}

/// The id of the store, and how far it is behind its mark.
fn compare(
    conn: &Connection,
    path: &Path,
    file: &Path,
) -> Result<(String, Option<Setback>), StoreError> {
    let mut mark = read(file);
    loop {
        let marked_seq = mark.as_ref().map_or(0, |marked| marked.seq);
        let log = at_hand(conn, marked_seq).map_err(|e| failed(path, e))?;
        let found = mark
            .as_ref()
            .and_then(|marked| high_water::setback(marked, &log));
        let Some(found) = found else {
            return Ok((log.store, None));
        };
        // Whoever puts a backup in place moves the mark, too, and may be doing it now.
        let again = read(file);
        if again == mark {
            return Ok((log.store, Some(found)));
        }
        mark = again;
    }
}

fn read(file: &Path) -> Option<HighWater> {
    HighWater::parse(&fs::read_text_if_there(file, CAP).ok()??)
}

fn at_hand(conn: &Connection, marked: u64) -> rusqlite::Result<LogAtHand> {
    let sql = "SELECT coalesce((SELECT value FROM meta WHERE key = 'store'), ''), \
               coalesce((SELECT seq FROM event ORDER BY seq DESC LIMIT 1), 0), \
               (SELECT hash FROM event WHERE seq = ?1)";
    conn.query_row(sql, [marked], |row| {
        Ok(LogAtHand {
            store: row.get(0)?,
            last: row.get(1)?,
            hash_at_mark: row.get(2)?,
        })
    })
}
