//! Lists of tasks: the query of a filter, and two ways of reading what is long.
//!
//! A list in the order of creation passes over the table once, page after page. All ready tasks come
//! by urgency, in which each page of the table would be read once for each priority; where they are
//! a good part of the table, they are read in one pass as well, and those that are less urgent than
//! the first wait in [`Piles`] until it is over.
//!
//! Deliberately absent: a sort by SQLite, which takes twice the time of the pass.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

use crate::store::filter::TaskSort;
use crate::store::sqlite::piles::Piles;
use crate::store::sqlite::query::UNLIMITED;
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{Flow, StoreError, TaskFilter, TaskLine, Tx};

/// The page cache of a pass over the table, in KiB as SQLite counts them. No page comes by twice, and
/// what is reused at once stays in the processor's own cache: a tenth less time than with the
/// default of 2 MB, and less memory.
const CACHE_OF_A_PASS: i64 = -400;
/// Among so many tasks, one must be ready for the pass to be cheaper than the index: a row by the
/// index costs three to four times a row in passing.
const PASS_SHARE: u64 = 3;

impl SqliteTx<'_> {
    /// Gives the tasks of a filter with what a line shows.
    pub(super) fn each_line(
        &self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(TaskLine<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let (sql, params) = list_query(filter, "id, status, priority, title, data");
        let mut statement = self.conn.prepare(&sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, params_from_iter(params), &mut |row| {
            each(TaskLine {
                id: self.text(row, 0)?,
                status: self.text(row, 1)?,
                priority: row.get(2).map_err(|e| self.failed(e))?,
                title: self.text(row, 3)?,
                json: self.text(row, 4)?,
            })
        })
    }

    /// Gives the tasks of a filter as stored JSON, one or several a time.
    pub(super) fn each_json(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        match (filter.limit, filter.sort) {
            (None, TaskSort::Created | TaskSort::Newest) => {
                self.in_passing(|| self.each_json_as_planned(filter, each))
            }
            (None, TaskSort::Priority) if filter.ready_at.is_some() && self.most_are_ready()? => {
                self.in_passing(|| self.ready_in_one_pass(filter, Piles::default(), each))
            }
            _ => self.each_json_as_planned(filter, each),
        }
    }

    fn each_json_as_planned(
        &self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        self.each_json_of(list_query(filter, "data"), each)
    }

    fn each_json_of(
        &self,
        (sql, params): (String, Vec<Value>),
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare(&sql).map_err(|e| self.failed(e))?;
        self.each_row(&mut statement, params_from_iter(params), &mut |row| {
            each(self.text(row, 0)?)
        })
    }

    /// Does work that passes over a table, with the page cache of such work.
    fn in_passing(&self, work: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let cache = |kib: i64| self.conn.pragma_update(None, "cache_size", kib);
        let before: i64 = self
            .conn
            .query_row("PRAGMA cache_size", [], |row| row.get(0))
            .and_then(|before| cache(CACHE_OF_A_PASS).map(|()| before))
            .map_err(|e| self.failed(e))?;
        let done = work();
        cache(before).map_err(|e| self.failed(e))?;
        done
    }

    /// Returns true where a good part of all tasks is queued.
    fn most_are_ready(&mut self) -> Result<bool, StoreError> {
        let tally = self.tally()?;
        let all: u64 = tally.iter().map(|(_, n)| n).sum();
        let queued = tally.iter().find(|(status, _)| status == "queued");
        Ok(queued.is_some_and(|(_, n)| n.saturating_mul(PASS_SHARE) >= all))
    }

    /// Gives all ready tasks by urgency. The most urgent go out as they are read, and the others
    /// when the table is through; where there is no room to keep these, the index is asked for them.
    fn ready_in_one_pass(
        &self,
        filter: &TaskFilter,
        mut piles: Piles,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let Some(first) = self.most_urgent(filter)? else {
            return Ok(());
        };
        let (wheres, mut params) = conditions(filter);
        let sql =
            format!("SELECT priority, data FROM task NOT INDEXED WHERE {wheres} ORDER BY ord");
        let mut statement = self.conn.prepare(&sql).map_err(|e| self.failed(e))?;
        let mut flow = Flow::More;
        let from = params_from_iter(&params);
        self.each_row(&mut statement, from, &mut |row| {
            let priority: i64 = row.get(0).map_err(|e| self.failed(e))?;
            let json = self.text(row, 1)?;
            if priority == first {
                flow = each(json)?;
            } else {
                piles.put(priority, json);
            }
            Ok(flow)
        })?;
        if flow == Flow::Stop {
            return Ok(());
        }
        if piles.are_whole() {
            return piles.give(each);
        }
        params.push(Value::Integer(first));
        let rest = format!(
            "SELECT data FROM task INDEXED BY task_ready WHERE {wheres} AND priority > ? ORDER BY priority, ord"
        );
        self.each_json_of((rest, params), each)
    }

    /// The lowest number among the priorities of the ready tasks, by their index.
    fn most_urgent(&self, filter: &TaskFilter) -> Result<Option<i64>, StoreError> {
        let only = TaskFilter {
            limit: Some(1),
            ..filter.clone()
        };
        let (sql, params) = list_query(&only, "priority");
        self.conn
            .query_row(&sql, params_from_iter(params), |row| row.get(0))
            .optional()
            .map_err(|e| self.failed(e))
    }
}

