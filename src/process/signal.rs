//! Signals to processes that were seen in `/proc`, never to a pid that has meanwhile become
//! somebody else's.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
};

use crate::process::job::Job;
use crate::process::procfs::{ProcessStat, stat};

/// Time for which `SIGKILL` is repeated before the rest counts as unkillable (in an uninterruptible
/// wait, or of another user).
pub(in crate::process) const KILL_BOUND: Duration = Duration::from_secs(5);
/// Interval at which the process table is read while processes are being ended.
pub(in crate::process) const STEP: Duration = Duration::from_millis(15);

/// Ends a changing set of processes: each gets one `SIGTERM`, and after the grace time `SIGKILL`
/// until it is gone.
///
/// The owner looks again and again, so that what is forked meanwhile is found too, and calls
/// [`ProcessSweep::press`] with what it saw.
#[derive(Debug)]
pub(in crate::process) struct ProcessSweep {
    begun: Instant,
    grace: Duration,
    asked: HashSet<(i32, u64)>,
}

/// The state of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) enum SweepPressure {
    /// Processes were asked to end and have time for it.
    Asking,
    /// The grace time is over; they are being killed.
    Killing,
    /// The processes could not be killed.
    GivenUp,
}

/// The right to kill whole process groups, which no fork can outrun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) enum GroupKill {
    /// Every group of a target holds targets only, apart from the caller's own.
    Whole,
    /// A target may share its group with others.
    Spared,
}

impl ProcessSweep {
    /// Starts a sweep; `grace` is the time between the two signals.
    pub fn begin(grace: Duration) -> Self {
        Self {
            begun: Instant::now(),
            grace,
            asked: HashSet::new(),
        }
    }

    /// The stage of the sweep.
    pub fn pressure(&self) -> SweepPressure {
        match self.begun.elapsed() {
            elapsed if elapsed < self.grace => SweepPressure::Asking,
            elapsed if elapsed < self.grace + KILL_BOUND => SweepPressure::Killing,
            _ => SweepPressure::GivenUp,
        }
    }

    /// Returns the number of processes that were ever asked or killed.
    pub fn count(&self) -> usize {
        self.asked.len()
    }

    /// Signals `targets` as the time that has passed demands.
    pub fn press(&mut self, targets: &[ProcessStat], groups: GroupKill) {
        match self.pressure() {
            SweepPressure::Asking => self.ask(targets),
            SweepPressure::Killing | SweepPressure::GivenUp => self.kill(targets, groups),
        }
    }

    fn ask(&mut self, targets: &[ProcessStat]) {
        for target in targets {
            // A second SIGTERM means "at once" to some programs, so each process gets one only.
            if self.asked.insert((target.pid, target.start_ticks)) {
                send(target, Signal::TERM);
            }
            if target.is_stopped() {
                send(target, Signal::CONT);
            }
        }
    }

    fn kill(&mut self, targets: &[ProcessStat], groups: GroupKill) {
        if groups == GroupKill::Whole {
            kill_groups(targets);
        }
        for target in targets {
            self.asked.insert((target.pid, target.start_ticks));
            send(target, Signal::KILL);
        }
    }
}

/// Sends `signal` to exactly this process; one that has ended gets nothing.
pub(in crate::process) fn send(target: &ProcessStat, signal: Signal) {
    let Some(pid) = Pid::from_raw(target.pid) else {
        return;
    };
    // The descriptor pins the process first; only then does the start time prove that it is the one
    // we saw.
    let pinned = pidfd_open(pid, PidfdFlags::empty());
    if stat(target.pid).is_none_or(|now| now.start_ticks != target.start_ticks) {
        return;
    }
    // A refusal (another user's process) shows by the process staying there.
    let _sent = match pinned {
        Ok(descriptor) => pidfd_send_signal(descriptor, signal),
        Err(_) => kill_process(pid, signal),
    };
}

fn kill_groups(targets: &[ProcessStat]) {
    let own = Job::own();
    let groups: BTreeSet<i32> = targets
        .iter()
        .map(|stat| stat.group)
        .filter(|group| own.is_none_or(|job| !job.is_group(*group)))
        .collect();
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        let _sent = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_with_another_start_time_is_left_alone() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let seen = stat(i32::try_from(child.id()).unwrap()).unwrap();
        let mut another = seen;
        another.start_ticks += 1;
        send(&another, Signal::KILL);
        assert!(stat(seen.pid).unwrap().is_running());
        send(&seen, Signal::KILL);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(child.wait().unwrap().signal(), Some(9));
    }
}
