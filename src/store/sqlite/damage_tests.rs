//! What can happen to the files of a store, and what is said of it. None of it is ever read as "no
//! tasks".

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;

use rusqlite::Connection;

use super::files::family;
use super::*;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::event::Event;
use crate::store::{Access, EventFilter, Flow, Store, StoreError};

struct Place {
    dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn empty() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        Place { dir, path }
    }

    /// A store with `events` records, all of them in the database file itself.
    fn with(events: usize) -> Place {
        let place = Place::empty();
        let mut store = SqliteStore::create(&place.path, "s").unwrap();
        (0..events).for_each(|n| assert!(append(&mut store, &n.to_string()).is_ok()));
        store
            .connection()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(store);
        place
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.path, Access::Write)
    }

    /// Why the store cannot be opened, which is the same for readers and writers.
    fn refusal(&self) -> StoreError {
        let [read, write] =
            [Access::Read, Access::Write].map(|access| SqliteStore::open(&self.path, access).err());
        assert_eq!(
            read.as_ref().map(ToString::to_string),
            write.as_ref().map(ToString::to_string)
        );
        write.expect("a damaged store was opened")
    }

    fn forget_log(&self) {
        family(&self.path)[1..]
            .iter()
            .for_each(|path| drop(std::fs::remove_file(path)));
    }
}

fn append(store: &mut SqliteStore, id: &str) -> Result<u64, StoreError> {
    let actor = Actor::new(ActorKind::Human, "ann").unwrap();
    store.write(|tx| tx.record(0, &actor, &Event::StoreCreated { store: id.into() }))
}

fn count(store: &mut SqliteStore) -> Result<u64, StoreError> {
    let mut n = 0;
    store.read(|tx| {
        tx.events(&EventFilter::default(), &mut |_| {
            n += 1;
            Ok(Flow::More)
        })
    })?;
    Ok(n)
}

#[test]
fn a_store_from_which_something_was_taken_takes_no_write() {
    for gone in [
        "TABLE lease",
        "TABLE path_lock",
        "TABLE meta",
        "INDEX task_ready",
        "TRIGGER task_tally_insert",
    ] {
        let place = Place::with(1);
        let mut open = place.open().unwrap();
        append(&mut open, "before").unwrap();
        Connection::open(&place.path)
            .unwrap()
            .execute_batch(&format!("DROP {gone}"))
            .unwrap();
        let (kind, name) = gone.split_once(' ').unwrap();
        let why = format!("its {} {name} is missing", kind.to_lowercase());
        let says = |written: Result<u64, StoreError>| matches!(written, Err(StoreError::Damaged { why: said, .. }) if said == why);
        assert!(says(append(&mut open, "by who had it open")), "{gone}");
        let written = place
            .open()
            .and_then(|mut store| append(&mut store, "anew"));
        assert!(says(written), "{gone}");
        let mut reader = SqliteStore::open(&place.path, Access::Read).unwrap();
        assert_eq!(
            count(&mut reader).unwrap(),
            2,
            "{gone}: nothing was written"
        );
    }
}

#[test]
fn a_place_without_a_store_and_one_that_lost_it_are_told_apart() {
    let place = Place::empty();
    assert!(matches!(place.refusal(), StoreError::Vanished(_)));
    let never = SqliteStore::open(&place.dir.path().join("none/ai.db"), Access::Write)
        .err()
        .unwrap();
    assert!(matches!(never, StoreError::NotInitialised));
    assert!(
        !place.path.exists() && !place.dir.path().join("none").exists(),
        "looking makes nothing"
    );
}

#[test]
fn a_zero_byte_file_is_not_an_empty_store() {
    let place = Place::with(1);
    std::fs::write(&place.path, b"").unwrap();
    assert!(matches!(place.refusal(), StoreError::Empty(_)));
    assert_eq!(
        std::fs::metadata(&place.path).unwrap().len(),
        0,
        "it is left as it is"
    );
}

#[test]
fn foreign_files_are_left_alone() {
    let place = Place::empty();
    Connection::open(&place.path)
        .unwrap()
        .execute_batch("CREATE TABLE notes (x)")
        .unwrap();
    let before = std::fs::read(&place.path).unwrap();
    assert!(matches!(place.refusal(), StoreError::Foreign { .. }));
    assert_eq!(std::fs::read(&place.path).unwrap(), before);
    for bytes in [&b"hello"[..], &[0x5a; 8192]] {
        std::fs::write(&place.path, bytes).unwrap();
        assert!(
            matches!(place.refusal(), StoreError::Foreign { .. }),
            "{:?}",
            &bytes[..5]
        );
        assert_eq!(std::fs::read(&place.path).unwrap(), bytes);
    }
    std::fs::remove_file(&place.path).unwrap();
    place.forget_log();
    std::fs::create_dir(&place.path).unwrap();
    assert!(matches!(place.refusal(), StoreError::Foreign { .. }));
}

