//! Keeping the log short.
//!
//! Whoever opens a store that nobody else has open reads its whole log first, since the index of
//! the log does not outlive its last user. And what SQLite does by itself, copying a full log into
//! the file, says so in that index alone: among commands that run one after the other the log would
//! never begin anew, and every command would read all that was ever written. So a commit that fills
//! the log also cuts it to nothing, unless somebody else is at work; then the next full one tries
//! again.
//!
//! A failure here is nobody's: the commit is durable already, and the log stays as it was.

use std::cell::Cell;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

/// Pages in the log that make it full: half of them are read by the average command, against three
/// syncs to empty it.
const FULL: i32 = 128;

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Makes every commit of this connection look at the log.
pub(super) fn install(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.wal_hook(Some(|log: &mut Wal, pages: i32| {
        if pages >= FULL {
            RUNNING.set(true);
            // Busy means that others read or write; SQLite has then copied what it could.
            let _ = log.checkpoint_v2(CheckpointMode::TRUNCATE);
            RUNNING.set(false);
        }
        Ok(())
    }))
}

/// True while this thread empties the log, which never waits for others.
pub(super) fn is_running() -> bool {
    RUNNING.get()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::actor::{Actor, ActorKind};
    use crate::domain::event::Event;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{Access, StoreError};

    const PAGE: u64 = 4_120;

    fn log_pages(path: &Path) -> u64 {
        std::fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len() / PAGE)
    }

    fn append(store: &mut SqliteStore) {
        let actor = Actor::new(ActorKind::Human, "ann").unwrap();
        store
            .write(|tx| {
                tx.record(
                    0,
                    &actor,
                    &Event::StoreCreated {
                        store: "s".repeat(2_000),
                    },
                )
            })
            .map(drop)
            .unwrap();
    }

    #[test]
    fn commands_that_follow_one_another_keep_the_log_short() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        drop(SqliteStore::create(&path, "s").unwrap());
        let full = u64::try_from(FULL).unwrap();
        let mut longest = 0;
        for _ in 0..FULL {
            append(&mut SqliteStore::open(&path, Access::Write).unwrap());
            longest = longest.max(log_pages(&path));
        }
        assert!((full / 2..=full + 16).contains(&longest), "{longest} pages");
    }

    #[test]
    fn a_reader_at_work_puts_the_emptying_off_and_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        let mut writer = SqliteStore::create(&path, "s").unwrap();
        let mut reader = SqliteStore::open(&path, Access::Read).unwrap();
        reader
            .read(|tx| -> Result<(), StoreError> {
                let before = tx.meta("store")?;
                // A wait for this very reader would last to the deadline of half a minute.
                let begin = std::time::Instant::now();
                (0..FULL).for_each(|_| append(&mut writer));
                assert!(begin.elapsed().as_secs() < 25);
                assert!(log_pages(&path) > u64::try_from(FULL).unwrap());
                assert_eq!(before, tx.meta("store")?);
                Ok(())
            })
            .unwrap();
        append(&mut writer);
        assert_eq!(log_pages(&path), 0);
    }
}
