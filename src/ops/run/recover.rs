//! Runs whose supervisor died. Death is proven by process identity, never guessed from silence; what is left of the run is ended, its
//! work is put on a rescue ref, and only then does the task go back.

use crate::domain::run::{ProcessRef, Run, Step};
use crate::git::Repo;
use crate::ops::cx::commit;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::stopped::{self, Cause, Kept};
use crate::ops::run::world::{World, environment};
use crate::process::guard::kill_leftovers;
use crate::process::identity::{Liveness, ProcessIdentity};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// A run that was recovered.
pub struct Recovered {
    /// The run.
    pub run: Run,
    /// Where its work stands.
    pub kept: Kept,
    /// Processes of it that were still there and were ended.
    pub ended: usize,
}

/// Recovers every run whose supervisor is certainly dead.
pub fn dead_runs(world: &World, store: &mut SqliteStore, repo: &Repo) -> Result<Vec<Recovered>, OpError> {
    let active = store.read(|tx| tx.active_runs())?;
    let dead: Vec<Run> = active.into_iter().filter(|run| liveness(&run.supervisor) == Liveness::Dead).collect();
    dead.into_iter().map(|run| recover(world, store, repo, run)).collect()
}

/// Whether the supervisor of a run still works.
pub fn liveness(supervisor: &ProcessRef) -> Liveness {
    identity(supervisor).liveness()
}

fn identity(supervisor: &ProcessRef) -> ProcessIdentity {
    ProcessIdentity {
        boot_id: supervisor.boot_id.clone(),
        pid_namespace: supervisor.pid_namespace.clone(),
        pid: supervisor.pid,
        start_ticks: supervisor.start_ticks,
    }
}

/// Ends what is left of a run whose supervisor is dead, saves its work and gives its task back.
pub fn recover(world: &World, store: &mut SqliteStore, repo: &Repo, run: Run) -> Result<Recovered, OpError> {
    let left = kill_leftovers(run.id.as_str(), world.config.runs.grace).map_err(environment)?;
    if !left.survivors.is_empty() {
        let pids: Vec<i32> = left.survivors.iter().map(|p| p.pid).collect();
        let text = format!("processes {pids:?} of run {} cannot be ended, so its task stays where it is", run.id);
        return Err(Refusal::Environment(text).into());
    }
    let kept = match run.step >= Step::Worktree {
        true => stopped::keep(world, repo, &run),
        false => Kept::Nothing,
    };
    let summary = format!("cut off at step {}: its supervisor died", run.step.name());
    let cx = world.cx(&world.checkout_policy())?;
    commit(store, &cx, |tx, cx| stopped::end(tx, cx, &run, Cause::Machine, &summary, &kept))?;
    world.say(&format!("recovered run {}: {summary}{}", run.id, kept.clause()));
    Ok(Recovered { run, kept, ended: left.ended })
}
