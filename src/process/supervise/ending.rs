//! From what was seen to how it ended.

use std::time::Instant;

use crate::base::clock;
use crate::process::capture::Capture;
use crate::process::guard::{Report, StopCause};
use crate::process::procfs::oom_kills;
use crate::process::supervise::StopReason;
use crate::process::supervise::outcome::{End, Exit, OomHint, Outcome, Timeout};

/// The moment of the start.
#[derive(Clone, Copy)]
pub(super) struct Started {
    pub wall_ms: i64,
    pub at: Instant,
    pub oom_kills: Option<u64>,
}

impl Started {
    pub fn now() -> Self {
        Self {
            wall_ms: clock::wall_ms(),
            at: Instant::now(),
            oom_kills: oom_kills(),
        }
    }
}

/// Both outputs.
pub(super) struct Captures {
    pub stdout: Capture,
    pub stderr: Capture,
}

/// How it ended, before the outputs are counted.
pub(super) struct Ending {
    pub end: End,
    pub exit: Option<Exit>,
    pub leftovers: usize,
    pub survivors: Vec<i32>,
    pub stall: Vec<String>,
}

impl Ending {
    pub fn of(end: End) -> Self {
        Self {
            end,
            exit: None,
            leftovers: 0,
            survivors: Vec::new(),
            stall: Vec::new(),
        }
    }
}

/// Why `ai` ended the command.
pub(super) enum Stop {
    Timeout(Timeout),
    /// For these signs.
    Stall(Vec<String>),
    Cancel(StopReason),
    /// All is said, and it stayed.
    Dismiss,
}

/// What fell to `ai` after the keeper was killed.
#[derive(Default)]
pub(super) struct Fallen {
    pub ended: usize,
    pub survivors: Vec<i32>,
}

/// What the keeper's report and our own wish together mean. A request that came too late does not
/// change how it ended.
pub(super) fn ending(report: Option<Report>, stop: Option<Stop>, fallen: Fallen) -> Ending {
    let (exit, stopped, leftovers, survivors) = match report {
        Some(Report::NotStarted(failure)) => return Ending::of(End::SpawnFailed(failure)),
        Some(Report::Ended {
            exit,
            stopped,
            leftovers,
            survivors,
        }) => (exit, stopped, leftovers, survivors),
        None => (None, None, fallen.ended, fallen.survivors),
    };
    let mut stall = Vec::new();
    let end = match (exit, stopped, stop) {
        (Some(Exit::Code(code)), None, _) => End::Exited(code),
        (Some(Exit::Signal(signal)), None, _) => End::Signaled(signal),
        (_, _, Some(Stop::Timeout(kind))) => End::TimedOut(kind),
        (_, _, Some(Stop::Stall(signs))) => {
            stall = signs;
            End::TimedOut(Timeout::Silence)
        }
        (_, _, Some(Stop::Cancel(reason))) => End::Cancelled(reason),
        (_, _, Some(Stop::Dismiss)) => End::Dismissed,
        (_, Some(StopCause::Signal(signal)), None) => {
            End::Cancelled(StopReason::Other(format!("its keeper got signal {signal}")))
        }
        (_, _, None) => End::KeeperLost,
    };
    Ending {
        end,
        exit,
        leftovers,
        survivors,
        stall,
    }
}

/// Everything together.
pub(super) fn outcome(started: Started, captures: Captures, ending: Ending) -> Outcome {
    let oom_rose =
        matches!((started.oom_kills, oom_kills()), (Some(before), Some(after)) if after > before);
    let killed = matches!(ending.end, End::Signaled(9) | End::KeeperLost);
    Outcome {
        end: ending.end,
        exit: ending.exit,
        started_wall_ms: started.wall_ms,
        duration: started.at.elapsed(),
        stdout: captures.stdout.into_stats(),
        stderr: captures.stderr.into_stats(),
        leftovers: ending.leftovers,
        survivors: ending.survivors,
        stall: ending.stall,
        oom: if oom_rose && killed {
            OomHint::Likely
        } else {
            OomHint::None
        },
    }
}
