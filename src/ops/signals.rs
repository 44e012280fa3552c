//! Ctrl-C and TERM, heard from the claim to the verdict. The first one asks the run to stop: the
//! child is ended, the work saved, the task given back. A second Ctrl-C ends `ai` on the spot, and
//! the next command recovers what it left.

use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::ops::error::{Doing as _, OpError};
use crate::process::supervise::{CancelToken, StopReason};

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

/// Listens until it is dropped.
pub struct Signals {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Heard {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From when this returns no signal of these ends the process by itself; each is told to `cancel`.
    pub fn listen(cancel: CancelToken) -> Result<Signals, OpError> {
        Signals::hear(move |signal| obey(signal, &cancel))
    }

    /// The same with each signal told to `told`.
    pub fn hear(told: impl FnMut(HeardSignal) + Send + 'static) -> Result<Signals, OpError> {
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
                // The keeper of the child sees that we are gone and ends it.
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
            cancel.cancel(StopReason::Interrupted);
        }
        HeardSignal::Terminate | HeardSignal::HangUp => cancel.cancel(StopReason::Shutdown),
    }
}
