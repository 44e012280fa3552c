use std::sync::Barrier;

use super::*;
use crate::base::hash;
use crate::store::sqlite::{SqliteStore, backups};
use crate::store::{Access, Store, Tx};

/// The minor version after ours.
const NEXT: i32 = FORMAT.minor + 1;

fn step(name: &'static str, sql: &'static str, major: i32, minor: i32) -> Migration {
    Migration {
        name,
        sql,
        checksum: hash::sha256_hex(sql.as_bytes()).leak(),
        version: SchemaVersion { major, minor },
    }
}

fn with(steps: &[Migration]) -> Vec<Migration> {
    [MIGRATIONS, steps].concat()
}

fn new_store() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ai.db");
    drop(SqliteStore::create(&path, "s").unwrap());
    (dir, path)
}

fn has_table(store: &SqliteStore, name: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
    store
        .connection()
        .query_row(sql, [name], |row| row.get::<_, i64>(0))
        .unwrap()
        == 1
}

#[test]
fn checksums_are_those_of_the_steps() {
    for step in MIGRATIONS {
        assert_eq!(
            step.checksum,
            hash::sha256_hex(step.sql.as_bytes()),
            "{}",
            step.name
        );
    }
}

#[test]
fn all_that_the_steps_leave_is_looked_for() {
    let (_dir, path) = new_store();
    let store = SqliteStore::open(&path, Access::Read).unwrap();
    let sql = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type <> 'table', type, name";
    let mut made = store.connection().prepare(sql).unwrap();
    let made: Vec<(String, String)> = made
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let known = OBJECTS.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
    assert_eq!(made, known);
}

#[test]
fn names_and_versions_only_grow() {
    for pair in MIGRATIONS.windows(2) {
        assert!(
            pair[0].name < pair[1].name,
            "{} before {}",
            pair[0].name,
            pair[1].name
        );
        assert!(pair[0].version < pair[1].version);
    }
}