#[test]
fn a_truncated_file_is_damaged_wherever_it_is_cut() {
    let whole = Place::with(200);
    let bytes = std::fs::read(&whole.path).unwrap();
    for keep in [
        1,
        99,
        100,
        511,
        512,
        4095,
        4096,
        4097,
        8192,
        bytes.len() / 2,
        bytes.len() - 4096,
    ] {
        let place = Place::empty();
        std::fs::write(&place.path, &bytes[..keep]).unwrap();
        let found = place
            .open()
            .and_then(|mut store| integrity(&store).map(|why| (why, count(&mut store))));
        match found {
            Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }) => {}
            Err(other) => panic!("{keep}: {other:?}"),
            Ok((why, _)) => assert!(
                why.is_some(),
                "{keep} of {} bytes pass for a whole store",
                bytes.len()
            ),
        }
    }
}

#[test]
fn an_overwritten_page_is_found() {
    let whole = Place::with(400);
    let bytes = std::fs::read(&whole.path).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 20);
    let mut silent = 0;
    for page in 0..pages {
        let place = Place::empty();
        let mut damaged = bytes.clone();
        let noise = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
        damaged.splice(page * 4096..(page + 1) * 4096, noise);
        std::fs::write(&place.path, &damaged).unwrap();
        let found = place.open().and_then(|store| integrity(&store));
        match found {
            Ok(None) => silent += 1,
            Ok(Some(_)) | Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }) => {}
            Err(other) => panic!("page {page}: {other:?}"),
        }
    }
    assert_eq!(silent, 0, "of {pages} pages");
}

#[test]
fn a_write_on_a_damaged_page_is_refused_whole_or_done_whole() {
    const PAGE: usize = 4096;
    let place = Place::with(60);
    let whole = std::fs::read(&place.path).unwrap();
    let events = |place: &Place| count(&mut place.open().unwrap()).unwrap();
    let before = events(&place);
    let mut refused = 0;
    for page in 0..whole.len() / PAGE {
        place.forget_log();
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xA5);
        std::fs::write(&place.path, &bytes).unwrap();
        let written = place
            .open()
            .and_then(|mut store| append(&mut store, "on a damaged page"));
        match written {
            Ok(_) => {}
            Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }) => {
                refused += 1;
                // Not a byte of it went into the file or stands in the log beside it.
                assert!(std::fs::read(&place.path).unwrap() == bytes, "page {page}");
                std::fs::write(&place.path, &whole).unwrap();
                assert_eq!(events(&place), before, "page {page}");
            }
            Err(other) => panic!("page {page}: {other:?}"),
        }
    }
    assert!(refused > 5, "{refused}");
}

#[test]
fn nothing_is_added_to_a_log_whose_newest_record_was_changed() {
    let place = Place::with(3);
    let mut store = place.open().unwrap();
    store
        .connection()
        .execute_batch("DROP TRIGGER event_append_only_update; UPDATE event SET at_ms = at_ms + 1 WHERE seq = 3")
        .unwrap();
    for _ in 0..2 {
        let refused = append(&mut store, "more").err().unwrap();
        assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    }
    assert_eq!(count(&mut store).unwrap(), 3);
}

#[test]
fn a_newer_version_is_refused_politely() {
    let place = Place::with(1);
    let set = |version: i32| {
        let conn = Connection::open(&place.path).unwrap();
        conn.pragma_update(None, "user_version", version).unwrap();
    };
    for newer in [
        FORMAT.major * 1000 + FORMAT.minor + 1,
        (FORMAT.major + 1) * 1000,
    ] {
        set(newer);
        let refusal = place.refusal();
        assert!(matches!(&refusal, StoreError::Newer { .. }));
        assert!(refusal.hint().unwrap().contains("upgrade"));
    }
    assert!(
        !place.dir.path().join("backups").exists(),
        "nothing was touched"
    );
}

#[test]
fn a_log_that_was_taken_away_is_missed() {
    let place = Place::with(1);
    append(&mut place.open().unwrap(), "in the log only").unwrap();
    std::fs::remove_file(&family(&place.path)[1]).unwrap();
    let refusal = place.refusal();
    assert!(
        matches!(&refusal, StoreError::Damaged { why, .. } if why.contains("-wal")),
        "{refusal}"
    );
    assert!(
        inspect(&place.path).is_ok_and(|info| info.events == 1),
        "what the file itself holds can be restored"
    );
}

