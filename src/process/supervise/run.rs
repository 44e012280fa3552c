//! The loop that watches one command.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::base::clock;
use crate::base::env::AI_RUN;
use crate::process::capture::Capture;
use crate::process::guard::{Keeper, Launch, Report, StopCause, end_adopted};
use crate::process::procfs::oom_kills;
use crate::process::redact::Redactor;
use crate::process::signal::KILL_BOUND;
use crate::process::supervise::outcome::{End, Exit, OomHint, Outcome, SpawnFailure, SpawnFailureKind, Timeout};
use crate::process::supervise::spec::{Observer, OutputTo, SpawnSpec, StdinSource, Stream};
use crate::process::supervise::{CancelToken, StopReason};

/// Read at once from an output.
const CHUNK: usize = 64 << 10;
/// How long an output may stay open after everything below the keeper has ended: somebody outside holds it.
const DRAIN: Duration = Duration::from_secs(1);
/// Beyond grace and kill time, how long a keeper may take before it is taken for stuck.
const KEEPER_SLACK: Duration = Duration::from_secs(2);

/// Why a command could not be supervised at all. A command that cannot be started is no such error, but [`End::SpawnFailed`].
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// An output file cannot be made.
    #[error("cannot create the log {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The asynchronous runtime cannot be set up.
    #[error("cannot set up the supervision of a command: {0}")]
    Runtime(#[source] io::Error),
}

/// Runs `spec` to its end, whatever that is, and leaves no process of it behind. Output is redacted, then handed to `observer` line
/// by line and written. If the returned future is dropped, the keeper ends the command by itself.
///
/// # Errors
/// Where an output file cannot be made; nothing has been started then.
pub async fn supervise(
    spec: &SpawnSpec,
    redactor: &Redactor,
    observer: &mut dyn Observer,
    cancel: &CancelToken,
) -> Result<Outcome, SuperviseError> {
    let captures =
        Captures { stdout: capture(&spec.stdout, spec, redactor)?, stderr: capture(&spec.stderr, spec, redactor)? };
    let started = Started { wall_ms: clock::wall_ms(), at: Instant::now(), oom_kills: oom_kills() };
    match launch(spec).and_then(|order| Keeper::start(&order, &environment(spec))) {
        Ok(keeper) => {
            let watch = Watch::new(spec, captures, keeper, started);
            Ok(watch.see_out(observer, cancel).await)
        }
        Err(error) => {
            let failure = SpawnFailure::new(SpawnFailureKind::of(&error), &spec.argv, &error);
            Ok(outcome(started, captures, Verdict::of(End::SpawnFailed(failure))))
        }
    }
}

fn capture(to: &OutputTo, spec: &SpawnSpec, redactor: &Redactor) -> Result<Capture, SuperviseError> {
    Capture::create(to, spec.limits.output_cap, redactor).map_err(|source| {
        let path = match to {
            OutputTo::File(path) => path.clone(),
            OutputTo::Memory => PathBuf::new(),
        };
        SuperviseError::Log { path, source }
    })
}

/// The moment of the start.
#[derive(Clone, Copy)]
struct Started {
    wall_ms: i64,
    at: Instant,
    oom_kills: Option<u64>,
}

struct Captures {
    stdout: Capture,
    stderr: Capture,
}

/// How it ended, before the outputs are counted.
struct Verdict {
    end: End,
    exit: Option<Exit>,
    leftovers: usize,
    survivors: Vec<i32>,
}

impl Verdict {
    fn of(end: End) -> Self {
        Self { end, exit: None, leftovers: 0, survivors: Vec::new() }
    }
}

/// Why `ai` ended the command.
enum Stop {
    Timeout(Timeout),
    Cancel(StopReason),
}

/// The keeper, as far as it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping { since: Instant },
    Ended { since: Instant },
}

/// What woke the loop.
enum Woken {
    Read(Stream, io::Result<usize>),
    KeeperEnded,
    Cancelled(StopReason),
    Deadline,
}

struct Watch<'a> {
    spec: &'a SpawnSpec,
    captures: Captures,
    keeper: Keeper,
    stdout: Input,
    stderr: Input,
    started: Started,
    last_output: Instant,
    phase: Phase,
    stop: Option<Stop>,
    report: Option<Report>,
    fallen: Fallen,
}

