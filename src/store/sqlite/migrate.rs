//! Migrations: named by time so that parallel branches cannot collide, kept with their checksums, applied in one transaction
//! behind a backup.
//!
//! `user_version` holds `major * 1000 + minor`. Same major: an older `ai` may still open the file. The version that decides is
//! read inside the exclusive transaction, so two processes may try at once.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::base::{clock, hash};
use crate::store::StoreError;
use crate::store::sqlite::conn::{APPLICATION_ID, failed};

/// A store format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaVersion {
    /// An older `ai` refuses a higher one.
    pub major: i32,
    /// An older `ai` may ignore it.
    pub minor: i32,
}

impl SchemaVersion {
    fn from_user_version(n: i32) -> SchemaVersion {
        SchemaVersion { major: n / 1000, minor: n % 1000 }
    }

    fn user_version(self) -> i32 {
        self.major * 1000 + self.minor
    }
}

impl std::fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

struct Migration {
    name: &'static str,
    sql: &'static str,
    /// The format that the file has afterwards.
    version: SchemaVersion,
}

/// All migrations, oldest first. Only ever append.
const MIGRATIONS: &[Migration] = &[Migration {
    name: "20261120180000_initial",
    sql: include_str!("migrations/20261120180000_initial.sql"),
    version: SchemaVersion { major: 1, minor: 0 },
}];

/// The newest format this program knows.
pub const FORMAT: SchemaVersion = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What an opened file turned out to be.
pub(super) enum Found {
    /// Usable as it is.
    Current,
    /// Needs migration.
    Older,
}

/// Fills a new file.
pub(super) fn create(conn: &mut Connection, store_id: &str) -> rusqlite::Result<()> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(
        "CREATE TABLE schema_migration (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL) \
         WITHOUT ROWID",
    )?;
    for migration in MIGRATIONS {
        apply(&tx, migration)?;
    }
    tx.execute("INSERT INTO meta VALUES ('store', ?1)", [store_id])?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.commit()
}

/// Decides whether the file is ours and how old.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<Found, StoreError> {
    let (application, version): (i32, i32) = conn
        .query_row("SELECT application_id, user_version FROM pragma_application_id, pragma_user_version", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(|e| failed(path, e))?;
    if application != APPLICATION_ID {
        let why = format!("its application id is {application:#x}, not {APPLICATION_ID:#x}");
        return Err(StoreError::Foreign { path: path.to_owned(), why });
    }
    let found = SchemaVersion::from_user_version(version);
    if found.major > FORMAT.major {
        return Err(StoreError::Newer { found: found.to_string(), ours: FORMAT.to_string() });
    }
    Ok(if found < FORMAT { Found::Older } else { Found::Current })
}

/// Reading an older format without migrating it is possible only within one major version, and then needs no work.
pub(super) fn refuse_unmigrated(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// Brings an older file to [`FORMAT`], with a backup first.
pub(super) fn upgrade(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    super::backup::before_migration(conn, path)?;
    let run = |conn: &mut Connection| -> rusqlite::Result<()> {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let version: i32 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let found = SchemaVersion::from_user_version(version);
        for migration in MIGRATIONS.iter().filter(|m| m.version > found) {
            apply(&tx, migration)?;
        }
        tx.commit()
    };
    run(conn).map_err(|e| failed(path, e))
}

fn apply(tx: &rusqlite::Transaction<'_>, migration: &Migration) -> rusqlite::Result<()> {
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO schema_migration VALUES (?1, ?2, ?3)",
        (migration.name, hash::sha256_hex(migration.sql.as_bytes()), clock::wall_ms()),
    )?;
    tx.pragma_update(None, "user_version", migration.version.user_version())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_only_grow() {
        for pair in MIGRATIONS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
            assert!(pair[0].version < pair[1].version);
        }
    }

    #[test]
    fn the_bundled_sqlite_has_the_wal_reset_fix_and_syncs_fully() {
        assert!(rusqlite::version_number() >= 3_051_003);
        let conn = Connection::open_in_memory().unwrap();
        let full: i64 = conn.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
        assert_eq!(full, 2, "an acknowledged write must survive a power cut");
    }
}
