//! Tables in memory: what a log replays into where all of it is asked for, and what tests compare.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use crate::domain::decision::DecisionRecord;
use crate::domain::event::HeldLock;
use crate::domain::evidence::Evidence;
use crate::domain::fold::Tables;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::domain::task::Task;
#[cfg(test)]
use crate::store::{Flow, StoreError, TaskFilter, Tx};

/// Every table, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryTables {
    /// Tasks.
    pub tasks: BTreeMap<TaskId, Task>,
    /// Edges `(on, task)`.
    pub deps: BTreeSet<(TaskId, TaskId)>,
    /// Leases.
    pub leases: BTreeMap<Subject, Lease>,
    /// Locks by subject.
    pub locks: BTreeMap<Subject, Vec<HeldLock>>,
    /// Runs.
    pub runs: BTreeMap<RunId, Run>,
    /// Evidence in order.
    pub evidence: Vec<Evidence>,
    /// Decisions in order.
    pub decisions: Vec<DecisionRecord>,
}

#[cfg(test)]
impl MemoryTables {
    /// Reads all tables of a store.
    pub fn load(tx: &mut dyn Tx) -> Result<MemoryTables, StoreError> {
        let mut tables = MemoryTables::default();
        let mut tasks = Vec::new();
        tx.list(&TaskFilter::default(), &mut |line| {
            tasks.push(TaskId(line.id.to_owned()));
            Ok(Flow::More)
        })?;
        for id in tasks {
            tables.tasks.extend(tx.task(&id)?.map(|task| (id, task)));
        }
        tables.deps = tx
            .all_deps()?
            .into_iter()
            .map(|(task, on)| (on, task))
            .collect();
        for lease in tx.leases()? {
            let locks = tx.locks(&lease.subject)?;
            if !locks.is_empty() {
                tables.locks.insert(lease.subject.clone(), locks);
            }
            tables.leases.insert(lease.subject.clone(), lease);
        }
        tables.runs = tx
            .all_runs()?
            .into_iter()
            .map(|run| (run.id.clone(), run))
            .collect();
        tables.evidence = tx.evidence(None, None)?;
        tables.decisions = tx.decisions(None, None)?;
        Ok(tables)
    }
}

impl Tables for MemoryTables {
    type Error = Infallible;

    fn task(&mut self, id: &TaskId) -> Result<Option<Task>, Infallible> {
        Ok(self.tasks.get(id).cloned())
    }

    fn add_task(&mut self, task: &Task) -> Result<(), Infallible> {
        self.put_task(task)
    }

    fn put_task(&mut self, task: &Task) -> Result<(), Infallible> {
        self.tasks.insert(task.id.clone(), task.clone());
        Ok(())
    }

    fn add_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), Infallible> {
        self.deps.insert((on.clone(), task.clone()));
        Ok(())
    }

    fn remove_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), Infallible> {
        self.deps.remove(&(on.clone(), task.clone()));
        Ok(())
    }

    fn dependents(&mut self, on: &TaskId) -> Result<Vec<TaskId>, Infallible> {
        let from = self.deps.range((on.clone(), TaskId(String::new()))..);
        Ok(from
            .take_while(|(dependency, _)| dependency == on)
            .map(|(_, task)| task.clone())
            .collect())
    }

    fn lease(&mut self, subject: &Subject) -> Result<Option<Lease>, Infallible> {
        Ok(self.leases.get(subject).cloned())
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<(), Infallible> {
        self.leases.insert(lease.subject.clone(), lease.clone());
        Ok(())
    }

    fn remove_lease(&mut self, subject: &Subject) -> Result<(), Infallible> {
        self.leases.remove(subject);
        self.locks.remove(subject);
        Ok(())
    }

    fn put_lock(&mut self, lock: &HeldLock) -> Result<(), Infallible> {
        self.locks
            .entry(lock.subject.clone())
            .or_default()
            .push(lock.clone());
        Ok(())
    }

    fn run(&mut self, id: &RunId) -> Result<Option<Run>, Infallible> {
        Ok(self.runs.get(id).cloned())
    }

    fn put_run(&mut self, run: &Run) -> Result<(), Infallible> {
        self.runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    fn put_evidence(&mut self, evidence: &Evidence) -> Result<(), Infallible> {
        self.evidence.push(evidence.clone());
        Ok(())
    }

    fn decision(&mut self, id: &str) -> Result<Option<DecisionRecord>, Infallible> {
        Ok(self
            .decisions
            .iter()
            .find(|record| record.id == id)
            .cloned())
    }

    fn put_decision(&mut self, record: &DecisionRecord) -> Result<(), Infallible> {
        match self
            .decisions
            .iter_mut()
            .find(|known| known.id == record.id)
        {
            Some(known) => *known = record.clone(),
            None => self.decisions.push(record.clone()),
        }
        Ok(())
    }
}
