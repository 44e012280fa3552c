//! The rows of a store in memory: what [`Tx`] asks of them, one linear look at a time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::actor::Actor;
use crate::domain::budget::Spent;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::event::{Event, HeldLock};
use crate::domain::event_chain::CHAIN_START;
use crate::domain::evidence::Evidence;
use crate::domain::fold::{self, Tables};
use crate::domain::history::{AgentLast, AgentSum, DaySum, RunUse};
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_pattern::PrefixQuery;
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::time::{Now, WallMs};
use crate::store::json::{decode, encode};
use crate::store::memory::store::State;
use crate::store::{
    EventFilter, Flow, RowTable, StoreError, StoredEvent, TaskFilter, TaskLine, TaskSort, Tx,
    local_now,
};

/// A record of the log with what it is about.
#[derive(Debug)]
pub(super) struct LogRecord {
    stored: StoredEvent,
    subject: Option<String>,
}

/// The state that one transaction sees and changes.
pub(super) struct MemoryRows {
    state: Arc<State>,
}

impl MemoryRows {
    pub(super) fn of(state: Arc<State>) -> MemoryRows {
        MemoryRows { state }
    }

    pub(super) fn into_state(self) -> Arc<State> {
        self.state
    }

    /// The state to change: a copy of its own from the first change on.
    fn change(&mut self) -> &mut State {
        Arc::make_mut(&mut self.state)
    }

    fn append(&mut self, stored: StoredEvent, event: &Event) -> Result<(), StoreError> {
        let at_ms = stored.at_ms;
        self.change().log.push(Arc::new(LogRecord {
            stored,
            subject: event.subject().map(str::to_owned),
        }));
        fold::apply(self, at_ms, event)
    }

    /// Tasks in the order in which they were created.
    fn tasks(&self) -> impl Iterator<Item = &Task> {
        let tables = &self.state.tables;
        self.state
            .order
            .iter()
            .filter_map(|id| tables.tasks.get(id))
    }

    /// [Held locks](HeldLock) by their keys.
    fn locks_by_key(&self) -> Vec<&HeldLock> {
        let mut all: Vec<&HeldLock> = self.state.tables.locks.values().flatten().collect();
        all.sort_by(|one, two| one.key.cmp(&two.key));
        all
    }
}

/// The refusal of a row that no store takes.
fn odd(row: impl std::fmt::Display, why: &str) -> StoreError {
    StoreError::Backend(format!("{row}: {why}").into())
}

fn taken(row: impl std::fmt::Display) -> StoreError {
    odd(row, "it is there already")
}

fn refuse_odd(task: &Task) -> Result<(), StoreError> {
    if task.priority > 4 {
        return Err(odd(format!("task {}", task.id), "it has no such priority"));
    }
    Ok(())
}

fn never<T>(done: Result<T, std::convert::Infallible>) -> Result<T, StoreError> {
    match done {
        Ok(value) => Ok(value),
        Err(never) => match never {},
    }
}

impl Tables for MemoryRows {
    type Error = StoreError;

    fn task(&mut self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        Ok(self.state.tables.tasks.get(id).cloned())
    }

    fn add_task(&mut self, task: &Task) -> Result<(), StoreError> {
        let state = self.change();
        if state.tables.tasks.contains_key(&task.id) {
            return Err(taken(format!("task {}", task.id)));
        }
        refuse_odd(task)?;
        state.order.push(task.id.clone());
        never(state.tables.add_task(task))
    }

    fn put_task(&mut self, task: &Task) -> Result<(), StoreError> {
        refuse_odd(task)?;
        never(self.change().tables.put_task(task))
    }

