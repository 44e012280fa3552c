//! Keeping the log short, and its file as it is.
//!
//! Whoever opens a store that nobody else has open reads its whole log first, since the index of
//! the log does not outlive its last user. And what SQLite does by itself, copying a full log into
//! the file, says so in that index alone: among commands that run one after the other the log would
//! never begin anew, and every command would read all that was ever written. So a commit that fills
//! the log also copies it and begins it anew, unless somebody else is at work; then the next one
//! tries again.
//!
//! It is begun anew by a commit of one page at its beginning, not by cutting the file: a commit that
//! writes over blocks which a file has already needs the disk to take them, and one that makes a
//! file longer needs the file system's journal besides, half as long again (ADR 0038).
//!
//! A failure here is nobody's: the commit is durable already, and the log stays as it was.

use std::cell::Cell;

use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use crate::store::sqlite::connect::APPLICATION_ID;

/// Pages in the log that are not in the file yet and make it full: half of them are read by the
/// average command, against three flushes to begin it anew.
const FULL: i32 = 128;
/// Pages in a log that gives its blocks back, such as that of a large import.
const LARGE: i32 = 1024;

thread_local! {
    /// Pages of the log after the last commit of this thread.
    static PAGES: Cell<i32> = const { Cell::new(0) };
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Makes every commit of this connection note how long the log is.
pub(super) fn install(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.wal_hook(Some(|_: &mut Wal, pages: i32| {
        PAGES.set(pages);
        Ok(())
    }))
}

/// The work that is left after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aftercare {
    /// Nothing: the log is short, or others are at work.
    Nothing,
    /// The file has everything, so the log may [begin anew](begin_anew).
    BeginAnew,
}

/// Copies the log into the file where the last commit has filled it. Waits for nobody, and many who
/// write at once do not all try: each page is copied once.
pub(super) fn after_commit(conn: &Connection) -> Aftercare {
    if PAGES.get() < FULL {
        return Aftercare::Nothing;
    }
    let main = Some("main");
    match conn.wal_checkpoint_v2(main, CheckpointMode::NOOP) {
        Ok((log, copied)) if log.saturating_sub(copied) >= FULL => {}
        _ => return Aftercare::Nothing,
    }
    let (mode, then) = if PAGES.get() < LARGE {
        (CheckpointMode::RESTART, Aftercare::BeginAnew)
    } else {
        (CheckpointMode::TRUNCATE, Aftercare::Nothing)
    };
    // Busy means that others read or write; SQLite has then copied what it could.
    match alone(|| conn.wal_checkpoint_v2(main, mode)) {
        Ok(_) => then,
        Err(_) => Aftercare::Nothing,
    }
}

/// Begins the log anew in its first blocks: the next who writes goes to the beginning of a log that
/// was copied, and this one writes what is there already. It need not be flushed.
pub(super) fn begin_anew(conn: &Connection) {
    let _ = alone(|| conn.pragma_update(None, "application_id", APPLICATION_ID));
}

/// Does something that is not worth a wait for others.
fn alone<T>(work: impl FnOnce() -> T) -> T {
    RUNNING.set(true);
    let done = work();
    RUNNING.set(false);
    done
}

/// True while this thread looks after the log, for which it never waits for others.
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
    use crate::store::{Access, EventFilter, Flow, StoreError};

    const PAGE: u64 = 4_120;

    /// The pages for which the file of the log has room.
    fn room(path: &Path) -> i32 {
        let bytes = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |file| file.len());
        i32::try_from(bytes / PAGE).unwrap()
    }

    /// The pages of the log that somebody who opens the store reads.
    fn read_by_the_next(path: &Path) -> i32 {
        let store = SqliteStore::open(path, Access::Read).unwrap();
        let conn = store.connection();
        conn.wal_checkpoint_v2(Some("main"), CheckpointMode::NOOP)
            .unwrap()
            .0
    }

    fn append(store: &mut SqliteStore, bytes: usize) {
        let actor = Actor::new(ActorKind::Human, "ann").unwrap();
        store
            .write(|tx| {
                tx.record(
                    0,
                    &actor,
                    &Event::StoreCreated {
                        store: "s".repeat(bytes),
                    },
                )
            })
            .map(drop)
            .unwrap();
    }

    fn store() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        drop(SqliteStore::create(&path, "s").unwrap());
        (dir, path)
    }

    #[test]
    fn commands_that_follow_one_another_keep_the_log_short_and_its_file_as_it_is() {
        let (_dir, path) = store();
        let (mut longest, mut begun_anew) = (0, 0);
        for _ in 0..FULL {
            let before = room(&path);
            append(&mut SqliteStore::open(&path, Access::Write).unwrap(), 2_000);
            // No block is ever given back, so that none has to be asked for again.
            assert!(room(&path) >= before);
            let pages = read_by_the_next(&path);
            longest = longest.max(pages);
            begun_anew += i32::from(pages == 1);
        }
        assert!((FULL / 2..FULL).contains(&longest), "{longest} pages");
        assert!(begun_anew > 1, "begun anew {begun_anew} times");
        assert!(room(&path) < FULL + 16, "room for {} pages", room(&path));
    }

    #[test]
    fn what_was_written_before_the_log_began_anew_is_there_and_what_comes_after_too() {
        let (_dir, path) = store();
        let mut long_lived = SqliteStore::open(&path, Access::Write).unwrap();
        for n in 1..=FULL {
            if n % 3 == 0 {
                append(&mut long_lived, 2_000);
            } else {
                append(&mut SqliteStore::open(&path, Access::Write).unwrap(), 2_000);
            }
            let log = |store: &mut SqliteStore| {
                let mut seen = 0;
                store
                    .read(|tx| {
                        tx.events(&EventFilter::default(), &mut |event| {
                            seen += 1;
                            assert_eq!(event.hash, event.expected_hash());
                            Ok(Flow::More)
                        })
                    })
                    .map(|()| seen)
            };
            assert_eq!(log(&mut long_lived).unwrap(), n);
            let mut fresh = SqliteStore::open(&path, Access::Read).unwrap();
            assert_eq!(log(&mut fresh).unwrap(), n);
        }
    }

    #[test]
    fn a_large_log_gives_its_blocks_back() {
        let (_dir, path) = store();
        let mut writer = SqliteStore::open(&path, Access::Write).unwrap();
        append(&mut writer, usize::try_from(LARGE).unwrap() * 4_096);
        assert_eq!(room(&path), 0);
        append(&mut writer, 2_000);
        assert_eq!(read_by_the_next(&path), room(&path));
    }

    #[test]
    fn a_reader_at_work_puts_the_new_beginning_off_and_nobody_waits() {
        let (_dir, path) = store();
        let mut writer = SqliteStore::open(&path, Access::Write).unwrap();
        let mut reader = SqliteStore::open(&path, Access::Read).unwrap();
        reader
            .read(|tx| -> Result<(), StoreError> {
                let before = tx.meta("store")?;
                // A wait for this very reader would last to the deadline of half a minute.
                let begin = std::time::Instant::now();
                (0..FULL).for_each(|_| append(&mut writer, 2_000));
                assert!(begin.elapsed().as_secs() < 25);
                assert!(room(&path) > FULL);
                assert_eq!(before, tx.meta("store")?);
                Ok(())
            })
            .unwrap();
        append(&mut writer, 2_000);
        assert_eq!(read_by_the_next(&path), 1);
    }
}
