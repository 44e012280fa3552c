//! The rows that the fold reads and writes.

use rusqlite::{OptionalExtension, params};
use serde::de::DeserializeOwned;

use crate::domain::decision::DecisionRecord;
use crate::domain::event::HeldLock;
use crate::domain::evidence::Evidence;
use crate::domain::fold::Tables;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::store::StoreError;
use crate::store::json::{decode, encode};
use crate::store::sqlite::tx::SqliteTx;

impl Tables for SqliteTx<'_> {
    type Error = StoreError;

    fn task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.one(
            "task",
            "SELECT id, data FROM task WHERE id = ?1",
            id.as_str(),
        )
    }

    fn add_task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.write_task(
            "INSERT INTO task (id, status, priority, not_before_ms, parent, title, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            task,
        )
    }

    fn put_task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.write_task(
            "UPDATE task SET status = ?2, priority = ?3, not_before_ms = ?4, parent = ?5, title = ?6, data = ?7 WHERE id = ?1",
            task,
        )
    }

    fn add_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR IGNORE INTO dep VALUES (?1, ?2)",
            params![task.as_str(), on.as_str()],
        )
    }

    fn remove_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM dep WHERE task = ?1 AND on_task = ?2",
            params![task.as_str(), on.as_str()],
        )
    }

    fn dependents(&mut self, on: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        self.strings(
            "SELECT task FROM dep WHERE on_task = ?1 ORDER BY task",
            params![on.as_str()],
        )
        .map(|ids| ids.into_iter().map(TaskId).collect())
    }

    fn lease(&mut self, subject: &Subject) -> Result<Option<Lease>, StoreError> {
        self.one(
            "lease",
            "SELECT subject, data FROM lease WHERE subject = ?1",
            subject.as_str(),
        )
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let data = encode("lease", lease)?;
        self.execute(
            "INSERT INTO lease VALUES (?1, ?2, ?3, ?4) ON CONFLICT (subject) DO UPDATE SET clock = ?2, expires = ?3, data = ?4",
            params![lease.subject.as_str(), lease.expires.epoch, lease.expires.ms, data],
        )
    }

    fn remove_lease(&mut self, subject: &Subject) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM path_lock WHERE subject = ?1",
            params![subject.as_str()],
        )?;
        self.execute(
            "DELETE FROM lease WHERE subject = ?1",
            params![subject.as_str()],
        )
    }

    fn put_lock(&mut self, lock: &HeldLock) -> Result<(), StoreError> {
        let data = encode("path_lock", lock)?;
        self.execute(
            "INSERT INTO path_lock SELECT ?1, coalesce(max(n) + 1, 0), ?2, ?3 FROM path_lock WHERE subject = ?1",
            params![lock.subject.as_str(), lock.key, data],
        )
    }

    fn run(&mut self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.one("run", "SELECT id, data FROM run WHERE id = ?1", id.as_str())
    }

    fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        let data = encode("run", run)?;
        self.execute(
            "INSERT INTO run VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET active = ?3, data = ?4",
            params![run.id.as_str(), run.task.as_str(), i32::from(run.end.is_none()), data],
        )?;
        match run.end {
            Some(_) => self.sum_up(run),
            None => Ok(()),
        }
    }

    fn put_evidence(&mut self, evidence: &Evidence) -> Result<(), StoreError> {
        let data = encode("evidence", evidence)?;
        self.execute(
            "INSERT INTO evidence (id, task, data) VALUES (?1, ?2, ?3)",
            params![evidence.id.as_str(), evidence.task.as_str(), data],
        )
    }

    fn decision(&mut self, id: &str) -> Result<Option<DecisionRecord>, StoreError> {
        self.one(
            "decision",
            "SELECT id, data FROM decision WHERE id = ?1",
            id,
        )
    }

    fn put_decision(&mut self, record: &DecisionRecord) -> Result<(), StoreError> {
        let data = encode("decision", record)?;
        self.execute(
            "INSERT INTO decision (id, task, data) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET data = ?3",
            params![record.id, record.resource.task, data],
        )
    }
}

impl SqliteTx<'_> {
    /// Runs a statement that takes the columns of a task.
    fn write_task(&self, sql: &str, task: &Task) -> Result<(), StoreError> {
        let data = encode("task", task)?;
        let parent = task.parent.as_ref().map(TaskId::as_str);
        self.execute(
            sql,
            params![
                task.id.as_str(),
                task.state.name(),
                task.priority,
                task.not_before_ms,
                parent,
                task.title,
                data
            ],
        )
    }

    /// The one row of `(id, data)` that a key names.
    fn one<T: DeserializeOwned>(
        &self,
        table: &str,
        sql: &str,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        let row: Option<String> = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([key], |row| row.get(1)).optional())
            .map_err(|e| self.failed(e))?;
        row.map(|json| decode(table, key, &json)).transpose()
    }

    /// Runs a statement that changes rows.
    pub(super) fn execute(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map(drop)
            .map_err(|e| self.failed(e))
    }

    /// The first column of every row.
    pub(super) fn strings(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<String>, StoreError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, |row| row.get(0))?.collect())
            .map_err(|e| self.failed(e))
    }
}
