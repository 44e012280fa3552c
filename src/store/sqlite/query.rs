//! What operations ask of a transaction: indexed look-ups and streams.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Params, Row, Statement, params, params_from_iter};
use serde::de::DeserializeOwned;

use crate::domain::actor::Actor;
use crate::domain::budget::Spent;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, HeldLock};
use crate::domain::evidence::Evidence;
use crate::domain::fold;
use crate::domain::history::{AgentLast, AgentSum, DaySum};
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_pattern::PrefixQuery;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::time::{Now, WallMs};
use crate::store::json::decode;
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{
    EventFilter, Flow, RowTable, StoreError, StoredEvent, TaskFilter, TaskLine, Tx, local_now,
};

/// The largest SQLite integer stands for "no limit".
pub(super) const UNLIMITED: i64 = i64::MAX;

/// The queued tasks whose time has come. Left alone, the planner takes all queued ones from
/// `task_status` and sorts them.
pub(super) const READY: &str = "SELECT id, data FROM task INDEXED BY task_ready \
                     WHERE status = 'queued' AND (not_before_ms IS NULL OR not_before_ms <= ?1) \
                     ORDER BY priority, ord LIMIT ?2";

impl Tx for SqliteTx<'_> {
    fn now(&mut self) -> Result<Now, StoreError> {
        Ok(local_now())
    }

    fn record(&mut self, at_ms: WallMs, actor: &Actor, event: &Event) -> Result<u64, StoreError> {
        self.append(at_ms, actor, event)
    }

    fn tasks_with_prefix(&mut self, prefix: &str, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(UNLIMITED);
        // Ids are ASCII, so the tilde ends the range of every prefix.
        self.strings(
            "SELECT id FROM task WHERE id >= ?1 AND id < ?1 || '~' ORDER BY id LIMIT ?2",
            params![prefix, limit],
        )
        .map(|ids| ids.into_iter().map(TaskId).collect())
    }

    fn ready(&mut self, now: &Now, limit: usize) -> Result<Vec<Task>, StoreError> {
        self.collect(
            "task",
            READY,
            params![now.wall_ms, i64::try_from(limit).unwrap_or(UNLIMITED)],
        )
    }

    fn next_due(&mut self, now: &Now) -> Result<Option<WallMs>, StoreError> {
        let sql =
            "SELECT min(not_before_ms) FROM task WHERE status = 'queued' AND not_before_ms > ?1";
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([now.wall_ms], |row| row.get(0)))
            .map_err(|error| self.failed(error))
    }

    fn deps(&mut self, task: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        self.strings(
            "SELECT on_task FROM dep WHERE task = ?1 ORDER BY on_task",
            params![task.as_str()],
        )
        .map(|ids| ids.into_iter().map(TaskId).collect())
    }

    fn each_dep(
        &mut self,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        self.pairs("SELECT task, on_task FROM dep ORDER BY task, on_task", each)
    }

    fn rows(
        &mut self,
        table: RowTable,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let sql = match table {
            RowTable::Run => "SELECT id, data FROM run ORDER BY id",
            RowTable::Evidence => "SELECT id, data FROM evidence ORDER BY n",
            RowTable::Decision => "SELECT id, data FROM decision ORDER BY n",
        };
        self.pairs(sql, each)
    }

    fn list(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(TaskLine<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        self.each_line(filter, each)
    }

    fn list_json(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        self.each_json(filter, each)
    }

    fn tally(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        self.conn
            .prepare_cached("SELECT status, n FROM tally WHERE n > 0 ORDER BY status")
            .and_then(|mut s| {
                s.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .map_err(|e| self.failed(e))
    }

    fn lapsed(&mut self, now: &Now) -> Result<Vec<Lease>, StoreError> {
        // Three ranges of one index: other clocks below and above, and this clock up to now.
        let sql = "SELECT subject, data FROM lease WHERE clock < ?1 UNION ALL \
                   SELECT subject, data FROM lease WHERE clock > ?1 UNION ALL \
                   SELECT subject, data FROM lease WHERE clock = ?1 AND expires <= ?2";
        let leases: Vec<Lease> =
            self.collect("lease", sql, params![now.lease.epoch, now.lease.ms])?;
        Ok(leases
            .into_iter()
            .filter(|lease| !lease.binds(now))
            .collect())
    }

    fn leases(&mut self) -> Result<Vec<Lease>, StoreError> {
        self.collect(
            "lease",
            "SELECT subject, data FROM lease ORDER BY subject",
            [],
        )
    }

    fn lock_candidates(
        &mut self,
        query: &PrefixQuery,
    ) -> Result<Vec<(HeldLock, Lease)>, StoreError> {
        let mut found = Vec::new();
        for ancestor in &query.ancestors {
            self.locks_where("k.key = ?1", params![ancestor], &mut found)?;
        }
        let (from, to) = &query.range;
        match to {
            Some(to) => {
                self.locks_where("k.key >= ?1 AND k.key < ?2", params![from, to], &mut found)?
            }
            None => self.locks_where("k.key >= ?1", params![from], &mut found)?,
        }
        Ok(found)
    }

    fn locks(&mut self, subject: &Subject) -> Result<Vec<HeldLock>, StoreError> {
        let sql = "SELECT subject, data FROM path_lock WHERE subject = ?1 ORDER BY n";
        self.collect("path_lock", sql, params![subject.as_str()])
    }

    fn active_runs(&mut self) -> Result<Vec<Run>, StoreError> {
        self.collect(
            "run",
            "SELECT id, data FROM run WHERE active = 1 ORDER BY id",
            [],
        )
    }

    fn runs(&mut self, task: &TaskId) -> Result<Vec<Run>, StoreError> {
        let mut runs: Vec<Run> = self.collect(
            "run",
            "SELECT id, data FROM run WHERE task = ?1",
            params![task.as_str()],
        )?;
        runs.sort_by_key(|run| run.id.epoch());
        Ok(runs)
    }

    fn all_runs(&mut self) -> Result<Vec<Run>, StoreError> {
        self.collect("run", "SELECT id, data FROM run ORDER BY id", [])
    }

    fn agent_sums(&mut self, kind: Option<&str>) -> Result<Vec<AgentSum>, StoreError> {
        self.read_agent_sums(kind)
    }

    fn day_sums(&mut self, day: Option<i64>) -> Result<Vec<DaySum>, StoreError> {
        self.read_day_sums(day)
    }

    fn agents_last(&mut self) -> Result<Vec<AgentLast>, StoreError> {
        self.read_agents_last()
    }

    fn task_spent(&mut self, task: &TaskId) -> Result<Spent, StoreError> {
        self.read_task_spent(task.as_str())
    }

    fn evidence(
        &mut self,
        task: Option<&TaskId>,
        run: Option<&RunId>,
    ) -> Result<Vec<Evidence>, StoreError> {
        let sql = "SELECT id, data FROM evidence WHERE ?1 IS NULL OR task = ?1 ORDER BY n";
        let by_task = "SELECT id, data FROM evidence WHERE task = ?1 ORDER BY n";
        let sql = if task.is_some() { by_task } else { sql };
        let mut all: Vec<Evidence> =
            self.collect("evidence", sql, params![task.map(TaskId::as_str)])?;
        all.retain(|piece| run.is_none() || piece.run.as_ref() == run);
        Ok(all)
    }

    fn asks(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        self.read_asks(task, limit)
    }

    fn decisions(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        let limit = limit
            .and_then(|n| i64::try_from(n).ok())
            .unwrap_or(UNLIMITED);
        let mut newest: Vec<DecisionRecord> = match task {
            Some(task) => {
                let sql = "SELECT id, data FROM decision WHERE task = ?1 ORDER BY n DESC LIMIT ?2";
                self.collect("decision", sql, params![task.as_str(), limit])?
            }
            None => self.collect(
                "decision",
                "SELECT id, data FROM decision ORDER BY n DESC LIMIT ?1",
                [limit],
            )?,
        };
        newest.reverse();
        Ok(newest)
    }

    fn events(
        &mut self,
        filter: &EventFilter,
        each: &mut dyn FnMut(StoredEvent) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let (sql, params) = events_query(filter);
        let mut statement = self.conn.prepare(&sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, params_from_iter(params), &mut |row| {
            each(event_row(row).map_err(|e| self.failed(e))?)
        })
    }

    fn last_event(&mut self) -> Result<u64, StoreError> {
        Ok(self.chain_head()?.0)
    }

    fn forget_creation(&mut self) -> Result<(), StoreError> {
        self.set_appended(None);
        self.execute("DELETE FROM event", [])
    }

    fn import_event(&mut self, stored: &StoredEvent) -> Result<(), StoreError> {
        let event: Event = decode("event", &stored.seq.to_string(), &stored.body)?;
        self.insert_event(stored, event.subject())?;
        fold::apply(self, stored.at_ms, &event)
    }

    fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        self.conn
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|e| self.failed(e))
    }

    fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
            params![key, value],
        )
    }
}

