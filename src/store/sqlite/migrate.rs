//! Migrations: named by time so that parallel branches cannot collide, kept with their checksums,
//! applied in one transaction behind a backup.
//!
//! `user_version` holds `major * 1000 + minor`. A minor step only adds what a newer `ai` can read
//! without; a major one changes what is there. An older `ai` refuses both, and any step that it does
//! not know: what the step added is kept by code that the older one has not, such as sums, and would
//! go wrong with its first write. The version that decides is read inside the transaction, so two
//! processes may try at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::base::clock;
use crate::store::StoreError;
use crate::store::sqlite::connect::{APPLICATION_ID, application_id, failed, failed_step};

/// A store format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaVersion {
    /// A newer `ai` cannot read a lower one without its migration.
    pub major: i32,
    /// A newer `ai` reads a lower one as it is.
    pub minor: i32,
}

impl SchemaVersion {
    fn from_user_version(n: i32) -> SchemaVersion {
        SchemaVersion {
            major: n / 1000,
            minor: n % 1000,
        }
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

/// One step from a format to the next.
#[derive(Clone, Debug)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    /// SHA-256 of the text, as each store that was made by it has it: known beforehand, since every
    /// command compares it.
    pub(super) checksum: &'static str,
    /// The format that the file has afterwards.
    pub(super) version: SchemaVersion,
}

/// All migrations, oldest first. Only ever append.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "20261120180000_initial",
        sql: include_str!("migrations/20261120180000_initial.sql"),
        checksum: "37e4408057e29154cfc9b72687d2baf9ceb9084075031f3b015469da88bff8c7",
        version: SchemaVersion { major: 1, minor: 0 },
    },
    Migration {
        name: "20261120213000_use",
        sql: include_str!("migrations/20261120213000_use.sql"),
        checksum: "b4e88f55e7aec3dde2087bf27879338ee273b2f07d2dfd272a60029f3c8872bc",
        version: SchemaVersion { major: 1, minor: 1 },
    },
    Migration {
        name: "20261121003000_lean",
        sql: include_str!("migrations/20261121003000_lean.sql"),
        checksum: "4a6b9d5f45cca1a2da8e4f20578fe0ce31649fd4d53aebb60a3c326822456535",
        version: SchemaVersion { major: 1, minor: 2 },
    },
    Migration {
        name: "20261129051000_told",
        sql: include_str!("migrations/20261129051000_told.sql"),
        checksum: "9bb4aaa6105bb2ee91650bb4ea53502f10344b22d56b96c90ae54d18892a7b4f",
        version: SchemaVersion { major: 1, minor: 3 },
    },
];

/// The newest format this program knows.
pub const FORMAT: SchemaVersion = newest(MIGRATIONS);

/// Everything that all migrations together leave in a file, by kind and name; tables first, with which
/// their indexes go.
const OBJECTS: [(&str, &str); 32] = [
    ("table", "agent_last"),
    ("table", "agent_sum"),
    ("table", "day_sum"),
    ("table", "decision"),
    ("table", "dep"),
    ("table", "event"),
    ("table", "evidence"),
    ("table", "lease"),
    ("table", "meta"),
    ("table", "path_lock"),
    ("table", "run"),
    ("table", "run_use"),
    ("table", "schema_migration"),
    ("table", "tally"),
    ("table", "task"),
    ("index", "decision_asks"),
    ("index", "decision_task"),
    ("index", "dep_on"),
    ("index", "event_subject"),
    ("index", "evidence_task"),
    ("index", "lease_expiry"),
    ("index", "path_lock_key"),
    ("index", "run_active"),
    ("index", "run_task"),
    ("index", "run_use_task"),
    ("index", "task_parent"),
    ("index", "task_ready"),
    ("index", "task_status"),
    ("trigger", "event_append_only_delete"),
    ("trigger", "event_append_only_update"),
    ("trigger", "task_tally_insert"),
    ("trigger", "task_tally_update"),
];

/// The kind of an opened file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Usable as it is.
    Current,
    /// Needs migration from this format.
    Older(SchemaVersion),
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

/// Decides whether the file is ours, how old, and made by the migrations that this program knows.
pub(super) fn check(
    conn: &Connection,
    path: &Path,
    known: &[Migration],
) -> Result<Found, StoreError> {
    let application = application_id(conn).map_err(|e| failed(path, e))?;
    if application != APPLICATION_ID {
        let why = format!("its application id is {application:#x}, not {APPLICATION_ID:#x}");
        return Err(StoreError::Foreign {
            path: path.to_owned(),
            why,
        });
    }
    let found = version(conn, path)?;
    refuse_newer(found, newest(known))?;
    let applied = applied(conn, path)?;
    refuse_other_steps(&applied, known)?;
    refuse_unknown_steps(&applied, known)?;
    let pending = known
        .iter()
        .any(|migration| !applied.contains_key(migration.name));
    Ok(if pending {
        Found::Older(found)
    } else {
        Found::Current
    })
}

/// Reading an older format without migrating it is possible only within one major version, and then
/// needs no work.
pub(super) fn refuse_unread(found: SchemaVersion, known: &[Migration]) -> Result<(), StoreError> {
    let ours = newest(known);
    if found.major == ours.major {
        Ok(())
    } else {
        Err(StoreError::Older {
            found: found.to_string(),
            ours: ours.to_string(),
        })
    }
}

