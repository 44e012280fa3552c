//! Opening, identity, busy handling and transactions.
#![expect(clippy::disallowed_methods, reason = "file identity is read by metadata, never by opening the database")]

use std::cell::Cell;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::base::{clock, fs};
use crate::store::sqlite::migrate;
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{Store, StoreError, Tx};

/// `ai` in SQLite's application id, so that `file` and other tools can tell.
pub(super) const APPLICATION_ID: i32 = 0x6169_0001;
/// How long a writer waits for the others before it says "busy".
const BUSY_DEADLINE_MS: i64 = 30_000;

/// What a command is going to do with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only read; works on a read-only disk.
    Read,
    /// Read and write.
    Write,
}

/// An open store.
pub struct SqliteStore {
    conn: Connection,
    path: PathBuf,
    identity: Identity,
    stale: bool,
}

/// Which file a path names: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl SqliteStore {
    /// Makes a new store at `path`, whose directory must exist and which must not: two processes may try at once, one wins and the
    /// other opens what the first made.
    pub fn create(path: &Path, store_id: &str) -> Result<SqliteStore, StoreError> {
        let dir = path.parent().unwrap_or(Path::new("."));
        refuse_network_disk(dir)?;
        let draft = dir.join(format!(".ai.db.{}.new", std::process::id()));
        let mut conn = Connection::open(&draft).map_err(|e| failed(&draft, e))?;
        // The WAL mode is a property of the file; the draft itself is written in one go and closed before it gets its name.
        migrate::create(&mut conn, store_id).map_err(|e| failed(&draft, e))?;
        conn.pragma_update(None, "journal_mode", "WAL").map_err(|e| failed(&draft, e))?;
        drop(conn);
        let linked = std::fs::hard_link(&draft, path);
        for suffix in ["", "-wal", "-shm"] {
            let mut name = draft.clone().into_os_string();
            name.push(suffix);
            fs::remove_file(Path::new(&name))?;
        }
        match linked {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(fs::FsError { action: "create", path: path.to_owned(), source: e }.into())
            }
            _ => SqliteStore::open(path, Access::Write),
        }
    }

    /// Opens the store at `path`. An older format is migrated (with a backup first) when `access` allows it.
    pub fn open(path: &Path, access: Access) -> Result<SqliteStore, StoreError> {
        let identity = look(path)?;
        let mut stale = false;
        let conn = match connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) {
            Ok(conn) => conn,
            // A disk that cannot be written cannot hold the shared-memory file either; the main file alone can still be read.
            Err(e) if access == Access::Read && is_read_only(&e) => {
                stale = true;
                connect_immutable(path).map_err(|e| failed(path, e))?
            }
            Err(e) => return Err(failed(path, e)),
        };
        let mut store = SqliteStore { conn, path: path.to_owned(), identity, stale };
        match migrate::check(&store.conn, path)? {
            migrate::Found::Current => {}
            migrate::Found::Older if access == Access::Write => migrate::upgrade(&mut store.conn, path)?,
            migrate::Found::Older => migrate::refuse_unmigrated(path)?,
        }
        Ok(store)
    }

    /// True where the reading may miss the newest writes, because the disk is read-only and the log beside the file unreadable.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection, for backup and integrity checks.
    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }
}

impl Store for SqliteStore {
    fn write<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
        if look(&self.path).ok() != Some(self.identity) {
            return Err(StoreError::Replaced.into());
        }
        let path = &self.path;
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| E::from(failed(path, e)))?;
        let done = work(&mut SqliteTx::new(&tx, path))?;
        tx.commit().map_err(|e| E::from(failed(path, e)))?;
        Ok(done)
    }

    fn read<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&mut dyn Tx) -> Result<T, E>) -> Result<T, E> {
        let path = &self.path;
        let tx = self.conn.transaction().map_err(|e| E::from(failed(path, e)))?;
        work(&mut SqliteTx::new(&tx, path))
    }
}

/// Looks at the file without opening it.
fn look(path: &Path) -> Result<Identity, StoreError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() == 0 => Err(StoreError::Empty(path.to_owned())),
        Ok(meta) if !meta.is_file() => {
            Err(StoreError::Foreign { path: path.to_owned(), why: "it is not a regular file".into() })
        }
        Ok(meta) => Ok(Identity(meta.dev(), meta.ino())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => match path.parent().is_some_and(Path::exists) {
            true => Err(StoreError::Vanished(path.to_owned())),
            false => Err(StoreError::NotInitialised),
        },
        Err(source) => Err(fs::FsError { action: "read", path: path.to_owned(), source }.into()),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_handler(Some(wait_a_little))?;
    // The first access makes SQLite look at the file, the WAL and the shared memory.
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    Ok(conn)
}

fn connect_immutable(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied))
}

thread_local! {
    /// When the current wait began.
    static WAITING_SINCE: Cell<i64> = const { Cell::new(0) };
}

/// Sleeps 0.2 to 2 ms at random, so that the longest waiter has the same chance as the newest, until the deadline.
fn wait_a_little(tries: i32) -> bool {
    let now = clock::boot_ms();
    if tries == 0 {
        WAITING_SINCE.set(now);
    }
    if now - WAITING_SINCE.get() > BUSY_DEADLINE_MS {
        return false;
    }
    std::thread::sleep(Duration::from_micros(200 + crate::base::id::random_below(1800)));
    true
}

/// Turns SQLite's error into a sentence about this store.
pub(super) fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Busy(u64::try_from(BUSY_DEADLINE_MS / 1000).unwrap_or(0))
        }
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path: path.to_owned(), why: error.to_string() },
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned(), why: error.to_string() },
        _ => StoreError::Sqlite(error),
    }
}

/// Refuses file systems on which SQLite's shared memory or locks are known to fail.
fn refuse_network_disk(dir: &Path) -> Result<(), StoreError> {
    let Ok(stat) = rustix::fs::statfs(dir) else { return Ok(()) };
    let filesystem = match stat.f_type {
        0x6969 => "NFS",
        0x0102_1997 => "9p",
        0x517B => "SMB",
        0xFF53_4D42 => "CIFS",
        _ => return Ok(()),
    };
    Err(StoreError::NetworkDisk { path: dir.to_owned(), filesystem })
}