    fn add_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        let state = self.change();
        state.waits.insert((task.clone(), on.clone()));
        never(state.tables.add_dep(task, on))
    }

    fn remove_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), StoreError> {
        let state = self.change();
        state.waits.remove(&(task.clone(), on.clone()));
        never(state.tables.remove_dep(task, on))
    }

    fn dependents(&mut self, on: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        Ok(beginning_with(&self.state.tables.deps, on))
    }

    fn lease(&mut self, subject: &Subject) -> Result<Option<Lease>, StoreError> {
        Ok(self.state.tables.leases.get(subject).cloned())
    }

    fn put_lease(&mut self, lease: &Lease) -> Result<(), StoreError> {
        never(self.change().tables.put_lease(lease))
    }

    fn remove_lease(&mut self, subject: &Subject) -> Result<(), StoreError> {
        never(self.change().tables.remove_lease(subject))
    }

    fn put_lock(&mut self, lock: &HeldLock) -> Result<(), StoreError> {
        never(self.change().tables.put_lock(lock))
    }

    fn run(&mut self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.state.tables.runs.get(id).cloned())
    }

    fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        let state = self.change();
        let kind = state.tables.tasks.get(&run.task).map_or("", |t| &t.kind);
        // A run counts once, whatever is said of it afterwards.
        if let Some(used) = RunUse::of(run, kind)
            && state.uses.iter().all(|known| known.run != run.id)
        {
            state.uses.push(Arc::new(used));
        }
        never(state.tables.put_run(run))
    }

    fn put_evidence(&mut self, evidence: &Evidence) -> Result<(), StoreError> {
        let state = self.change();
        if state.tables.evidence.iter().any(|e| e.id == evidence.id) {
            return Err(taken(format!("evidence {}", evidence.id)));
        }
        never(state.tables.put_evidence(evidence))
    }

    fn decision(&mut self, id: &str) -> Result<Option<DecisionRecord>, StoreError> {
        let mut all = self.state.tables.decisions.iter();
        Ok(all.find(|record| record.id == id).cloned())
    }

    fn put_decision(&mut self, record: &DecisionRecord) -> Result<(), StoreError> {
        never(self.change().tables.put_decision(record))
    }
}

impl Tx for MemoryRows {
    fn now(&mut self) -> Result<Now, StoreError> {
        Ok(local_now())
    }

    fn record(&mut self, at_ms: WallMs, actor: &Actor, event: &Event) -> Result<u64, StoreError> {
        let (last, prev) = match self.state.log.last() {
            Some(newest) => (newest.stored.seq, newest.stored.hash.clone()),
            None => (0, CHAIN_START.to_owned()),
        };
        let stored = StoredEvent::after(last, prev, (at_ms, actor, event))?;
        let seq = stored.seq;
        self.append(stored, event)?;
        Ok(seq)
    }

    fn tasks_with_prefix(&mut self, prefix: &str, limit: usize) -> Result<Vec<TaskId>, StoreError> {
        let from = TaskId(prefix.to_owned());
        let ids = self.state.tables.tasks.range(from..).map(|(id, _)| id);
        Ok(ids
            .take_while(|id| id.as_str().starts_with(prefix))
            .take(limit)
            .cloned()
            .collect())
    }

    fn ready(&mut self, now: &Now, limit: usize) -> Result<Vec<Task>, StoreError> {
        let mut ready: Vec<&Task> = self
            .tasks()
            .filter(|task| is_ready(task, now.wall_ms))
            .collect();
        ready.sort_by_key(|task| task.priority);
        Ok(ready.into_iter().take(limit).cloned().collect())
    }

    fn next_due(&mut self, now: &Now) -> Result<Option<WallMs>, StoreError> {
        let queued = self.tasks().filter(|task| task.state == TaskState::Queued);
        let times = queued.filter_map(|task| task.not_before_ms);
        Ok(times.filter(|at| *at > now.wall_ms).min())
    }

    fn deps(&mut self, task: &TaskId) -> Result<Vec<TaskId>, StoreError> {
        Ok(beginning_with(&self.state.waits, task))
    }

