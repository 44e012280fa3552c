//! The tick: every task of the queue asks in its turn.

use std::convert::Infallible;

use crate::domain::ids::TaskId;
use crate::domain::schedule::admission::MachineWait;
use crate::domain::schedule::desk::Desk;
use crate::domain::schedule::state::{
    HeldPathsBy, Outlook, QueueLimits, QueueState, QueuedTask, TaskLook,
};
use crate::domain::schedule::urgency::Turns;
use crate::domain::time::WallMs;

/// A start that a tick wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStart {
    /// The task.
    pub task: TaskId,
    /// The agent; absent where the start itself will say that there is none.
    pub agent: Option<String>,
}

/// The reason for which a task waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueWait {
    /// The outlook says why.
    Held,
    /// The time that was set for it has not come.
    NotBefore {
        /// The time.
        at_ms: WallMs,
    },
    /// Nothing is started from the queue, by `scheduler.enabled`.
    Disabled,
    /// A maintenance window is open.
    Maintenance {
        /// The end of the window.
        until_ms: WallMs,
    },
    /// As many runs are at work in the repository as `scheduler.max_concurrency` allows.
    Concurrency {
        /// The limit.
        limit: u32,
    },
    /// More urgent tasks start first, as many as the caller was asked to hold.
    Parallel {
        /// The limit.
        limit: u32,
    },
    /// The rate limit is used up.
    Rate {
        /// The time at which there is one more start.
        at_ms: WallMs,
    },
    /// Another task is at work, or starts in this tick, on its paths.
    Paths {
        /// The other task.
        by: TaskId,
        /// A path that both lock.
        example: String,
    },
    /// The work of another task on its paths is about to land, and it begins on what has landed.
    Landing {
        /// The other task.
        by: TaskId,
        /// A path that both lock.
        example: String,
    },
    /// A more urgent task has waited for its paths long enough, and they are kept for that one.
    PathsKept {
        /// The more urgent task.
        by: TaskId,
        /// A path that both lock.
        example: String,
    },
    /// The best agent for it is at work on as many runs as it may.
    Room {
        /// The agent.
        agent: String,
        /// The runs that it is at work on.
        load: u32,
        /// The most.
        parallel: u32,
    },
    /// The machinery around the agent has failed too often in a row.
    Breaker {
        /// The agent.
        agent: String,
        /// The end of its rest; absent while one run tries it.
        until_ms: Option<WallMs>,
    },
    /// The machine has no room for it, or is under pressure.
    Machine {
        /// The agent with which it asks for that much; absent where it is no matter of the agent.
        agent: Option<String>,
        /// For what it waits there.
        wait: MachineWait,
    },
    /// As many runs of the caller are at work as it was asked to hold.
    HandsFull {
        /// The limit.
        limit: u32,
    },
}

impl QueueWait {
    /// True where neither time nor the end of other runs helps.
    pub fn is_for_ever(&self) -> bool {
        matches!(
            self,
            QueueWait::Machine {
                wait: MachineWait::Never { .. },
                ..
            }
        )
    }

    /// The time at which it may be different, where time alone helps.
    pub fn until_ms(&self) -> Option<WallMs> {
        match self {
            QueueWait::NotBefore { at_ms } | QueueWait::Rate { at_ms } => Some(*at_ms),
            QueueWait::Maintenance { until_ms } => Some(*until_ms),
            QueueWait::Breaker { until_ms, .. } => *until_ms,
            QueueWait::Machine { wait, .. } => wait.again_ms(),
            QueueWait::Held
            | QueueWait::Disabled
            | QueueWait::Concurrency { .. }
            | QueueWait::Parallel { .. }
            | QueueWait::HandsFull { .. }
            | QueueWait::Paths { .. }
            | QueueWait::Landing { .. }
            | QueueWait::PathsKept { .. }
            | QueueWait::Room { .. } => None,
        }
    }
}

/// The word of a tick on one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAction {
    /// The task starts.
    Start(TaskStart),
    /// The task waits.
    Wait {
        /// The task.
        task: TaskId,
        /// For what.
        wait: QueueWait,
    },
}

/// The extent of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickScope {
    /// To the first start, for who looks anew after each.
    FirstStart,
    /// Through the whole queue.
    WholeQueue,
}

/// Looks a task up when it is its turn, told the starts so far.
pub type LookUp<'a, E> = dyn FnMut(&QueuedTask, &[TaskStart]) -> Result<TaskLook, E> + 'a;

/// Decides over the whole queue: one action for each task, the most urgent first.
pub fn tick(now: WallMs, state: &QueueState, limits: &QueueLimits) -> Vec<QueueAction> {
    let mut look = |task: &QueuedTask, _: &[TaskStart]| -> Result<TaskLook, Infallible> {
        let known = state.outlooks.get(&task.id).cloned();
        Ok(TaskLook {
            outlook: known.unwrap_or(Outlook::Held {
                paths: HeldPathsBy::Other,
            }),
            paths: task.paths.clone(),
        })
    };
    match tick_by(now, state, limits, TickScope::WholeQueue, &mut look) {
        Ok(actions) => actions,
        Err(never) => match never {},
    }
}

/// The same for who looks a task's outlook up when it is its turn: `look` is told the starts so far.
/// To the first start it asks for no more than it needs.
pub fn tick_by<E>(
    now: WallMs,
    state: &QueueState,
    limits: &QueueLimits,
    scope: TickScope,
    look: &mut LookUp<'_, E>,
) -> Result<Vec<QueueAction>, E> {
    let mut desk = Desk::open(now, state, limits);
    let mut turns = Turns::of(&state.tasks, &limits.settings, &state.served_ms);
    let mut actions = Vec::new();
    while let Some(task) = turns.next() {
        let shut = desk.is_shut().filter(|_| scope == TickScope::FirstStart);
        let answer = match shut {
            Some(shut) => Err(shut),
            None => desk.ask(task, look(task, &desk.starts)?),
        };
        match answer {
            Err(wait) => actions.push(QueueAction::Wait {
                task: task.id.clone(),
                wait,
            }),
            Ok(()) => {
                let n = u32::try_from(desk.starts.len()).unwrap_or(u32::MAX);
                turns.was_started(task, now, n);
                actions.extend(desk.starts.last().cloned().map(QueueAction::Start));
                if scope == TickScope::FirstStart {
                    break;
                }
            }
        }
    }
    Ok(actions)
}
