//! The keeper process: starts the command, waits for its end or for a reason to end it, and leaves
//! nothing behind.
//!
//! Its standard input is a socket to `ai`: its closing means that `ai` is gone or wants the command
//! ended, and the report goes out on it. Standard output and error are the command's own and are
//! only passed on. Everything that it starts is below it for good, since it is a subreaper, so "no
//! child left to wait for" is the proof that the tree has ended.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::base::clock;
use crate::process::child_command::ChildCommand;
use crate::process::egress;
use crate::process::guard::entrance::{self, CgroupDoor};
use crate::process::guard::events::{HeardStop, KeeperEvents, KeeperSignals};
use crate::process::guard::housekeeping::GitHousekeeping;
use crate::process::guard::protocol::{CANNOT_BEGIN, KeeperLaunch, KeeperReport, KeeperWord};
use crate::process::guard::{apart, outer, tie};
use crate::process::identity::own_pid;
use crate::process::procfs::{ProcessStat, descendants, table};
use crate::process::sandbox::{LandlockPolicy, PlaceCover, apply_limits};
use crate::process::signal::{GroupKill, ProcessSweep, SweepPressure};
use crate::process::supervise::{ProcessExit, SpawnFailure, SpawnFailureKind};

/// Exit code for a call that is not one of ours.
const USAGE: u8 = 2;
/// Exit code where the command could not be started, as shells have it.
const NOT_STARTED: u8 = 127;

