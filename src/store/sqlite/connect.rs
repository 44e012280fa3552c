//! Connections to a database file, and files in the making.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

#[cfg(feature = "test-fakes")]
use crate::base::env;
use crate::base::fs::PublishOutcome;
use crate::base::{clock, fs, holders, id};
use crate::store::sqlite::{checkpoint, files};
use crate::store::{StoreError, patience};

/// `ai` in SQLite's application id, so that `file` and other tools can tell.
pub(super) const APPLICATION_ID: i32 = 0x6169_0001;
/// How long a writer waits for the others before it says "busy".
const BUSY_DEADLINE_MS: i64 = 30_000;

/// The deadline, and a shorter one where a test asks for it.
fn busy_deadline_ms() -> i64 {
    if let Some(limit) = patience::limit() {
        return i64::try_from(limit.as_millis()).unwrap_or(BUSY_DEADLINE_MS);
    }
    #[cfg(feature = "test-fakes")]
    if let Some(ms) = env::text("AI_TEST_BUSY_MS").and_then(|text| text.parse().ok()) {
        return ms;
    }
    BUSY_DEADLINE_MS
}

/// Fills a new file of its own name; it gets its place when it is complete.
pub(super) fn draw_up(
    draft: &Path,
    fill: impl FnOnce(&mut Connection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let fail = |error| failed(draft, error);
    fs::create_private_file(draft)?;
    let mut conn = Connection::open(draft).map_err(fail)?;
    fill(&mut conn)?;
    // A property of the file from now on; closing the only connection leaves no log beside it.
    conn.pragma_update(None, "journal_mode", "WAL")
        .map_err(fail)?;
    conn.close().map_err(|(_, error)| fail(error))
}

/// Gives a draft its place, or takes it away where it failed. Says whether the place was free.
pub(super) fn place(
    draft: &Path,
    filled: Result<(), StoreError>,
    path: &Path,
) -> Result<PublishOutcome, StoreError> {
    let published = filled.and_then(|()| Ok(fs::publish(draft, path)?));
    for beside in files::family(draft) {
        fs::remove_file(&beside)?;
    }
    published
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    harden(&conn)?;
    // One plan for every value of a parameter. SQLite would otherwise prepare a statement a second
    // time to look at the first values.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.busy_handler(Some(wait_a_little))?;
    checkpoint::install(&mut conn)?;
    application_id(&conn)?;
    Ok(conn)
}

/// Opens a file that nobody writes, such as a backup, or one that cannot be opened otherwise;
/// nothing is put beside it.
pub(super) fn connect_immutable(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let conn = Connection::open_with_flags(
        uri,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
    )?;
    harden(&conn)?;
    application_id(&conn)?;
    Ok(conn)
}

/// A file from elsewhere may carry views and triggers of its own: they get at nothing outside it.
fn harden(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// Says what made the file. The first access makes SQLite look at the file, the WAL and the shared
/// memory; this one needs no look at the schema.
pub(super) fn application_id(conn: &Connection) -> rusqlite::Result<i32> {
    conn.prepare_cached("PRAGMA application_id")?
        .query_row([], |row| row.get(0))
}

pub(super) fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    )
}

thread_local! {
    /// When the current wait began.
    static WAITING_SINCE: Cell<i64> = const { Cell::new(0) };
}

/// Sleeps 0.2 to 2 ms at random, so that the longest waiter has the same chance as the newest,
/// until the deadline.
fn wait_a_little(tries: i32) -> bool {
    if checkpoint::is_running() {
        return false;
    }
    let now = clock::boot_ms();
    if tries == 0 {
        WAITING_SINCE.set(now);
    }
    if now - WAITING_SINCE.get() > busy_deadline_ms() {
        return false;
    }
    clock::pause(Duration::from_micros(200 + id::random_below(1800)));
    true
}

/// The error of a wait in vain, with the processes that write the store now, or else have it open.
fn busy(path: &Path) -> StoreError {
    let writing = files::writers(path);
    let held = if writing.is_empty() {
        match holders::open_in(path) {
            open if open.is_empty() => String::new(),
            open => format!("; it is open in {}", holders::named(&open)),
        }
    } else {
        format!("; {} writes it", holders::named(&writing))
    };
    StoreError::Busy {
        seconds: u64::try_from(busy_deadline_ms() / 1000).unwrap_or(0),
        holders: held,
        stopped: writing.iter().find(|one| one.is_stopped).map(|one| one.pid),
    }
}

/// Turns SQLite's error into a sentence about this store, for a statement that names what every store has.
pub(super) fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    match missing_part(&error) {
        Some(part) => StoreError::Damaged {
            path: path.to_owned(),
            why: format!("its {part} is missing"),
        },
        None => failed_step(path, error),
    }
}

/// The same for a step of a migration, which names what the step before it has made: a part that is missing is the
/// step's own fault.
pub(super) fn failed_step(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => busy(path),
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path: path.to_owned(),
            why: error.to_string(),
        },
        Some(ErrorCode::NotADatabase) => StoreError::Foreign {
            path: path.to_owned(),
            why: error.to_string(),
        },
        _ => StoreError::Backend(error.into()),
    }
}

/// The table or column of which SQLite says that there is none: every store has all that our statements name.
fn missing_part(error: &rusqlite::Error) -> Option<String> {
    let said = error.to_string();
    ["table", "column"].into_iter().find_map(|kind| {
        let name = said.strip_prefix(&format!("no such {kind}: "))?;
        let name = name.split_whitespace().next()?;
        Some(format!("{kind} {}", name.trim_start_matches("main.")))
    })
}