impl SqliteTx<'_> {
    /// Gives every row of a statement.
    pub(super) fn each_row(
        &self,
        statement: &mut Statement<'_>,
        params: impl Params,
        each: &mut dyn FnMut(&Row<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = statement.query(params).map_err(|e| self.failed(e))?;
        while let Some(row) = rows.next().map_err(|e| self.failed(e))? {
            if each(row)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// A column that holds text.
    pub(super) fn text<'r>(&self, row: &'r Row<'_>, column: usize) -> Result<&'r str, StoreError> {
        row.get_ref(column)
            .and_then(|value| Ok(value.as_str()?))
            .map_err(|e| self.failed(e))
    }

    /// Gives the first two columns of every row, which are texts.
    fn pairs(
        &self,
        sql: &str,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, [], &mut |row| {
            each(self.text(row, 0)?, self.text(row, 1)?)
        })
    }

    fn stream<T: DeserializeOwned>(
        &self,
        table: &str,
        sql: &str,
        params: impl rusqlite::Params,
        each: &mut dyn FnMut(T) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, params, &mut |row| {
            each(decode(table, self.text(row, 0)?, self.text(row, 1)?)?)
        })
    }

    pub(super) fn collect<T: DeserializeOwned>(
        &self,
        table: &str,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.stream(table, sql, params, &mut |row| {
            all.push(row);
            Ok(Flow::More)
        })?;
        Ok(all)
    }

    fn locks_where(
        &self,
        condition: &str,
        params: impl rusqlite::Params,
        found: &mut Vec<(HeldLock, Lease)>,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT k.subject, k.data, l.data FROM path_lock k JOIN lease l ON l.subject = k.subject WHERE {condition}"
        );
        let mut statement = self.conn.prepare_cached(&sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, params, &mut |row| {
            let subject = self.text(row, 0)?;
            found.push((
                decode("path_lock", subject, self.text(row, 1)?)?,
                decode("lease", subject, self.text(row, 2)?)?,
            ));
            Ok(Flow::More)
        })
    }
}