#[test]
fn a_log_taken_from_under_a_writer_stops_it() {
    let place = Place::with(1);
    let mut store = place.open().unwrap();
    append(&mut store, "before").unwrap();
    std::fs::remove_file(&family(&place.path)[1]).unwrap();
    assert!(matches!(
        append(&mut store, "lost"),
        Err(StoreError::Replaced)
    ));
    assert!(matches!(count(&mut store), Err(StoreError::Replaced)));
}

#[test]
fn a_file_unlinked_or_replaced_under_a_writer_takes_no_commit() {
    let (place, other) = (Place::with(1), Place::with(5));
    let mut store = place.open().unwrap();
    append(&mut store, "seen").unwrap();
    std::fs::remove_file(&place.path).unwrap();
    assert!(matches!(
        append(&mut store, "unlinked"),
        Err(StoreError::Replaced)
    ));
    std::fs::copy(&other.path, &place.path).unwrap();
    assert!(matches!(
        append(&mut store, "replaced"),
        Err(StoreError::Replaced)
    ));
    assert!(
        matches!(count(&mut store), Err(StoreError::Replaced)),
        "a reader would see the old store for ever"
    );
    place.forget_log();
    assert_eq!(count(&mut place.open().unwrap()).unwrap(), 5);
}

#[test]
fn a_file_replaced_while_a_writer_waits_takes_no_commit() {
    let place = Place::with(1);
    let holder = Connection::open(&place.path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut store = place.open().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| append(&mut store, "waited"));
        // Whoever holds the write lock may move the file: the one that waits looks only when its
        // turn comes.
        std::fs::rename(&place.path, place.dir.path().join("aside.db")).unwrap();
        holder.execute_batch("COMMIT").unwrap();
        assert!(matches!(waiting.join().unwrap(), Err(StoreError::Replaced)));
    });
}

#[test]
fn a_file_that_goes_during_a_transaction_is_no_acknowledgement() {
    let place = Place::with(1);
    let mut store = place.open().unwrap();
    let done = store.write(|_| -> Result<(), StoreError> {
        std::fs::remove_file(&place.path).unwrap();
        Ok(())
    });
    assert!(matches!(done, Err(StoreError::Replaced)));
}

/// A link into nowhere stands for a disk on which the index cannot be made; as root nothing is
/// read-only.
fn without_index(place: &Place) {
    let index = &family(&place.path)[2];
    drop(std::fs::remove_file(index));
    std::os::unix::fs::symlink(place.dir.path().join("nowhere/index"), index).unwrap();
}

#[test]
fn a_store_on_a_disk_that_takes_no_index_can_be_read() {
    let place = Place::with(3);
    place.forget_log();
    without_index(&place);
    let before = std::fs::read(&place.path).unwrap();
    let mut store = SqliteStore::open(&place.path, Access::Read).unwrap();
    assert_eq!(count(&mut store).unwrap(), 3);
    assert!(!store.is_stale(), "nothing stands in the log");
    assert!(matches!(append(&mut store, "x"), Err(StoreError::ReadOnly)));
    assert!(place.open().is_err(), "a writer is not let in by this door");
    assert_eq!(std::fs::read(&place.path).unwrap(), before);
}

#[test]
fn a_reader_that_cannot_see_the_log_says_so() {
    let place = Place::with(3);
    append(&mut place.open().unwrap(), "in the log only").unwrap();
    without_index(&place);
    let mut store = SqliteStore::open(&place.path, Access::Read).unwrap();
    assert!(store.is_stale());
    assert_eq!(count(&mut store).unwrap(), 3);
}

#[test]
fn a_log_whose_index_cannot_be_written_is_read_all_the_same() {
    let place = Place::with(3);
    append(&mut place.open().unwrap(), "in the log only").unwrap();
    let index = &family(&place.path)[2];
    std::fs::remove_file(index).unwrap();
    // SQLite opens it, as it does a file that is read-only for this user.
    std::fs::create_dir(index).unwrap();
    let mut store = place.open().unwrap();
    assert_eq!(count(&mut store).unwrap(), 4);
    assert!(!store.is_stale());
    assert!(matches!(append(&mut store, "x"), Err(StoreError::ReadOnly)));
}

