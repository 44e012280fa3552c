//! The sums over ended runs, from which routing and budgets are answered without reading all runs.
//!
//! What a run counts as is decided in `domain::history`; the statements here only add. They are no
//! triggers: SQLite parses every trigger of a schema each time a store is opened, and most commands
//! end no run. The migration that made the tables filled them in the same way. What an `ai` that is
//! older than the tables ends meanwhile is not in them.

use rusqlite::params;
use rusqlite::types::Value;

use crate::domain::history::{AgentLast, RunUse};
use crate::domain::ids::TaskId;
use crate::domain::run::Run;
use crate::store::StoreError;
use crate::store::sqlite::tx::SqliteTx;

impl SqliteTx<'_> {
    /// Adds a run that has ended to the sums. One that stands in them already is left as it was
    /// counted.
    pub(super) fn sum_up(&self, run: &Run) -> Result<(), StoreError> {
        let Some(used) = RunUse::of(run, &self.kind_of(&run.task)?) else {
            return Ok(());
        };
        if self.keep_use(&used)? {
            for sum in [BY_AGENT, BY_DAY] {
                self.execute(sum, [used.run.as_str()])?;
            }
            let before = self.read_agent_last(&used.agent)?;
            self.keep_last(&AgentLast::after(before.as_ref(), &used))?;
        }
        Ok(())
    }

    /// The type of a task; empty where it is not there.
    fn kind_of(&self, task: &TaskId) -> Result<String, StoreError> {
        let sql = "SELECT coalesce(json_extract(data, '$.type'), '') FROM task WHERE id = ?1";
        let mut kinds = self.strings(sql, [task.as_str()])?;
        Ok(kinds.pop().unwrap_or_default())
    }

    /// Writes what one run used. False where it stands there already.
    fn keep_use(&self, used: &RunUse) -> Result<bool, StoreError> {
        let sql = "INSERT OR IGNORE INTO run_use VALUES \
                   (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        let row = params![
            used.run.as_str(),
            used.task.as_str(),
            used.kind,
            used.agent,
            used.started_ms,
            used.ended_ms,
            used.day(),
            used.lifecycle.as_str(),
            used.outcome.as_str(),
            used.is_good(),
            used.is_bad(),
            used.is_attempt(),
            amount(used.ms),
            amount(used.tokens),
            used.cost.map(|cost| amount(cost.0)),
            used.paused_until_ms,
            used.at_least,
        ];
        let added = self
            .conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(row))
            .map_err(|e| self.failed(e))?;
        Ok(added > 0)
    }

    fn keep_last(&self, last: &AgentLast) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO agent_last VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                last.agent,
                last.run,
                last.ended_ms,
                last.lifecycle,
                last.outcome,
                last.streak,
                last.quota_until_ms,
                last.login_until_ms,
            ],
        )
    }
}

/// A number as SQLite reads it in JSON: a fraction where it is beyond the whole numbers.
fn amount(number: u64) -> Value {
    match i64::try_from(number) {
        Ok(whole) => Value::Integer(whole),
        Err(_) => Value::Real(number as f64),
    }
}

const BY_AGENT: &str = "
    INSERT INTO agent_sum
    SELECT kind, agent, 1, good, bad, ms, tokens, cost IS NOT NULL, coalesce(cost, 0), bounded FROM run_use WHERE run = ?1
    ON CONFLICT (kind, agent) DO UPDATE SET
        runs = runs + 1, good = good + excluded.good, bad = bad + excluded.bad, ms = ms + excluded.ms,
        tokens = tokens + excluded.tokens, priced = priced + excluded.priced, cost = cost + excluded.cost,
        bounded = bounded + excluded.bounded";

const BY_DAY: &str = "
    INSERT INTO day_sum
    SELECT day, agent, 1, counted, ms, tokens, cost IS NOT NULL, coalesce(cost, 0), bounded FROM run_use WHERE run = ?1
    ON CONFLICT (day, agent) DO UPDATE SET
        runs = runs + 1, counted = counted + excluded.counted, ms = ms + excluded.ms,
        tokens = tokens + excluded.tokens, priced = priced + excluded.priced, cost = cost + excluded.cost,
        bounded = bounded + excluded.bounded";
