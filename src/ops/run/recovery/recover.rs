//! Runs whose supervisor died, or stood still until its lease lapsed. Death is proven by process
//! identity, never guessed from silence; what is left of the run is ended, its work is put on a
//! rescue ref, and only then does the task go back.

use crate::base::text::{listed, one_line};
use crate::base::{file_lock, fs};
use crate::domain::budget::RunUsage;
use crate::domain::event::Event;
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunStep};
use crate::git::Repo;
use crate::ops::cx::{self, commit};
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::agent::{cgroup, session};
use crate::ops::run::files::RunDir;
use crate::ops::run::model::KeptWork;
use crate::ops::run::recovery::liveness::{RunLoss, liveness, loss};
use crate::ops::run::recovery::{checkout, ending, leftovers, moved, salvage, stop};
use crate::ops::world::World;
use crate::process::guard::kill_leftovers;
use crate::process::identity::ProcessLiveness;
use crate::store::{Store, StoreError, Tx};

/// A run that was recovered.
pub struct Recovered {
    /// The run.
    pub run: Run,
    /// The place of its work.
    pub kept: KeptWork,
    /// Processes of it that were still there and were ended.
    pub ended: usize,
}

/// Recovers every run whose supervisor is certainly dead, or has let the lease lapse, and ends what
/// is left of runs that have ended. One that cannot be recovered does not keep the others from it.
pub fn lost_runs(
    world: &World,
    store: &mut dyn Store,
    repo: &Repo,
) -> Result<Vec<Recovered>, OpError> {
    let (now, state) = ((world.clock)(), world.state());
    let lost = store.read(|tx| {
        let mut lost = Vec::new();
        for run in tx.active_runs()? {
            let loss = loss(tx, &run, &now, &state)?;
            lost.extend(loss.map(|loss| (run, loss)));
        }
        Ok::<_, StoreError>(lost)
    })?;
    repo.clear_left_locks()?;
    let mut recovered = Vec::new();
    for (run, loss) in lost {
        let found = match loss {
            RunLoss::SupervisorDied => one(world, store, (repo, loss), &run.id),
            RunLoss::LeaseLapsed => lapsed(world, store, &run).map(Some),
        };
        match found {
            Ok(found) => recovered.extend(found),
            Err(error) => {
                let next = error.hindrance().and_then(|_| error.hint());
                let next = next.map_or_else(String::new, |next| format!("; {next}"));
                world.say(&format!(
                    "warning: run {} cannot be recovered: {error}{next}",
                    run.id
                ));
            }
        }
    }
    leftovers::see_to(world, store)?;
    checkout::give_back_ended(world, store, repo)?;
    Ok(recovered)
}

/// Recovers one run whose supervisor is dead; nothing where it has ended or somebody else has
/// recovered it.
pub fn one(
    world: &World,
    store: &mut dyn Store,
    (repo, loss): (&Repo, RunLoss),
    id: &RunId,
) -> Result<Option<Recovered>, OpError> {
    // Two that recover at once would both look at the slot, and the second one at what the first
    // has given to a new run.
    let _held = file_lock::lock(&world.state().join("recover.lock"))?;
    match store.read(|tx| tx.run(id))? {
        Some(run) if run.end.is_none() && liveness(&run.supervisor) == ProcessLiveness::Dead => {
            recover(world, store, (repo, loss), run).map(Some)
        }
        _ => Ok(None),
    }
}

/// Recovers the run that an id names, or the one that is at work on the task that it names. A
/// supervisor that lives but let its lease lapse (stopped, hung) is ended first.
pub fn named(
    world: &World,
    store: &mut dyn Store,
    typed: &str,
) -> Result<Option<Recovered>, OpError> {
    let run = store.read(|tx| find(tx, typed))?;
    if run.end.is_some() {
        return Ok(None);
    }
    if liveness(&run.supervisor) != ProcessLiveness::Dead {
        let now = (world.clock)();
        let lease = store.read(|tx| tx.lease(&run.task.subject()))?;
        if lease.is_some_and(|lease| lease.epoch == run.id.epoch() && lease.binds(&now)) {
            let why = format!("its supervisor (process {}) is at work", run.supervisor.pid);
            let hint = format!("`ai task cancel {}` stops it", run.task);
            return Err(Refusal::WrongState {
                task: run.task,
                state: "running".into(),
                why,
                hint,
            }
            .into());
        }
        return lapsed(world, store, &run).map(Some);
    }
    one(
        world,
        store,
        (&world.repo()?, RunLoss::SupervisorDied),
        &run.id,
    )
}

