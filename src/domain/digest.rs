//! What became of the tasks of a repository in a stretch of time: a fold over the events of that time.
//!
//! The last word on a task counts: work that was sent back and landed afterwards has landed, and what was given
//! up and tried again is open. Deliberately absent: what waits and why, which is a look at the store of now.

use std::collections::BTreeMap;

use crate::domain::actor::Actor;
use crate::domain::budget::Spent;
use crate::domain::event::{Event, FollowUp};
use crate::domain::history::RunUse;
use crate::domain::ids::TaskId;
use crate::domain::task::{BlockReason, Hold, Proof};
use crate::domain::time::WallMs;

/// The last word on a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWord {
    /// The word.
    pub fate: Fate,
    /// Whoever had it.
    pub by: Actor,
    /// Time of it, in milliseconds since 1970.
    pub at_ms: WallMs,
}

/// The end to which a task came, for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Done, by this proof.
    Done(Proof),
    /// Done, and taken back, with this note.
    TakenBack(String),
    /// Work that was sent back, with this note.
    SentBack(String),
    /// Attempts used up, or parked, for this reason.
    GivenUp(String),
    /// Not wanted any more, for this reason.
    Cancelled(String),
}

/// The last word on each task that had one, while events are folded in.
#[derive(Clone, Debug, Default)]
pub struct Fates {
    words: BTreeMap<TaskId, LastWord>,
}

impl Fates {
    /// Takes in the next event of the log.
    pub fn see(&mut self, at_ms: WallMs, by: &Actor, event: &Event) {
        let (task, fate) = match event {
            Event::TaskDone { task, proof } => (task.clone(), Some(Fate::Done(proof.clone()))),
            Event::TaskUndone { task, note, .. } => {
                (task.clone(), Some(Fate::TakenBack(note.text.clone())))
            }
            Event::TaskRejected { task, note } => {
                (task.clone(), Some(Fate::SentBack(note.text.clone())))
            }
            Event::TaskFailed { task, reason } => {
                (task.clone(), Some(Fate::GivenUp(reason.clone())))
            }
            Event::TaskCancelled { task, reason } => {
                (task.clone(), Some(Fate::Cancelled(reason.clone())))
            }
            Event::TaskHeld { task, hold } => match parked(hold) {
                Some(fate) => (task.clone(), Some(fate)),
                // Whatever was said of it before stands.
                None => return,
            },
            Event::RunEnded { run, then, .. } => (run.task(), after_run(then)),
            Event::LeaseLapsed { subject, park, .. } => match subject.task() {
                Some(task) => (task, park.as_ref().and_then(parked)),
                None => return,
            },
            Event::LeaseGranted { lease, .. } => match lease.subject.task() {
                Some(task) => (task, None),
                None => return,
            },
            Event::TaskReopened { task, .. }
            | Event::TaskRetried { task }
            | Event::TaskUnheld { task } => (task.clone(), None),
            Event::StoreCreated { .. }
            | Event::StoreRestored { .. }
            | Event::QueueFull { .. }
            | Event::CheckFlaky { .. }
            | Event::TaskImported { .. }
            | Event::TaskCreated { .. }
            | Event::TaskEdited { .. }
            | Event::DepAdded { .. }
            | Event::DepRemoved { .. }
            | Event::TaskNoted { .. }
            | Event::LeaseReleased { .. }
            | Event::Checkpoint { .. }
            | Event::StaleRefused { .. }
            | Event::RunStarted { .. }
            | Event::RunStep { .. }
            | Event::RunUsed { .. }
            | Event::AcceptStarted { .. }
            | Event::UndoStarted { .. }
            | Event::EvidenceRecorded { .. }
            | Event::Approved { .. }
            | Event::Answered { .. }
            | Event::BypassFound { .. }
            | Event::PolicyOverridden { .. }
            | Event::FrictionTold { .. }
            | Event::RecurringTold { .. }
            | Event::OutputPruned { .. }
            | Event::MessageSent { .. }
            | Event::MessageGiven { .. }
            | Event::MessageSeen { .. }
            | Event::Decided { .. } => return,
        };
        match fate {
            Some(fate) => {
                let by = by.clone();
                self.words.insert(task, LastWord { fate, by, at_ms });
            }
            None => {
                self.words.remove(&task);
            }
        }
    }

    /// The tasks with the last word on each, in the order in which it was said.
    pub fn in_order(self) -> Vec<(TaskId, LastWord)> {
        let mut all: Vec<_> = self.words.into_iter().collect();
        all.sort_by_key(|(_, word)| word.at_ms);
        all
    }
}

/// The fate of a task that was put on hold: none, where that is no end.
fn parked(hold: &Hold) -> Option<Fate> {
    match hold.kind {
        BlockReason::Parked => Some(Fate::GivenUp(hold.reason.clone())),
        BlockReason::Hold | BlockReason::Approval | BlockReason::Dependency => None,
    }
}

fn after_run(then: &FollowUp) -> Option<Fate> {
    match then {
        FollowUp::Fail { reason } => Some(Fate::GivenUp(reason.clone())),
        FollowUp::Hold { hold, .. } => parked(hold),
        FollowUp::Review { .. } | FollowUp::Requeue { .. } => None,
    }
}

/// The runs of an agent that ended in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentRuns {
    /// The agent.
    pub agent: String,
    /// Runs whose work went on to a person.
    pub good: u64,
    /// Runs that failed or were sent back; the rest was nobody's fault.
    pub bad: u64,
    /// The use of all of them together.
    pub spent: Spent,
}

/// Sums up runs by agent.
pub fn by_agent<'a>(runs: impl IntoIterator<Item = &'a RunUse>) -> Vec<AgentRuns> {
    let mut sums: BTreeMap<&str, AgentRuns> = BTreeMap::new();
    for used in runs {
        let sum = sums.entry(&used.agent).or_insert_with(|| AgentRuns {
            agent: used.agent.clone(),
            ..AgentRuns::default()
        });
        sum.good += u64::from(used.is_good());
        sum.bad += u64::from(used.is_bad());
        sum.spent = sum.spent.plus(used.spent());
    }
    sums.into_values().collect()
}

#[cfg(test)]
#[path = "digest_tables.rs"]
mod tests;
