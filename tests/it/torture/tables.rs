//! The store as a reader sees it while others write: log and tables of one moment, which must tell
//! the same.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction};
use serde_json::Value;

use super::replay::{Replay, Row};
use super::violation::{Findings, Promise};

/// A reader that follows the store.
pub struct Reader {
    conn: Connection,
    /// What the log has told so far.
    pub replay: Replay,
}

impl Reader {
    /// Opens the store for reading.
    pub fn open(store: &Path) -> Reader {
        let conn = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        Reader {
            conn,
            replay: Replay::default(),
        }
    }

    /// Reads what is new and compares all tables with it, in one read transaction.
    pub fn look(&mut self, findings: &mut Findings) {
        let tx = self.conn.transaction().unwrap();
        for row in new_rows(&tx, self.replay.last_seq) {
            self.replay.advance(&row, findings);
        }
        tasks(&tx, &self.replay, findings);
        leases(&tx, &self.replay, findings);
        locks(&tx, &self.replay, findings);
    }

    /// What SQLite itself says about the file.
    pub fn integrity(&self, findings: &mut Findings) {
        let answer: String = self
            .conn
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        findings.check(answer == "ok", Promise::Whole, || {
            format!("integrity_check: {answer}")
        });
        let mut check = self.conn.prepare("PRAGMA foreign_key_check").unwrap();
        findings.check(!check.exists([]).unwrap(), Promise::Whole, || {
            "foreign_key_check found rows".to_owned()
        });
    }

    /// How many tasks the log tells to be in each state.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        self.replay
            .tasks
            .values()
            .for_each(|told| *counts.entry(told.status).or_default() += 1);
        counts
    }
}

fn new_rows(tx: &Transaction<'_>, after: u64) -> Vec<Row> {
    let sql = "SELECT seq, at_ms, actor, body, prev, hash FROM event WHERE seq > ?1 ORDER BY seq";
    let mut query = tx.prepare(sql).unwrap();
    let rows = query.query_map([after], |row| {
        Ok(Row {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            actor: row.get::<_, String>(2)?.trim_matches('"').to_owned(),
            event: json(&row.get::<_, String>(3)?),
            prev: row.get(4)?,
            hash: row.get(5)?,
        })
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Task rows, their states and epochs, and the counts that `ai status` shows.
fn tasks(tx: &Transaction<'_>, replay: &Replay, findings: &mut Findings) {
    let mut query = tx.prepare("SELECT id, status, data FROM task").unwrap();
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    for row in rows {
        let (id, status, data): (String, String, String) = row.unwrap();
        seen += 1;
        *counts.entry(status.clone()).or_default() += 1;
        let Some(told) = replay.tasks.get(&id) else {
            findings.report(
                Promise::Conserved,
                format!("{id} stands in the table, and the log never told of it"),
            );
            continue;
        };
        let epoch = json(&data)["epoch"].as_u64().unwrap_or(0);
        let same = told.status == status && told.epoch == epoch;
        findings.check(same, Promise::Whole, || {
            format!("{id} is {status}, epoch {epoch}; the log tells {told:?}")
        });
    }
    findings.check(seen == replay.tasks.len(), Promise::Conserved, || {
        format!(
            "{seen} tasks stand in the table, the log tells of {}",
            replay.tasks.len()
        )
    });
    let mut query = tx
        .prepare("SELECT status, n FROM tally WHERE n > 0")
        .unwrap();
    let tally = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let tally: BTreeMap<String, usize> = tally.map(Result::unwrap).collect();
    findings.check(tally == counts, Promise::Conserved, || {
        format!("counted {counts:?}, kept {tally:?}")
    });
}

/// A lease stands for each claimed task, under the epoch and the holder that the log tells, and for
/// no other.
fn leases(tx: &Transaction<'_>, replay: &Replay, findings: &mut Findings) {
    let mut query = tx.prepare("SELECT subject, data FROM lease").unwrap();
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .unwrap();
    let mut stored: HashMap<String, (u64, String)> = HashMap::new();
    for row in rows {
        let (subject, data): (String, String) = row.unwrap();
        let lease = json(&data);
        stored.insert(
            subject,
            (
                lease["epoch"].as_u64().unwrap(),
                lease["holder"].as_str().unwrap().to_owned(),
            ),
        );
    }
    let held = replay.tasks.iter().filter_map(|(task, told)| {
        let epoch = told.held?;
        Some((
            task.clone(),
            (epoch, replay.grant(task, epoch)?.holder.clone()),
        ))
    });
    let told: HashMap<String, (u64, String)> = held.collect();
    findings.check(stored == told, Promise::Whole, || {
        let more: Vec<_> = stored
            .iter()
            .filter(|(task, lease)| told.get(*task) != Some(lease))
            .collect();
        let less: Vec<_> = told
            .iter()
            .filter(|(task, lease)| stored.get(*task) != Some(lease))
            .collect();
        format!("leases only in the table: {more:?}, only in the log: {less:?}")
    });
}

/// Every lease holds as many locks as its grant, and no lock stands without a lease.
fn locks(tx: &Transaction<'_>, replay: &Replay, findings: &mut Findings) {
    let mut query = tx
        .prepare("SELECT subject, count(*) FROM path_lock GROUP BY subject")
        .unwrap();
    let rows = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let stored: HashMap<String, usize> = rows.map(Result::unwrap).collect();
    let held = replay.tasks.iter().filter_map(|(task, told)| {
        let locks = replay.grant(task, told.held?)?.locks.len();
        (locks > 0).then(|| (task.clone(), locks))
    });
    let told: HashMap<String, usize> = held.collect();
    findings.check(stored == told, Promise::Whole, || {
        format!("locks in the table {stored:?}, in the log {told:?}")
    });
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
