//! The sums over ended runs, from which routing and budgets are answered without reading all runs.
//!
//! They are kept by statements and not by triggers: SQLite parses every trigger of a schema each
//! time a store is opened, and most commands end no run. The migration that made the tables filled
//! them in the same way. What an `ai` that is older than the tables ends meanwhile is not in them.

use crate::store::StoreError;
use crate::store::sqlite::tx::SqliteTx;

impl SqliteTx<'_> {
    /// Adds a run that has ended to the sums. One that stands in them already is left as it was
    /// counted.
    pub(super) fn sum_up(&self, run: &str) -> Result<(), StoreError> {
        let added = self
            .conn
            .prepare_cached(ONE_RUN)
            .and_then(|mut statement| statement.execute([run]))
            .map_err(|e| self.failed(e))?;
        if added > 0 {
            for sum in [BY_AGENT, BY_DAY, LAST_OF_AGENT] {
                self.execute(sum, [run])?;
            }
        }
        Ok(())
    }
}

const ONE_RUN: &str = "
    INSERT OR IGNORE INTO run_use
    SELECT r.id, r.task, coalesce(json_extract(t.data, '$.type'), ''), json_extract(r.data, '$.agent'),
        json_extract(r.data, '$.started_ms'), json_extract(r.data, '$.end.at_ms'),
        json_extract(r.data, '$.end.at_ms') / 86400000,
        json_extract(r.data, '$.end.lifecycle'), json_extract(r.data, '$.end.outcome'),
        json_extract(r.data, '$.end.outcome') IN ('ready_for_review', 'needs_approval', 'unverified', 'needs_recheck'),
        json_extract(r.data, '$.end.outcome') IN ('denied', 'send_back_checks', 'send_back_no_changes', 'retry'),
        json_extract(r.data, '$.end.outcome') NOT IN ('retry_uncounted', 'environment'),
        coalesce(json_extract(r.data, '$.end.took_ms'),
            max(json_extract(r.data, '$.end.at_ms') - json_extract(r.data, '$.started_ms'), 0)),
        coalesce(json_extract(r.data, '$.end.usage.tokens'), 0),
        CAST(round(json_extract(r.data, '$.end.usage.cost') * 1000000) AS INTEGER),
        json_extract(r.data, '$.end.paused_until_ms')
    FROM run r LEFT JOIN task t ON t.id = r.task WHERE r.id = ?1 AND r.active = 0";

const BY_AGENT: &str = "
    INSERT INTO agent_sum
    SELECT kind, agent, 1, good, bad, ms, tokens, cost IS NOT NULL, coalesce(cost, 0) FROM run_use WHERE run = ?1
    ON CONFLICT (kind, agent) DO UPDATE SET
        runs = runs + 1, good = good + excluded.good, bad = bad + excluded.bad, ms = ms + excluded.ms,
        tokens = tokens + excluded.tokens, priced = priced + excluded.priced, cost = cost + excluded.cost";

const BY_DAY: &str = "
    INSERT INTO day_sum
    SELECT day, agent, 1, counted, ms, tokens, cost IS NOT NULL, coalesce(cost, 0) FROM run_use WHERE run = ?1
    ON CONFLICT (day, agent) DO UPDATE SET
        runs = runs + 1, counted = counted + excluded.counted, ms = ms + excluded.ms,
        tokens = tokens + excluded.tokens, priced = priced + excluded.priced, cost = cost + excluded.cost";

/// A pause ends early only where a run that was begun after the refusal came to a good end.
const LAST_OF_AGENT: &str = "
    INSERT INTO agent_last
    SELECT agent, run, ended_ms, lifecycle, outcome, bad, CASE WHEN lifecycle = 'quota' THEN paused_ms END,
        CASE WHEN lifecycle = 'auth' THEN paused_ms END
    FROM run_use WHERE run = ?1
    ON CONFLICT (agent) DO UPDATE SET
        quota_ms = CASE
            WHEN excluded.quota_ms IS NOT NULL THEN max(excluded.quota_ms, coalesce(quota_ms, 0))
            WHEN (SELECT u.good AND u.started_ms >= agent_last.ended_ms FROM run_use u WHERE u.run = ?1) THEN NULL
            ELSE quota_ms END,
        login_ms = CASE
            WHEN excluded.login_ms IS NOT NULL THEN excluded.login_ms
            WHEN (SELECT u.good AND u.started_ms >= agent_last.ended_ms FROM run_use u WHERE u.run = ?1) THEN NULL
            ELSE login_ms END,
        streak = CASE WHEN (SELECT u.good FROM run_use u WHERE u.run = ?1) THEN 0 ELSE streak + excluded.streak END,
        run = excluded.run, ended_ms = excluded.ended_ms, lifecycle = excluded.lifecycle, outcome = excluded.outcome";