#[test]
fn many_may_create_at_once_and_one_does() {
    for _ in 0..5 {
        let place = Place::empty();
        let together = Barrier::new(6);
        let stores: Vec<String> = std::thread::scope(|scope| {
            let create = |n: usize| {
                let (together, path) = (&together, &place.path);
                scope.spawn(move || {
                    together.wait();
                    let mut store = SqliteStore::create(path, &format!("s{n}")).unwrap();
                    append(&mut store, "mine").unwrap();
                    store.read(|tx| tx.meta("store")).unwrap().unwrap()
                })
            };
            let threads: Vec<_> = (0..6).map(create).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(stores.iter().all(|store| *store == stores[0]), "{stores:?}");
        assert_eq!(
            count(&mut place.open().unwrap()).unwrap(),
            6,
            "nobody's record is lost"
        );
        let left: Vec<_> = std::fs::read_dir(place.dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), 3, "database, log and index: {left:?}");
    }
}

#[test]
fn others_are_kept_out() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with(1);
    append(&mut place.open().unwrap(), "x").unwrap();
    for path in family(&place.path) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let copy = roll(&place.open().unwrap(), &place.dir.path().join("backups")).unwrap();
    assert_eq!(
        std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        std::fs::metadata(copy.parent().unwrap())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
}

#[test]
fn reading_changes_no_byte() {
    let place = Place::with(3);
    append(&mut place.open().unwrap(), "in the log").unwrap();
    let look = || {
        family(&place.path)[..2]
            .iter()
            .map(|p| (std::fs::read(p).unwrap(), mtime(p)))
            .collect::<Vec<_>>()
    };
    let before = look();
    for _ in 0..3 {
        assert_eq!(
            count(&mut SqliteStore::open(&place.path, Access::Read).unwrap()).unwrap(),
            4
        );
    }
    assert!(look() == before, "a reader wrote");
}

fn mtime(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

/// A small disk of its own, taken down at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "none"])
            .arg(dir.path())
            .output();
        mounted
            .is_ok_and(|out| out.status.success())
            .then_some(SmallDisk(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path()).output());
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_got_over() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: a small disk cannot be mounted here");
        return;
    };
    let path = disk.0.path().join("ai.db");
    let mut store = SqliteStore::create(&path, "s").unwrap();
    append(&mut store, "first").unwrap();
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1u8; 1 << 20]).unwrap();
    let mut kept = 1;
    let full = loop {
        match append(&mut store, &"x".repeat(20_000)) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000, "two megabytes hold twenty");
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    assert_eq!(
        count(&mut store).unwrap(),
        kept,
        "what was acknowledged can be read"
    );
    let fresh = SqliteStore::open(&path, Access::Read).map(|mut store| count(&mut store));
    assert_eq!(fresh.unwrap().unwrap(), kept, "by a new process as well");
    assert!(matches!(
        copy_to(&store, &disk.0.path().join("copy.db")),
        Err(StoreError::Full)
    ));
    assert!(
        !disk.0.path().join("copy.db").exists(),
        "half a backup bears no name"
    );
    std::fs::remove_file(&ballast).unwrap();
    append(&mut store, "after").unwrap();
    assert_eq!(count(&mut store).unwrap(), kept + 1);
    assert_eq!(integrity(&store).unwrap(), None);
}

#[test]
fn a_store_that_cannot_be_made_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::mount() else {
        println!("skipped: a small disk cannot be mounted here");
        return;
    };
    std::fs::write(disk.0.path().join("ballast"), vec![1u8; 2 << 20]).unwrap_or_default();
    let refused = SqliteStore::create(&disk.0.path().join("ai.db"), "s")
        .err()
        .unwrap();
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert_eq!(
        std::fs::read_dir(disk.0.path()).unwrap().count(),
        1,
        "the ballast alone"
    );
}

mod copies {
    use super::*;

