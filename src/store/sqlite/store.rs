//! The open store: opening, and the beginning and end of transactions.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::base::fs;
use crate::domain::high_water::Setback;
use crate::store::sqlite::checkpoint::{self, Aftercare};
use crate::store::sqlite::connect::{
    connect, connect_immutable, draw_up, failed, is_read_only, place,
};
use crate::store::sqlite::damage_note::DamageNote;
use crate::store::sqlite::files::{self, Identity};
use crate::store::sqlite::mark::{self, Mark};
use crate::store::sqlite::migrate::{self, Migration, SchemaVersion};
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{Access, Lasting, Store, StoreError, Transaction, Tx};

/// An open store.
pub struct SqliteStore {
    conn: Connection,
    path: PathBuf,
    identity: Identity,
    stale: bool,
    /// How lastingly the connection commits now.
    lasting: Cell<Lasting>,
    /// The changes of its schema up to which nothing was missing in it.
    whole_at: Cell<Option<i64>>,
    /// Set once the name of the log in its directory is known to last.
    log_is_named: Cell<bool>,
    mark: Option<Mark>,
    /// The note that damage goes to, where the store is the one of a repository.
    note: Option<DamageNote>,
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

    /// Opens the store to write it; refuses one that is older than the mark in the file `mark`, and
    /// moves the mark with each commit. Refuses one in which damage was met, or of which a part is missing.
    pub fn open_marked(path: &Path, mark: &Path) -> Result<SqliteStore, StoreError> {
        let note = DamageNote::of(path);
        note.refuse()?;
        let noted = |error| {
            note.take(&error);
            error
        };
        let mut store = SqliteStore::open(path, Access::Write).map_err(noted)?;
        store.mark = Some(Mark::reached(&store.conn, path, mark).map_err(noted)?);
        store.note = Some(note);
        store.refuse_incomplete()?;
        Ok(store)
    }

    /// Opens the store to read it; damage that is met is noted, so that nobody writes.
    pub fn open_noting(path: &Path) -> Result<SqliteStore, StoreError> {
        let note = DamageNote::of(path);
        let mut store = SqliteStore::open(path, Access::Read).inspect_err(|e| note.take(e))?;
        // A file that is read without its log may be written meanwhile, which looks like damage.
        store.note = (!store.stale).then_some(note);
        Ok(store)
    }

    /// The damage that was met in the store as it is now, and noted.
    pub fn noted_damage(&self) -> Option<String> {
        DamageNote::of(&self.path).read()
    }

    /// Takes the note of damage away, after the store was found whole.
    pub fn forget_damage(&self) -> Result<(), StoreError> {
        DamageNote::of(&self.path).forget()
    }

    /// Moves the mark to the newest record.
    pub fn mark_now(&self) -> Result<(), StoreError> {
        if let Some(mark) = &self.mark {
            mark.advance(SqliteTx::new(&self.conn, &self.path, None).chain_head()?);
        }
        Ok(())
    }

    /// Compares the store with the mark in a file.
    pub fn setback(&self, mark: &Path) -> Result<Option<Setback>, StoreError> {
        mark::setback(&self.conn, &self.path, mark)
    }

    /// Opens the store as a program with these migrations would.
    pub(super) fn open_with(
        path: &Path,
        access: Access,
        known: &[Migration],
    ) -> Result<SqliteStore, StoreError> {
        files::refuse_long_path(path)?;
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
            // What SQLite does unless it is told otherwise.
            lasting: Cell::new(Lasting::AtOnce),
            whole_at: Cell::new(None),
            log_is_named: Cell::new(false),
            mark: None,
            note: None,
        };
        match migrate::check(&store.conn, path, known)? {
            migrate::Found::Current => {}
            migrate::Found::Older(_) if access == Access::Write => {
                store.name_log()?;
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

    /// Says how lastingly the transactions from now on commit. In WAL mode, `NORMAL` is whole commits
    /// that are flushed with the next `FULL` one, or with a checkpoint.
    fn set_lasting(&self, lasting: Lasting) -> Result<(), StoreError> {
        if self.lasting.get() == lasting {
            return Ok(());
        }
        let word = match lasting {
            Lasting::AtOnce => "FULL",
            Lasting::WithTheNext => "NORMAL",
        };
        self.conn
            .pragma_update(None, "synchronous", word)
            .map_err(|error| failed(&self.path, error))?;
        self.lasting.set(lasting);
        Ok(())
    }

    /// Makes the name of the log last through a power cut before anything is written to it. Where a
    /// log has content, whoever wrote the first of it has seen to that; SQLite is built to leave it
    /// to us, since it would do so for every command (ADR 0038).
    fn name_log(&self) -> Result<(), StoreError> {
        if !self.log_is_named.get() && !files::has_log(&self.path)? {
            // As SQLite does: a file system that cannot flush a directory has other ways to keep
            // its names, or none.
            let _ = fs::sync_dir_of(&self.path);
        }
        self.log_is_named.set(true);
        Ok(())
    }

    /// Keeps the log short after a commit.
    fn look_after_log(&self) {
        if checkpoint::after_commit(&self.conn) == Aftercare::BeginAnew
            && self.set_lasting(Lasting::WithTheNext).is_ok()
        {
            checkpoint::begin_anew(&self.conn);
        }
    }

    /// Refuses a file from which a table was taken, or what keeps one right: a list of another table
    /// would not meet that, and a write would leave half of itself.
    fn refuse_incomplete(&self) -> Result<(), StoreError> {
        let changes = migrate::schema_changes(&self.conn, &self.path)?;
        if self.whole_at.get() == Some(changes) {
            return Ok(());
        }
        let whole = migrate::refuse_incomplete(&self.conn, &self.path);
        match (&whole, &self.note) {
            (Ok(()), _) => self.whole_at.set(Some(changes)),
            (Err(error), Some(note)) => note.take(error),
            (Err(_), None) => {}
        }
        whole
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
    fn begin_write(&mut self, lasting: Lasting) -> Result<Box<dyn Transaction + '_>, StoreError> {
        self.set_lasting(lasting)?;
        let begun = Begun::new(self, TransactionBehavior::Immediate)?;
        // Looked at under the write lock, which whoever replaces the file holds as well.
        self.refuse_replaced()?;
        if let Some(note) = &self.note {
            note.refuse()?;
        }
        self.refuse_incomplete()?;
        self.name_log()?;
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

    fn refuse_outgrown(&mut self) -> Result<(), StoreError> {
        self.refuse_replaced()?;
        migrate::refuse_outgrown(&self.conn, &self.path)
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
            rows: SqliteTx::new(&store.conn, &store.path, store.note.as_ref()),
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
        // What is not flushed yet may be gone after a power cut, and the mark with it or not.
        let mark = store.mark.as_ref();
        let mark = mark.filter(|_| store.lasting.get() == Lasting::AtOnce);
        let head = mark.zip(self.rows.appended());
        self.transaction
            .commit()
            .map_err(|error| failed(&store.path, error))?;
        // Somebody without the lock may have taken the file away meanwhile: that is no
        // acknowledgement.
        store.refuse_replaced()?;
        if let Some((mark, head)) = head {
            mark.advance(head);
        }
        store.look_after_log();
        Ok(())
    }
}
