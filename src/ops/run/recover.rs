//! Runs whose supervisor died. Death is proven by process identity, never guessed from silence; what is left of the run is ended, its
//! work is put on a rescue ref, and only then does the task go back.

use crate::domain::event::{After, Attempt, Event};
use crate::domain::run::{ProcessRef, Run, RunEnd, Step};
use crate::domain::task::{BlockReason, Hold, Note};
use crate::domain::verdict::{Cell, Freshness, Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::git::Repo;
use crate::ops::cx::{self, commit};
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::place;
use crate::ops::run::world::{World, environment};
use crate::process::guard::kill_leftovers;
use crate::process::identity::{Liveness, ProcessIdentity};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// A run that was recovered.
pub struct Recovered {
    /// The run.
    pub run: Run,
    /// Where its work stands, where there was any.
    pub saved: Option<String>,
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
    ProcessIdentity {
        boot_id: supervisor.boot_id.clone(),
        pid_namespace: supervisor.pid_namespace.clone(),
        pid: supervisor.pid,
        start_ticks: supervisor.start_ticks,
    }
    .liveness()
}

fn recover(world: &World, store: &mut SqliteStore, repo: &Repo, run: Run) -> Result<Recovered, OpError> {
    let left = kill_leftovers(run.id.as_str(), world.config.runs.grace).map_err(environment)?;
    if !left.survivors.is_empty() {
        let pids: Vec<i32> = left.survivors.iter().map(|p| p.pid).collect();
        let text = format!("processes {pids:?} of run {} cannot be ended, so its task stays where it is", run.id);
        return Err(Refusal::Environment(text).into());
    }
    let saved = match run.step >= Step::Worktree {
        true => place::rescue_run(world, repo, &run)?,
        false => None,
    };
    let policy = world.checkout_policy();
    let cx = world.cx(&policy)?;
    let kept = match (&saved, &run.commit) {
        (Some(reference), _) => format!("; its work stands on {reference}"),
        (None, Some(_)) => format!("; its work stands on branch {}", run.branch),
        (None, None) => String::new(),
    };
    let summary = format!("cut off at step {}: its supervisor died{kept}", run.step.name());
    let cell = Cell {
        lifecycle: Lifecycle::Lost,
        verification: Verification::Unverified,
        policy: PolicyVerdict::Allow,
        freshness: Freshness::Current,
    };
    let end = RunEnd { at_ms: cx.now.wall_ms, cell, outcome: Outcome::RetryUncounted, summary: summary.clone() };
    commit(store, &cx, |tx, cx| {
        // Somebody else may have recovered it meanwhile.
        if tx.run(&run.id)?.is_none_or(|now| now.end.is_some()) {
            return Ok(());
        }
        let lapses = cx::load(tx, &run.task)?.lapses + 1;
        let then = if lapses >= cx.rules.max_lapses {
            let reason = format!("its runs were cut off {lapses} times in a row; the last: {summary}");
            After::Hold {
                hold: Hold { kind: BlockReason::Parked, reason, since_ms: cx.now.wall_ms },
                attempt: Attempt::Lapse,
            }
        } else {
            let note =
                saved.is_some().then(|| Note { at_ms: cx.now.wall_ms, by: cx.actor.clone(), text: summary.clone() });
            After::Requeue { attempt: Attempt::Lapse, not_before_ms: None, note }
        };
        cx.record(tx, &Event::RunEnded { run: run.id.clone(), end: Box::new(end.clone()), then })
    })?;
    world.say(&format!("recovered run {}: {summary}", run.id));
    Ok(Recovered { run, saved, ended: left.ended })
}
