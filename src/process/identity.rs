//! The identity of a process: a pid alone may be reused, so an identity also holds the boot, the pid namespace
//! and the start time.

use serde::{Deserialize, Serialize};

use crate::base::{clock, env};
use crate::process::procfs;

/// A process, named so that no later process with the same pid is mistaken for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Boot and time namespace, as [`clock::boot_epoch`] names them.
    pub boot_id: String,
    /// The pid namespace in which `pid` means something.
    pub pid_namespace: String,
    /// The process id.
    pub pid: i32,
    /// Clock ticks between boot and the start of the process.
    pub start_ticks: u64,
}

/// The liveness of a process, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessLiveness {
    /// The process runs.
    Alive,
    /// The process has ended; a zombie counts as ended.
    Dead,
    /// The process belongs to another container of this boot, where its pid cannot be looked up.
    Unknown,
}

impl ProcessIdentity {
    /// The running process itself. `None` only where `/proc` cannot be read.
    pub fn current() -> Option<Self> {
        Self::of(own_pid())
    }

    /// The process that has this pid now.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = procfs::stat(pid).filter(procfs::ProcessStat::is_running)?;
        Some(Self::from_stat(&stat))
    }

    /// Finds out whether this very process still runs. Take [`ProcessLiveness::Unknown`] as alive
    /// where a mistake would run something twice.
    pub fn liveness(&self) -> ProcessLiveness {
        if boot_of(&self.boot_id) != boot_of(&clock::boot_epoch()) {
            return ProcessLiveness::Dead;
        }
        if self.boot_id != clock::boot_epoch() || self.pid_namespace != pid_namespace() {
            return ProcessLiveness::Unknown;
        }
        match procfs::stat(self.pid) {
            Some(stat) if stat.start_ticks == self.start_ticks && stat.is_running() => {
                ProcessLiveness::Alive
            }
            _ => ProcessLiveness::Dead,
        }
    }

    /// The identity of a process that was just looked at.
    pub(in crate::process) fn from_stat(stat: &procfs::ProcessStat) -> Self {
        Self {
            boot_id: clock::boot_epoch(),
            pid_namespace: pid_namespace(),
            pid: stat.pid,
            start_ticks: stat.start_ticks,
        }
    }
}

/// True while the process runs and these words stand first on its command line, behind its program.
pub fn begins_with(process: &ProcessIdentity, words: &[&str]) -> bool {
    let said = procfs::command_words(process.pid, 4);
    // Looked at behind the command line: the process may have made room for another one meanwhile.
    let said = said.iter().skip(1).map(String::as_str);
    said.take(words.len()).eq(words.iter().copied()) && process.liveness() == ProcessLiveness::Alive
}

/// Most processes that are looked at on the way up from one of them.
const MOST_PARENTS: usize = 64;

/// True where the process, or one that it came from, was started for a run: as its agent, one of its checks, or
/// something that those have started. The variable that says so is given to all of them. A process that has gone
/// cannot show that it was not.
pub fn is_within_a_run(pid: i32) -> bool {
    if procfs::stat(pid).is_none() {
        return true;
    }
    let mut at = pid;
    for _ in 0..MOST_PARENTS {
        if procfs::variable(at, env::AI_RUN).is_some() {
            return true;
        }
        match procfs::stat(at) {
            Some(stat) if stat.parent > 1 => at = stat.parent,
            _ => return false,
        }
    }
    false
}

/// The pid of this process.
pub(in crate::process) fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_pid()
}

/// The boot alone, without the time namespace.
fn boot_of(boot_id: &str) -> &str {
    boot_id.split_once('/').map_or(boot_id, |(boot, _)| boot)
}

fn pid_namespace() -> String {
    rustix::fs::readlink("/proc/self/ns/pid", Vec::new())
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_gone_counts_as_within_a_run() {
        assert!(is_within_a_run(i32::MAX));
    }

    #[test]
    fn this_process_is_alive_and_survives_serialisation() {
        let me = ProcessIdentity::current().unwrap();
        let text = serde_json::to_string(&me).unwrap();
        assert_eq!(
            serde_json::from_str::<ProcessIdentity>(&text)
                .unwrap()
                .liveness(),
            ProcessLiveness::Alive
        );
    }

    #[test]
    fn another_start_time_or_boot_is_another_process() {
        let me = ProcessIdentity::current().unwrap();
        let reused = ProcessIdentity {
            start_ticks: me.start_ticks + 1,
            ..me.clone()
        };
        assert_eq!(reused.liveness(), ProcessLiveness::Dead);
        let rebooted = ProcessIdentity {
            boot_id: "another/time:[1]".into(),
            ..me.clone()
        };
        assert_eq!(rebooted.liveness(), ProcessLiveness::Dead);
        let elsewhere = ProcessIdentity {
            pid_namespace: "pid:[1]".into(),
            ..me
        };
        assert_eq!(elsewhere.liveness(), ProcessLiveness::Unknown);
    }

    #[test]
    fn what_a_run_has_started_is_told_by_the_variable_of_any_of_its_parents() {
        let started = |within: bool| {
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", "env -u AI_RUN sh -c 'echo $$; read x'; true"])
                .env_remove("AI_RUN")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped());
            if within {
                command.env("AI_RUN", "t-a.1");
            }
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
            std::io::BufRead::read_line(&mut said, &mut line).unwrap();
            let found = is_within_a_run(line.trim().parse().unwrap());
            drop(child.stdin.take());
            child.wait().unwrap();
            found
        };
        assert!(started(true));
        assert!(!started(false));
    }

    #[test]
    fn a_zombie_is_dead_although_its_pid_exists() {
        let mut command = std::process::Command::new("sh");
        let mut child = command
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let identity = ProcessIdentity::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert_eq!(identity.liveness(), ProcessLiveness::Alive);
        drop(child.stdin.take());
        // Not reaped yet: it becomes a zombie, and stays one until `wait`.
        while procfs::stat(identity.pid).unwrap().is_running() {
            std::thread::yield_now();
        }
        assert_eq!(identity.liveness(), ProcessLiveness::Dead);
        child.wait().unwrap();
        assert_eq!(identity.liveness(), ProcessLiveness::Dead);
    }
}
