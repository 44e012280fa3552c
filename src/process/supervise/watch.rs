//! The loop that watches one command: its outputs, its keeper, the limits, and the wish of the
//! caller.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::domain::stall::StallState;
use crate::process::capture::OutputCapture;
use crate::process::cgroup::CgroupEnded;
use crate::process::guard::{Keeper, KeeperReport, end_orphans, reap_orphans};
use crate::process::signal::KILL_BOUND;
use crate::process::supervise::ending::{
    EndCause, OrphanCleanup, OutputCaptures, StartMoment, ending, outcome,
};
use crate::process::supervise::outcome::{
    CommandEnd, CommandOutcome, SpawnFailure, SpawnFailureKind, TimeoutKind,
};
use crate::process::supervise::spec::{CommandObserver, OutputStream, SpawnSpec};
use crate::process::supervise::stdin_pipe::StdinPipe;
use crate::process::supervise::stillness::Stillness;
use crate::process::supervise::{CancelToken, StopReason};

/// Read at once from an output.
const CHUNK: usize = 64 << 10;
/// Time for which an output may stay open after everything below the keeper has ended: somebody
/// outside holds it.
const DRAIN: Duration = Duration::from_secs(1);
/// Beyond grace and kill time, how long a keeper may take before it is taken for stuck.
const KEEPER_SLACK: Duration = Duration::from_secs(2);

/// The keeper, as far as it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeeperPhase {
    Running,
    Stopping { since: Instant },
    Ended { since: Instant },
}

/// The cause that woke the loop.
enum WakeCause {
    Read(OutputStream, io::Result<usize>),
    KeeperEnded,
    Cancelled(StopReason),
    Said(io::Result<usize>),
    Deadline,
}

/// One command that runs.
pub(super) struct CommandWatch<'a> {
    spec: &'a SpawnSpec,
    captures: OutputCaptures,
    keeper: Keeper,
    stdout: OutputPipe,
    stderr: OutputPipe,
    started: StartMoment,
    last_output: Instant,
    phase: KeeperPhase,
    stop: Option<EndCause>,
    report: Option<KeeperReport>,
    fallen: OrphanCleanup,
    voice: Option<StdinPipe>,
    stillness: Option<Stillness>,
    group: CgroupEnded,
}

impl<'a> CommandWatch<'a> {
    /// A watch over a command that is about to start.
    pub fn new(
        spec: &'a SpawnSpec,
        captures: OutputCaptures,
        mut keeper: Keeper,
        voice: Option<StdinPipe>,
        started: StartMoment,
    ) -> Self {
        let (stdout, stderr) = keeper.take_output();
        let root = keeper.identity().map(|identity| identity.pid);
        let still = |allowed| Stillness::new(allowed, root, spec.files.clone(), started.at);
        Self {
            spec,
            captures,
            keeper,
            stdout: OutputPipe::new(stdout.map(|pipe| Box::pin(pipe) as _)),
            stderr: OutputPipe::new(stderr.map(|pipe| Box::pin(pipe) as _)),
            started,
            last_output: started.at,
            phase: KeeperPhase::Running,
            stop: None,
            report: None,
            fallen: OrphanCleanup::default(),
            voice,
            stillness: spec.limits.silence.map(still),
            group: CgroupEnded::default(),
        }
    }

    /// Watches until the command has ended, and returns its end.
    pub async fn see_out(
        mut self,
        observer: &mut dyn CommandObserver,
        cancel: &CancelToken,
    ) -> CommandOutcome {
        if let Some(identity) = self.keeper.identity() {
            observer.started(identity);
        }
        if let Some(voice) = &mut self.voice {
            voice.begin(observer);
        }
        while !self.is_over() {
            match self.wake(cancel).await {
                WakeCause::Read(stream, result) => self.take(stream, result, observer),
                WakeCause::KeeperEnded => self.hear_report().await,
                WakeCause::Cancelled(reason) => self.begin_stop(EndCause::Cancel(reason), observer),
                WakeCause::Said(result) => {
                    if let Some(voice) = &mut self.voice {
                        voice.wrote(result);
                    }
                }
                WakeCause::Deadline => self.pass_deadline(observer),
            }
        }
        self.captures
            .stdout
            .finish(&mut |line| observer.line(OutputStream::Stdout, line));
        self.captures
            .stderr
            .finish(&mut |line| observer.line(OutputStream::Stderr, line));
        let mut ending = ending(self.report, self.stop, self.fallen);
        if ending.end == CommandEnd::Cancelled(StopReason::LeaseLost) {
            // The keeper may know first; whatever else goes on under this lease has to end, too.
            cancel.cancel(StopReason::LeaseLost);
        }
        ending.leftovers += self.group.killed;
        ending.memory_limit = self.group.memory_limit;
        outcome(self.started, self.captures, ending)
    }

    fn is_over(&self) -> bool {
        matches!(self.phase, KeeperPhase::Ended { .. })
            && !self.stdout.is_open()
            && !self.stderr.is_open()
    }