/// What fell to `ai` after the keeper was killed.
#[derive(Default)]
struct Fallen {
    ended: usize,
    survivors: Vec<i32>,
}

impl<'a> Watch<'a> {
    fn new(spec: &'a SpawnSpec, captures: Captures, mut keeper: Keeper, started: Started) -> Self {
        let (stdout, stderr) = keeper.take_output();
        Self {
            spec,
            captures,
            keeper,
            stdout: Input::new(stdout.map(|pipe| Box::pin(pipe) as _)),
            stderr: Input::new(stderr.map(|pipe| Box::pin(pipe) as _)),
            started,
            last_output: started.at,
            phase: Phase::Running,
            stop: None,
            report: None,
            fallen: Fallen::default(),
        }
    }

    async fn see_out(mut self, observer: &mut dyn Observer, cancel: &CancelToken) -> Outcome {
        if let Some(identity) = self.keeper.identity() {
            observer.started(identity);
        }
        while !self.is_over() {
            match self.wake(cancel).await {
                Woken::Read(stream, result) => self.take(stream, result, observer),
                Woken::KeeperEnded => self.hear_report().await,
                Woken::Cancelled(reason) => self.begin_stop(Stop::Cancel(reason)),
                Woken::Deadline => self.pass_deadline(),
            }
        }
        self.captures.stdout.finish(&mut |line| observer.line(Stream::Stdout, line));
        self.captures.stderr.finish(&mut |line| observer.line(Stream::Stderr, line));
        let verdict = verdict(self.report, self.stop, self.fallen);
        outcome(self.started, self.captures, verdict)
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. }) && !self.stdout.is_open() && !self.stderr.is_open()
    }

    async fn wake(&mut self, cancel: &CancelToken) -> Woken {
        let deadline = self.deadline();
        let ended = matches!(self.phase, Phase::Ended { .. });
        tokio::select! {
            read = self.stdout.read(), if self.stdout.is_open() => Woken::Read(Stream::Stdout, read),
            read = self.stderr.read(), if self.stderr.is_open() => Woken::Read(Stream::Stderr, read),
            () = self.keeper.wait(), if !ended => Woken::KeeperEnded,
            reason = cancel.cancelled(), if self.phase == Phase::Running => Woken::Cancelled(reason),
            () = until(deadline) => Woken::Deadline,
        }
    }

    /// The next moment at which something has to happen without any event.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.spec.limits;
        match self.phase {
            Phase::Running => {
                let total = limits.total.and_then(|limit| self.started.at.checked_add(limit));
                let silence = limits.silence.and_then(|limit| self.last_output.checked_add(limit));
                total.into_iter().chain(silence).min()
            }
            Phase::Stopping { since } => since.checked_add(limits.grace + KILL_BOUND + KEEPER_SLACK),
            Phase::Ended { since } => Some(since + DRAIN),
        }
    }

    fn pass_deadline(&mut self) {
        match self.phase {
            Phase::Running => {
                let over = |limit: Option<Duration>| limit.is_some_and(|limit| self.started.at.elapsed() >= limit);
                let kind = if over(self.spec.limits.total) { Timeout::Total } else { Timeout::Silence };
                self.begin_stop(Stop::Timeout(kind));
            }
            Phase::Stopping { .. } => {
                // It is stuck. What it kept falls to us, and `verdict` ends it.
                self.keeper.kill();
                self.phase = Phase::Stopping { since: Instant::now() };
            }
            Phase::Ended { .. } => {
                self.stdout.give_up(&mut self.captures.stdout);
                self.stderr.give_up(&mut self.captures.stderr);
            }
        }
    }

    fn begin_stop(&mut self, stop: Stop) {
        self.keeper.ask_to_stop();
        self.stop = Some(stop);
        self.phase = Phase::Stopping { since: Instant::now() };
    }

    fn take(&mut self, stream: Stream, result: io::Result<usize>, observer: &mut dyn Observer) {
        let (input, capture) = match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.captures.stdout),
            Stream::Stderr => (&mut self.stderr, &mut self.captures.stderr),
        };
        match result {
            Ok(0) => input.pipe = None,
            Ok(count) => {
                capture.feed(&input.buffer[..count], &mut |line| observer.line(stream, line));
                // After the observer's work, which is not the command's silence.
                self.last_output = Instant::now();
            }
            Err(_) => input.give_up(capture),
        }
    }

    /// The keeper has ended. If it could not report, it was killed, and what it kept is ours to end before the outputs close.
    async fn hear_report(&mut self) {
        self.report = self.keeper.report();
        if self.report.is_none() {
            let since = self.keeper.identity().map_or(0, |identity| identity.start_ticks);
            let (ended, survivors) = end_adopted(since, self.spec.limits.grace).await;
            self.fallen = Fallen { ended, survivors };
        }
        self.phase = Phase::Ended { since: Instant::now() };
    }
}

