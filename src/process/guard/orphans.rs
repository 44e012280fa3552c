//! The processes that fall to `ai` when a keeper is killed, told apart from `ai`'s own children.
//!
//! Every keeper leads a session of its own, and nothing can join another session. So a direct child
//! of `ai` that is neither in the session of `ai` nor one of its living keepers has been adopted
//! from a keeper that died. What was there before that keeper is left alone.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions};
use tokio::process::Child;

use crate::process::identity::own_pid;
use crate::process::procfs::{ProcessStat, children, descendants, table};
use crate::process::signal::{GroupKill, ProcessSweep, STEP, SweepPressure};

/// The keepers that this process has started and not yet waited for. Held over a start, so that no
/// look falls between the start of a keeper and its registration.
static KEEPERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A keeper's place in the register; given back when dropped.
#[derive(Debug)]
pub(super) struct KeeperRegistration(i32);

impl Drop for KeeperRegistration {
    fn drop(&mut self) {
        keepers().remove(&self.0);
    }
}

/// Makes `ai` the reaper of what its keepers leave when they are killed.
pub(super) fn become_reaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(
        rustix::process::getpid(),
    ))?)
}

/// Starts a keeper and registers it in one step.
pub(super) fn register(
    start: impl FnOnce() -> io::Result<Child>,
) -> io::Result<(Child, KeeperRegistration)> {
    let mut keepers = keepers();
    let child = start()?;
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .unwrap_or_default();
    keepers.insert(pid);
    Ok((child, KeeperRegistration(pid)))
}

/// Ends and reaps everything that `ai` has adopted and that is not older than `since` (ticks after
/// boot). Returns how many processes that were, and the pids that could not be killed.
pub(in crate::process) async fn end_orphans(since: u64, grace: Duration) -> (usize, Vec<i32>) {
    let mut sweep = ProcessSweep::begin(grace);
    loop {
        let targets = look(since);
        if targets.is_empty() || sweep.pressure() == SweepPressure::GivenUp {
            return (sweep.count(), targets.iter().map(|stat| stat.pid).collect());
        }
        sweep.press(&targets, GroupKill::Spared);
        tokio::time::sleep(STEP).await;
    }
}

/// Reaps what `ai` has adopted and what has ended: the survivors of a keeper, or a daemon that
/// `git` has started.
pub(in crate::process) fn reap_orphans() {
    // Nearly always there is none, and the table of all processes need not be read.
    let is_known = |pid: &i32| keepers().contains(pid);
    if children().is_some_and(|children| children.iter().all(is_known)) {
        return;
    }
    look(0);
}

/// Reaps adopted children that have ended, and lists the others with all that is below them.
fn look(since: u64) -> Vec<ProcessStat> {
    let own = own_pid();
    let keepers = keepers();
    let table = table().unwrap_or_default();
    let own_session = table
        .iter()
        .find(|stat| stat.pid == own)
        .map(|stat| stat.session);
    let is_adopted = |stat: &&ProcessStat| {
        stat.parent == own
            && stat.start_ticks >= since
            && Some(stat.session) != own_session
            && !keepers.contains(&stat.pid)
    };
    let (running, ended): (Vec<ProcessStat>, Vec<ProcessStat>) = table
        .iter()
        .filter(is_adopted)
        .copied()
        .partition(ProcessStat::is_running);
    ended.iter().for_each(|stat| reap(stat.pid));
    let roots: Vec<i32> = running.iter().map(|stat| stat.pid).collect();
    let below = descendants(&roots, &table)
        .into_iter()
        .filter(ProcessStat::is_running);
    running.iter().copied().chain(below).collect()
}

/// Takes one ended child out of the process table; no other child's status is touched.
fn reap(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _status = rustix::process::waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
        );
    }
}

fn keepers() -> MutexGuard<'static, BTreeSet<i32>> {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}
