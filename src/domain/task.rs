//! Tasks and their states.
//!
//! A state carries its data; there are no parallel options to contradict it. What keeps a task from
//! the queue (a hold, open dependencies) is data of the task, and [`Task::settle`] alone turns it
//! into `queued` or `blocked`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::shown_time;
use crate::domain::actor::Actor;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::path_lock::LockMode;
use crate::domain::time::WallMs;

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Task {
    /// Short random id.
    pub id: TaskId,
    /// The state of the task, with its data.
    #[serde(flatten)]
    pub state: TaskState,
    /// One line for people.
    pub title: String,
    /// The prompt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Kind of work: `feature`, `bug`, `chore`, or any word of the project's own.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0 is most urgent, 4 least.
    pub priority: u8,
    /// Free words for filters and routing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// Paths that a claim locks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<LockRequest>,
    /// Names of the checks that must pass; empty means the project's default checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// Dependencies that are not done.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open_deps: u32,
    /// The task that this one is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// The agent that should run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Not before this wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<WallMs>,
    /// Attempts before the task fails; the project's default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The hold that keeps the task out of the queue besides dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The recurring work for which it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurring: Option<RecurringOrigin>,
    /// Attempts that counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Leases in a row that lapsed without a release.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lapses: u32,
    /// The epoch of the newest lease ever granted; 0 before the first.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub epoch: u64,
    /// Words of the last holder for a stranger who goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// Notes of rejected and failed attempts, oldest first; they go into the next prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The creator.
    pub created_by: Actor,
    /// Time, in milliseconds since 1970.
    pub created_ms: WallMs,
    /// Time of the last change, in milliseconds since 1970.
    pub updated_ms: WallMs,
    /// Tells this task from one of another store that happens to bear the same id.
    pub uid: String,
}

/// The recurring work for which a task was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecurringOrigin {
    /// The name.
    pub name: String,
    /// The moment that it is for, in milliseconds since 1970; absent where somebody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<WallMs>,
}

impl RecurringOrigin {
    /// The origin in a few words.
    pub fn told(&self) -> String {
        match self.due_ms {
            Some(due_ms) => format!("{}, for {}", self.name, shown_time::time(due_ms)),
            None => format!("{}, when somebody asked for it", self.name),
        }
    }
}

/// The stored states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TaskState {
    /// Free to be claimed.
    Queued,
    /// Somebody holds its lease.
    Claimed,
    /// An agent works on it.
    Running {
        /// The attempt.
        run: RunId,
    },
    /// Something must happen first.
    Blocked {
        /// The block reason.
        blocked_by: BlockReason,
    },
    /// Work is finished and judged; a person (or policy) accepts or rejects.
    Review {
        /// The attempt to look at.
        run: RunId,
    },
    /// Accepted.
    Done {
        /// The proof.
        proof: Proof,
        /// Time, in milliseconds since 1970.
        done_ms: WallMs,
    },
    /// Given up until somebody retries by hand.
    Failed {
        /// The reason.
        failed_because: String,
    },
    /// Not wanted any more.
    Cancelled {
        /// The reason.
        cancelled_because: String,
    },
}

/// The reason why a task is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockReason {
    /// A dependency is not done.
    Dependency,
    /// A person holds it.
    Hold,
    /// A policy wants a person's yes.
    Approval,
    /// The task lapsed too often and waits for a person.
    Parked,
}

/// Something that keeps a task out of the queue until it is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hold {
    /// The block reason that it stands for; never `dependency`.
    pub kind: BlockReason,
    /// The reason.
    pub reason: String,
    /// Since when.
    pub since_ms: WallMs,
}

/// A note for the next attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    /// Time at which it was left, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// By whom.
    pub by: Actor,
    /// Text.
    pub text: String,
}

/// A glob that a claim locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LockRequest {
    /// The pattern as the user wrote it (`@module` names stay names).
    pub pattern: String,
    /// Exclusive or shared.
    pub mode: LockMode,
}

/// The proof by which a task counts as done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proof {
    /// A passing verdict on exactly this tree.
    Verdict {
        /// The judged tree.
        tree: String,
        /// The commit that carries it, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// The run that made it; absent where a person did the work.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
    },
    /// A person decided without one; shown as such for ever.
    Overridden {
        /// The person's reason.
        reason: String,
        /// The actor.
        by: Actor,
    },
}

impl TaskState {
    /// The stable word for this state.
    pub fn name(&self) -> &'static str {
        match self {
            TaskState::Queued => "queued",
            TaskState::Claimed => "claimed",
            TaskState::Running { .. } => "running",
            TaskState::Blocked { .. } => "blocked",
            TaskState::Review { .. } => "review",
            TaskState::Done { .. } => "done",
            TaskState::Failed { .. } => "failed",
            TaskState::Cancelled { .. } => "cancelled",
        }
    }

    /// The words of the states that end a task, as [`TaskState::is_final`] says.
    pub const FINAL_NAMES: [&'static str; 2] = ["done", "cancelled"];

    /// The words of the states behind which a lease may stand, as [`TaskState::is_leased`] says.
    pub const LEASED_NAMES: [&'static str; 2] = ["claimed", "running"];

    /// All state words, in the order of a task's life.
    pub const NAMES: [&'static str; 8] = [
        "queued",
        "claimed",
        "running",
        "blocked",
        "review",
        "done",
        "failed",
        "cancelled",
    ];

    /// True for the states that nothing leaves by itself.
    pub fn is_final(&self) -> bool {
        matches!(self, TaskState::Done { .. } | TaskState::Cancelled { .. })
    }

    /// True while a lease may stand behind the state.
    pub fn is_leased(&self) -> bool {
        matches!(self, TaskState::Claimed | TaskState::Running { .. })
    }
}

impl Task {
    /// Puts a task that is neither leased nor judged where its hold and dependencies send it.
    pub fn settle(&mut self) {
        self.state = match (&self.hold, self.open_deps) {
            (Some(hold), _) => TaskState::Blocked {
                blocked_by: hold.kind.clone(),
            },
            (None, 0) => TaskState::Queued,
            (None, _) => TaskState::Blocked {
                blocked_by: BlockReason::Dependency,
            },
        };
    }

    /// Settles only a task that waits; one that is leased, in review or ended stays as it is.
    pub fn settle_if_waiting(&mut self) {
        if matches!(self.state, TaskState::Queued | TaskState::Blocked { .. }) {
            self.settle();
        }
    }

    /// The word that people see: `done (overridden)` where no verdict stands behind the end.
    pub fn status_text(&self) -> &'static str {
        match &self.state {
            TaskState::Done {
                proof: Proof::Overridden { .. },
                ..
            } => "done (overridden)",
            state => state.name(),
        }
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn is_zero_u64(n: &u64) -> bool {
    *n == 0
}

#[cfg(test)]
#[path = "task_tables.rs"]
mod tables;
