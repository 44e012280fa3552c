//! The processes that outlived both `ai` and its keeper: found by their run's mark in the environment,
//! by what they hold open, and told from everything else that this user runs.
//!
//! Only what is proven is ended: a process of this user, marked with the run, begun after the run,
//! and what such a process has started. What merely works in a directory of a run may be a person's
//! own, and is told of instead.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::clock;
use crate::base::env::AI_RUN;
use crate::base::fs::FsError;
use crate::process::guard::protocol::is_keeper;
use crate::process::identity::{ProcessIdentity, own_pid};
use crate::process::procfs::{
    self, ProcessStat, descendants, environment_has, held_below, is_own, started_ms, table,
};
use crate::process::signal::{GroupKill, ProcessSweep, STEP, SweepPressure};

/// The kernel tells the start of a process in hundredths of a second, rounded down.
const TICK_MS: i64 = 10;

/// The result of ending what was left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Number of processes that were ended.
    pub ended: usize,
    /// Processes that could not be killed. Not empty: the run must not be taken for over.
    pub survivors: Vec<ProcessIdentity>,
}

/// A process that is left of some run, though nobody looks after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrayProcess {
    /// The number.
    pub pid: i32,
    /// The name.
    pub name: String,
    /// The run whose mark it bears.
    pub run: String,
    /// The start, by the boot clock.
    pub started_ms: i64,
}

/// A process that holds something in a directory of a run, and bears no mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessWithin {
    /// The number.
    pub pid: i32,
    /// The name.
    pub name: String,
    /// A directory or file there that it holds.
    pub holds: PathBuf,
}

/// Ends every process that was started for `run_id` since `since_ms` (by the boot clock), and what
/// is below those: `SIGTERM`, then `SIGKILL` after `grace`. Blocks until they are gone. Never
/// touches this process, those above it, or processes of other users.
///
/// # Errors
/// Where `/proc` cannot be listed, so that nothing is known.
pub fn kill_leftovers(run_id: &str, since_ms: i64, grace: Duration) -> Result<Leftovers, FsError> {
    let mark = format!("{AI_RUN}={run_id}").into_bytes();
    end_all(grace, &|table| {
        let is_root = |stat: &ProcessStat| {
            started_ms(stat) + TICK_MS >= since_ms
                && is_own(stat.pid)
                && environment_has(stat.pid, &mark)
        };
        with_descendants(table, &is_root)
    })
}

/// Ends every [stray process](StrayProcess) that `is_left` tells to be one, and what is below it,
/// as [`kill_leftovers`] does.
///
/// # Errors
/// Where `/proc` cannot be listed.
pub fn kill_strays(
    is_left: &dyn Fn(&StrayProcess) -> bool,
    grace: Duration,
) -> Result<Leftovers, FsError> {
    end_all(grace, &|table| {
        let strays: HashSet<i32> = strays_in(table)
            .into_iter()
            .filter(is_left)
            .map(|stray| stray.pid)
            .collect();
        with_descendants(table, &|stat| strays.contains(&stat.pid))
    })
}

/// All processes at one moment, for several questions about what is left of runs.
pub struct ProcessLook {
    table: Vec<ProcessStat>,
    unkept: Vec<ProcessStat>,
}

impl ProcessLook {
    /// Looks.
    ///
    /// # Errors
    /// Where `/proc` cannot be listed.
    pub fn now() -> Result<Self, FsError> {
        let table = table()?;
        let unkept = unkept(&table);
        Ok(Self { table, unkept })
    }

    /// Lists the processes of this user that bear the mark of any run while no keeper is above them.
    /// Whether that run has ended, its store knows.
    pub fn strays(&self) -> Vec<StrayProcess> {
        strays_of(&self.unkept)
    }

    /// Lists the processes of this user without any mark, terminal or keeper that hold something below
    /// `dirs`. What `ai` itself has started is at work there by right.
    pub fn within(&self, dirs: &[PathBuf]) -> Vec<ProcessWithin> {
        let candidates = self.unkept.iter().filter(|stat| stat.terminal == 0);
        let holding: Vec<(i32, PathBuf)> = candidates
            .filter_map(|stat| Some((stat.pid, held_below(stat.pid, dirs)?)))
            .collect();
        if holding.is_empty() {
            return Vec::new();
        }
        // Only where somebody holds something has everybody's program to be known.
        let all = self.table.iter().map(|stat| stat.pid);
        let ours: Vec<i32> = all
            .filter(|pid| procfs::program_name(*pid).is_some_and(|name| name == "ai"))
            .collect();
        let below = descendants(&ours, &self.table);
        let mut ours_below: HashSet<i32> = below.iter().map(|stat| stat.pid).collect();
        ours_below.extend(ours);
        let found = holding.into_iter().filter(|(pid, _)| {
            !ours_below.contains(pid) && procfs::variable(*pid, AI_RUN).is_none()
        });
        let within = found.map(|(pid, holds)| ProcessWithin {
            pid,
            name: procfs::name(pid),
            holds,
        });
        within.collect()
    }
}

/// Looks and presses until nothing is found any more.
fn end_all(
    grace: Duration,
    find: &dyn Fn(&[ProcessStat]) -> Vec<ProcessStat>,
) -> Result<Leftovers, FsError> {
    let mut sweep = ProcessSweep::begin(grace);
    loop {
        let targets = find(&table()?);
        if targets.is_empty() || sweep.pressure() == SweepPressure::GivenUp {
            let survivors = targets.iter().map(ProcessIdentity::from_stat).collect();
            return Ok(Leftovers {
                ended: sweep.count() - targets.len().min(sweep.count()),
                survivors,
            });
        }
        sweep.press(&targets, GroupKill::Spared);
        clock::pause(STEP);
    }
}

