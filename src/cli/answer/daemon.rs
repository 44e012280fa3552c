//! The answer of `ai daemon status`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::daemon_words::{DaemonRestSeen, DaemonSight};
use crate::base::json_path;
use crate::cli::answer::LeftOutTask;
use crate::domain::daemon::{
    DaemonDifference, DaemonState, ServiceManager, StandingOrder, StartBar,
};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::time::WallMs;
use crate::ops::daemon::DaemonAtWork;
use crate::ops::land::{LandingAtWork, PlannedLanding};
use crate::ops::recurring::UpcomingRecurring;
use crate::ops::refusal::seconds;
use crate::ops::schedule::PlannedTask;

/// The answer to `ai daemon status`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonAnswer {
    /// The process; null where no daemon works the repository, or it cannot be seen from here.
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
    /// The next moment of each recurring work that is switched on, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) recurring: Vec<UpcomingRecurring>,
    /// Landing by its own hand.
    pub(in crate::cli) landing: DaemonLanding,
    /// The differences of the daemon from this `ai`: `ai daemon restart` begins one of this `ai`.
    pub(in crate::cli) differences: Vec<DaemonDifference>,
    /// The daemon's own sight, as it answers at its socket; null where none is at work, or it does not answer.
    pub(in crate::cli) live: Option<DaemonSight>,
    /// Reason for which a daemon that is at work does not answer: the rest is told by its files.
    pub(in crate::cli) unheard: Option<String>,
    /// Reason for which nothing can be started until somebody mends it, in the daemon's own words where one is at work.
    pub(in crate::cli) trouble: Option<String>,
}

/// Landing by the daemon's own hand.
#[derive(Default, Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonLanding {
    /// True where `daemon.land` is; else the rest is empty.
    pub(in crate::cli) enabled: bool,
    /// The landing that is at work, or was cut off, whoever has begun it.
    pub(in crate::cli) at_work: Option<LandingAtWork>,
    /// Works that it lands next, if the checks pass.
    pub(in crate::cli) would_land: Vec<PlannedLanding>,
    /// Works that it leaves to people, or to a later time, with the reason.
    pub(in crate::cli) left_out: Vec<LeftOutTask>,
    /// Reason for which nothing can be told of what it lands.
    pub(in crate::cli) trouble: Option<String>,
}

/// The answer to `ai daemon start`, `restart` and `stop`: the daemon that is at work, or has ended.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonTold {
    /// The process; null where it cannot be seen from here.
    pub(in crate::cli) pid: Option<i32>,
    /// The time of its start, in milliseconds since 1970; null where it has not told.
    pub(in crate::cli) since_ms: Option<i64>,
    /// The version of `ai`; likewise.
    pub(in crate::cli) version: Option<String>,
}

impl DaemonTold {
    /// Tells of a daemon.
    pub(in crate::cli) fn of(daemon: DaemonAtWork) -> DaemonTold {
        let card = daemon.card.as_ref();
        DaemonTold {
            pid: daemon.process.as_ref().map(|process| process.pid),
            since_ms: card.map(|card| card.since_ms),
            version: card.map(|card| card.version.clone()),
        }
    }
}

/// The answer to `ai daemon install` and `ai daemon uninstall`: the file by which the daemon is started.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct DaemonService {
    /// The service manager that reads it.
    pub(in crate::cli) manager: ServiceManager,
    /// The name of the service.
    pub(in crate::cli) name: String,
    /// The file.
    #[serde(serialize_with = "json_path::one")]
    pub(in crate::cli) path: PathBuf,
    /// The state of the file.
    pub(in crate::cli) state: ServiceState,
    /// The text; null where the file goes.
    pub(in crate::cli) text: Option<String>,
    /// The commands that put it in force; where it goes, those that take it out of force before.
    pub(in crate::cli) next: Vec<String>,
}

/// State of the file of a service.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum ServiceState {
    /// Only shown.
    Planned,
    /// Written now.
    Written,
    /// Left as it stood there already.
    Stands,
    /// Removed.
    Removed,
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
    /// The first gate that holds it, in the words of `ai why`; `ready` for one that starts now; where nothing holds it but
    /// what holds all of them, `paused`, `draining`, `trouble` or `stopped`; `rest` for one that the daemon has tried in vain.
    pub(in crate::cli) gate: String,
    /// The reason.
    pub(in crate::cli) why: String,
}

impl DaemonWaiting {
    /// Tells of a task that is not at work, of what keeps the daemon from starting any, and of the rests that the
    /// daemon has laid at this time.
    pub(in crate::cli) fn of(
        task: PlannedTask,
        bar: Option<&StartBar>,
        (rests, now_ms): (&[DaemonRestSeen], WallMs),
    ) -> DaemonWaiting {
        let first = task.gates.into_iter().next();
        let rest = rests.iter().find(|rest| rest.task == task.task);
        let (gate, why) = match (first, bar, rest) {
            (Some(gate), _, _) => (gate.gate.into_owned(), gate.text),
            (None, Some(bar), _) => (bar.word.to_owned(), bar.why.clone()),
            (None, None, Some(rest)) => (
                "rest".to_owned(),
                format!(
                    "it was turned away, and is tried again in {}: {}",
                    seconds(rest.until_ms - now_ms),
                    rest.why
                ),
            ),
            (None, None, None) => ("ready".to_owned(), "it starts now".to_owned()),
        };
        DaemonWaiting {
            task: task.task,
            title: task.title,
            gate,
            why,
        }
    }
}
