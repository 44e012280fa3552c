//! The sums of ended runs, as `sums` keeps them. A store that was made before there were any has
//! none until it is migrated, and one that was made before `bounded` has zero there.

use rusqlite::types::ValueRef;
use rusqlite::{Params, Row};

use crate::domain::budget::Spent;
use crate::domain::history::{AgentLast, AgentSum, DaySum};
use crate::domain::money::Usd;
use crate::store::StoreError;
use crate::store::sqlite::tx::SqliteTx;

impl SqliteTx<'_> {
    pub(super) fn read_agent_sums(&self, kind: Option<&str>) -> Result<Vec<AgentSum>, StoreError> {
        let columns = "SELECT kind, agent, good, bad, runs, good + bad, ms, tokens, cost, priced, bounded FROM agent_sum";
        let row = |row: &Row<'_>| {
            Ok(AgentSum {
                kind: row.get(0)?,
                agent: row.get(1)?,
                good: row.get(2)?,
                bad: row.get(3)?,
                spent: spent(row, 4)?,
            })
        };
        match kind {
            Some(kind) => self.sums(
                &format!("{columns} WHERE kind = ?1 ORDER BY agent"),
                [kind],
                row,
            ),
            None => self.sums(&format!("{columns} ORDER BY agent, kind"), [], row),
        }
    }

    pub(super) fn read_day_sums(&self, day: Option<i64>) -> Result<Vec<DaySum>, StoreError> {
        let columns =
            "SELECT day, agent, runs, counted, ms, tokens, cost, priced, bounded FROM day_sum";
        let row = |row: &Row<'_>| {
            Ok(DaySum {
                day: row.get(0)?,
                agent: row.get(1)?,
                spent: spent(row, 2)?,
            })
        };
        match day {
            Some(day) => self.sums(
                &format!("{columns} WHERE day = ?1 ORDER BY agent"),
                [day],
                row,
            ),
            None => self.sums(&format!("{columns} ORDER BY day, agent"), [], row),
        }
    }

    pub(super) fn read_agents_last(&self) -> Result<Vec<AgentLast>, StoreError> {
        self.sums(&format!("{AGENT_LAST} ORDER BY agent"), [], agent_last)
    }

    pub(super) fn read_agent_last(&self, agent: &str) -> Result<Option<AgentLast>, StoreError> {
        let sql = format!("{AGENT_LAST} WHERE agent = ?1");
        Ok(self.sums(&sql, [agent], agent_last)?.pop())
    }

    pub(super) fn read_task_spent(&self, task: &str) -> Result<Spent, StoreError> {
        let sql = "SELECT count(*), coalesce(sum(counted), 0), total(ms), total(tokens), total(cost), count(cost), \
                   coalesce(sum(bounded), 0) FROM run_use WHERE task = ?1";
        Ok(self
            .sums(sql, [task], |row| spent(row, 0))?
            .pop()
            .unwrap_or_default())
    }

    fn sums<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let Some(table) = self.table_of_uses()? else {
            return Ok(Vec::new());
        };
        let older = (!table.contains("bounded")).then(|| sql.replace("bounded", "0"));
        self.conn
            .prepare_cached(older.as_deref().unwrap_or(sql))
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(|e| self.failed(e))
    }

    /// The statement that made the table of used amounts; nothing where there is none.
    fn table_of_uses(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = 'run_use'";
        Ok(self.strings(sql, [])?.pop())
    }
}

const AGENT_LAST: &str = "SELECT agent, run, ended_ms, lifecycle, outcome, streak, quota_ms, \
                          login_ms FROM agent_last";

fn agent_last(row: &Row<'_>) -> rusqlite::Result<AgentLast> {
    Ok(AgentLast {
        agent: row.get(0)?,
        run: row.get(1)?,
        ended_ms: row.get(2)?,
        lifecycle: row.get(3)?,
        outcome: row.get(4)?,
        streak: row.get(5)?,
        quota_until_ms: row.get(6)?,
        login_until_ms: row.get(7)?,
    })
}

/// Seven columns from `at` on: runs, those that count, milliseconds, tokens, money, runs with a
/// known price, and runs of which only a lower bound is known.
fn spent(row: &Row<'_>, at: usize) -> rusqlite::Result<Spent> {
    let runs: u64 = row.get(at)?;
    let priced: u64 = row.get(at + 5)?;
    Ok(Spent {
        runs,
        attempts: row.get(at + 1)?,
        ms: amount(row, at + 2)?,
        tokens: amount(row, at + 3)?,
        cost: Usd(amount(row, at + 4)?),
        unpriced: runs.saturating_sub(priced),
        bounded: row.get(at + 6)?,
    })
}

/// A sum. One that grew beyond the whole numbers of SQLite became a fraction there; it is still
/// read, as the much that it is, since nothing could be run any more where it were an error.
fn amount(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    match row.get_ref(at)? {
        // The conversion goes to the nearest end of the range.
        ValueRef::Real(value) => Ok(value as u64),
        _ => row.get(at),
    }
}