/// Runs a keeper; `args` are those after the word. The exit code of a single one is that of the
/// command, or 128 plus its signal; one of two ends with 0 once it has reported.
pub fn main(word: KeeperWord, args: &[OsString]) -> ExitCode {
    let Some(launch) = KeeperLaunch::from_args(args) else {
        return ExitCode::from(USAGE);
    };
    if word == KeeperWord::Guard && launch.confine.cgroup == CgroupDoor::OnTheLine {
        // Outside it is as everywhere where no cgroup can be made.
        let _outside = entrance::enter(io::stdin());
    }
    let ended = match (word, launch.confine.pair) {
        (KeeperWord::Between, _) => return outer::between(args),
        (KeeperWord::InnerApart, _) if apart::settle(&covers(&launch)).is_err() => {
            return ExitCode::from(u8::try_from(CANNOT_BEGIN).unwrap_or(u8::MAX));
        }
        (KeeperWord::Guard, Some(pair)) => prepare().and_then(|line| {
            let outer = outer::see_through(&launch, pair, args);
            Ok(runtime()?.block_on(async { or_report(outer.await, &launch, line) }))
        }),
        (KeeperWord::Guard, None) => single(&launch, in_sight(&launch)),
        (KeeperWord::Inner, _) => tie::end_with_parent()
            .and_then(|()| single(&launch, in_sight(&launch)).map(|_| ExitCode::SUCCESS)),
        (KeeperWord::InnerApart, _) => {
            tie::end_with_parent().and_then(|()| single(&launch, 0).map(|_| ExitCode::SUCCESS))
        }
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            let _told =
                io::stderr().write_fmt(format_args!("ai: the keeper cannot start: {error}\n"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// The places that Landlock cannot hide by itself.
fn covers(launch: &KeeperLaunch) -> Vec<PlaceCover> {
    let landlock = launch.confine.landlock.as_ref();
    landlock.map(LandlockPolicy::covers).unwrap_or_default()
}

/// The number of those places that there are: without a mount namespace all of them stay in sight.
fn in_sight(launch: &KeeperLaunch) -> usize {
    covers(launch)
        .iter()
        .filter(|cover| cover.dir.is_dir())
        .count()
}

/// The keeper that starts the command itself; so many places are in its sight that were to be covered.
fn single(launch: &KeeperLaunch, uncovered: usize) -> io::Result<ExitCode> {
    let line = prepare()?;
    let confined = confine(launch);
    Ok(runtime()?.block_on(keep(launch, line, (confined, uncovered))))
}

/// Tells `ai` of an inner keeper that could not be started.
fn or_report(outer: io::Result<ExitCode>, launch: &KeeperLaunch, line: File) -> ExitCode {
    outer.unwrap_or_else(|error| {
        let failure = SpawnFailure::new(SpawnFailureKind::Keeper, &launch.command.argv, &error);
        tell(line, &KeeperReport::NotStarted(failure));
        ExitCode::from(NOT_STARTED)
    })
}

/// Leaves the session of `ai`, becomes the reaper of everything below, and takes hold of the line
/// to `ai`.
fn prepare() -> io::Result<File> {
    // Under its own name it is not hit by a `killall` that is meant for `ai`; only for looks where
    // it fails.
    let _named = OpenOptions::new()
        .write(true)
        .open("/proc/self/comm")
        .and_then(|mut f| f.write_all(b"run-keeper"));
    // Fails only for one who leads a group already, which then is the session that we want.
    let _led = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Takes the limits and denials upon this process, while it has one thread.
fn confine(launch: &KeeperLaunch) -> io::Result<()> {
    if let Some(limits) = launch.confine.limits {
        apply_limits(limits)?;
    }
    launch
        .confine
        .landlock
        .as_ref()
        .map_or(Ok(()), LandlockPolicy::restrict)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

async fn keep(
    launch: &KeeperLaunch,
    line: File,
    (confined, uncovered): (io::Result<()>, usize),
) -> ExitCode {
    let started = match confined.and_then(|()| KeeperEvents::install(&line, launch.confine.lease)) {
        Ok(events) => start(launch).map(|command| (events, command)),
        Err(error) => Err(SpawnFailure::new(
            SpawnFailureKind::Keeper,
            &launch.command.argv,
            &error,
        )),
    };
    let (report, code) = match started {
        Ok((events, command)) => see_out(command, events, (launch.grace, uncovered)).await,
        Err(failure) => (KeeperReport::NotStarted(failure), NOT_STARTED),
    };
    tell(line, &report);
    ExitCode::from(code)
}

fn tell(mut line: File, report: &KeeperReport) {
    if let Ok(mut text) = serde_json::to_vec(report) {
        text.push(b'\n');
        // Nobody may be listening any more.
        let _told = line.write_all(&text);
    }
}

/// Starts the command in a process group of its own, with its own standard input.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the home of process starts; the environment is the keeper's own, \
    which `ai` has built from its allow-list"
)]
fn start(launch: &KeeperLaunch) -> Result<Pid, SpawnFailure> {
    let ChildCommand { argv, cwd, stdin } = &launch.command;
    let fail = |kind, error: &io::Error| SpawnFailure::new(kind, argv, error);
    if !cwd.is_dir() {
        return Err(fail(
            SpawnFailureKind::NoDirectory,
            &io::Error::other(cwd.display().to_string()),
        ));
    }
    let stdin = match stdin.path() {
        None => Stdio::null(),
        Some(path) => File::open(path)
            .map(Stdio::from)
            .map_err(|e| fail(SpawnFailureKind::NoInput, &e))?,
    };
    let (program, arguments) = argv.split_first().ok_or_else(|| {
        fail(
            SpawnFailureKind::NotFound,
            &io::Error::from(io::ErrorKind::InvalidInput),
        )
    })?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(cwd)
        .stdin(stdin)
        .process_group(0);
    // bubblewrap leaves its own there, and there are programs that believe it more than the kernel.
    command.env("PWD", cwd);
    if let Some(socket) = &launch.confine.egress {
        let named = egress::variables(socket).map_err(|e| fail(SpawnFailureKind::Keeper, &e))?;
        command.envs(named);
    }
    tie::die_with_parent(&mut command);
    let child = command
        .spawn()
        .map_err(|e| fail(SpawnFailureKind::of(&e), &e))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        fail(
            SpawnFailureKind::Keeper,
            &io::Error::other("its pid is out of range"),
        )
    })
}

/// Waits for the command's end or a reason to end it, then ends everything that is left.
async fn see_out(
    command: Pid,
    mut events: KeeperEvents,
    (grace, uncovered): (Duration, usize),
) -> (KeeperReport, u8) {
    let mut reaper = Reaper::of(Some(command));
    let stopped = until_end(&mut events, &mut reaper).await;
    let alone = reaper.exit.is_some();
    let grace = match &stopped {
        Some((_, Some(lease))) => lease.grace(grace, clock::boot_ms()),
        _ => grace,
    };
    let (ended, survivors) = end_below(&mut reaper, &mut events.signals, grace).await;
    let leftovers = if alone {
        ended
    } else {
        ended.saturating_sub(1)
    };
    let code = reaper.exit.map_or(NOT_STARTED, ProcessExit::shell_code);
    (
        KeeperReport::Ended {
            exit: reaper.exit,
            stopped: stopped.map(|(cause, _)| cause),
            leftovers,
            survivors,
            uncovered,
        },
        code,
    )
}

/// Ends everything below this process. Returns how many processes that were, but for those with which
/// Git keeps house, and the pids that could not be killed.
pub(super) async fn end_below(
    reaper: &mut Reaper,
    signals: &mut KeeperSignals,
    grace: Duration,
) -> (usize, Vec<i32>) {
    let mut sweep = ProcessSweep::begin(grace);
    let mut housekeeping = GitHousekeeping::default();
    let survivors = loop {
        if reaper.reap() == ChildrenLeft::None {
            break Vec::new();
        }
        let targets = running_below();
        if sweep.pressure() == SweepPressure::GivenUp {
            break targets.iter().map(|stat| stat.pid).collect();
        }
        housekeeping.notice(&targets);
        sweep.press(&targets, GroupKill::Whole);
        signals.child_or_step().await;
    };
    (
        sweep.count().saturating_sub(housekeeping.count()),
        survivors,
    )
}

/// Returns when the command has ended (`None`) or has to be ended.
async fn until_end(events: &mut KeeperEvents, reaper: &mut Reaper) -> Option<HeardStop> {
    loop {
        let cause = events.next().await;
        reaper.reap();
        // What ended by itself before the cause came was not ended for it.
        if reaper.exit.is_some() {
            return None;
        }
        if cause.is_some() {
            return cause;
        }
    }
}

/// Lists the processes below the keeper. Where `/proc` cannot be read this is nothing, and only the
/// end of all children ends the sweep.
fn running_below() -> Vec<ProcessStat> {
    let table = table().unwrap_or_default();
    descendants(&[own_pid()], &table)
        .into_iter()
        .filter(ProcessStat::is_running)
        .collect()
}

/// The children that were found by a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildrenLeft {
    Some,
    None,
}

/// Reaps children, and remembers how the command ended.
pub(super) struct Reaper {
    command: Option<Pid>,
    exit: Option<ProcessExit>,
}

impl Reaper {
    /// One that remembers the end of this child.
    pub fn of(command: Option<Pid>) -> Self {
        Self {
            command,
            exit: None,
        }
    }

    /// The end of that child, once it has been seen.
    pub fn exit(&self) -> Option<ProcessExit> {
        self.exit
    }

    /// Reaps all that have ended; says whether any child is left, adopted ones included.
    pub fn reap(&mut self) -> ChildrenLeft {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == self.command => self.exit = exit_of(status),
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return ChildrenLeft::Some,
                Err(_) => return ChildrenLeft::None,
            }
        }
    }
}

fn exit_of(status: WaitStatus) -> Option<ProcessExit> {
    status
        .exit_status()
        .map(ProcessExit::Code)
        .or_else(|| status.terminating_signal().map(ProcessExit::Signal))
}