/// Brings an older file to the newest format, with a backup first. What is missing is told by name,
/// not by version: two branches of this program may each have added a step of the same number.
pub(super) fn upgrade(
    conn: &mut Connection,
    path: &Path,
    known: &[Migration],
) -> Result<(), StoreError> {
    super::copy::before_migration(conn, path)?;
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|e| failed(path, e))?;
    refuse_newer(version(&tx, path)?, newest(known))?;
    let applied = applied(&tx, path)?;
    refuse_unknown_steps(&applied, known)?;
    for migration in known
        .iter()
        .filter(|migration| !applied.contains_key(migration.name))
    {
        apply(&tx, migration).map_err(|error| match failed_step(path, error) {
            StoreError::Backend(e) => StoreError::Migration {
                name: migration.name.into(),
                why: format!("failed: {e}"),
            },
            other => other,
        })?;
    }
    tx.commit().map_err(|e| failed(path, e))
}

const fn newest(known: &[Migration]) -> SchemaVersion {
    known[known.len() - 1].version
}

pub(super) fn version(conn: &Connection, path: &Path) -> Result<SchemaVersion, StoreError> {
    let version = conn
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|e| failed(path, e))?;
    Ok(SchemaVersion::from_user_version(version))
}

/// Refuses a file that a newer or different build has changed meanwhile.
pub(super) fn refuse_outgrown(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    refuse_newer(version(conn, path)?, FORMAT)?;
    refuse_unknown_steps(&applied(conn, path)?, MIGRATIONS)
}

/// Refuses a file in which something is missing that the migrations made: what is written there would be
/// half written. A look at names alone, which each writing process pays for once.
pub(super) fn refuse_incomplete(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let names: rusqlite::Result<BTreeSet<(String, String)>> = conn
        .prepare("SELECT type, name FROM sqlite_schema")
        .and_then(|mut s| {
            s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        });
    let names = names.map_err(|error| failed(path, error))?;
    let is_there =
        |(kind, name): &(&str, &str)| names.contains(&((*kind).to_owned(), (*name).to_owned()));
    match OBJECTS.iter().find(|object| !is_there(object)) {
        Some((kind, name)) => Err(StoreError::Damaged {
            path: path.to_owned(),
            why: format!("its {kind} {name} is missing"),
        }),
        None => Ok(()),
    }
}

/// Counts the changes of what a file is made of.
pub(super) fn schema_changes(conn: &Connection, path: &Path) -> Result<i64, StoreError> {
    conn.prepare_cached("PRAGMA schema_version")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .map_err(|error| failed(path, error))
}

/// The steps that made this file, with their checksums.
fn applied(conn: &Connection, path: &Path) -> Result<BTreeMap<String, String>, StoreError> {
    let rows: rusqlite::Result<_> = conn
        .prepare("SELECT name, checksum FROM schema_migration")
        .and_then(|mut s| {
            s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        });
    rows.map_err(|error| match failed(path, error) {
        StoreError::Backend(e) => StoreError::Damaged {
            path: path.to_owned(),
            why: e.to_string(),
        },
        other => other,
    })
}

fn refuse_newer(found: SchemaVersion, ours: SchemaVersion) -> Result<(), StoreError> {
    if found > ours {
        Err(StoreError::Newer {
            found: found.to_string(),
            ours: ours.to_string(),
        })
    } else {
        Ok(())
    }
}

/// Names that are not known are those of a branch of this program: a newer version would have said
/// so by its number.
fn refuse_unknown_steps(
    applied: &BTreeMap<String, String>,
    known: &[Migration],
) -> Result<(), StoreError> {
    let is_known = |name: &String| known.iter().any(|migration| migration.name == name);
    match applied.keys().find(|name| !is_known(name)) {
        Some(name) => Err(StoreError::Migration {
            name: name.clone(),
            why: "is not one of this `ai`: a newer or different build made this store".into(),
        }),
        None => Ok(()),
    }
}

/// A step that bears our name and is not ours made something else of the file.
fn refuse_other_steps(
    applied: &BTreeMap<String, String>,
    known: &[Migration],
) -> Result<(), StoreError> {
    let differs = |m: &&Migration| {
        applied
            .get(m.name)
            .is_some_and(|checksum| checksum != m.checksum)
    };
    match known.iter().find(differs) {
        Some(migration) => Err(StoreError::Migration {
            name: migration.name.into(),
            why: "was another one when it was applied: a different build of `ai` made this store"
                .into(),
        }),
        None => Ok(()),
    }
}

fn apply(tx: &rusqlite::Transaction<'_>, migration: &Migration) -> rusqlite::Result<()> {
    tx.execute_batch(migration.sql)?;
    tx.execute(
        "INSERT INTO schema_migration VALUES (?1, ?2, ?3)",
        (migration.name, migration.checksum, clock::wall_ms()),
    )?;
    let version: i32 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    tx.pragma_update(
        None,
        "user_version",
        version.max(migration.version.user_version()),
    )
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