#[test]
fn the_bundled_sqlite_has_the_wal_reset_fix_and_syncs_fully() {
    assert!(rusqlite::version_number() >= 3_051_003);
    let (_dir, path) = new_store();
    let store = SqliteStore::open(&path, Access::Write).unwrap();
    let pragma = |sql: &str| {
        store
            .connection()
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(
        pragma("PRAGMA synchronous"),
        2,
        "an acknowledged write must survive a power cut"
    );
    assert_eq!(
        pragma("PRAGMA wal_autocheckpoint"),
        0,
        "`checkpoint` empties the log, and cuts it"
    );
    assert_eq!(pragma("PRAGMA mmap_size"), 0);
    let mode: String = store
        .connection()
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_major_step_runs_once_behind_a_backup() {
    let (dir, path) = new_store();
    let newer = with(&[step(
        "20270101000000_more",
        "CREATE TABLE more (x); INSERT INTO more VALUES (1);",
        2,
        0,
    )]);
    let refused = SqliteStore::open_with(&path, Access::Read, &newer)
        .err()
        .unwrap();
    assert!(matches!(refused, StoreError::Older { .. }), "{refused}");
    let store = SqliteStore::open_with(&path, Access::Write, &newer).unwrap();
    assert!(has_table(&store, "more"));
    drop(store);
    let kept = backups(&dir.path().join("backups")).unwrap();
    assert_eq!(kept.len(), 1);
    let before = SqliteStore::open(&kept[0], Access::Write).unwrap();
    assert!(!has_table(&before, "more"), "the backup was taken before");
    drop(SqliteStore::open_with(&path, Access::Write, &newer).unwrap());
    assert_eq!(
        backups(&dir.path().join("backups")).unwrap().len(),
        1,
        "nothing was left to do"
    );
    let refused = SqliteStore::open(&path, Access::Read).err().unwrap();
    assert!(
        matches!(&refused, StoreError::Newer { found, .. } if found == "2.0"),
        "{refused}"
    );
}

#[test]
fn a_minor_step_can_be_read_without_and_is_refused_by_older_programs() {
    let (_dir, path) = new_store();
    let newer = with(&[step(
        "20270101000000_hint",
        "CREATE TABLE hint (x)",
        1,
        NEXT,
    )]);
    assert!(!has_table(
        &SqliteStore::open_with(&path, Access::Read, &newer).unwrap(),
        "hint"
    ));
    assert!(has_table(
        &SqliteStore::open_with(&path, Access::Write, &newer).unwrap(),
        "hint"
    ));
    for access in [Access::Read, Access::Write] {
        let refused = SqliteStore::open(&path, access).err().unwrap();
        assert!(
            matches!(&refused, StoreError::Newer { found, .. } if *found == format!("1.{NEXT}")),
            "{refused}"
        );
    }
}

#[test]
fn a_store_that_is_open_while_a_newer_program_migrates_it_is_told_so() {
    for (step_is, version) in [((2, 0), "newer"), ((FORMAT.major, FORMAT.minor), "other")] {
        let (_dir, path) = new_store();
        let mut open = SqliteStore::open(&path, Access::Write).unwrap();
        open.refuse_outgrown().unwrap();
        let more = with(&[step(
            "20990101000000_more",
            "CREATE TABLE more (x TEXT) STRICT;",
            step_is.0,
            step_is.1,
        )]);
        drop(SqliteStore::open_with(&path, Access::Write, &more).unwrap());
        let refused = open.refuse_outgrown().unwrap_err();
        let found = match refused {
            StoreError::Newer { .. } => "newer",
            StoreError::Migration { .. } => "other",
            other => panic!("{other}"),
        };
        assert_eq!(found, version);
    }
}

#[test]
fn a_step_of_another_branch_is_named_and_refused() {
    let (dir, path) = new_store();
    let theirs = step(
        "20270102000000_theirs",
        "CREATE TABLE theirs (x)",
        FORMAT.major,
        FORMAT.minor,
    );
    drop(SqliteStore::open_with(&path, Access::Write, &with(&[theirs])).unwrap());
    let kept = || backups(&dir.path().join("backups")).unwrap();
    let before = kept();
    let ours = step("20270101000000_ours", "CREATE TABLE ours (x)", 1, NEXT);
    for known in [with(&[]), with(&[ours])] {
        for access in [Access::Read, Access::Write] {
            let refused = SqliteStore::open_with(&path, access, &known).err().unwrap();
            assert!(
                matches!(&refused, StoreError::Migration { name, .. } if name.ends_with("theirs")),
                "{refused}"
            );
        }
    }
    assert_eq!(kept(), before, "nothing was begun");
}

#[test]
fn steps_of_two_branches_with_one_number_are_both_applied() {
    let (_dir, path) = new_store();
    let ours = step("20270101000000_ours", "CREATE TABLE ours (x)", 1, NEXT);
    let theirs = step("20270102000000_theirs", "CREATE TABLE theirs (x)", 1, NEXT);
    drop(
        SqliteStore::open_with(&path, Access::Write, &with(std::slice::from_ref(&theirs))).unwrap(),
    );
    let store = SqliteStore::open_with(&path, Access::Write, &with(&[ours, theirs])).unwrap();
    assert!(has_table(&store, "ours") && has_table(&store, "theirs"));
}

#[test]
fn a_step_that_differs_from_ours_is_named() {
    let (_dir, path) = new_store();
    let mut other = with(&[]);
    other[0] = step(MIGRATIONS[0].name, "CREATE TABLE other (x)", 1, 0);
    let refused = SqliteStore::open_with(&path, Access::Read, &other)
        .err()
        .unwrap();
    assert!(
        matches!(&refused, StoreError::Migration { name, .. } if *name == MIGRATIONS[0].name),
        "{refused}"
    );
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let (_dir, path) = new_store();
    let broken = with(&[step(
        "20270101000000_broken",
        "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);",
        2,
        0,
    )]);
    let refused = SqliteStore::open_with(&path, Access::Write, &broken)
        .err()
        .unwrap();
    assert!(
        matches!(&refused, StoreError::Migration { name, .. } if name.ends_with("broken")),
        "{refused}"
    );
    let store = SqliteStore::open(&path, Access::Write).unwrap();
    assert!(!has_table(&store, "half"));
}

#[test]
fn two_at_once_migrate_once() {
    let (_dir, path) = new_store();
    let newer = with(&[step(
        "20270101000000_once",
        "CREATE TABLE once (x); INSERT INTO once VALUES (1);",
        2,
        0,
    )]);
    let together = Barrier::new(4);
    let open = || {
        together.wait();
        SqliteStore::open_with(&path, Access::Write, &newer).map(drop)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap().unwrap());
    });
    let store = SqliteStore::open_with(&path, Access::Write, &newer).unwrap();
    let rows: i64 = store
        .connection()
        .query_row("SELECT count(*) FROM once", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn runs_that_were_told_as_a_lower_bound_before_there_was_a_column_are_counted_by_the_step() {
    let archived = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/archive/1.2/ai.db");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ai.db");
    std::fs::copy(archived, &path).unwrap();
    let mark = "UPDATE run SET data = json_set(data, '$.end.usage', json('{\"tokens\":7,\"at_least\":true}')) \
                WHERE json_extract(data, '$.agent') = 'bad'";
    let changed = rusqlite::Connection::open(&path).unwrap().execute(mark, []);
    assert_eq!(changed, Ok(1), "the archive has one run of that agent");
    let bounded = |access| {
        let mut store = SqliteStore::open(&path, access).unwrap();
        let sums = |tx: &mut dyn Tx| -> Result<_, StoreError> {
            Ok((tx.agent_sums(None)?, tx.day_sums(None)?))
        };
        let (by_agent, by_day) = store.read(sums).unwrap();
        let by_agent: Vec<_> = by_agent
            .iter()
            .map(|sum| (sum.agent.clone(), sum.spent.bounded))
            .collect();
        let by_day: u64 = by_day.iter().map(|sum| sum.spent.bounded).sum();
        (by_agent, by_day)
    };
    let of = |agent: &str, n| (agent.to_owned(), n);
    let (read, migrated) = (bounded(Access::Read), bounded(Access::Write));
    assert_eq!(
        (read, migrated),
        (
            (vec![of("bad", 0), of("good", 0), of("good", 0)], 0),
            (vec![of("bad", 1), of("good", 0), of("good", 0)], 1)
        )
    );
}
