//! The narrow traits that operations are written over.

use crate::domain::actor::Actor;
use crate::domain::budget::Spent;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, HeldLock};
use crate::domain::evidence::Evidence;
use crate::domain::fold::Tables;
use crate::domain::history::{AgentLast, AgentSum, DaySum};
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_pattern::PrefixQuery;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::time::{Now, WallMs};
use crate::store::{EventFilter, StoreError, StoredEvent, TaskFilter, TaskLine};

/// The decision whether a streaming read goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Next row.
    More,
    /// Enough.
    Stop,
}

/// A table of which all rows can be read as they are stored. Tasks have a list of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowTable {
    /// Runs.
    Run,
    /// Evidence.
    Evidence,
    /// Decisions.
    Decision,
}

/// One transaction. Rows are changed through [`Tx::record`] alone, which keeps log and tables one;
/// the single exception is a heartbeat, which moves the expiry of a lease by [`Tables::put_lease`]
/// and leaves no event.
pub trait Tx: Tables<Error = StoreError> {
    /// The time by the clock that this store's leases live on, read now. A write that decides by it
    /// holds the store meanwhile, so that the order of decisions is the order of their times; a
    /// time that was read before a wait is a time of the past.
    fn now(&mut self) -> Result<Now, StoreError>;

    /// Appends an event to the log and applies it to the tables. Returns its position.
    fn record(&mut self, at_ms: WallMs, actor: &Actor, event: &Event) -> Result<u64, StoreError>;