/// The running processes for which `is_root` holds, and their descendants, without this process and
/// its ancestors.
fn with_descendants(
    table: &[ProcessStat],
    is_root: &dyn Fn(&ProcessStat) -> bool,
) -> Vec<ProcessStat> {
    let spared = line_above(own_pid(), table);
    let candidates = table
        .iter()
        .filter(|stat| stat.is_running() && !spared.contains(&stat.pid));
    let found: Vec<ProcessStat> = candidates.filter(|stat| is_root(stat)).copied().collect();
    let roots: Vec<i32> = found.iter().map(|stat| stat.pid).collect();
    let below = descendants(&roots, table)
        .into_iter()
        .filter(|stat| stat.is_running() && !spared.contains(&stat.pid));
    found.iter().copied().chain(below).collect()
}

fn strays_in(table: &[ProcessStat]) -> Vec<StrayProcess> {
    strays_of(&unkept(table))
}

fn strays_of(unkept: &[ProcessStat]) -> Vec<StrayProcess> {
    let marked = unkept.iter().filter_map(|stat| {
        Some(StrayProcess {
            pid: stat.pid,
            run: procfs::variable(stat.pid, AI_RUN)?,
            name: procfs::name(stat.pid),
            started_ms: started_ms(stat),
        })
    });
    marked.collect()
}

/// The running processes of this user that are neither a keeper nor below or above one, without
/// this process and its ancestors.
fn unkept(table: &[ProcessStat]) -> Vec<ProcessStat> {
    let spared = line_above(own_pid(), table);
    let own: Vec<&ProcessStat> = table.iter().filter(|stat| is_own(stat.pid)).collect();
    let keepers: Vec<i32> = own
        .iter()
        .map(|stat| stat.pid)
        .filter(|pid| is_keeper(&procfs::command_words(*pid, 4)))
        .collect();
    let mut kept: HashSet<i32> = descendants(&keepers, table)
        .iter()
        .map(|stat| stat.pid)
        .collect();
    // What a sandbox puts above the keeper bears the mark as well.
    keepers
        .iter()
        .for_each(|keeper| kept.extend(line_above(*keeper, table)));
    let is_unkept = |stat: &ProcessStat| {
        stat.is_running() && !spared.contains(&stat.pid) && !kept.contains(&stat.pid)
    };
    own.into_iter().copied().filter(is_unkept).collect()
}

/// A process and everything above it.
fn line_above(pid: i32, table: &[ProcessStat]) -> HashSet<i32> {
    let mut line = HashSet::new();
    let mut pid = pid;
    while line.insert(pid) {
        match table.iter().find(|stat| stat.pid == pid) {
            Some(stat) => pid = stat.parent,
            None => break,
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    #[test]
    fn this_process_and_its_ancestors_are_spared() {
        let table = table().unwrap();
        let spared = line_above(own_pid(), &table);
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(spared.contains(&own_pid()) && spared.contains(&parent));
        // Every process of this test run shares its environment, the runner above included; only
        // the line upwards is safe.
        let path = std::fs::read(format!("/proc/{}/environ", own_pid())).unwrap();
        let shared = path.split(|byte| *byte == 0).next().unwrap();
        assert!(
            with_descendants(&table, &|stat| environment_has(stat.pid, shared))
                .iter()
                .all(|stat| !spared.contains(&stat.pid))
        );
    }

    /// A process that waits until it is ended, with this mark.
    fn waiting(run: &str, dir: &std::path::Path) -> Child {
        let child = Command::new("cat")
            .env(AI_RUN, run)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The environment of a process that is about to become another program is empty for a moment.
        let mark = format!("{AI_RUN}={run}").into_bytes();
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while !environment_has(pid(&child), &mark) && std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        child
    }

    fn pid(child: &Child) -> i32 {
        i32::try_from(child.id()).unwrap()
    }

    #[test]
    fn only_what_began_after_the_run_is_of_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let run = format!("t-since-{}.1", own_pid());
        let mut child = waiting(&run, dir.path());
        let found = ProcessLook::now().unwrap().strays();
        let ours: Vec<_> = found.iter().filter(|stray| stray.run == run).collect();
        assert_eq!(ours.len(), 1, "{found:?}");
        let _open = child.stdin.take();
        let after = kill_leftovers(&run, ours[0].started_ms + 1_000, Duration::ZERO).unwrap();
        assert_eq!(after, Leftovers::default(), "it is older than that run");
        assert!(child.try_wait().unwrap().is_none());
        let is_ours = |stray: &StrayProcess| stray.run == run;
        // Waiting would close its input, on which it ends by itself.
        let _input = child.stdin.take();
        // Reaped meanwhile, so that it is seen to be gone.
        let reaper = std::thread::spawn(move || child.wait().unwrap());
        let ended = kill_strays(&is_ours, Duration::from_secs(30)).unwrap();
        assert_eq!((ended.ended, ended.survivors), (1, Vec::new()));
        assert!(!reaper.join().unwrap().success());
    }

    #[test]
    fn what_holds_a_directory_is_told_unless_it_bears_a_mark() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let mut marked = waiting("t-marked.1", &real);
        let mut unmarked = Command::new("setsid");
        unmarked.args(["cat"]).env_remove(AI_RUN).current_dir(&real);
        let mut unmarked = unmarked
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let found = ProcessLook::now()
            .unwrap()
            .within(std::slice::from_ref(&real));
        let pids: Vec<i32> = found.iter().map(|one| one.pid).collect();
        assert_eq!(
            (pids, &found[0].holds),
            (vec![pid(&unmarked)], &real),
            "{found:?}"
        );
        for child in [&mut marked, &mut unmarked] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