    async fn wake(&mut self, cancel: &CancelToken) -> WakeCause {
        let deadline = self.deadline();
        let ended = matches!(self.phase, KeeperPhase::Ended { .. });
        let speaks = self.phase == KeeperPhase::Running
            && self.voice.as_ref().is_some_and(StdinPipe::is_pending);
        tokio::select! {
            read = self.stdout.read(), if self.stdout.is_open() => WakeCause::Read(OutputStream::Stdout, read),
            read = self.stderr.read(), if self.stderr.is_open() => WakeCause::Read(OutputStream::Stderr, read),
            said = speak(self.voice.as_mut()), if speaks => WakeCause::Said(said),
            () = self.keeper.wait(), if !ended => WakeCause::KeeperEnded,
            reason = cancel.cancelled(), if self.phase == KeeperPhase::Running => WakeCause::Cancelled(reason),
            () = until(deadline) => WakeCause::Deadline,
        }
    }

    /// The next moment at which something has to happen without any event.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.spec.limits;
        match self.phase {
            KeeperPhase::Running => {
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
            KeeperPhase::Stopping { since } => {
                since.checked_add(limits.grace + KILL_BOUND + KEEPER_SLACK)
            }
            KeeperPhase::Ended { since } => Some(since + DRAIN),
        }
    }

    fn pass_deadline(&mut self, observer: &mut dyn CommandObserver) {
        match self.phase {
            KeeperPhase::Running => {
                if let Some(stop) = self.reason_to_stop(observer) {
                    self.begin_stop(stop, observer);
                }
            }
            KeeperPhase::Stopping { .. } => {
                // It is stuck. What it kept falls to us, and `hear_report` ends it.
                self.keeper.kill();
                self.phase = KeeperPhase::Stopping {
                    since: Instant::now(),
                };
            }
            KeeperPhase::Ended { .. } => {
                self.stdout.give_up(&mut self.captures.stdout);
                self.stderr.give_up(&mut self.captures.stderr);
            }
        }
    }

    /// Decides whether the moment that has come ends the command; it may have been time for a look
    /// only.
    fn reason_to_stop(&mut self, observer: &mut dyn CommandObserver) -> Option<EndCause> {
        let limits = &self.spec.limits;
        let now = Instant::now();
        let stalled = match &mut self.stillness {
            Some(stillness) if now >= stillness.next() => {
                let news = stillness.look(now.duration_since(self.last_output), now);
                news.iter().for_each(|standing| observer.standing(standing));
                match news {
                    Some(StallState::Stalled(signs)) => Some(signs),
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
            return (is_due || is_spent || stalled.is_some()).then_some(EndCause::Dismiss);
        }
        if is_spent {
            Some(EndCause::Timeout(TimeoutKind::Total))
        } else {
            stalled.map(EndCause::Stall)
        }
    }

    fn begin_stop(&mut self, stop: EndCause, observer: &mut dyn CommandObserver) {
        if let Some(voice) = &mut self.voice {
            voice.stop(observer);
        }
        self.keeper.ask_to_stop();
        self.stop = Some(stop);
        self.phase = KeeperPhase::Stopping {
            since: Instant::now(),
        };
    }

    fn take(
        &mut self,
        stream: OutputStream,
        result: io::Result<usize>,
        observer: &mut dyn CommandObserver,
    ) {
        let (input, capture) = match stream {
            OutputStream::Stdout => (&mut self.stdout, &mut self.captures.stdout),
            OutputStream::Stderr => (&mut self.stderr, &mut self.captures.stderr),
        };
        match result {
            Ok(0) => input.pipe = None,
            Ok(count) => {
                let bytes = &input.buffer[..count];
                capture.feed(bytes, &mut |line| observer.line(stream, line));
                // Its last words are heard as well: the end of a command is often known before they
                // have been read.
                if stream == OutputStream::Stdout
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
            Some(KeeperReport::NotStarted(SpawnFailure::new(
                SpawnFailureKind::Keeper,
                &self.spec.command.argv,
                &why,
            )))
        });
        if self.report.is_none() {
            let since = self
                .keeper
                .identity()
                .map_or(0, |identity| identity.start_ticks);
            let (ended, survivors) = end_orphans(since, self.spec.limits.grace).await;
            self.fallen = OrphanCleanup { ended, survivors };
        }
        // Nothing should be there any more; what is has escaped the keeper.
        self.group = self.keeper.end_cgroup();
        reap_orphans();
        self.phase = KeeperPhase::Ended {
            since: Instant::now(),
        };
    }
}

/// One output of the command.
struct OutputPipe {
    pipe: Option<Pin<Box<dyn AsyncRead + Send>>>,
    buffer: Vec<u8>,
}

impl OutputPipe {
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
    fn give_up(&mut self, capture: &mut OutputCapture) {
        if self.pipe.take().is_some() {
            capture.mark_truncated();
        }
    }
}

async fn speak(voice: Option<&mut StdinPipe>) -> io::Result<usize> {
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