/// What the keeper's report and our own wish together mean. A request that came too late does not change how it ended.
fn verdict(report: Option<Report>, stop: Option<Stop>, fallen: Fallen) -> Verdict {
    let (exit, stopped, leftovers, survivors) = match report {
        Some(Report::NotStarted(failure)) => return Verdict::of(End::SpawnFailed(failure)),
        Some(Report::Ended { exit, stopped, leftovers, survivors }) => (exit, stopped, leftovers, survivors),
        None => (None, None, fallen.ended, fallen.survivors),
    };
    let end = match (exit, stopped, stop) {
        (Some(Exit::Code(code)), None, _) => End::Exited(code),
        (Some(Exit::Signal(signal)), None, _) => End::Signaled(signal),
        (_, _, Some(Stop::Timeout(kind))) => End::TimedOut(kind),
        (_, _, Some(Stop::Cancel(reason))) => End::Cancelled(reason),
        (_, Some(StopCause::Signal(signal)), None) => {
            End::Cancelled(StopReason::Other(format!("its keeper got signal {signal}")))
        }
        (_, _, None) => End::KeeperLost,
    };
    Verdict { end, exit, leftovers, survivors }
}

/// One output of the command.
struct Input {
    pipe: Option<Pin<Box<dyn AsyncRead + Send>>>,
    buffer: Vec<u8>,
}

impl Input {
    fn new(pipe: Option<Pin<Box<dyn AsyncRead + Send>>>) -> Self {
        Self { pipe, buffer: vec![0; CHUNK] }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Reads into the buffer. May be dropped and called again; nothing is lost.
    async fn read(&mut self) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => pipe.read(&mut self.buffer).await,
            None => std::future::pending().await,
        }
    }

    /// Closes an output whose end will not come.
    fn give_up(&mut self, capture: &mut Capture) {
        if self.pipe.take().is_some() {
            capture.mark_truncated();
        }
    }
}

fn outcome(started: Started, captures: Captures, verdict: Verdict) -> Outcome {
    let oom_rose = matches!((started.oom_kills, oom_kills()), (Some(before), Some(after)) if after > before);
    let killed = matches!(verdict.end, End::Signaled(9) | End::KeeperLost);
    Outcome {
        end: verdict.end,
        exit: verdict.exit,
        started_wall_ms: started.wall_ms,
        duration: started.at.elapsed(),
        stdout: captures.stdout.into_stats(),
        stderr: captures.stderr.into_stats(),
        leftovers: verdict.leftovers,
        survivors: verdict.survivors,
        oom: if oom_rose && killed { OomHint::Likely } else { OomHint::None },
    }
}

/// The order for the keeper; paths are made absolute, since the keeper lives in another directory.
fn launch(spec: &SpawnSpec) -> io::Result<Launch> {
    if spec.argv.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program is named"));
    }
    let stdin = match &spec.stdin {
        StdinSource::Null => None,
        StdinSource::File(path) => Some(std::path::absolute(path)?),
    };
    let cwd = std::path::absolute(&spec.cwd)?;
    Ok(Launch { grace: spec.limits.grace, cwd, stdin, argv: spec.argv.clone() })
}

/// The child's environment with the mark of its run, by which it is found after a crash of everything else.
fn environment(spec: &SpawnSpec) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let mut env = spec.env.clone();
    env.retain(|(name, _)| name != AI_RUN);
    env.extend(spec.run_id.iter().map(|run| (AI_RUN.into(), run.into())));
    env
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
