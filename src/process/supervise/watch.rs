//! The loop that watches one command: its outputs, its keeper, the limits, and the wish of the
//! caller.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::domain::stall::Standing;
use crate::process::capture::Capture;
use crate::process::guard::{Keeper, Report, end_adopted, reap_adopted};
use crate::process::signal::KILL_BOUND;
use crate::process::supervise::ending::{Captures, Fallen, Started, Stop, ending, outcome};
use crate::process::supervise::outcome::{Outcome, SpawnFailure, SpawnFailureKind, Timeout};
use crate::process::supervise::spec::{Observer, SpawnSpec, Stream};
use crate::process::supervise::stillness::Stillness;
use crate::process::supervise::voice::Voice;
use crate::process::supervise::{CancelToken, StopReason};

/// Read at once from an output.
const CHUNK: usize = 64 << 10;
/// How long an output may stay open after everything below the keeper has ended: somebody outside
/// holds it.
const DRAIN: Duration = Duration::from_secs(1);
/// Beyond grace and kill time, how long a keeper may take before it is taken for stuck.
const KEEPER_SLACK: Duration = Duration::from_secs(2);

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
    Said(io::Result<usize>),
    Deadline,
}

/// One command that runs.
pub(super) struct Watch<'a> {
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
    voice: Option<Voice>,
    stillness: Option<Stillness>,
    escaped: usize,
}

