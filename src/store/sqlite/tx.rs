//! One transaction: the log, leases and locks. Lists and streams are in `query`.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::domain::actor::Actor;
use crate::domain::event::{CHAIN_START, Event};
use crate::domain::fold;
use crate::domain::time::WallMs;
use crate::store::sqlite::connect::failed;
use crate::store::{StoreError, StoredEvent};

/// A transaction on the embedded store.
pub(super) struct SqliteTx<'a> {
    pub(super) conn: &'a Connection,
    path: &'a Path,
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(conn: &'a Connection, path: &'a Path) -> Self {
        SqliteTx { conn, path }
    }

    pub(super) fn failed(&self, error: rusqlite::Error) -> StoreError {
        failed(self.path, error)
    }

    pub(super) fn append(
        &mut self,
        at_ms: WallMs,
        actor: &Actor,
        event: &Event,
    ) -> Result<u64, StoreError> {
        let (last, prev) = self.chain_head()?;
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
        )
    }

    /// Position and hash of the newest record.
    fn chain_head(&self) -> Result<(u64, String), StoreError> {
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
