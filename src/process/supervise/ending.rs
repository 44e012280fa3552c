//! From what was seen to how it ended.

use std::time::Instant;

use crate::domain::resources::ByteSize;
use crate::process::capture::OutputCapture;
use crate::process::guard::{KeeperReport, StopCause};
use crate::process::procfs::oom_kills;
use crate::process::supervise::StopReason;
use crate::process::supervise::outcome::{
    CommandEnd, CommandOutcome, OomHint, ProcessExit, TimeoutKind,
};

/// The moment of the start.
#[derive(Clone, Copy)]
pub(super) struct StartMoment {
    /// The monotonic clock.
    pub at: Instant,
    /// The kernel's count of out-of-memory kills, where it tells one.
    pub oom_kills: Option<u64>,
}

impl StartMoment {
    /// Reads both now.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            oom_kills: oom_kills(),
        }
    }
}

/// Both outputs.
pub(super) struct OutputCaptures {
    /// Standard output.
    pub stdout: OutputCapture,
    /// Standard error.
    pub stderr: OutputCapture,
}

/// The end of a command before its outputs are counted.
pub(super) struct RawOutcome {
    /// The end of the command.
    pub end: CommandEnd,
    /// The exit of its process, where it had one.
    pub exit: Option<ProcessExit>,
    /// The number of processes that it left behind and that were ended.
    pub leftovers: usize,
    /// The processes that could not be ended.
    pub survivors: Vec<i32>,
    /// The signs that spoke for a stall.
    pub stall: Vec<String>,
    /// Places that were to be covered and were in its sight.
    pub uncovered: usize,
    /// The limit of memory for which the kernel has ended it, where it did.
    pub memory_limit: Option<ByteSize>,
}

impl RawOutcome {
    /// An end with nothing left behind.
    pub fn of(end: CommandEnd) -> Self {
        Self {
            end,
            exit: None,
            leftovers: 0,
            survivors: Vec::new(),
            stall: Vec::new(),
            uncovered: 0,
            memory_limit: None,
        }
    }
}

/// The cause for which `ai` ended the command.
pub(super) enum EndCause {
    Timeout(TimeoutKind),
    /// For these signs.
    Stall(Vec<String>),
    Cancel(StopReason),
    /// All is said, and it stayed.
    Dismiss,
}

/// The work that fell to `ai` after the keeper was killed.
#[derive(Default)]
pub(super) struct OrphanCleanup {
    /// The number of processes that were ended.
    pub ended: usize,
    pub survivors: Vec<i32>,
}

/// Combines the keeper's report with our own wish. A request that came too late does not change how
/// it ended.
pub(super) fn ending(
    report: Option<KeeperReport>,
    stop: Option<EndCause>,
    fallen: OrphanCleanup,
) -> RawOutcome {
    let (exit, stopped, leftovers, survivors, uncovered) = match report {
        Some(KeeperReport::NotStarted(failure)) => {
            return RawOutcome::of(CommandEnd::SpawnFailed(failure));
        }
        Some(KeeperReport::Ended {
            exit,
            stopped,
            leftovers,
            survivors,
            uncovered,
        }) => (exit, stopped, leftovers, survivors, uncovered),
        None => (None, None, fallen.ended, fallen.survivors, 0),
    };
    let mut stall = Vec::new();
    let end = match (exit, stopped, stop) {
        (Some(ProcessExit::Code(code)), None, _) => CommandEnd::Exited(code),
        (Some(ProcessExit::Signal(signal)), None, _) => CommandEnd::Signaled(signal),
        (_, Some(StopCause::LeaseUnrenewed), _) => CommandEnd::Cancelled(StopReason::LeaseLost),
        (_, _, Some(EndCause::Timeout(kind))) => CommandEnd::TimedOut(kind),
        (_, _, Some(EndCause::Stall(signs))) => {
            stall = signs;
            CommandEnd::TimedOut(TimeoutKind::Silence)
        }
        (_, _, Some(EndCause::Cancel(reason))) => CommandEnd::Cancelled(reason),
        (_, _, Some(EndCause::Dismiss)) => CommandEnd::Dismissed,
        (_, Some(StopCause::Signal(signal)), None) => {
            CommandEnd::Cancelled(StopReason::Other(format!("its keeper got signal {signal}")))
        }
        (_, _, None) => CommandEnd::KeeperLost,
    };
    RawOutcome {
        end,
        exit,
        leftovers,
        survivors,
        stall,
        uncovered,
        memory_limit: None,
    }
}

/// Everything together.
pub(super) fn outcome(
    started: StartMoment,
    captures: OutputCaptures,
    ending: RawOutcome,
) -> CommandOutcome {
    let oom_rose =
        matches!((started.oom_kills, oom_kills()), (Some(before), Some(after)) if after > before);
    let killed = matches!(ending.end, CommandEnd::Signaled(9) | CommandEnd::KeeperLost);
    CommandOutcome {
        end: ending.end,
        exit: ending.exit,
        duration: started.at.elapsed(),
        stdout: captures.stdout.into_stats(),
        stderr: captures.stderr.into_stats(),
        leftovers: ending.leftovers,
        survivors: ending.survivors,
        stall: ending.stall,
        uncovered: ending.uncovered,
        oom: match ending.memory_limit {
            Some(limit) => OomHint::Limit(limit),
            None if oom_rose && killed => OomHint::Likely,
            None => OomHint::None,
        },
    }
}
