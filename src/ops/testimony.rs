//! What the log says of one task, against what the tables say: whoever decides whether work is
//! proven reads rows, and a row can be changed by anybody who can write the file.
//!
//! The log is chained; a row is not. So the events of the task are replayed into empty tables, and
//! each row that a proof rests on must be the one that they make: the task, its runs, its evidence,
//! the decisions about it with a person's yes to them. `ai log verify` does this for the whole
//! store; here it costs no more than the task has events. What is compared with nothing is what
//! other tasks and heartbeats move: open dependencies, whether a waiting task is blocked, leases.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::domain::decision::{DecisionRecord, Override};
use crate::domain::event::Event;
use crate::domain::event_chain::CHAIN_START;
use crate::domain::evidence::Evidence;
use crate::domain::fold;
use crate::domain::ids::TaskId;
use crate::domain::task::{BlockReason, Task, TaskState};
use crate::ops::error::OpError;
use crate::ops::log;
use crate::ops::refusal::Refusal;
use crate::ops::world::World;
use crate::store::memory::MemoryTables;
use crate::store::{EventFilter, Flow, Store, StoreError, StoredEvent, Tx};

/// The next command where rows and log disagree.
pub const LOOK: &str =
    "`ai log verify` looks at the whole store, `ai restore --dry-run` shows older states of it";

/// A row of the store that is not what the log says, or a record of the log that does not stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The row: `run t-7k3f.1`, `evidence e-4d2k (diff diff)`, `the log`.
    pub row: String,
    /// The difference: the fields, or that it is gone or was added.
    pub what: String,
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.row, self.what)
    }
}

/// What the log says of a task.
pub struct Testimony {
    task: TaskId,
    tables: MemoryTables,
    faults: Vec<Contradiction>,
}

impl Testimony {
    /// Reads and replays the events of a task.
    pub fn of(tx: &mut dyn Tx, task: &TaskId) -> Result<Testimony, StoreError> {
        let filter = EventFilter {
            subject: Some(task.to_string()),
            ..EventFilter::default()
        };
        let mut events = Vec::new();
        tx.events(&filter, &mut |event| {
            events.push(event);
            Ok(Flow::More)
        })?;
        let mut testimony = Testimony {
            task: task.clone(),
            tables: MemoryTables::default(),
            faults: Vec::new(),
        };
        for stretch in events.chunk_by(|a, b| a.seq + 1 == b.seq) {
            let fault = chain_fault(tx, stretch)?;
            // Two stretches meet in one gap.
            testimony
                .faults
                .extend(fault.filter(|fault| !testimony.faults.contains(fault)));
        }
        for event in &events {
            testimony.replay(event);
        }
        Ok(testimony)
    }

    fn replay(&mut self, event: &StoredEvent) {
        match serde_json::from_str::<Event>(&event.body) {
            Ok(known) => match fold::apply(&mut self.tables, event.at_ms, &known) {
                Ok(()) => {}
                Err(never) => match never {},
            },
            Err(error) => self.faults.push(Contradiction {
                row: "the log".to_owned(),
                what: format!(
                    "record {} cannot be read by this version: {error}",
                    event.seq
                ),
            }),
        }
    }

    /// The evidence on the task by the log, oldest first.
    pub fn evidence(&self) -> &[Evidence] {
        &self.tables.evidence
    }

    /// Everything of the store that is not what the log says.
    pub fn contradictions(&self, tx: &mut dyn Tx) -> Result<Vec<Contradiction>, StoreError> {
        let mut found = self.faults.clone();
        let stored = tx.task(&self.task)?;
        let told = self.tables.tasks.get(&self.task);
        let told = told.map(|told| unmoved(told, stored.as_ref()));
        let stored = stored.map(|stored| unmoved(&stored, None));
        found.extend(difference(format!("task {}", self.task), told, stored));
        let runs = tx.runs(&self.task)?;
        found.extend(compare(self.tables.runs.values(), &runs, |run| {
            format!("run {}", run.id)
        }));
        found.extend(self.about_evidence(tx)?);
        let decisions = tx.decisions(Some(&self.task), None)?;
        let words = words_of_people(tx, &decisions)?;
        let told = self.tables.decisions.iter().map(|record| DecisionRecord {
            overridden: words
                .get(&record.id)
                .or(record.overridden.as_ref())
                .cloned(),
            ..record.clone()
        });
        let told: Vec<DecisionRecord> = told.collect();
        found.extend(compare(&told, &decisions, |record| {
            format!("decision {}", record.id)
        }));
        Ok(found)
    }

    /// The rows of evidence that are not what the log says.
    pub fn about_evidence(&self, tx: &mut dyn Tx) -> Result<Vec<Contradiction>, StoreError> {
        let stored = tx.evidence(Some(&self.task), None)?;
        Ok(compare(&self.tables.evidence, &stored, evidence_row))
    }
}

/// The name of a row of evidence in a contradiction.
pub fn evidence_row(piece: &Evidence) -> String {
    format!(
        "evidence {} ({} {})",
        piece.id,
        piece.kind.name(),
        piece.name
    )
}

/// Every contradiction about a task.
pub fn contradictions(tx: &mut dyn Tx, task: &TaskId) -> Result<Vec<Contradiction>, StoreError> {
    Testimony::of(tx, task)?.contradictions(tx)
}

