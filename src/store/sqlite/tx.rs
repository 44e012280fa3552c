//! One transaction: the log, leases and locks. Lists and streams are in `query`.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::event_chain::CHAIN_START;
use crate::domain::fold;
use crate::domain::time::WallMs;
use crate::store::sqlite::connect::failed;
use crate::store::sqlite::damage_note::DamageNote;
use crate::store::sqlite::query::event_row;
use crate::store::{StoreError, StoredEvent};

/// A transaction on the embedded store.
pub(super) struct SqliteTx<'a> {
    pub(super) conn: &'a Connection,
    path: &'a Path,
    /// Position and hash of the newest record, where this transaction has added one.
    appended: RefCell<Option<(u64, String)>>,
    /// The note that damage goes to which is met here.
    note: Option<&'a DamageNote>,
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(conn: &'a Connection, path: &'a Path, note: Option<&'a DamageNote>) -> Self {
        SqliteTx {
            conn,
            path,
            appended: RefCell::new(None),
            note,
        }
    }

    pub(super) fn failed(&self, error: rusqlite::Error) -> StoreError {
        self.noted(failed(self.path, error))
    }

    /// The same error, after a note where it tells of damage.
    fn noted(&self, error: StoreError) -> StoreError {
        if let Some(note) = self.note {
            note.take(&error);
        }
        error
    }

    pub(super) fn append(
        &mut self,
        at_ms: WallMs,
        actor: &Actor,
        event: &Event,
    ) -> Result<u64, StoreError> {
        let appended = self.appended.borrow().clone();
        let (last, prev) = appended.map_or_else(|| self.proven_head(), Ok)?;
        let stored = StoredEvent::after(last, prev, (at_ms, actor, event))?;
        self.insert_event(&stored, event.subject())?;
        fold::apply(self, at_ms, event)?;
        Ok(stored.seq)
    }

    pub(super) fn insert_event(
        &self,
        event: &StoredEvent,
        subject: Option<&str>,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                event.seq,
                event.at_ms,
                event.actor,
                event.kind,
                subject,
                event.body,
                event.prev,
                event.hash
            ],
        )?;
        self.set_appended(Some((event.seq, event.hash.clone())));
        Ok(())
    }

    pub(super) fn set_appended(&self, head: Option<(u64, String)>) {
        *self.appended.borrow_mut() = head;
    }

    /// Position and hash of the newest record, after a look that it is the one that was written:
    /// what is added to a log that was changed would give the change a hash of its own.
    fn proven_head(&self) -> Result<(u64, String), StoreError> {
        let sql =
            "SELECT seq, at_ms, actor, kind, body, prev, hash FROM event ORDER BY seq DESC LIMIT 1";
        let newest = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], event_row).optional())
            .map_err(|e| self.failed(e))?;
        match newest {
            Some(event) if event.expected_hash() != event.hash => {
                Err(self.noted(StoreError::Damaged {
                    path: self.path.to_owned(),
                    why: "the newest record of its log was changed after it was written".into(),
                }))
            }
            Some(event) => Ok((event.seq, event.hash)),
            None => Ok((0, CHAIN_START.to_owned())),
        }
    }

    /// Position and hash of the record that was added last in this transaction.
    pub(super) fn appended(&self) -> Option<(u64, String)> {
        self.appended.borrow().clone()
    }

    /// Position and hash of the newest record.
    pub(super) fn chain_head(&self) -> Result<(u64, String), StoreError> {
        self.conn
            .prepare_cached("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1")
            .and_then(|mut statement| {
                statement
                    .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
            })
            .map(|head| head.unwrap_or((0, CHAIN_START.to_owned())))
            .map_err(|e| self.failed(e))
    }
}