    /// Full ids that begin with `prefix`, in order, at most `limit`.
    fn tasks_with_prefix(&mut self, prefix: &str, limit: usize) -> Result<Vec<TaskId>, StoreError>;
    /// The first `limit` queued tasks whose time has come, most urgent and oldest first.
    fn ready(&mut self, now: &Now, limit: usize) -> Result<Vec<Task>, StoreError>;
    /// The next time after `now` at which the time of a queued task comes; nothing where no queued
    /// task waits for its time.
    fn next_due(&mut self, now: &Now) -> Result<Option<WallMs>, StoreError>;
    /// Dependencies of `task`, done or not, in id order.
    fn deps(&mut self, task: &TaskId) -> Result<Vec<TaskId>, StoreError>;
    /// Every dependency edge `(task, on)`, in order, one at a time.
    fn each_dep(
        &mut self,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError>;
    /// Every dependency edge `(task, on)`, in order.
    #[cfg(test)]
    fn all_deps(&mut self) -> Result<Vec<(TaskId, TaskId)>, StoreError> {
        let mut all = Vec::new();
        self.each_dep(&mut |task, on| {
            all.push((TaskId(task.to_owned()), TaskId(on.to_owned())));
            Ok(Flow::More)
        })?;
        Ok(all)
    }
    /// Every row of a table with its key, as stored text, one at a time: runs in the order of their
    /// ids, the others in the order in which they were added.
    fn rows(
        &mut self,
        table: RowTable,
        each: &mut dyn FnMut(&str, &str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError>;
    /// Tasks in creation order by filter, a line at a time.
    fn list(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(TaskLine<'_>) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError>;
    /// The same tasks as stored JSON, for who shows nothing else of them: each further column costs a
    /// sixth of the reading of a row. `each` gets one object, or several at once where no limit is
    /// asked for, one a line without the end of the last. An object begins with the id, which
    /// [`id_of`] finds.
    ///
    /// [`id_of`]: crate::store::id_of
    fn list_json(
        &mut self,
        filter: &TaskFilter,
        each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError> {
        self.list(filter, &mut |line| each(line.json))
    }
    /// Number of tasks in each state; states without tasks may be missing.
    fn tally(&mut self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Leases that have lapsed at `now`, on tasks and on locks held by hand.
    fn lapsed(&mut self, now: &Now) -> Result<Vec<Lease>, StoreError>;
    /// All leases, in subject order.
    fn leases(&mut self) -> Result<Vec<Lease>, StoreError>;
    /// [Held locks](HeldLock) whose prefix could meet the query, with their leases, live or lapsed.
    fn lock_candidates(
        &mut self,
        query: &PrefixQuery,
    ) -> Result<Vec<(HeldLock, Lease)>, StoreError>;
    /// The locks of one lease.
    fn locks(&mut self, subject: &Subject) -> Result<Vec<HeldLock>, StoreError>;

    /// Runs that have not ended.
    fn active_runs(&mut self) -> Result<Vec<Run>, StoreError>;
    /// Runs of a task, oldest first.
    fn runs(&mut self, task: &TaskId) -> Result<Vec<Run>, StoreError>;
    /// Every run, in id order.
    fn all_runs(&mut self) -> Result<Vec<Run>, StoreError>;
    /// Ended runs by type of task and agent, for one type where it is named. Reads sums, not runs.
    fn agent_sums(&mut self, kind: Option<&str>) -> Result<Vec<AgentSum>, StoreError>;
    /// Use of agents by day, for one day where it is named. Reads sums, not runs.
    fn day_sums(&mut self, day: Option<i64>) -> Result<Vec<DaySum>, StoreError>;
    /// The end of the last run of each agent.
    fn agents_last(&mut self) -> Result<Vec<AgentLast>, StoreError>;
    /// The use of the ended runs of a task.
    fn task_spent(&mut self, task: &TaskId) -> Result<Spent, StoreError>;
    /// Evidence of a task (of one run), oldest first; of all tasks where no task is named.
    fn evidence(
        &mut self,
        task: Option<&TaskId>,
        run: Option<&RunId>,
    ) -> Result<Vec<Evidence>, StoreError>;
    /// [Decision records](DecisionRecord) that want a person's yes, answered or not, newest first; of
    /// one task where one is named; at most `limit` where given.
    fn asks(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError>;
    /// [Decision records](DecisionRecord), oldest first; of one task where one is named; only the
    /// last `limit` where given.
    fn decisions(
        &mut self,
        task: Option<&TaskId>,
        limit: Option<u64>,
    ) -> Result<Vec<DecisionRecord>, StoreError>;

    /// The log, oldest first, a record at a time.
    fn events(
        &mut self,
        filter: &EventFilter,
        each: &mut dyn FnMut(StoredEvent) -> Result<Flow, StoreError>,
    ) -> Result<(), StoreError>;
    /// The position of the newest record of the log; 0 where there is none.
    fn last_event(&mut self) -> Result<u64, StoreError>;
    /// Empties a log that holds nothing but the creation of its store, for an import that brings a
    /// whole log. Any other log refuses.
    fn forget_creation(&mut self) -> Result<(), StoreError>;
    /// Takes a record as it is from an export: position and hashes stay.
    fn import_event(&mut self, event: &StoredEvent) -> Result<(), StoreError>;
    /// A value of the store's own, such as its id.
    fn meta(&mut self, key: &str) -> Result<Option<String>, StoreError>;
    /// Sets a value of the store's own.
    fn set_meta(&mut self, key: &str, value: &str) -> Result<(), StoreError>;
}

/// A transaction that has begun. Dropped, it leaves nothing behind.
pub trait Transaction {
    /// Returns the transaction that operations work on.
    fn tx(&mut self) -> &mut dyn Tx;
    /// Stores what was written, as lastingly as was said when it began.
    fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// The moment from which a commit lasts through a power cut. What it stores is whole, seen by
/// everybody, and outlives this process at once in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// When the commit returns: whatever somebody is told.
    AtOnce,
    /// With the next one that lasts at once, which brings all before it along. For a note to whoever
    /// finds this process dead: where the power goes, the process goes with it, and the note before
    /// this one says enough.
    WithTheNext,
}

/// An open store, whichever backend keeps it. One transaction at a time; whoever wants to work
/// beside it, such as the heartbeat of a run, opens another one at the same
/// [`StorePlace`](crate::store::StorePlace).
///
/// A backend implements the beginning of a transaction. Operations call `write` and `read`, which
/// every `dyn Store` has.
pub trait Store: Send {
    /// Begins a transaction that writes. It waits for its turn.
    fn begin_write(&mut self, lasting: Lasting) -> Result<Box<dyn Transaction + '_>, StoreError>;
    /// Begins a transaction that sees one consistent state; it is never committed.
    fn begin_read(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError>;
    /// True where the newest writes may be missing from what is read.
    fn is_stale(&self) -> bool {
        false
    }
    /// Refuses a store that a newer `ai` has brought to another format since it was opened: whoever keeps it open
    /// for long asks this before he goes on.
    fn refuse_outgrown(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl dyn Store + '_ {
    /// Runs `work` in one write transaction: all of it is stored durably, or nothing.
    pub fn write<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write_as(Lasting::AtOnce, work)
    }

    /// The same with a word on when it has to last through a power cut.
    pub fn write_as<T, E: From<StoreError>>(
        &mut self,
        lasting: Lasting,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut transaction = self.begin_write(lasting)?;
        let done = work(transaction.tx())?;
        transaction.commit()?;
        Ok(done)
    }

    /// Runs `work` on one consistent state without writing.
    pub fn read<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        work(self.begin_read()?.tx())
    }
}
