//! The processes left of a run after both `ai` and its keeper were killed: found by the run's mark in the
//! environment.

use std::collections::HashSet;
use std::time::Duration;

use crate::base::clock;
use crate::base::env::AI_RUN;
use crate::base::fs::FsError;
use crate::process::identity::{ProcessIdentity, own_pid};
use crate::process::procfs::{ProcessStat, descendants, environment_has, table};
use crate::process::signal::{GroupKill, ProcessSweep, STEP, SweepPressure};

/// The result of [`kill_leftovers`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Number of processes that were ended.
    pub ended: usize,
    /// Processes that could not be killed. Not empty: the run must not be taken for over.
    pub survivors: Vec<ProcessIdentity>,
}

/// Ends every process that was started for `run_id`, and what is below those: `SIGTERM`, then
/// `SIGKILL` after `grace`. Blocks until they are gone. Never touches this process, those above it,
/// or processes of other users.
///
/// # Errors
/// Where `/proc` cannot be listed, so that nothing is known.
pub fn kill_leftovers(run_id: &str, grace: Duration) -> Result<Leftovers, FsError> {
    let mark = format!("{AI_RUN}={run_id}").into_bytes();
    let mut sweep = ProcessSweep::begin(grace);
    loop {
        let targets = marked(&mark)?;
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

/// Running processes with the mark, and their descendants, without this process and its ancestors.
fn marked(mark: &[u8]) -> Result<Vec<ProcessStat>, FsError> {
    let table = table()?;
    let spared = own_line(&table);
    let candidates = table
        .iter()
        .filter(|stat| stat.is_running() && !spared.contains(&stat.pid));
    let found: Vec<ProcessStat> = candidates
        .filter(|stat| environment_has(stat.pid, mark))
        .copied()
        .collect();
    let roots: Vec<i32> = found.iter().map(|stat| stat.pid).collect();
    let below = descendants(&roots, &table)
        .into_iter()
        .filter(|stat| stat.is_running() && !spared.contains(&stat.pid));
    Ok(found.iter().copied().chain(below).collect())
}

/// This process and everything above it.
fn own_line(table: &[ProcessStat]) -> HashSet<i32> {
    let mut line = HashSet::new();
    let mut pid = own_pid();
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

    #[test]
    fn this_process_and_its_ancestors_are_spared() {
        let table = table().unwrap();
        let spared = own_line(&table);
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(spared.contains(&own_pid()) && spared.contains(&parent));
        // Every process of this test run shares its environment, the runner above included; only
        // the line upwards is safe.
        let path = std::fs::read(format!("/proc/{}/environ", own_pid())).unwrap();
        let shared = path.split(|byte| *byte == 0).next().unwrap();
        assert!(
            marked(shared)
                .unwrap()
                .iter()
                .all(|stat| !spared.contains(&stat.pid))
        );
    }
}
