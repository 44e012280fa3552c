//! Keeps the lease of a run alive from a thread of its own, through every step. A supervisor that
//! could not renew for two thirds of the TTL stops its child itself, before anybody else can be
//! granted the task. Should it be stopped, hang or sleep itself, the keeper of the child does, which
//! is told of every renewal.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::config::Config;
use crate::domain::aftermath::is_standstill;
use crate::domain::budget::BudgetLevel;
use crate::domain::event::Event;
use crate::domain::ids::RunId;
use crate::domain::lease::{Lease, Token};
use crate::domain::task::Task;
use crate::domain::time::Now;
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::run::agent::usage::{Ledger, Word};
use crate::ops::{budget, lease};
use crate::process::supervise::{CancelToken, StopReason};
use crate::store::{Access, Store, StorePlace, Tx};

/// A beating heart; it stops when dropped.
pub struct Heart {
    stop: Sender<Word>,
    thread: Option<JoinHandle<HeartRhythm>>,
}

/// The rhythm of a heart until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartRhythm {
    /// As it should, as far as that was its own doing.
    Steady,
    /// The heart slept for longer than the lease could hold, and could not renew it since: the machine slept, or the processes
    /// were stopped.
    StoodStill,
}

/// The state that the thread needs.
pub struct Beat {
    /// Where the store is kept: the thread has a connection of its own.
    pub store: StorePlace,
    /// The surroundings; its time is renewed with every beat.
    pub cx: Cx,
    /// Reads both clocks.
    pub clock: fn() -> Now,
    /// The token.
    pub token: Token,
    /// Interval.
    pub every: Duration,
    /// The lease's length.
    pub ttl: Duration,
    /// The end of the lease as it was granted, by the boot clock.
    pub expires_ms: i64,
    /// Stops the child when the lease is lost, or a budget used up.
    pub cancel: CancelToken,
    /// The use of the run.
    pub ledger: Arc<Ledger>,
    /// Whose budgets those are.
    pub on: Account,
}

/// Whom a run's use is held against.
pub struct Account {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: Task,
    /// The agent.
    pub agent: String,
    /// The project's budgets.
    pub config: Config,
}

/// News are recorded at most so often, since each record is an event of the log.
pub(crate) const PACE: Duration = Duration::from_secs(2);

impl Heart {
    /// Starts beating.
    pub fn start(beat: Beat) -> Heart {
        let (stop, words) = mpsc::channel();
        beat.ledger.listen(stop.clone());
        beat.cancel.lease_renewed(beat.expires_ms, beat.ttl);
        let thread = std::thread::spawn(move || beat_on(&beat, &words));
        Heart {
            stop,
            thread: Some(thread),
        }
    }

    /// Ends it, and tells how it has beaten.
    pub fn end(mut self) -> HeartRhythm {
        self.rest()
    }

    fn rest(&mut self) -> HeartRhythm {
        // It may have ended by itself.
        let _heard = self.stop.send(Word::Stop);
        // A panic of the thread has been printed; the lease simply lapses.
        let ended = self.thread.take().and_then(|thread| thread.join().ok());
        ended.unwrap_or(HeartRhythm::Steady)
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.rest();
    }
}

/// Renews the lease until it is lost, or nobody wants it any more.
fn beat_on(beat: &Beat, words: &Receiver<Word>) -> HeartRhythm {
    let ttl_ms = i64::try_from(beat.ttl.as_millis()).unwrap_or(i64::MAX);
    let mut renewed_ms = clock::boot_ms();
    let mut rhythm = HeartRhythm::Steady;
    let mut store = None;
    let mut last = Instant::now();
    loop {
        let slept_ms = clock::boot_ms();
        let is_wanted = wait(words, last, beat.every);
        // The clock counts suspend, which the wait does not: whoever wakes this one for its end tells as much as its time.
        if is_standstill(clock::boot_ms() - slept_ms, ttl_ms) {
            rhythm = HeartRhythm::StoodStill;
        }
        if !is_wanted {
            return rhythm;
        }
        last = Instant::now();
        match renew(beat, &mut store) {
            Ok(lease) => {
                renewed_ms = clock::boot_ms();
                rhythm = HeartRhythm::Steady;
                beat.cancel.lease_renewed(lease.expires.ms, beat.ttl);
            }
            Err(error) => {
                let gone = matches!(error.refusal(), Some(Refusal::LeaseLost { .. }));
                if gone || is_standstill(clock::boot_ms() - renewed_ms, ttl_ms) {
                    beat.cancel.cancel(StopReason::LeaseLost);
                    return rhythm;
                }
            }
        }
    }
}

/// Waits until it is time for the next beat: soon after news, else after the usual time. False when
/// there is to be none.
fn wait(words: &Receiver<Word>, last: Instant, every: Duration) -> bool {
    let mut until = last + every;
    loop {
        match words.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Word::News) => until = until.min(last + PACE),
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn renew(beat: &Beat, store: &mut Option<Box<dyn Store>>) -> Result<Lease, OpError> {
    let cx = Cx {
        now: (beat.clock)(),
        ..beat.cx.clone()
    };
    let mut open = match store.take() {
        Some(open) => open,
        None => beat.store.open(Access::Write)?,
    };
    let (lease, used_up) = commit(&mut *open, &cx, |tx, cx| {
        let lease = lease::heartbeat(tx, cx, &beat.token, None)?;
        Ok((lease, settle(tx, cx, beat)?))
    })?;
    *store = Some(open);
    if let Some(level) = used_up {
        let why = StopReason::Limit(format!("budget {} is used up: {level}", level.name()));
        beat.ledger
            .reach_while_at_work(level.name(), || beat.cancel.cancel(why));
    }
    Ok(lease)
}

/// Records what the run has used since the last beat. Returns the budget that all runs together
/// have used up.
fn settle(tx: &mut dyn Tx, cx: &Cx, beat: &Beat) -> Result<Option<BudgetLevel>, OpError> {
    let on = &beat.on;
    let recorded = tx.run(&on.run)?.and_then(|run| run.used);
    if let Some(used) = beat.ledger.used().filter(|used| Some(*used) != recorded) {
        cx.record(
            tx,
            &Event::RunUsed {
                run: on.run.clone(),
                used,
            },
        )?;
    }
    budget::used_up(tx, cx, &on.config, &on.task, &on.agent)
}