impl<'a> Watch<'a> {
    pub fn new(
        spec: &'a SpawnSpec,
        captures: Captures,
        mut keeper: Keeper,
        voice: Option<Voice>,
        started: Started,
    ) -> Self {
        let (stdout, stderr) = keeper.take_output();
        let root = keeper.identity().map(|identity| identity.pid);
        let still = |allowed| Stillness::new(allowed, root, spec.files.clone(), started.at);
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
            voice,
            stillness: spec.limits.silence.map(still),
            escaped: 0,
        }
    }

    pub async fn see_out(mut self, observer: &mut dyn Observer, cancel: &CancelToken) -> Outcome {
        if let Some(identity) = self.keeper.identity() {
            observer.started(identity);
        }
        if let Some(voice) = &mut self.voice {
            voice.begin(observer);
        }
        while !self.is_over() {
            match self.wake(cancel).await {
                Woken::Read(stream, result) => self.take(stream, result, observer),
                Woken::KeeperEnded => self.hear_report().await,
                Woken::Cancelled(reason) => self.begin_stop(Stop::Cancel(reason), observer),
                Woken::Said(result) => {
                    if let Some(voice) = &mut self.voice {
                        voice.wrote(result);
                    }
                }
                Woken::Deadline => self.pass_deadline(observer),
            }
        }
        self.captures
            .stdout
            .finish(&mut |line| observer.line(Stream::Stdout, line));
        self.captures
            .stderr
            .finish(&mut |line| observer.line(Stream::Stderr, line));
        let mut ending = ending(self.report, self.stop, self.fallen);
        ending.leftovers += self.escaped;
        outcome(self.started, self.captures, ending)
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
            && !self.stdout.is_open()
            && !self.stderr.is_open()
    }

    async fn wake(&mut self, cancel: &CancelToken) -> Woken {
        let deadline = self.deadline();
        let ended = matches!(self.phase, Phase::Ended { .. });
        let speaks =
            self.phase == Phase::Running && self.voice.as_ref().is_some_and(Voice::is_pending);
        tokio::select! {
            read = self.stdout.read(), if self.stdout.is_open() => Woken::Read(Stream::Stdout, read),
            read = self.stderr.read(), if self.stderr.is_open() => Woken::Read(Stream::Stderr, read),
            said = speak(self.voice.as_mut()), if speaks => Woken::Said(said),
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
                let total = limits
                    .total
                    .and_then(|limit| self.started.at.checked_add(limit));
                let look = self.stillness.as_ref().map(Stillness::next);
                let dismissal = self
                    .voice
                    .as_ref()
                    .and_then(|voice| voice.dismissal(limits.grace));
                total.into_iter().chain(look).chain(dismissal).min()
            }
            Phase::Stopping { since } => {
                since.checked_add(limits.grace + KILL_BOUND + KEEPER_SLACK)
            }
            Phase::Ended { since } => Some(since + DRAIN),
        }
    }

    fn pass_deadline(&mut self, observer: &mut dyn Observer) {
        match self.phase {
            Phase::Running => {
                if let Some(stop) = self.reason_to_stop(observer) {
                    self.begin_stop(stop, observer);
                }
            }
            Phase::Stopping { .. } => {
                // It is stuck. What it kept falls to us, and `hear_report` ends it.
                self.keeper.kill();
                self.phase = Phase::Stopping {
                    since: Instant::now(),
                };
            }
            Phase::Ended { .. } => {
                self.stdout.give_up(&mut self.captures.stdout);
                self.stderr.give_up(&mut self.captures.stderr);
            }
        }
    }

    /// Whether the moment that has come ends the command; it may have been time for a look only.
    fn reason_to_stop(&mut self, observer: &mut dyn Observer) -> Option<Stop> {
        let limits = &self.spec.limits;
        let now = Instant::now();
        let stalled = match &mut self.stillness {
            Some(stillness) if now >= stillness.next() => {
                let news = stillness.look(now.duration_since(self.last_output), now);
                news.iter().for_each(|standing| observer.standing(standing));
                match news {
                    Some(Standing::Stalled(signs)) => Some(signs),
                    _ => None,
                }
            }
            _ => None,
        };
        let is_spent = limits
            .total
            .is_some_and(|limit| self.started.at.elapsed() >= limit);
        // Once all is said, no limit can make it a failure any more.
        if let Some(voice) = self.voice.as_ref().filter(|voice| voice.is_over()) {
            let is_due = voice.dismissal(limits.grace).is_some_and(|at| now >= at);
            return (is_due || is_spent || stalled.is_some()).then_some(Stop::Dismiss);
        }
        if is_spent {
            Some(Stop::Timeout(Timeout::Total))
        } else {
            stalled.map(Stop::Stall)
        }
    }

    fn begin_stop(&mut self, stop: Stop, observer: &mut dyn Observer) {
        if let Some(voice) = &mut self.voice {
            voice.stop(observer);
        }
        self.keeper.ask_to_stop();
        self.stop = Some(stop);
        self.phase = Phase::Stopping {
            since: Instant::now(),
        };
    }

    fn take(&mut self, stream: Stream, result: io::Result<usize>, observer: &mut dyn Observer) {
        let (input, capture) = match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.captures.stdout),
            Stream::Stderr => (&mut self.stderr, &mut self.captures.stderr),
        };
        match result {
            Ok(0) => input.pipe = None,
            Ok(count) => {
                let bytes = &input.buffer[..count];
                capture.feed(bytes, &mut |line| observer.line(stream, line));
                // Its last words are heard as well: the end of a command is often known before they
                // have been read.
                if stream == Stream::Stdout
                    && self.stop.is_none()
                    && let Some(voice) = &mut self.voice
                {
                    voice.hear(bytes, observer);
                }
                // After the observer's work, which is not the command's silence.
                self.last_output = Instant::now();
            }
            Err(_) => input.give_up(capture),
        }
    }

    /// The keeper has ended. If it could not report, it was killed, and what it kept is ours to end
    /// before the outputs close.
    async fn hear_report(&mut self) {
        self.report = self.keeper.report().or_else(|| {
            let why = io::Error::other(self.keeper.failed_to_begin()?);
            Some(Report::NotStarted(SpawnFailure::new(
                SpawnFailureKind::Keeper,
                &self.spec.argv,
                &why,
            )))
        });
        if self.report.is_none() {
            let since = self
                .keeper
                .identity()
                .map_or(0, |identity| identity.start_ticks);
            let (ended, survivors) = end_adopted(since, self.spec.limits.grace).await;
            self.fallen = Fallen { ended, survivors };
        }
        // Nothing should be there any more; what is has escaped the keeper.
        self.escaped = self.keeper.end_cgroup();
        reap_adopted();
        self.phase = Phase::Ended {
            since: Instant::now(),
        };
    }
}

/// One output of the command.
struct Input {
    pipe: Option<Pin<Box<dyn AsyncRead + Send>>>,
    buffer: Vec<u8>,
}

impl Input {
    fn new(pipe: Option<Pin<Box<dyn AsyncRead + Send>>>) -> Self {
        Self {
            pipe,
            buffer: vec![0; CHUNK],
        }
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

async fn speak(voice: Option<&mut Voice>) -> io::Result<usize> {
    match voice {
        Some(voice) => voice.write().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
