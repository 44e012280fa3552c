//! The tables that a log replays into, to prove that the stored ones are its fold, or to take over
//! what is in them.
//!
//! A log may be of any length: rows are kept as texts beside the memory of the process, and in
//! memory stand their keys, what waits for what, and what is held now. Stored rows are compared one
//! by one, as text where the texts are the same, else as what they mean.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::fs::{TextHeap, TextPlace};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::HeldLock;
use crate::domain::evidence::Evidence;
use crate::domain::fold::Tables;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::time::LeaseInstant;
use crate::store::json::{decode, encode};
use crate::store::{Flow, RowTable, StoreError, TaskFilter, Tx};

/// Every table, as the log says it is.
#[derive(Default)]
pub struct ReplayedTables {
    tasks: TextRows,
    /// Edges `(on, task)`, by the numbers of the tasks.
    deps: BTreeSet<(u32, u32)>,
    leases: BTreeMap<Subject, Lease>,
    locks: BTreeMap<Subject, Vec<HeldLock>>,
    runs: TextRows,
    evidence: TextRows,
    decisions: TextRows,
}

impl ReplayedTables {
    /// The first table in which a store differs from this.
    pub fn difference(mut self, tx: &mut dyn Tx) -> Result<Option<&'static str>, StoreError> {
        let mut tasks = RowsMet::default();
        tx.list(&TaskFilter::default(), &mut |line| {
            tasks.meet::<Task>(&mut self.tasks, line.id, line.json)
        })?;
        if !tasks.are_all(&self.tasks) {
            return Ok(Some("task"));
        }
        if !self.same_deps(tx)? {
            return Ok(Some("dep"));
        }
        let (mut leases, mut locks) = (BTreeMap::new(), BTreeMap::new());
        for lease in tx.leases()? {
            let held = tx.locks(&lease.subject)?;
            if !held.is_empty() {
                locks.insert(lease.subject.clone(), held);
            }
            leases.insert(lease.subject.clone(), without_heartbeat(lease));
        }
        let replayed = self.leases.into_iter();
        let replayed = replayed.map(|(subject, lease)| (subject, without_heartbeat(lease)));
        if !replayed.eq(leases) {
            return Ok(Some("lease"));
        }
        if self.locks != locks {
            return Ok(Some("path_lock"));
        }
        let mut runs = RowsMet::default();
        tx.rows(RowTable::Run, &mut |id, json| {
            runs.meet::<Run>(&mut self.runs, id, json)
        })?;
        if !runs.are_all(&self.runs) {
            return Ok(Some("run"));
        }
        let mut evidence = RowsMet::in_order();
        tx.rows(RowTable::Evidence, &mut |id, json| {
            evidence.meet::<Evidence>(&mut self.evidence, id, json)
        })?;
        if !evidence.are_all(&self.evidence) {
            return Ok(Some("evidence"));
        }
        let mut decisions = RowsMet::in_order();
        tx.rows(RowTable::Decision, &mut |id, json| {
            decisions.meet::<DecisionRecord>(&mut self.decisions, id, json)
        })?;
        Ok((!decisions.are_all(&self.decisions)).then_some("decision"))
    }

    /// The number of a task, which names it in little room; nothing for one that is not there.
    pub fn task_number(&self, id: &TaskId) -> Option<u32> {
        let number = self.tasks.number(id.as_str())?;
        let place = self.tasks.places.get(number as usize)?;
        place.is_some().then_some(number)
    }

    /// The task with a number.
    pub fn task_id(&self, number: u32) -> Option<TaskId> {
        let key = self.tasks.keys.get(number as usize)?;
        Some(TaskId(key.to_string()))
    }

    /// The number of tasks.
    pub fn task_count(&self) -> u64 {
        self.tasks.count
    }

    /// Every dependency edge `(task, on)` by the numbers of the tasks, sorted.
    pub fn waits(&self) -> Vec<(u32, u32)> {
        let mut edges: Vec<(u32, u32)> = self.deps.iter().map(|(on, task)| (*task, *on)).collect();
        edges.sort_unstable();
        edges
    }

    fn same_deps(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let (mut met, mut same) = (0, true);
        tx.each_dep(&mut |task, on| {
            met += 1;
            let edge = self.tasks.number(on).zip(self.tasks.number(task));
            same = edge.is_some_and(|edge| self.deps.contains(&edge));
            Ok(if same { Flow::More } else { Flow::Stop })
        })?;
        Ok(same && met == self.deps.len())
    }
}

/// A lease without what a heartbeat moves, which the log does not hold.
fn without_heartbeat(mut lease: Lease) -> Lease {
    lease.expires = LeaseInstant {
        epoch: String::new(),
        ms: 0,
    };
    (lease.expires_ms, lease.ttl_ms) = (0, 0);
    lease
}

impl Tables for ReplayedTables {
    type Error = StoreError;

