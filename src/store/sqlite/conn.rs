//! Opening and transactions.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::base::fs::PublishOutcome;
use crate::base::{clock, fs, id};
use crate::store::sqlite::checkpoint;
use crate::store::sqlite::files::{self, Identity};
use crate::store::sqlite::migrate::{self, Migration, SchemaVersion};
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{Access, Store, StoreError, Transaction, Tx};

/// `ai` in SQLite's application id, so that `file` and other tools can tell.
pub(super) const APPLICATION_ID: i32 = 0x6169_0001;
/// How long a writer waits for the others before it says "busy".
const BUSY_DEADLINE_MS: i64 = 30_000;

/// An open store.
pub struct SqliteStore {
    conn: Connection,
    path: PathBuf,
    identity: Identity,
    stale: bool,
}

impl SqliteStore {
    /// Makes a new store at `path`, whose directory must exist and which must not: two processes
    /// may try at once, one wins and the other opens what the first made.
    pub fn create(path: &Path, store_id: &str) -> Result<SqliteStore, StoreError> {
        files::refuse_network_disk(path)?;
        let draft = files::draft(path);
        let filled = draw_up(&draft, |conn| {
            migrate::create(conn, store_id).map_err(|e| failed(&draft, e))
        });
        place(&draft, filled, path)?;
        SqliteStore::open(path, Access::Write)
    }

    /// Opens the store at `path`. An older format is migrated (with a backup first) when `access`
    /// allows it.
    pub fn open(path: &Path, access: Access) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_with(path, access, migrate::MIGRATIONS)
    }

    /// Opens the store as a program with these migrations would.
    pub(super) fn open_with(
        path: &Path,
        access: Access,
        known: &[Migration],
    ) -> Result<SqliteStore, StoreError> {
        let main = files::look(path)?;
        files::refuse_lost_log(path)?;
        let (conn, stale) = match connect(path) {
            Ok(conn) => (conn, false),
            // A disk that cannot be written cannot hold the shared-memory file either; the main
            // file alone can still be read.
            Err(e) if access == Access::Read && is_read_only(&e) => {
                let conn = connect_immutable(path).map_err(|e| failed(path, e))?;
                (conn, files::has_log(path)?)
            }
            Err(e) => return Err(failed(path, e)),
        };
        let identity = Identity {
            main,
            log: files::log_id(path)?,
        };
        let mut store = SqliteStore {
            conn,
            path: path.to_owned(),
            identity,
            stale,
        };
        match migrate::check(&store.conn, path, known)? {
            migrate::Found::Current => {}
            migrate::Found::Older(_) if access == Access::Write => {
                migrate::upgrade(&mut store.conn, path, known)?
            }
            migrate::Found::Older(found) => migrate::refuse_unread(found, known)?,
        }
        Ok(store)
    }

    /// The format that the file has now.
    pub fn format(&self) -> Result<SchemaVersion, StoreError> {
        migrate::version(&self.conn, &self.path)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one write transaction, as every store does.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let store: &mut dyn Store = self;
        store.write(work)
    }

    /// Runs `work` on one consistent state, as every store does.
    pub fn read<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let store: &mut dyn Store = self;
        store.read(work)
    }

    /// The connection, for backup and integrity checks.
    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Refuses a file that is not the one that was opened: what is written there is seen by nobody.
    fn refuse_replaced(&self) -> Result<(), StoreError> {
        match files::identity(&self.path) {
            Ok(found)
                if found == self.identity || self.stale && found.main == self.identity.main =>
            {
                Ok(())
            }
            _ => Err(StoreError::Replaced),
        }
    }
}

impl Store for SqliteStore {
    fn begin_write(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let begun = Begun::new(self, TransactionBehavior::Immediate)?;
        // Looked at under the write lock, which whoever replaces the file holds as well.
        self.refuse_replaced()?;
        Ok(Box::new(begun))
    }

    fn begin_read(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        self.refuse_replaced()?;
        Ok(Box::new(Begun::new(self, TransactionBehavior::Deferred)?))
    }

    /// True where the disk is read-only and the log beside the file unreadable.
    fn is_stale(&self) -> bool {
        self.stale
    }
}

/// A transaction on a store that stays as it is meanwhile.
struct Begun<'a> {
    store: &'a SqliteStore,
    rows: SqliteTx<'a>,
    // Ends the transaction where it is dropped.
    transaction: rusqlite::Transaction<'a>,
}

impl<'a> Begun<'a> {
    fn new(store: &'a SqliteStore, behavior: TransactionBehavior) -> Result<Begun<'a>, StoreError> {
        // Unchecked, since the transaction borrows the connection beside the path; the `&mut` of
        // the store that it begins on keeps it the only one.
        let transaction = rusqlite::Transaction::new_unchecked(&store.conn, behavior)
            .map_err(|error| failed(&store.path, error))?;
        Ok(Begun {
            store,
            rows: SqliteTx::new(&store.conn, &store.path),
            transaction,
        })
    }
}

impl Transaction for Begun<'_> {
    fn tx(&mut self) -> &mut dyn Tx {
        &mut self.rows
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let store = self.store;
        self.transaction
            .commit()
            .map_err(|error| failed(&store.path, error))?;
        // Somebody without the lock may have taken the file away meanwhile: that is no
        // acknowledgement.
        store.refuse_replaced()
    }
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
    touch(&conn)?;
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
    touch(&conn)?;
    Ok(conn)
}

/// A file from elsewhere may carry views and triggers of its own: they get at nothing outside it.
fn harden(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(())
}

/// The first access makes SQLite look at the file, the WAL and the shared memory. This one needs no
/// look at the schema.
fn touch(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA application_id", [], |row| row.get::<_, i64>(0))
        .map(drop)
}

fn is_read_only(error: &rusqlite::Error) -> bool {
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
    if now - WAITING_SINCE.get() > BUSY_DEADLINE_MS {
        return false;
    }
    clock::pause(Duration::from_micros(200 + id::random_below(1800)));
    true
}

/// Turns SQLite's error into a sentence about this store.
pub(super) fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => StoreError::Busy(u64::try_from(BUSY_DEADLINE_MS / 1000).unwrap_or(0)),
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
        _ => StoreError::Sqlite(error),
    }
}