fn events_query(filter: &EventFilter) -> (String, Vec<Value>) {
    let columns = "seq, at_ms, actor, kind, body, prev, hash";
    let mut params = vec![Value::Integer(
        i64::try_from(filter.after).unwrap_or(UNLIMITED),
    )];
    let mut wheres = String::from("seq > ?");
    if let Some(subject) = &filter.subject {
        wheres.push_str(" AND subject = ?");
        params.push(Value::Text(subject.clone()));
    }
    if let Some(kind) = filter.kind {
        wheres.push_str(" AND kind = ?");
        params.push(Value::Text(kind.to_owned()));
    }
    let sql = match filter.last {
        Some(n) => {
            let n = i64::try_from(n).unwrap_or(UNLIMITED);
            format!(
                "SELECT {columns} FROM (SELECT * FROM event WHERE {wheres} ORDER BY seq DESC LIMIT {n}) ORDER BY seq"
            )
        }
        None => format!("SELECT {columns} FROM event WHERE {wheres} ORDER BY seq"),
    };
    (sql, params)
}

/// The record of the log in a row with all of its columns, in their order.
pub(super) fn event_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredEvent> {
    Ok(StoredEvent {
        seq: row.get(0)?,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        kind: row.get(3)?,
        body: row.get(4)?,
        prev: row.get(5)?,
        hash: row.get(6)?,
    })
}