    fn task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        self.tasks.get("task", id.as_str())
    }

    fn add_task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.put_task(task)
    }

    fn put_task(&mut self, task: &Task) -> Result<(), StoreError> {
        self.tasks.put("task", task.id.as_str(), task)
    }

    fn add_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        let edge = (
            self.tasks.number_of(on.as_str()),
            self.tasks.number_of(task.as_str()),
        );
        self.deps.insert(edge);
        Ok(())
    }

    fn remove_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        let on = self.tasks.number(on.as_str());
        if let Some(edge) = on.zip(self.tasks.number(task.as_str())) {
            self.deps.remove(&edge);
        }
        Ok(())
    }

    fn dependents(&mut self, on: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        let Some(on) = self.tasks.number(on.as_str()) else {
            return Ok(Vec::new());
        };
        let waiting = self.deps.range((on, 0)..=(on, u32::MAX));
        let mut found: Vec<TaskId> = waiting
            .filter_map(|(_, task)| self.tasks.keys.get(*task as usize))
            .map(|key| TaskId(key.to_string()))
            .collect();
        found.sort();
        Ok(found)
    }

    fn lease(&mut self, subject: &Subject) -> Result<Option<Lease>, StoreError> {
        Ok(self.leases.get(subject).cloned())
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        self.leases.insert(lease.subject.clone(), lease.clone());
        Ok(())
    }

    fn remove_lease(&mut self, subject: &Subject) -> Result<(), StoreError> {
        self.leases.remove(subject);
        self.locks.remove(subject);
        Ok(())
    }

    fn put_lock(&mut self, lock: &HeldLock) -> Result<(), StoreError> {
        let held = self.locks.entry(lock.subject.clone()).or_default();
        held.push(lock.clone());
        Ok(())
    }

    fn run(&mut self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.runs.get("run", id.as_str())
    }

    fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.runs.put("run", run.id.as_str(), run)
    }

    fn put_evidence(&mut self, evidence: &Evidence) -> Result<(), StoreError> {
        self.evidence
            .put("evidence", evidence.id.as_str(), evidence)
    }

    fn decision(&mut self, id: &str) -> Result<Option<DecisionRecord>, StoreError> {
        self.decisions.get("decision", id)
    }

    fn put_decision(&mut self, record: &DecisionRecord) -> Result<(), StoreError> {
        self.decisions.put("decision", &record.id, record)
    }
}

/// Rows as they would be stored, by their keys, which are numbered as they come.
#[derive(Default)]
struct TextRows {
    numbers: HashMap<Rc<str>, u32>,
    keys: Vec<Rc<str>>,
    /// The place of each row; nothing for a key that was only named.
    places: Vec<Option<TextPlace>>,
    count: u64,
    texts: TextHeap,
}

impl TextRows {
    fn number(&self, key: &str) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    fn number_of(&mut self, key: &str) -> u32 {
        if let Some(number) = self.number(key) {
            return number;
        }
        let key: Rc<str> = key.into();
        // As many keys as fit into a u32 do not fit into memory.
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(Rc::clone(&key));
        self.places.push(None);
        self.numbers.insert(key, number);
        number
    }

    fn put(&mut self, table: &str, key: &str, row: &impl Serialize) -> Result<(), StoreError> {
        let place = self.texts.add(&encode(table, row)?)?;
        let number = self.number_of(key) as usize;
        if self.places[number].replace(place).is_none() {
            self.count += 1;
        }
        Ok(())
    }

    fn get<T: DeserializeOwned>(
        &mut self,
        table: &str,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        let place = self.number(key).and_then(|n| self.places[n as usize]);
        match place {
            Some(place) => decode(table, key, self.texts.get(place)?).map(Some),
            None => Ok(None),
        }
    }
}

/// What was found so far of stored rows among the replayed ones.
#[derive(Default)]
struct RowsMet {
    is_ordered: bool,
    count: u64,
    has_other: bool,
}

impl RowsMet {
    /// Rows that must also stand in the order in which they were added.
    fn in_order() -> RowsMet {
        RowsMet {
            is_ordered: true,
            ..RowsMet::default()
        }
    }

    fn meet<T: DeserializeOwned + PartialEq>(
        &mut self,
        rows: &mut TextRows,
        key: &str,
        stored: &str,
    ) -> Result<Flow, StoreError> {
        let number = rows.number(key);
        let place = number.and_then(|n| rows.places[n as usize]);
        let same = match place {
            Some(place) => {
                let text = rows.texts.get(place)?;
                text == stored || decode::<T>("row", key, text)? == decode::<T>("row", key, stored)?
            }
            None => false,
        };
        let in_place = !self.is_ordered || number.map(u64::from) == Some(self.count);
        self.count += 1;
        self.has_other = !(same && in_place);
        Ok(if self.has_other {
            Flow::Stop
        } else {
            Flow::More
        })
    }

    fn are_all(&self, rows: &TextRows) -> bool {
        !self.has_other && self.count == rows.count
    }
}
