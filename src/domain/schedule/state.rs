//! What a tick is given: the queue, the outlook of each task, and what is at work.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::TaskId;
use crate::domain::path_lock::{HarmlessSet, LockMode, overlap_outside};
use crate::domain::path_pattern::PathPattern;
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::admission::MachineSight;
use crate::domain::schedule::circuit::AgentHealth;
use crate::domain::schedule::settings::SchedulerSettings;
use crate::domain::time::WallMs;

/// A path that a task locks while it is worked on.
#[derive(Debug, Clone)]
pub struct WantedPath {
    /// The pattern.
    pub pattern: PathPattern,
    /// The mode of the lock.
    pub mode: LockMode,
}

impl WantedPath {
    /// A path over which two sets of locks exclude each other.
    pub fn clash(
        some: &[WantedPath],
        others: &[WantedPath],
        harmless: &HarmlessSet,
    ) -> Option<String> {
        let pairs = some
            .iter()
            .flat_map(|a| others.iter().map(move |b| (a, b)))
            .filter(|(a, b)| a.mode.excludes(b.mode));
        pairs
            .into_iter()
            .find_map(|(a, b)| overlap_outside(&a.pattern, &b.pattern, harmless))
    }
}

/// A task in the queue.
#[derive(Debug, Clone)]
pub struct QueuedTask {
    /// The task.
    pub id: TaskId,
    /// The place among all tasks by the time of their creation, for those that were made at once.
    pub number: u32,
    /// The type.
    pub kind: String,
    /// 0 (most urgent) to 4.
    pub priority: u8,
    /// Labels.
    pub labels: BTreeSet<String>,
    /// The time of its creation.
    pub created_ms: WallMs,
    /// The time before which it is not started.
    pub not_before_ms: Option<WallMs>,
    /// The paths that it locks. Who looks a task up when it is its turn tells them only then.
    pub paths: Vec<WantedPath>,
    /// Resources that are enough for each of its checks.
    pub needs: ResourceAmounts,
}

impl QueuedTask {
    /// The time since which it waits: a rest that is over begins the wait anew, so that a task which
    /// fails again and again stands behind those that have not been tried.
    pub fn since_ms(&self) -> WallMs {
        self.not_before_ms.unwrap_or(i64::MIN).max(self.created_ms)
    }
}

/// The share of paths in what holds a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeldPathsBy {
    /// Something else holds it, or nobody knows for how long its paths are taken.
    #[default]
    Other,
    /// Only a run that is at work, and will end.
    ARun,
}

/// The word of the gates of `ai why`, and of the router, on a task before the tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// Agents could have it, the best first; which one has room is decided by the tick.
    Open {
        /// Agents.
        agents: Vec<String>,
    },
    /// A start will tell what is in its way: nothing is at work for which it could wait.
    Try {
        /// The agent that would be asked, where one would.
        agent: Option<String>,
    },
    /// A gate holds it.
    Held {
        /// The share of paths in it.
        paths: HeldPathsBy,
    },
}

/// The findings about a task when it is its turn.
#[derive(Debug, Clone)]
pub struct TaskLook {
    /// The outlook.
    pub outlook: Outlook,
    /// The paths that it locks.
    pub paths: Vec<WantedPath>,
}

/// The standing of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentStanding {
    /// Runs that it is at work on, or about to.
    pub load: u32,
    /// The most at once.
    pub parallel: u32,
    /// The state of the machinery around it.
    pub health: AgentHealth,
    /// Resources that it declares for each run.
    pub needs: ResourceAmounts,
}

/// Paths that somebody locks, or is about to lock.
#[derive(Debug, Clone)]
pub struct PathsInUse {
    /// The task.
    pub task: TaskId,
    /// The paths.
    pub paths: Vec<WantedPath>,
}

/// The state of the queue.
#[derive(Debug, Clone)]
pub struct QueueState {
    /// Tasks that are not at work, in any order.
    pub tasks: Vec<QueuedTask>,
    /// The outlook of each; one that is missing is held.
    pub outlooks: BTreeMap<TaskId, Outlook>,
    /// Paths of work that is at work or about to begin, as far as the outlooks do not know of it.
    pub in_use: Vec<PathsInUse>,
    /// Paths of reviewed work that a landing at work is about to bring in: what began on them now would begin without it, and meet it
    /// in a conflict.
    pub landing: Vec<PathsInUse>,
    /// Runs at work or about to begin in the whole repository.
    pub running: u32,
    /// Agents.
    pub agents: BTreeMap<String, AgentStanding>,
    /// Times of the starts so far, for the rate limit.
    pub starts_ms: Vec<WallMs>,
    /// The last start of a task with each label of `fairness`; without one of them, under the empty
    /// text.
    pub served_ms: BTreeMap<String, WallMs>,
    /// Paths over which nobody waits.
    pub harmless: HarmlessSet,
    /// The machine, with what is used of it.
    pub machine: MachineSight,
}

/// The limits of a tick.
#[derive(Debug, Clone)]
pub struct QueueLimits {
    /// The settings of the project.
    pub settings: SchedulerSettings,
    /// Runs that the caller holds at a time.
    pub parallel: u32,
    /// Runs that it holds now.
    pub own: u32,
}