/// What is wrong, in a sentence for people; nothing where all is well.
pub fn sentence(task: &TaskId, found: &[Contradiction]) -> Option<String> {
    let rows: Vec<String> = found.iter().map(ToString::to_string).collect();
    (!rows.is_empty()).then(|| {
        format!(
            "the store says of {task} what its log does not: {}",
            rows.join(", ")
        )
    })
}

/// Refuses where the rows are not what the log says: a proof that anybody could write into a table is
/// none. An override, which rests on no proof, is told.
pub fn require(
    world: &World,
    store: &mut dyn Store,
    task: &TaskId,
    overridden: Option<&str>,
) -> Result<(), OpError> {
    let found = store.read(|tx| contradictions(tx, task))?;
    match (sentence(task, &found), overridden) {
        (None, _) => Ok(()),
        (Some(why), Some(_)) => {
            world.say(&format!("warning: {why}"));
            Ok(())
        }
        (Some(why), None) => {
            let again = format!("`ai reject {task}` has the work done again");
            Err(Refusal::NotProven {
                why,
                hint: format!("{LOOK}; {again}"),
            }
            .into())
        }
    }
}

/// The fault of records that follow each other: each must have its hash, and stand between those
/// beside it, whoever they are about.
fn chain_fault(
    tx: &mut dyn Tx,
    stretch: &[StoredEvent],
) -> Result<Option<Contradiction>, StoreError> {
    let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
        return Ok(None);
    };
    let filter = EventFilter {
        after: first.seq.saturating_sub(2),
        ..EventFilter::default()
    };
    let (mut next, mut prev, mut fault) = (first.seq.saturating_sub(1).max(1), None, None);
    tx.events(&filter, &mut |event| {
        // The record before the first is not looked at but for its hash.
        let before = prev.take().unwrap_or_else(|| match next {
            1 => CHAIN_START.to_owned(),
            _ => event.prev.clone(),
        });
        fault = log::check(&event, next, &before).map(|what| Contradiction {
            row: "the log".to_owned(),
            what,
        });
        (next, prev) = (next + 1, Some(event.hash));
        Ok(if fault.is_some() || next > last.seq + 1 {
            Flow::Stop
        } else {
            Flow::More
        })
    })?;
    Ok(fault)
}

/// What people have said to decisions, by the log. Such a record names the decision and no task, so
/// that all of them must be looked through; most tasks have none.
fn words_of_people(
    tx: &mut dyn Tx,
    decisions: &[DecisionRecord],
) -> Result<BTreeMap<String, Override>, StoreError> {
    let mut words = BTreeMap::new();
    if decisions.iter().all(|record| record.overridden.is_none()) {
        return Ok(words);
    }
    tx.events(&EventFilter::default(), &mut |event| {
        if event.kind == "policy.approved"
            && let Ok(Event::Approved { decision, word }) = serde_json::from_str(&event.body)
        {
            words.insert(decision, word);
        }
        Ok(Flow::More)
    })?;
    Ok(words)
}

/// A task without what the events of others move. `stored` is the row that it is compared with.
fn unmoved(task: &Task, stored: Option<&Task>) -> Task {
    let mut task = task.clone();
    (task.open_deps, task.updated_ms) = (0, 0);
    // A restored store gives out no epoch twice.
    task.epoch = stored.map_or(task.epoch, |stored| task.epoch.max(stored.epoch));
    let waits = matches!(
        task.state,
        TaskState::Queued
            | TaskState::Blocked {
                blocked_by: BlockReason::Dependency
            }
    );
    if waits {
        task.state = TaskState::Queued;
    }
    task
}

/// Compares two lists of rows by their names.
fn compare<'a, T: Serialize + 'a>(
    told: impl IntoIterator<Item = &'a T>,
    stored: &'a [T],
    name: impl Fn(&T) -> String,
) -> Vec<Contradiction> {
    let mut rows: BTreeMap<String, (Option<&T>, Option<&T>)> = BTreeMap::new();
    told.into_iter()
        .for_each(|row| rows.entry(name(row)).or_default().0 = Some(row));
    stored
        .iter()
        .for_each(|row| rows.entry(name(row)).or_default().1 = Some(row));
    rows.into_iter()
        .filter_map(|(name, (told, stored))| difference(name, told, stored))
        .collect()
}

fn difference<T: Serialize>(
    row: String,
    told: Option<T>,
    stored: Option<T>,
) -> Option<Contradiction> {
    let what = match (told, stored) {
        (None, None) => return None,
        (Some(_), None) => "the log has it, and its row is gone".to_owned(),
        (None, Some(_)) => "no event has made it".to_owned(),
        (Some(told), Some(stored)) => {
            let as_value = |row| serde_json::to_value(row).unwrap_or_default();
            let fields = fields(&as_value(told), &as_value(stored));
            if fields.is_empty() {
                return None;
            }
            format!("changed: {}", fields.join(", "))
        }
    };
    Some(Contradiction { row, what })
}

/// The fields in which two rows differ, those of objects within by their paths.
fn fields(told: &Value, stored: &Value) -> Vec<String> {
    let (Value::Object(a), Value::Object(b)) = (told, stored) else {
        return Vec::new();
    };
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let mut found = Vec::new();
    for name in names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
    {
        let empty = Value::Null;
        let within = fields(a.get(name).unwrap_or(&empty), b.get(name).unwrap_or(&empty));
        if within.is_empty() {
            found.push(name.clone());
        }
        found.extend(within.into_iter().map(|inner| format!("{name}.{inner}")));
    }
    found
}