/// Ends a supervisor that has let its lease lapse, and sees to its run.
fn lapsed(world: &World, store: &mut dyn Store, run: &Run) -> Result<Recovered, OpError> {
    Ok(Recovered {
        run: stop::stop_lapsed(world, store, run)?,
        kept: KeptWork::Nothing,
        ended: 1,
    })
}

fn find(tx: &mut dyn Tx, typed: &str) -> Result<Run, OpError> {
    let missing = || Refusal::NotFound {
        what: Thing::Run,
        id: one_line(typed),
    };
    let (task, epoch) = match typed.trim().rsplit_once('.') {
        Some((task, epoch)) => (task, Some(epoch.parse::<u64>().map_err(|_| missing())?)),
        None => (typed.trim(), None),
    };
    let id = cx::resolve(tx, task)?;
    let mut runs = tx.runs(&id)?;
    runs.retain(|run| epoch.is_none_or(|epoch| run.id.epoch() == epoch));
    Ok(runs.pop().ok_or_else(missing)?)
}

/// Reads what the agent had told of its use when its supervisor died, where that is more than what
/// had been recorded by then.
fn unrecorded_use(world: &World, run: &Run) -> Option<RunUsage> {
    let before = run
        .resumed
        .as_ref()
        .map_or_else(RunUsage::default, |resumed| resumed.used);
    let told = session::told_use(&RunDir::of(world, &run.id))?.since(before);
    (told.tokens > run.used.unwrap_or_default().tokens).then_some(told)
}

/// Ends what is left of a run whose supervisor is dead, saves its work and gives its task back.
fn recover(
    world: &World,
    store: &mut dyn Store,
    (repo, loss): (&Repo, RunLoss),
    run: Run,
) -> Result<Recovered, OpError> {
    let since_ms = leftovers::since_ms(&run).unwrap_or_default();
    let mut left = kill_leftovers(run.id.as_str(), since_ms, world.config.runs.grace)?;
    left.ended += cgroup::end(&RunDir::of(world, &run.id), run.id.as_str());
    if !left.survivors.is_empty() {
        let pids = listed(left.survivors.iter().map(|p| p.pid));
        let text = format!(
            "processes {pids} of run {} cannot be ended, so its task stays where it is",
            run.id
        );
        return Err(Refusal::Environment(text).into());
    }
    // The branch bears the epoch, so that nobody else writes it: a lock on it is of this run. An agent
    // without a sandbox can put anything in the place of the socket; its work is saved all the same.
    let lock = repo
        .common_dir()
        .join(format!("refs/heads/{}.lock", run.branch));
    let dir = RunDir::of(world, &run.id);
    let sockets = dir.proxies().into_iter().chain([dir.socket()]);
    for leftover in sockets.chain([lock]) {
        if let Err(error) = fs::remove_file(&leftover) {
            world.say(&format!("warning: {error}"));
        }
    }
    session::rescue_home(world, &run)?;
    let kept = if run.step >= RunStep::Worktree {
        salvage::keep(world, repo, &run)
    } else {
        KeptWork::Nothing
    };
    let moved = moved::clause(repo, &run, &dir).unwrap_or_else(|error| {
        world.say(&format!("warning: {error}"));
        String::new()
    });
    let summary = format!(
        "cut off at step {}: {}{moved}",
        run.step.name(),
        loss.cause()
    );
    let cx = world.cx(&world.checkout_policy())?;
    let used = unrecorded_use(world, &run);
    commit(store, &cx, |tx, cx| {
        if let Some(used) = used {
            cx.record(
                tx,
                &Event::RunUsed {
                    run: run.id.clone(),
                    used,
                },
            )?;
        }
        ending::end(tx, cx, &run, loss.by(), &summary, &kept)
    })?;
    world.say(&format!(
        "recovered run {}: {summary}{}",
        run.id,
        kept.clause()
    ));
    let run = store.read(|tx| tx.run(&run.id))?.unwrap_or(run);
    Ok(Recovered {
        run,
        kept,
        ended: left.ended,
    })
}