/// What a filter asks of a row, with the values of its parameters.
fn conditions(filter: &TaskFilter) -> (String, Vec<Value>) {
    let mut wheres: Vec<String> = Vec::new();
    let mut params: Vec<Value> = Vec::new();
    let mut any_of = |column: &str, values: &[String], params: &mut Vec<Value>| {
        if !values.is_empty() {
            let marks = vec!["?"; values.len()].join(", ");
            wheres.push(format!("{column} IN ({marks})"));
            params.extend(values.iter().cloned().map(Value::Text));
        }
    };
    any_of("status", &filter.statuses, &mut params);
    any_of("data ->> 'type'", &filter.kinds, &mut params);
    any_of("parent", filter.parent.as_slice(), &mut params);
    any_of("data ->> 'agent'", filter.agent.as_slice(), &mut params);
    for label in &filter.labels {
        wheres.push("EXISTS (SELECT 1 FROM json_each(data, '$.labels') WHERE value = ?)".into());
        params.push(Value::Text(label.clone()));
    }
    if let Some(now_ms) = filter.ready_at {
        // Written out as in `task_ready`, the partial index that answers it in order.
        wheres.push("status = 'queued' AND (not_before_ms IS NULL OR not_before_ms <= ?)".into());
        params.push(Value::Integer(now_ms));
    }
    if let Some(text) = &filter.text {
        wheres.push("(instr(lower(title), lower(?)) OR instr(lower(coalesce(data ->> 'body', '')), lower(?)))".into());
        params.extend([Value::Text(text.clone()), Value::Text(text.clone())]);
    }
    if wheres.is_empty() {
        ("1".into(), params)
    } else {
        (wheres.join(" AND "), params)
    }
}