    fn each_dep(
        &mut self,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        for (task, on) in &self.state.waits {
            if each(task.as_str(), on.as_str())? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn rows(
        &mut self,
        table: RowTable,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let tables = &self.state.tables;
        let rows: Vec<(&str, Result<String, StoreError>)> = match table {
            RowTable::Run => {
                let runs = tables.runs.values();
                runs.map(|run| (run.id.as_str(), encode("run", run)))
                    .collect()
            }
            RowTable::Evidence => {
                let pieces = tables.evidence.iter();
                pieces
                    .map(|piece| (piece.id.as_str(), encode("evidence", piece)))
                    .collect()
            }
            RowTable::Decision => {
                let records = tables.decisions.iter();
                records
                    .map(|record| (record.id.as_str(), encode("decision", record)))
                    .collect()
            }
        };
        for (key, row) in rows {
            if each(key, &row?)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(TaskLine<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let mut found: Vec<&Task> = self.tasks().filter(|task| passes(task, filter)).collect();
        match filter.sort {
            TaskSort::Created => {}
            TaskSort::Newest => found.reverse(),
            TaskSort::Priority => found.sort_by_key(|task| task.priority),
            TaskSort::Updated => found.sort_by_key(|task| Reverse(task.updated_ms)),
        }
        let limit = filter.limit.and_then(|n| usize::try_from(n).ok());
        for task in found.into_iter().take(limit.unwrap_or(usize::MAX)) {
            let json = encode("task", task)?;
            let line = TaskLine {
                id: task.id.as_str(),
                status: task.state.name(),
                priority: task.priority,
                title: &task.title,
                json: &json,
            };
            if each(line)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn tally(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut counts = BTreeMap::new();
        for task in self.state.tables.tasks.values() {
            *counts.entry(task.state.name().to_owned()).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn lapsed(&mut self, now: &Now) -> Result<Vec<Lease>, StoreError> {
        let leases = self.state.tables.leases.values();
        Ok(leases.filter(|lease| !lease.binds(now)).cloned().collect())
    }

    fn leases(&mut self) -> Result<Vec<Lease>, StoreError> {
        Ok(self.state.tables.leases.values().cloned().collect())
    }

    fn lock_candidates(
        &mut self,
        query: &PrefixQuery,
    ) -> Result<Vec<(HeldLock, Lease)>, StoreError> {
        let (from, to) = &query.range;
        let asked_for = |lock: &&HeldLock| {
            let below = lock.key >= *from && to.as_ref().is_none_or(|to| lock.key < *to);
            below || query.ancestors.contains(&lock.key)
        };
        let leases = &self.state.tables.leases;
        let held = self.locks_by_key().into_iter().filter(asked_for);
        Ok(held
            .filter_map(|lock| Some((lock.clone(), leases.get(&lock.subject)?.clone())))
            .collect())
    }

    fn locks(&mut self, subject: &Subject) -> Result<Vec<HeldLock>, StoreError> {
        let locks = self.state.tables.locks.get(subject);
        Ok(locks.cloned().unwrap_or_default())
    }

    fn active_runs(&mut self) -> Result<Vec<Run>, StoreError> {
        let runs = self.state.tables.runs.values();
        Ok(runs.filter(|run| run.end.is_none()).cloned().collect())
    }

    fn runs(&mut self, task: &TaskId) -> Result<Vec<Run>, StoreError> {
        let all = self.state.tables.runs.values();
        let mut runs: Vec<Run> = all.filter(|run| run.task == *task).cloned().collect();
        runs.sort_by_key(|run| run.id.epoch());
        Ok(runs)
    }

    fn all_runs(&mut self) -> Result<Vec<Run>, StoreError> {
        Ok(self.state.tables.runs.values().cloned().collect())
    }

    fn agent_sums(&mut self, kind: Option<&str>) -> Result<Vec<AgentSum>, StoreError> {
        let mut sums: BTreeMap<(&str, &str), AgentSum> = BTreeMap::new();
        for used in &self.state.uses {
            if kind.is_some_and(|kind| kind != used.kind) {
                continue;
            }
            let sum = sums
                .entry((&used.agent, &used.kind))
                .or_insert_with(|| AgentSum {
                    kind: used.kind.clone(),
                    agent: used.agent.clone(),
                    good: 0,
                    bad: 0,
                    spent: Spent::default(),
                });
            let (good, bad) = (u64::from(used.is_good()), u64::from(used.is_bad()));
            (sum.good, sum.bad) = (sum.good + good, sum.bad + bad);
            // The tries of an agent are those that say something about it.
            let spent = Spent {
                attempts: good + bad,
                ..used.spent()
            };
            sum.spent = sum.spent.plus(spent);
        }
        Ok(sums.into_values().collect())
    }

    fn day_sums(&mut self, day: Option<i64>) -> Result<Vec<DaySum>, StoreError> {
        let mut sums: BTreeMap<(i64, &str), Spent> = BTreeMap::new();
        let asked_for = |used: &&Arc<RunUse>| day.is_none_or(|day| day == used.day());
        for used in self.state.uses.iter().filter(asked_for) {
            let sum = sums.entry((used.day(), &used.agent)).or_default();
            *sum = sum.plus(used.spent());
        }
        let sum = |((day, agent), spent): ((i64, &str), Spent)| DaySum {
            day,
            agent: agent.to_owned(),
            spent,
        };
        Ok(sums.into_iter().map(sum).collect())
    }

    fn agents_last(&mut self) -> Result<Vec<AgentLast>, StoreError> {
        let mut last: BTreeMap<&str, AgentLast> = BTreeMap::new();
        for used in &self.state.uses {
            let next = AgentLast::after(last.get(used.agent.as_str()), used);
            last.insert(&used.agent, next);
        }
        Ok(last.into_values().collect())
    }

    fn task_spent(&mut self, task: &TaskId) -> Result<Spent, StoreError> {
        let uses = self.state.uses.iter().filter(|used| used.task == *task);
        Ok(uses
            .map(|used| used.spent())
            .fold(Spent::default(), Spent::plus))
    }

    fn evidence(
        &mut self,
        task: Option<&TaskId>,
        run: Option<&RunId>,
    ) -> Result<Vec<Evidence>, StoreError> {
        let all = self.state.tables.evidence.iter();
        Ok(all
            .filter(|piece| task.is_none_or(|task| piece.task == *task))
            .filter(|piece| run.is_none() || piece.run.as_ref() == run)
            .cloned()
            .collect())
    }

    fn asks(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        let wants = |record: &DecisionRecord| record.effect == Effect::RequireApproval;
        let mut found = self.decisions(task, None)?;
        found.retain(wants);
        found.reverse();
        found.truncate(
            limit
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(usize::MAX),
        );
        Ok(found)
    }

    fn decisions(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        let all = self.state.tables.decisions.iter();
        let about = |record: &&DecisionRecord| {
            task.is_none_or(|task| record.resource.task.as_deref() == Some(task.as_str()))
        };
        let found: Vec<_> = all.filter(about).cloned().collect();
        let limit = limit.and_then(|n| usize::try_from(n).ok());
        Ok(last(found, limit))
    }

    fn events(
        &mut self,
        filter: &EventFilter,
        each: &mut dyn FnMut(StoredEvent) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        let log = self.state.log.iter();
        let found: Vec<_> = log
            .filter(|record| record.stored.seq > filter.after)
            .filter(|record| filter.subject.is_none() || record.subject == filter.subject)
            .filter(|record| filter.kind.is_none_or(|kind| record.stored.kind == kind))
            .collect();
        let limit = filter.last.and_then(|n| usize::try_from(n).ok());
        for record in last(found, limit) {
            if each(record.stored.clone())? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn last_event(&mut self) -> Result<u64, StoreError> {
        Ok(self.state.log.last().map_or(0, |newest| newest.stored.seq))
    }

    fn forget_creation(&mut self) -> Result<(), StoreError> {
        match self.state.log.as_slice() {
            [] => Ok(()),
            [only] if only.stored.seq == 1 => {
                self.change().log.clear();
                Ok(())
            }
            _ => Err(odd("event", "the log is append-only")),
        }
    }

    fn import_event(&mut self, stored: &StoredEvent) -> Result<(), StoreError> {
        let event: Event = decode("event", &stored.seq.to_string(), &stored.body)?;
        let mut log = self.state.log.iter();
        if log.any(|record| record.stored.seq == stored.seq) {
            return Err(taken(format!("event {}", stored.seq)));
        }
        self.append(stored.clone(), &event)
    }

    fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.state.meta.get(key).cloned())
    }

    fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        let meta = &mut self.change().meta;
        meta.insert(key.to_owned(), value.to_owned());
        Ok(())
    }
}

fn is_ready(task: &Task, now_ms: WallMs) -> bool {
    task.state == TaskState::Queued && task.not_before_ms.is_none_or(|ms| ms <= now_ms)
}

fn passes(task: &Task, filter: &TaskFilter) -> bool {
    let any_of = |wanted: &[String], is: &str| wanted.is_empty() || wanted.iter().any(|w| w == is);
    let contains = |text: &str, part: &str| {
        let part = part.to_ascii_lowercase();
        text.to_ascii_lowercase().contains(&part)
    };
    let parent = task.parent.as_ref().map(TaskId::as_str);
    any_of(&filter.statuses, task.state.name())
        && any_of(&filter.kinds, &task.kind)
        && filter
            .labels
            .iter()
            .all(|label| task.labels.contains(label))
        && (filter.agent.is_none() || filter.agent == task.agent)
        && (filter.parent.is_none() || filter.parent.as_deref() == parent)
        && filter
            .text
            .as_deref()
            .is_none_or(|text| contains(&task.title, text) || contains(&task.body, text))
        && filter.ready_at.is_none_or(|now_ms| is_ready(task, now_ms))
}

/// The second halves of the pairs that begin with `first`, in order.
fn beginning_with(pairs: &BTreeSet<(TaskId, TaskId)>, first: &TaskId) -> Vec<TaskId> {
    let from = pairs.range((first.clone(), TaskId(String::new()))..);
    from.take_while(|(one, _)| one == first)
        .map(|(_, other)| other.clone())
        .collect()
}

/// The last so many.
fn last<T>(mut all: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let from = all.len().saturating_sub(limit.unwrap_or(usize::MAX));
    all.split_off(from)
}
