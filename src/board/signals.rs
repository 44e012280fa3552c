//! Signals that reach a board while it waits: they end it, stop it and wake it again, and tell of another size.
//!
//! A thread hears them and writes each into a pipe, since the board waits for several things at once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::ops::signals::Hearer;
use crate::process::job::Job;

/// A signal that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoardSignal {
    /// Asked to end, by the key that ends programs.
    Interrupt,
    /// Asked to end.
    End,
    /// Asked to stop.
    Stop,
    /// Woken after a stop.
    Woken,
    /// Another size.
    Resized,
    /// No signal: a thread of this process has something to tell.
    Told,
}

impl BoardSignal {
    /// All kinds, each at the place of its byte.
    const ALL: [BoardSignal; 6] = [
        BoardSignal::Interrupt,
        BoardSignal::End,
        BoardSignal::Stop,
        BoardSignal::Woken,
        BoardSignal::Resized,
        BoardSignal::Told,
    ];
}

/// The signals that are heard.
const HEARD: [(Signal, BoardSignal); 7] = [
    (Signal::INT, BoardSignal::Interrupt),
    (Signal::TERM, BoardSignal::End),
    (Signal::HUP, BoardSignal::End),
    (Signal::QUIT, BoardSignal::Interrupt),
    (Signal::TSTP, BoardSignal::Stop),
    (Signal::CONT, BoardSignal::Woken),
    (Signal::WINCH, BoardSignal::Resized),
];

/// Whoever has the terminal while a board is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Lent(Arc<AtomicBool>);

impl Lent {
    /// Says that a program has it, which gets the same keys.
    pub(super) fn to_a_program(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Says that the board has it again.
    pub(super) fn to_nobody(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Hears signals from when it is made.
pub(super) struct BoardSignals {
    told: OwnedFd,
    tell: Arc<OwnedFd>,
    /// Whoever has the terminal.
    pub(super) lent: Lent,
    _hearer: Hearer,
}

impl BoardSignals {
    /// Begins to hear. From then on none of these signals does by itself what it usually does.
    pub(super) fn hear() -> std::io::Result<BoardSignals> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut all = Vec::new();
        {
            let _inside = runtime.enter();
            for (kind, heard) in HEARD {
                all.push((signal(SignalKind::from_raw(kind.as_raw()))?, heard));
            }
        }
        let hearer = Hearer::begin();
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let (tell, lent) = (Arc::new(tell), Lent::default());
        let seen = lent.clone();
        for (mut source, heard) in all {
            let (tell, lent) = (tell.clone(), seen.clone());
            runtime.spawn(async move {
                while source.recv().await.is_some() {
                    take(heard, &lent, &tell);
                }
            });
        }
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        Ok(BoardSignals {
            told,
            tell,
            lent,
            _hearer: hearer,
        })
    }

    /// The descriptor that can be read once something was heard.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }

    /// What wakes the board once a thread has something to tell.
    pub(super) fn bell(&self) -> impl FnOnce() + Send + 'static {
        let (tell, nobody) = (self.tell.clone(), Lent::default());
        move || take(BoardSignal::Told, &nobody, &tell)
    }

    /// Takes in what was heard.
    pub(super) fn heard(&self) -> Vec<BoardSignal> {
        let mut all = Vec::new();
        let mut bytes = [0; 64];
        while let Ok(n) = read(&self.told, &mut bytes) {
            if n == 0 {
                break;
            }
            let known = |byte: &u8| BoardSignal::ALL.get(usize::from(*byte)).copied();
            all.extend(bytes[..n].iter().filter_map(known));
        }
        all
    }
}

/// Tells a signal. A program that has the terminal gets what its keys send; where it is stopped by them, so is this
/// process, since the shell waits for both.
fn take(heard: BoardSignal, lent: &Lent, tell: &OwnedFd) {
    if lent.0.load(Ordering::SeqCst) {
        match heard {
            BoardSignal::Stop if somebody_would_wake() => return stop(),
            BoardSignal::Stop => return,
            BoardSignal::Interrupt => return,
            BoardSignal::End | BoardSignal::Woken | BoardSignal::Resized | BoardSignal::Told => {}
        }
    }
    let byte = [heard as u8];
    // A full pipe tells enough.
    let _ = write(tell, &byte);
}

/// Stops this process until it is woken.
pub(super) fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

/// Asks the whole job to stop, this process among it, as the terminal does for that key.
pub(super) fn stop_the_job() {
    let _ = kill_current_process_group(Signal::TSTP);
}

/// True where a shell is there that would wake a process that stops.
pub(super) fn somebody_would_wake() -> bool {
    Job::own().is_some_and(|job| job.is_of_a_shell())
}
