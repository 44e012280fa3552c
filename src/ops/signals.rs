//! Ctrl-C and TERM, heard from the claim to the verdict. The first one asks the run to stop: the
//! child is ended, the work saved, the task given back. A second Ctrl-C ends `ai` on the spot, and
//! the next command recovers what it left.
//!
//! Where nobody hears them, they end the process, which takes the line at the foot of its terminal along.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::oneshot;

use crate::base::foot;
use crate::ops::error::{Doing as _, OpError};
use crate::process::supervise::{CancelToken, StopReason};

/// The number of those who hear signals at this moment.
static HEARERS: AtomicUsize = AtomicUsize::new(0);

/// Somebody who hears the signals that would end this process, until it is dropped.
pub struct Hearer(());

impl Hearer {
    /// From when this returns, what a signal does is that one's to say.
    pub fn begin() -> Hearer {
        HEARERS.fetch_add(1, Ordering::SeqCst);
        Hearer(())
    }
}

impl Drop for Hearer {
    fn drop(&mut self) {
        HEARERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// From when this returns, a signal that ends this process takes the line at the foot of the terminal away first. One that
/// somebody hears is theirs. Where signals cannot be heard, they end it as they always did.
pub fn take_the_foot_along() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = |signal: HeardSignal| {
            if HEARERS.load(Ordering::SeqCst) == 0 {
                leave(signal);
            }
        };
        if let Ok(signals) = Signals::start(end, None) {
            // For as long as the process lives: these signals do nothing by themselves any more.
            std::mem::forget(signals);
        }
    });
}

#[expect(
    clippy::exit,
    reason = "the end by a signal, which unwinds nothing; only its default action would be no exit, and takes `unsafe`"
)]
fn leave(signal: HeardSignal) -> ! {
    foot::close();
    std::process::exit(signal.code())
}

/// What fails where the system does not let signals be heard.
const LISTEN: &str = "listen for signals";

/// A signal that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeardSignal {
    /// `SIGINT`, from Ctrl-C.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGHUP`, when the terminal goes.
    HangUp,
}

impl HeardSignal {
    /// The exit code of a process that it ends, as a shell tells it.
    fn code(self) -> i32 {
        let signal = match self {
            HeardSignal::Interrupt => Signal::INT,
            HeardSignal::Terminate => Signal::TERM,
            HeardSignal::HangUp => Signal::HUP,
        };
        128 + signal.as_raw()
    }
}

/// Listens until it is dropped.
pub struct Signals {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _hearer: Option<Hearer>,
}

struct Heard {
    interrupt: SignalStream,
    terminate: SignalStream,
    hang_up: SignalStream,
}

impl Signals {
    /// From when this returns no signal of these ends the process by itself; each is told to `cancel`.
    pub fn listen(cancel: CancelToken) -> Result<Signals, OpError> {
        Signals::hear(move |signal| obey(signal, &cancel))
    }

    /// The same with each signal told to `told`.
    pub fn hear(told: impl FnMut(HeardSignal) + Send + 'static) -> Result<Signals, OpError> {
        Signals::start(told, Some(Hearer::begin()))
    }

    fn start(
        told: impl FnMut(HeardSignal) + Send + 'static,
        hearer: Option<Hearer>,
    ) -> Result<Signals, OpError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .doing(LISTEN)?;
        let heard = {
            let _inside = runtime.enter();
            Heard {
                interrupt: signal(SignalKind::interrupt()).doing(LISTEN)?,
                terminate: signal(SignalKind::terminate()).doing(LISTEN)?,
                hang_up: signal(SignalKind::hangup()).doing(LISTEN)?,
            }
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || runtime.block_on(tell(heard, stopped, told)));
        Ok(Signals {
            stop: Some(stop),
            thread: Some(thread),
            _hearer: hearer,
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            let _ = thread.join();
        }
    }
}

async fn tell(
    mut heard: Heard,
    mut stopped: oneshot::Receiver<()>,
    mut told: impl FnMut(HeardSignal),
) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            _ = heard.interrupt.recv() => told(HeardSignal::Interrupt),
            _ = heard.terminate.recv() => told(HeardSignal::Terminate),
            _ = heard.hang_up.recv() => told(HeardSignal::HangUp),
        }
    }
}

fn obey(signal: HeardSignal, cancel: &CancelToken) {
    match signal {
        HeardSignal::Interrupt => {
            if cancel.reason() == Some(StopReason::Interrupted) {
                foot::close();
                // The keeper of the child sees that we are gone and ends it.
                let _ = kill_process(getpid(), Signal::KILL);
            }
            cancel.cancel(StopReason::Interrupted);
        }
        HeardSignal::Terminate | HeardSignal::HangUp => cancel.cancel(StopReason::Shutdown),
    }
}
