//! The answer of `ai daemon status`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::daemon::{DaemonState, StandingOrder};
use crate::domain::ids::{RunId, TaskId};
use crate::ops::daemon::DaemonCard;
use crate::ops::schedule::PlannedTask;

/// The answer to `ai daemon status`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonAnswer {
    /// The process; null where no daemon works the repository.
    pub(in crate::cli) pid: Option<i32>,
    /// The state.
    pub(in crate::cli) state: DaemonState,
    /// The time of its start, in milliseconds since 1970.
    pub(in crate::cli) since_ms: Option<i64>,
    /// The version of `ai`.
    pub(in crate::cli) version: Option<String>,
    /// The command by which it was started.
    pub(in crate::cli) command: Option<String>,
    /// The order that stands, also for the next daemon.
    pub(in crate::cli) order: Option<StandingOrder>,
    /// Runs that are at work, whoever started them.
    pub(in crate::cli) running: Vec<DaemonRunTold>,
    /// Tasks that are not, with the reason of each.
    pub(in crate::cli) waiting: Vec<DaemonWaiting>,
    /// Reason for which nothing can be started at all.
    pub(in crate::cli) trouble: Option<String>,
}

/// The answer to `ai daemon start`, `restart` and `stop`: the daemon that is at work, or has ended.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonTold {
    /// The process.
    pub(in crate::cli) pid: i32,
    /// The time of its start, in milliseconds since 1970.
    pub(in crate::cli) since_ms: i64,
    /// The version of `ai`.
    pub(in crate::cli) version: String,
}

impl DaemonTold {
    /// Tells of a daemon by its card.
    pub(in crate::cli) fn of(card: DaemonCard) -> DaemonTold {
        DaemonTold {
            pid: card.process.pid,
            since_ms: card.since_ms,
            version: card.version,
        }
    }
}

/// The answer to `ai daemon pause`, `drain` and `resume`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonOrderAnswer {
    /// The order that stands now; null where none does.
    pub(in crate::cli) order: Option<StandingOrder>,
}

/// A line of `ai daemon logs`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonLogLine<'a> {
    /// The line.
    pub(in crate::cli) line: &'a str,
}

/// A run at work.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonRunTold {
    /// The run.
    pub(in crate::cli) run: RunId,
    /// The task.
    pub(in crate::cli) task: TaskId,
    /// The title.
    pub(in crate::cli) title: String,
    /// The agent.
    pub(in crate::cli) agent: String,
    /// The time of its start.
    pub(in crate::cli) since_ms: i64,
}

/// A task that waits.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonWaiting {
    /// The task.
    pub(in crate::cli) task: TaskId,
    /// The title.
    pub(in crate::cli) title: String,
    /// The first gate that holds it, in the words of `ai why`; `ready` for one that would start now.
    pub(in crate::cli) gate: String,
    /// The reason.
    pub(in crate::cli) why: String,
}

impl DaemonWaiting {
    /// Tells of a task that is not at work.
    pub(in crate::cli) fn of(task: PlannedTask) -> DaemonWaiting {
        let first = task.gates.into_iter().next();
        let (gate, why) = first.map_or_else(
            || ("ready".to_owned(), "it would start now".to_owned()),
            |gate| (gate.gate.into_owned(), gate.text),
        );
        DaemonWaiting {
            task: task.task,
            title: task.title,
            gate,
            why,
        }
    }
}