    #[test]
    fn a_copy_taken_under_a_writer_is_whole() {
        let place = Place::with(50);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut store = place.open().unwrap();
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    append(&mut store, "more").unwrap();
                }
            });
            let store = place.open().unwrap();
            let counts: Vec<u64> = (0..20)
                .map(|n| {
                    let target = place.dir.path().join(format!("copy{n}.db"));
                    copy_to(&store, &target).unwrap();
                    inspect(&target).unwrap().events
                })
                .collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            writer.join().unwrap();
            assert!(counts.is_sorted() && counts[0] >= 50, "{counts:?}");
        });
    }

    #[test]
    fn eight_rolling_backups_are_kept_whatever_the_clock_says() {
        let place = Place::with(1);
        let dir = place.dir.path().join("backups");
        let store = place.open().unwrap();
        std::fs::create_dir(&dir).unwrap();
        // Taken a hundred years ahead, by a clock that was wrong.
        std::fs::copy(&place.path, dir.join("ai-004000000000000-aaaaaa.db")).unwrap();
        std::fs::write(dir.join("notes.db"), b"somebody's").unwrap();
        let taken: Vec<PathBuf> = (0..11).map(|_| roll(&store, &dir).unwrap()).collect();
        assert_eq!(
            backups(&dir).unwrap(),
            taken[3..],
            "the newest eight, oldest first"
        );
        assert!(dir.join("notes.db").exists(), "only our own are removed");
        let beside = std::fs::read_dir(&dir).unwrap().count();
        assert_eq!(beside, 9, "a backup stands alone, without log and index");
    }

    #[test]
    fn nothing_is_copied_over() {
        let place = Place::with(1);
        let store = place.open().unwrap();
        let target = place.dir.path().join("mine");
        std::fs::write(&target, b"mine").unwrap();
        assert!(matches!(copy_to(&store, &target), Err(StoreError::File(_))));
        assert_eq!(std::fs::read(&target).unwrap(), b"mine");
    }

    #[test]
    fn a_look_at_a_backup_checks_it_and_leaves_no_trace() {
        let place = Place::with(30);
        let copy = place.dir.path().join("copy.db");
        copy_to(&place.open().unwrap(), &copy).unwrap();
        let info = inspect(&copy).unwrap();
        assert_eq!((info.events, info.tasks, info.newest_ms), (30, 0, Some(0)));
        assert!(family(&copy)[1..].iter().all(|beside| !beside.exists()));
        let mut bytes = std::fs::read(&copy).unwrap();
        std::fs::write(&copy, &bytes[..bytes.len() - 1]).unwrap();
        assert!(
            matches!(inspect(&copy), Err(StoreError::Damaged { .. })),
            "the last byte counts"
        );
        let middle = bytes.len() / 2;
        bytes[middle..middle + 4096].fill(0xa5);
        std::fs::write(&copy, bytes).unwrap();
        assert!(matches!(inspect(&copy), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_backup_takes_the_place_of_a_store_that_is_kept_aside() {
        let (backup, place) = (Place::with(4), Place::with(1));
        let mut before = place.open().unwrap();
        append(&mut before, "in the log").unwrap();
        let aside = place.dir.path().join("aside");
        let placed = replace(&place.path, &backup.path, &aside, |old, new| {
            assert_eq!(old.unwrap().meta("store")?.as_deref(), Some("s"));
            new.set_meta("mark", "x")
        });
        assert_eq!(placed.unwrap(), crate::base::fs::PublishOutcome::Here);
        let mut store = place.open().unwrap();
        assert_eq!(
            store.read(|tx| tx.meta("mark")).unwrap().as_deref(),
            Some("x")
        );
        assert_eq!(append(&mut store, "on").unwrap(), 5);
        assert!(matches!(
            append(&mut before, "late"),
            Err(StoreError::Replaced)
        ));
        let mut kept = SqliteStore::open(&aside.join("ai.db"), Access::Write).unwrap();
        assert_eq!(count(&mut kept).unwrap(), 2, "with what stood in its log");
        assert_eq!(
            inspect(&backup.path).unwrap().events,
            4,
            "the backup stays as it was"
        );
    }

    #[test]
    fn whatever_stands_in_the_place_is_kept_aside_and_nothing_is_lost_where_it_fails() {
        let (backup, place) = (Place::with(2), Place::with(1));
        let aside = place.dir.path().join("aside");
        let failed = replace(&place.path, &backup.path, &aside, |_, _| {
            Err(StoreError::Full)
        });
        assert!(matches!(failed, Err(StoreError::Full)));
        assert_eq!(
            count(&mut place.open().unwrap()).unwrap(),
            1,
            "nothing was moved"
        );
        std::fs::write(&place.path, b"garbage").unwrap();
        place.forget_log();
        replace(&place.path, &backup.path, &aside, |old, _| {
            assert!(old.is_none(), "garbage cannot be read");
            Ok(())
        })
        .unwrap();
        assert_eq!(std::fs::read(aside.join("ai.db")).unwrap(), b"garbage");
        assert_eq!(count(&mut place.open().unwrap()).unwrap(), 2);
        let left = |path: &Path| std::fs::read_dir(path).unwrap().count();
        assert!(
            left(place.dir.path()) <= 4,
            "database, log, index and what was put aside"
        );
    }
}