fn list_query(filter: &TaskFilter, columns: &str) -> (String, Vec<Value>) {
    let (wheres, params) = conditions(filter);
    let order = match filter.sort {
        TaskSort::Created => "ord",
        TaskSort::Newest => "ord DESC",
        TaskSort::Priority => "priority, ord",
        TaskSort::Updated => "data ->> 'updated_ms' DESC, ord",
    };
    // No count of rows where nobody asked for one.
    let limit = match filter.limit {
        Some(n) => format!("LIMIT {}", i64::try_from(n).unwrap_or(UNLIMITED)),
        None => String::new(),
    };
    let by = match (filter.ready_at, filter.sort) {
        (Some(_), TaskSort::Priority) => "INDEXED BY task_ready",
        _ => "",
    };
    let sql = format!("SELECT {columns} FROM task {by} WHERE {wheres} ORDER BY {order} {limit}");
    (sql, params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Task;
    use crate::store::id_of;
    use crate::store::sqlite::SqliteStore;
    use crate::store::sqlite::query::READY;
    use crate::store::testing::{at, created, record, task};

    fn ready_at(now_ms: i64) -> TaskFilter {
        TaskFilter {
            ready_at: Some(now_ms),
            sort: TaskSort::Priority,
            ..TaskFilter::default()
        }
    }

    /// A store with tasks of all priorities, of which each seventh is not to be started yet, and
    /// `waiting` ones that wait for the first.
    fn store_of(ready: usize, waiting: usize) -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::create(&dir.path().join("ai.db"), "s").unwrap();
        let mut events: Vec<_> = (0..ready)
            .map(|n| Task {
                priority: [3, 1, 4, 2, 1, 3][n % 6],
                not_before_ms: (n % 7 == 6).then_some(100),
                ..task(&format!("{n}"))
            })
            .map(|task| created(task, &[]))
            .collect();
        events.extend((0..waiting).map(|n| created(task(&format!("w{n}")), &["0"])));
        store.write(|tx| record(tx, &events)).unwrap();
        (dir, store)
    }

    fn by_index(store: &mut SqliteStore, now_ms: i64) -> Vec<String> {
        let ready = store.read(|tx| tx.ready(&at(now_ms), usize::MAX)).unwrap();
        ready.into_iter().map(|task| task.id.0).collect()
    }

    /// The ids of what a list gives until it has given `most` of them.
    fn ids(
        most: usize,
        list: impl FnOnce(&mut dyn FnMut(&str) -> Result<Flow, StoreError>) -> Result<(), StoreError>,
    ) -> Vec<String> {
        let mut all = Vec::new();
        list(&mut |lines| {
            all.extend(
                lines
                    .split('\n')
                    .map(|json| id_of(json).unwrap().to_owned()),
            );
            Ok(if all.len() < most {
                Flow::More
            } else {
                Flow::Stop
            })
        })
        .unwrap();
        all
    }

    #[test]
    fn one_pass_gives_what_the_index_gives() {
        let (dir, mut store) = store_of(60, 3);
        for now_ms in [0, 100] {
            let expected = by_index(&mut store, now_ms);
            assert_eq!(expected.len(), if now_ms == 0 { 52 } else { 60 });
            for room in [None, Some((1 << 20, 0)), Some((600, 0)), Some((600, 2_000))] {
                for most in [1, 18, 19, 40, usize::MAX] {
                    let piles = room.map_or_else(Piles::given_up, |(batch, memory)| {
                        Piles::with_room(batch, memory)
                    });
                    let tx = SqliteTx::new(store.connection(), dir.path(), None);
                    let got = ids(most, |each| {
                        tx.ready_in_one_pass(&ready_at(now_ms), piles, each)
                    });
                    // Nothing more is given than what came at once with the last.
                    let at_once = room.map_or(0, |(batch, _)| batch / 100);
                    let most = most.min(expected.len());
                    assert_eq!(got, expected[..got.len()], "{room:?}, {most}, {now_ms}");
                    assert!(
                        (most..=most + at_once).contains(&got.len()),
                        "{room:?}, {most}"
                    );
                }
            }
        }
    }

    #[test]
    fn ready_tasks_are_the_same_however_many_are_not() {
        for (ready, waiting, in_one_pass) in [(0, 0, false), (12, 24, true), (12, 25, false)] {
            let (dir, mut store) = store_of(ready, waiting);
            let expected = by_index(&mut store, 0);
            let mut tx = SqliteTx::new(store.connection(), dir.path(), None);
            if ready > 0 {
                assert_eq!(tx.most_are_ready().unwrap(), in_one_pass, "{waiting}");
            }
            let got = ids(usize::MAX, |each| tx.each_json(&ready_at(0), each));
            assert_eq!(got, expected, "{ready} {waiting}");
        }
    }

    #[test]
    fn a_row_that_is_no_text_is_refused_by_every_list_and_the_cache_is_as_before() {
        let (dir, store) = store_of(9, 0);
        let cache = || {
            store
                .connection()
                .query_row("PRAGMA cache_size", [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let before = cache();
        let mut tx = SqliteTx::new(store.connection(), dir.path(), None);
        for (broken, refused) in [("data", false), ("CAST(x'7bff7d' AS TEXT)", true)] {
            let sql = format!("UPDATE task SET data = {broken} WHERE ord = 9");
            store.connection().execute_batch(&sql).unwrap();
            for filter in [TaskFilter::default(), ready_at(0)] {
                let listed = tx.each_json(&filter, &mut |_| Ok(Flow::More));
                assert_eq!(listed.is_err(), refused, "{filter:?}");
                assert_eq!(cache(), before, "{filter:?}");
            }
        }
    }

    #[test]
    fn ready_tasks_come_out_of_their_index_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(&dir.path().join("ai.db"), "s").unwrap();
        let listed = TaskFilter {
            ready_at: Some(0),
            sort: TaskSort::Priority,
            ..TaskFilter::default()
        };
        for sql in [READY.to_owned(), list_query(&listed, "data").0] {
            let mut plan = store
                .connection()
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap();
            let params = vec![Value::Null; plan.parameter_count()];
            let steps = plan
                .query_map(params_from_iter(params), |row| row.get(3))
                .unwrap();
            let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
            assert_eq!(steps, ["SCAN task USING INDEX task_ready"], "{sql}");
        }
    }
}
