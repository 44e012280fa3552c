//! Ending another `ai` that supervises a run: only ever the very process that is meant, never a
//! later one with its pid.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::base::clock;
use crate::process::identity::{ProcessIdentity, ProcessLiveness};
use crate::process::procfs;
use crate::process::signal::send;

/// The signal by which a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSignal {
    /// `SIGTERM`, which lets it save its work.
    Term,
    /// `SIGINT`, as by Ctrl-C.
    Interrupt,
    /// `SIGKILL`.
    Kill,
}

/// Signals exactly this process; one that has ended, or that belongs to another container, gets
/// nothing.
pub fn send_end_signal(process: &ProcessIdentity, how: EndSignal) {
    let signal = match how {
        EndSignal::Term => Signal::TERM,
        EndSignal::Interrupt => Signal::INT,
        EndSignal::Kill => Signal::KILL,
    };
    if let (ProcessLiveness::Alive, Some(stat)) = (process.liveness(), procfs::stat(process.pid)) {
        send(&stat, signal);
        // One that is just being stopped does not look so yet, and would not hear of the signal; to one that works it
        // means nothing.
        send(&stat, Signal::CONT);
    }
}

/// True where the process is there and stopped, so that it would not hear of a gentle signal.
pub fn is_stopped(process: &ProcessIdentity) -> bool {
    process.liveness() == ProcessLiveness::Alive
        && procfs::stat(process.pid).is_some_and(|stat| stat.is_stopped())
}

/// True where the process works in this directory or has a file below it open.
pub fn holds_below(process: &ProcessIdentity, dir: &Path) -> bool {
    process.liveness() == ProcessLiveness::Alive
        && procfs::held_below(process.pid, &[dir.to_owned()]).is_some()
}

/// Waits until the process has ended, at most `limit`. Says how it stands then.
pub fn wait_for_end(process: &ProcessIdentity, limit: Duration) -> ProcessLiveness {
    let until = Instant::now() + limit;
    let pinned =
        Pid::from_raw(process.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let state = process.liveness();
        if state != ProcessLiveness::Alive || left.is_zero() {
            return state;
        }
        match &pinned {
            // Readable once the process has ended. A signal of our own only wakes us early.
            Some(descriptor) => {
                let timeout = Timespec::try_from(left).ok();
                let _woken = poll(
                    &mut [PollFd::new(descriptor, PollFlags::IN)],
                    timeout.as_ref(),
                );
            }
            None => clock::pause(left.min(Duration::from_millis(50))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> (std::process::Child, ProcessIdentity) {
        let mut command = std::process::Command::new("cat");
        let child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let identity = ProcessIdentity::of(i32::try_from(child.id()).unwrap()).unwrap();
        (child, identity)
    }

    #[test]
    fn the_very_process_is_ended_and_seen_to_end() {
        let (mut child, identity) = sleeper();
        assert_eq!(
            wait_for_end(&identity, Duration::from_millis(20)),
            ProcessLiveness::Alive
        );
        let earlier = ProcessIdentity {
            start_ticks: identity.start_ticks + 1,
            ..identity.clone()
        };
        send_end_signal(&earlier, EndSignal::Kill);
        assert_eq!(
            wait_for_end(&identity, Duration::from_millis(20)),
            ProcessLiveness::Alive,
            "another process was hit"
        );
        send_end_signal(&identity, EndSignal::Term);
        assert_eq!(
            wait_for_end(&identity, Duration::from_secs(30)),
            ProcessLiveness::Dead
        );
        child.wait().unwrap();
    }
}
