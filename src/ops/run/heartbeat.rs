//! Keeps the lease of a run alive from a thread of its own, through every step. A supervisor that could not renew for two thirds of
//! the TTL stops its child itself, before anybody else can be granted the task.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::clock;
use crate::domain::lease::Token;
use crate::domain::time::Now;
use crate::ops::cx::{Cx, commit};
use crate::ops::lease;
use crate::ops::refusal::{OpError, Refusal};
use crate::process::supervise::{CancelToken, StopReason};
use crate::store::sqlite::{Access, SqliteStore};
use std::sync::Arc;

/// A beating heart; it stops when dropped.
pub struct Heart {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicBool>,
}

/// What the thread needs.
pub struct Beat {
    /// The store's file.
    pub store: PathBuf,
    /// The surroundings; its time is renewed with every beat.
    pub cx: Cx,
    /// Reads both clocks.
    pub clock: fn() -> Now,
    /// The token.
    pub token: Token,
    /// How often.
    pub every: Duration,
    /// The lease's length.
    pub ttl: Duration,
    /// Stops the child when the lease is lost.
    pub cancel: CancelToken,
}

impl Heart {
    /// Starts beating.
    pub fn start(beat: Beat) -> Heart {
        let (stop, stopped) = mpsc::channel::<()>();
        let lost = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&lost);
        let thread = std::thread::spawn(move || {
            let mut renewed_ms = clock::boot_ms();
            let mut store = None;
            while stopped.recv_timeout(beat.every) == Err(RecvTimeoutError::Timeout) {
                match renew(&beat, &mut store) {
                    Ok(()) => renewed_ms = clock::boot_ms(),
                    Err(error) => {
                        let silent = u128::try_from(clock::boot_ms() - renewed_ms).unwrap_or(u128::MAX);
                        let gone = matches!(error.refusal(), Some(Refusal::LeaseLost { .. }));
                        if gone || silent >= beat.ttl.as_millis() * 2 / 3 {
                            flag.store(true, Ordering::SeqCst);
                            beat.cancel.cancel(StopReason::LeaseLost);
                            return;
                        }
                    }
                }
            }
        });
        Heart { stop: Some(stop), thread: Some(thread), lost }
    }

    /// True once the lease is lost.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; the lease simply lapses.
            let _ = thread.join();
        }
    }
}

fn renew(beat: &Beat, store: &mut Option<SqliteStore>) -> Result<(), OpError> {
    let cx = Cx { now: (beat.clock)(), ..beat.cx.clone() };
    let mut open = match store.take() {
        Some(open) => open,
        None => SqliteStore::open(&beat.store, Access::Write)?,
    };
    commit(&mut open, &cx, |tx, cx| lease::heartbeat(tx, cx, &beat.token, None))?;
    *store = Some(open);
    Ok(())
}
