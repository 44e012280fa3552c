//! The log: typed events, each chained to the one before by its hash. The log is the truth; every
//! table is a fold over it (`domain::fold`), which a test proves by rebuilding them.
//!
//! Kind names are stable for ever. A heartbeat is no event: it moves an expiry, and nothing is
//! decided by its history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::agent::Name;
use crate::domain::approval::Reply;
pub use crate::domain::attempt_count::AttemptCount;
use crate::domain::budget::RunUsage;
use crate::domain::bypass::Bypass;
use crate::domain::decision::{DecisionRecord, Override};
use crate::domain::evidence::Evidence;
pub use crate::domain::follow_up::FollowUp;
use crate::domain::friction::FrictionWord;
use crate::domain::ids::{EvidenceId, RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::message::{Message, Sighting};
use crate::domain::path_lock::LockMode;
use crate::domain::policy_override::OverrideWord;
use crate::domain::recurring::RecurringWord;
use crate::domain::run::{Accepting, Run, RunEnd, RunStep};
use crate::domain::task::{Hold, LockRequest, Note, Proof, Task};
use crate::domain::time::WallMs;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EventRecord {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// Time by the wall clock; order is by `seq` alone.
    pub at_ms: WallMs,
    /// The actor.
    pub actor: Actor,
    /// The event.
    pub event: Event,
    /// Hash of the record before; 64 zeros for the first.
    pub prev: String,
    /// Hash of this record without this field.
    pub hash: String,
}

/// A fact that is recorded in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind")]
pub enum Event {
    /// The store was made.
    #[serde(rename = "store.created")]
    StoreCreated {
        /// Id of the store, so that two stores of one repository can be told apart.
        store: String,
    },
    /// A backup took the place of a store; the log before this record is the backup's.
    #[serde(rename = "store.restored")]
    StoreRestored {
        /// The backup's file name.
        backup: String,
        /// Tasks that had been granted later epochs in the store that was replaced: what was handed
        /// out there stays behind.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        epochs: BTreeMap<TaskId, u64>,
    },
    /// New tasks were refused, since as many wait as may.
    #[serde(rename = "queue.full")]
    QueueFull {
        /// Tasks that waited.
        waiting: u64,
        /// The most that may.
        limit: u32,
        /// New ones that would have waited beside them.
        refused: u64,
    },
    /// A check has failed and passed on one and the same tree.
    #[serde(rename = "check.flaky")]
    CheckFlaky {
        /// The check.
        check: Name,
        /// The tree.
        tree: String,
    },
    /// A task came in from the export of another store.
    #[serde(rename = "task.imported")]
    TaskImported {
        /// As it was there, without its lease.
        task: Box<Task>,
        /// Dependencies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deps: Vec<TaskId>,
        /// Id of the other store.
        from: String,
        /// The id in the export, where another task bore that id here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        was: Option<TaskId>,
    },
    /// A task came to be.
    #[serde(rename = "task.created")]
    TaskCreated {
        /// As it was created.
        task: Box<Task>,
        /// Dependencies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deps: Vec<TaskId>,
    },
    /// Fields of a task changed.
    #[serde(rename = "task.edited")]
    TaskEdited {
        /// The task.
        task: TaskId,
        /// The fields that changed, with their new values.
        edit: Box<TaskEdit>,
    },
    /// A dependency was added.
    #[serde(rename = "dep.added")]
    DepAdded {
        /// The task that waits.
        task: TaskId,
        /// The task that it waits for.
        on: TaskId,
    },
    /// A dependency was removed.
    #[serde(rename = "dep.removed")]
    DepRemoved {
        /// The task that waited.
        task: TaskId,
        /// The task that it waited for.
        on: TaskId,
    },
    /// A task was put on hold.
    #[serde(rename = "task.held")]
    TaskHeld {
        /// The task.
        task: TaskId,
        /// The hold.
        hold: Hold,
    },
    /// A hold was lifted.
    #[serde(rename = "task.unheld")]
    TaskUnheld {
        /// The task.
        task: TaskId,
    },
    /// A task is not wanted any more.
    #[serde(rename = "task.cancelled")]
    TaskCancelled {
        /// The task.
        task: TaskId,
        /// The reason.
        reason: String,
    },
    /// A failed, parked or cancelled task goes back to the queue with fresh attempts.
    #[serde(rename = "task.retried")]
    TaskRetried {
        /// The task.
        task: TaskId,
    },
    /// Somebody left a note on a task.
    #[serde(rename = "task.noted")]
    TaskNoted {
        /// The task.
        task: TaskId,
        /// The note.
        note: Note,
    },
    /// A finished task is open again.
    #[serde(rename = "task.reopened")]
    TaskReopened {
        /// The task.
        task: TaskId,
        /// The reason; goes into the notes.
        note: Note,
    },
    /// A lease was granted, with its locks.
    #[serde(rename = "lease.granted")]
    LeaseGranted {
        /// The lease.
        lease: Lease,
        /// The locks.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        locks: Vec<HeldLock>,
    },
    /// A lease was given back.
    #[serde(rename = "lease.released")]
    LeaseReleased {
        /// About what.
        subject: Subject,
        /// Epoch of the grant.
        epoch: u64,
        /// Left for the next holder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_step: Option<String>,
    },
    /// A lapsed lease was taken away by whoever looked next.
    #[serde(rename = "lease.lapsed")]
    LeaseLapsed {
        /// About what.
        subject: Subject,
        /// Epoch of the grant.
        epoch: u64,
        /// Set where the task now waits for a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        park: Option<Hold>,
    },
    /// A holder left word on how to go on, and went on.
    #[serde(rename = "lease.checkpoint")]
    Checkpoint {
        /// The task.
        task: TaskId,
        /// Epoch of the grant.
        epoch: u64,
        /// Written for a stranger.
        next_step: String,
    },
    /// Somebody presented a token that does not open the subject; nothing changed.
    #[serde(rename = "lease.refused")]
    StaleRefused {
        /// About what.
        subject: Subject,
        /// The presented grant.
        epoch: u64,
        /// The operation that was tried.
        tried: String,
        /// The reason of the refusal.
        why: String,
    },
    /// A run started.
    #[serde(rename = "run.started")]
    RunStarted {
        /// The run.
        run: Box<Run>,
    },
    /// A run is about to do a step.
    #[serde(rename = "run.step")]
    RunStep {
        /// The run.
        run: RunId,
        /// The step.
        step: RunStep,
        /// The snapshotted tree, from the step that knows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tree: Option<String>,
        /// The snapshot's commit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
    /// A run that is at work has used so much by now.
    #[serde(rename = "run.used")]
    RunUsed {
        /// The run.
        run: RunId,
        /// In all.
        used: RunUsage,
    },
    /// An accept is about to move its target branch.
    #[serde(rename = "accept.started")]
    AcceptStarted {
        /// The run.
        run: RunId,
        /// The landing that is about to be made.
        accepting: Accepting,
    },
    /// An accept is about to be taken back: its target branch is about to move.
    #[serde(rename = "undo.started")]
    UndoStarted {
        /// The run whose work was accepted.
        run: RunId,
        /// The landing that is about to be made.
        undoing: Accepting,
    },
    /// A run ended and was judged; what happens to the task stands beside it.
    #[serde(rename = "run.ended")]
    RunEnded {
        /// The run.
        run: RunId,
        /// The end.
        end: Box<RunEnd>,
        /// The consequence for the task.
        then: FollowUp,
    },
    /// A piece of evidence was recorded.
    #[serde(rename = "evidence.recorded")]
    EvidenceRecorded {
        /// The piece.
        evidence: Box<Evidence>,
    },
    /// A reviewer sent the work back.
    #[serde(rename = "task.rejected")]
    TaskRejected {
        /// The task.
        task: TaskId,
        /// Goes into the next prompt.
        note: Note,
    },
    /// A task was given up.
    #[serde(rename = "task.failed")]
    TaskFailed {
        /// The task.
        task: TaskId,
        /// The reason.
        reason: String,
    },
    /// An accept was taken back: the work waits for a review again.
    #[serde(rename = "task.undone")]
    TaskUndone {
        /// The task.
        task: TaskId,
        /// The run whose work was accepted.
        run: RunId,
        /// The landing that took it back.
        undone: Accepting,
        /// For whoever looks at the work next.
        note: Note,
    },
    /// A task is done.
    #[serde(rename = "task.done")]
    TaskDone {
        /// The task.
        task: TaskId,
        /// The proof.
        proof: Proof,
    },
    /// A person said yes to a decision that waited for it.
    #[serde(rename = "policy.approved")]
    Approved {
        /// The decision.
        decision: String,
        /// The yes.
        word: Override,
    },
    /// A person answered a decision that waits: with a yes that is not the last one wanted, or with
    /// a no.
    #[serde(rename = "policy.answered")]
    Answered {
        /// The decision.
        decision: String,
        /// The task that it is about, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The answer.
        answer: Reply,
    },
    /// Something passed a door by.
    #[serde(rename = "bypass.found")]
    BypassFound {
        /// The bypass.
        bypass: Bypass,
    },
    /// A rule of the policy does not hold for a while, or holds again.
    #[serde(rename = "policy.overridden")]
    PolicyOverridden {
        /// The word on it.
        said: Box<OverrideWord>,
    },
    /// Somebody said something about what gets in the way here.
    #[serde(rename = "friction.told")]
    FrictionTold {
        /// The word.
        said: Box<FrictionWord>,
    },
    /// Recurring work was switched on or off, or one of its moments was dealt with.
    #[serde(rename = "recurring.told")]
    RecurringTold {
        /// The word.
        said: Box<RecurringWord>,
    },
    /// The output of an agent was given up to make room; what proves the work stays.
    #[serde(rename = "output.pruned")]
    OutputPruned {
        /// The run.
        run: RunId,
        /// The pieces of evidence whose files went.
        pieces: Vec<EvidenceId>,
        /// The size on the disk, in bytes.
        bytes: u64,
    },
    /// Somebody wrote to a task, an agent or people.
    #[serde(rename = "message.sent")]
    MessageSent {
        /// The message.
        message: Box<Message>,
    },
    /// A message was put into a prompt of a run. It waits again, should the run end without a word of its agent.
    #[serde(rename = "message.given")]
    MessageGiven {
        /// The id of the message.
        message: String,
        /// The run.
        run: RunId,
    },
    /// A message was seen.
    #[serde(rename = "message.seen")]
    MessageSeen {
        /// The id of the message.
        message: String,
        /// The task to which it went, or that of the run which saw it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// Who saw it, and where.
        sighting: Box<Sighting>,
    },
    /// Policy answered a question.
    #[serde(rename = "policy.decided")]
    Decided {
        /// The record.
        record: Box<DecisionRecord>,
    },
}

/// A path lock as it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HeldLock {
    /// The lease that holds it.
    pub subject: Subject,
    /// The expanded pattern.
    pub pattern: String,
    /// Exclusive or shared.
    pub mode: LockMode,
    /// Literal prefix, for the index.
    pub key: String,
}

/// New values for the fields of a task; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct TaskEdit {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Labels to add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_labels: Vec<String>,
    /// Labels to remove.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_labels: Vec<String>,
    /// Paths, replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<LockRequest>>,
    /// Checks, replaced as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<String>>,
    /// Agent; an empty name clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Not before; 0 clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<WallMs>,
    /// Attempts; 0 goes back to the project's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Parent; an empty id clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
}
