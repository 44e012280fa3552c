//! Everything that wakes a keeper: a child has ended, a signal, the line to `ai`, the lease.
//!
//! Line and lease are heard by a thread of their own, which waits for both at once; it has nothing
//! else to do, so that neither a slow command nor the keeper's own work delays them.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::process::guard::fence::LeaseTerm;
use crate::process::guard::protocol::StopCause;
use crate::process::signal::STEP;

/// More than any line that `ai` sends; what is longer is not for this version.
const LINE_CAP: usize = 256;

/// A cause to end the command, with the lease as it was known then.
pub(super) type HeardStop = (StopCause, Option<LeaseTerm>);

/// The signals that a keeper hears.
pub(super) struct KeeperSignals {
    children: Signal,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl KeeperSignals {
    /// From when this returns none of them ends the process by itself.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            children: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next one: a child has ended (`None`), or everything has to end.
    pub async fn next(&mut self) -> Option<HeardStop> {
        let signal = |kind: SignalKind| Some((StopCause::Signal(kind.as_raw_value()), None));
        tokio::select! {
            _ = self.children.recv() => None,
            _ = self.terminate.recv() => signal(SignalKind::terminate()),
            _ = self.interrupt.recv() => signal(SignalKind::interrupt()),
            _ = self.hang_up.recv() => signal(SignalKind::hangup()),
        }
    }

    /// Returns when a child has ended, or soon.
    pub async fn child_or_step(&mut self) {
        let _which = tokio::time::timeout(STEP, self.children.recv()).await;
    }
}

/// The sources of a keeper's events.
pub(super) struct KeeperEvents {
    /// The signals.
    pub signals: KeeperSignals,
    line: oneshot::Receiver<HeardStop>,
}

impl KeeperEvents {
    /// Installed before the command starts, so that nothing is missed.
    pub fn install(line: &File, lease: Option<LeaseTerm>) -> io::Result<Self> {
        let mut ear = Ear::new(line.try_clone()?, lease)?;
        let (tell, heard) = oneshot::channel();
        std::thread::Builder::new().spawn(move || {
            let cause = ear.listen();
            let _heard = tell.send((cause, ear.lease));
        })?;
        Ok(Self {
            signals: KeeperSignals::install()?,
            line: heard,
        })
    }

    /// The next event: a child has ended (`None`), or everything has to end.
    pub async fn next(&mut self) -> Option<HeardStop> {
        tokio::select! {
            heard = self.signals.next() => heard,
            heard = &mut self.line => Some(heard.unwrap_or((StopCause::LineClosed, None))),
        }
    }
}

/// The thread that waits for the line and the lease.
struct Ear {
    line: File,
    timer: OwnedFd,
    lease: Option<LeaseTerm>,
    half: Vec<u8>,
}

impl Ear {
    fn new(line: File, lease: Option<LeaseTerm>) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)?;
        let ear = Self {
            line,
            timer,
            lease,
            half: Vec::new(),
        };
        ear.set_timer()?;
        Ok(ear)
    }

    /// Returns when everything has to end.
    fn listen(&mut self) -> StopCause {
        loop {
            let mut sources = [
                PollFd::new(&self.line, PollFlags::IN),
                PollFd::new(&self.timer, PollFlags::IN),
            ];
            match poll(&mut sources, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                // Without ears it is safer to end.
                Err(_) => return StopCause::LineClosed,
            }
            let [line, timer] = sources.map(|source| !source.revents().is_empty());
            // News that have come in time count, however late they are read.
            if line {
                match self.read() {
                    Ok(()) => continue,
                    Err(_) => return StopCause::LineClosed,
                }
            }
            if timer {
                return StopCause::LeaseUnrenewed;
            }
        }
    }

    /// Reads what is there. An error means that the other side is gone.
    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0u8; LINE_CAP];
        let count = match self.line.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        self.half.extend_from_slice(&bytes[..count]);
        while let Some(end) = self.half.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.half.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            if let Some(term) = LeaseTerm::parse(text.trim_end()) {
                self.lease = Some(term);
                self.set_timer()?;
            }
        }
        if self.half.len() > LINE_CAP {
            self.half.clear();
        }
        Ok(())
    }

    /// Sets the timer to the moment at which the command has to be ended. One that is past fires at
    /// once; zero would switch it off.
    fn set_timer(&self) -> io::Result<()> {
        let Some(term) = self.lease else {
            return Ok(());
        };
        let at = term.stop_ms.max(1);
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: at / 1000,
                tv_nsec: (at % 1000) * 1_000_000,
            },
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn ear(lease: Option<LeaseTerm>) -> (UnixStream, Ear) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = File::from(OwnedFd::from(theirs));
        (ours, Ear::new(line, lease).unwrap())
    }

    fn term(stop_ms: i64) -> LeaseTerm {
        LeaseTerm {
            stop_ms,
            end_ms: stop_ms + 1_000,
        }
    }

    #[test]
    fn a_lease_that_nobody_renews_ends_it() {
        let (_line, mut ear) = ear(Some(term(clock::boot_ms() + 5)));
        assert_eq!(ear.listen(), StopCause::LeaseUnrenewed);
    }

    #[test]
    fn a_renewal_puts_the_end_off_and_the_closed_line_ends_it() {
        let (mut line, mut ear) = ear(Some(term(1)));
        let far = term(clock::boot_ms() + 3_600_000);
        let text = format!("lease {} {}\n", far.stop_ms, far.end_ms);
        line.write_all(&text.as_bytes()[..9]).unwrap();
        line.write_all(&text.as_bytes()[9..]).unwrap();
        line.write_all(b"a word of a later version\n").unwrap();
        drop(line);
        assert_eq!(ear.listen(), StopCause::LineClosed);
        assert_eq!(ear.lease, Some(far));
    }

    #[test]
    fn without_a_lease_only_the_line_counts() {
        let (line, mut ear) = ear(None);
        drop(line);
        assert_eq!(ear.listen(), StopCause::LineClosed);
    }
}
