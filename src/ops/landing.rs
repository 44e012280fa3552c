//! Landing one accept, or undoing of one, at a time: who comes second waits, and begins again on what
//! the target is then. What one that was killed has left is put away first.
//!
//! Locks are in the store and the branch is in Git, and no transaction spans both. So the store is
//! held, without writing, from the last question about locks until the branch has moved: who wants a
//! lock meanwhile waits, and gets it over paths that have changed already. A process that is killed
//! in between leaves a branch that has moved or not; the intent, which was recorded before, says how
//! to go on in either case (ADR 0040).

use std::cell::RefCell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::domain::run::{Accepting, ProcessRef, Run};
use crate::domain::task::Task;
use crate::git::merge::{
    self, LandedMerge, Lander, MergeError, MergePlan, MergeProposal, PreparedMerge, Reversal,
};
use crate::git::repo::RefError;
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::error::{Bug as _, Doing as _, Kept as _, OpError};
use crate::ops::failpoint;
use crate::ops::refusal::Refusal;
use crate::ops::run::recovery::liveness::{liveness, this_process};
use crate::ops::world::World;
use crate::process::identity::ProcessLiveness;
use crate::store::{Lasting, Store, Transaction, Tx};

/// Tries of one accept whose target moves each time.
const TRIES: usize = 5;
/// A landing takes moments; who holds it for longer is stopped, or hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const STEP: Duration = Duration::from_millis(20);
/// The file below the state directory that is locked over a landing.
pub(crate) const LOCK: &str = "accept.lock";
/// The copy of a checkout's index below the state directory, while an accept looks ahead.
const INDEX: &str = "accept.index";

/// A run that works in the checkout itself puts back what it found there; nothing may land beneath
/// it.
pub(crate) fn refuse_in_use(store: &mut dyn Store) -> Result<(), OpError> {
    match store
        .read(|tx| tx.active_runs())?
        .into_iter()
        .find(Run::is_in_place)
    {
        None => Ok(()),
        Some(run) => {
            let why = format!(
                "run {} works in the checkout itself (isolation: none)",
                run.id
            );
            let hint = "wait until it has ended; `ai recover` ends one that was cut off".into();
            Err(Refusal::TryLater { why, hint }.into())
        }
    }
}

/// True where a landing that was begun has moved its branch already.
pub(crate) fn landed(repo: &Repo, started: &Accepting) -> Result<bool, OpError> {
    let Some(tip) = repo.find_ref(&started.target)? else {
        return Ok(false);
    };
    let commit = Oid::parse(&started.commit).kept("the commit that was to land")?;
    if !repo.has_object(&commit)? {
        return Ok(false);
    }
    Ok(repo.is_ancestor(&commit, &tip)?)
}

/// The commit in the target by which the work of this run was taken back there.
pub(crate) fn taken_back<'r>(
    repo: &Repo,
    run: &'r Run,
    target: &str,
) -> Result<Option<&'r Accepting>, OpError> {
    match run.undone.as_ref().filter(|it| it.target == target) {
        Some(undone) if landed(repo, undone)? => Ok(Some(undone)),
        _ => Ok(None),
    }
}

/// Computes what an accept would land on a commit, at which the target is or is to be. Work that was accepted before and taken back is in the history
/// of the target, and not in its tree: it is brought in again by the reverse of what took it back.
pub(crate) fn prepare(
    (repo, shadow): (&Repo, &ShadowRepo),
    run: &Run,
    proposal: &MergeProposal<'_>,
    tip: Option<Oid>,
) -> Result<Result<PreparedMerge, MergeError>, OpError> {
    let undone = taken_back(repo, run, proposal.target)?;
    let (Some(undone), Some(tip)) = (undone, tip.clone()) else {
        return Ok(merge::prepare_on(repo, shadow, proposal, tip));
    };
    let before = repo.resolve_commit(&format!("{}^1", undone.commit))?;
    let from = Oid::parse(&undone.tree).kept("the tree that was landed")?;
    let again = merge::reverse(
        repo,
        shadow,
        &Reversal {
            target: proposal.target,
            tip: &tip,
            from: &from,
            to: &repo.tree_of(&before)?,
            message: proposal.message,
            who: proposal.who,
            when_ms: proposal.when_ms,
        },
    );
    Ok(again.map(|plan| plan.map_or(PreparedMerge::AlreadyMerged, PreparedMerge::Ready)))
}

/// Does it again while only another landing was faster, a bounded number of times. `command` is the
/// one that lands.
pub(crate) fn with_patience<T>(
    task: &Task,
    command: &str,
    mut attempt: impl FnMut() -> Result<T, OpError>,
) -> Result<T, OpError> {
    for _ in 0..TRIES {
        match attempt() {
            Err(error) if was_overtaken(&error) => {}
            other => return other,
        }
    }
    Err(Refusal::TryLater {
        why: format!(
            "the target of {} moved {TRIES} times while it was being landed",
            task.id
        ),
        hint: format!("`{command} {}`", task.id),
    }
    .into())
}

fn was_overtaken(error: &OpError) -> bool {
    let OpError::Merge { source, .. } = error else {
        return false;
    };
    matches!(**source, MergeError::Ref(RefError::Conflict { .. }))
}

/// A prepared merge on its way into its branch.
pub(crate) struct PreparedLanding<'a> {
    /// The merge.
    pub plan: &'a MergePlan,
    /// The line in the reflog.
    pub log: &'a str,
    /// Asked while the store is held, in the moment before the first file changes: nobody can take a
    /// lock between this question and the move of the branch.
    pub may_land: &'a dyn Fn(&mut dyn Tx) -> Result<(), OpError>,
}

/// Lands a prepared merge while nobody else lands.
pub(crate) fn land(
    world: &World,
    store: &mut dyn Store,
    on: (&Repo, &ShadowRepo),
    landing: &PreparedLanding<'_>,
) -> Result<Result<LandedMerge, MergeError>, OpError> {
    let alone = alone(world)?;
    land_alone(world, store, on, landing, &alone)
}

/// Lands a prepared merge under the lock of landings.
pub(crate) fn land_alone(
    world: &World,
    store: &mut dyn Store,
    (repo, shadow): (&Repo, &ShadowRepo),
    landing: &PreparedLanding<'_>,
    _alone: &LandingLock,
) -> Result<Result<LandedMerge, MergeError>, OpError> {
    let plan = landing.plan;
    let name = serde_json::to_string(&this_process()?).bug("a process cannot be named")?;
    let (store, opposed) = (RefCell::new(store), RefCell::new(None));
    let unopposed = |go: merge::Move<'_>| {
        let mut store = store.borrow_mut();
        match hold(&mut **store, landing) {
            // Whoever wants to write waits from here until the branch has moved. Nothing is written.
            Ok(_held) => go(),
            Err(why) => {
                opposed.replace(Some(why));
                Err(MergeError::Refused)
            }
        }
    };
    let lander = Lander {
        name: &name,
        has_ended: &has_ended,
        reached: &|step| {
            // A crash by an error is nothing that could be told apart from Git's own.
            let _planted = failpoint::hit(step);
        },
        unopposed: &unopposed,
    };
    let pools = world.places.pools();
    let landed = merge::land(repo, shadow, &pools, plan, (landing.log, &lander));
    match opposed.take() {
        Some(why) => Err(why),
        None => Ok(landed),
    }
}

/// Holds the store, where the landing may go on.
fn hold<'a>(
    store: &'a mut dyn Store,
    landing: &PreparedLanding<'_>,
) -> Result<Box<dyn Transaction + 'a>, OpError> {
    let mut held = store.begin_write(Lasting::WithTheNext)?;
    (landing.may_land)(held.tx())?;
    Ok(held)
}

/// Looks, while no other accept lands, for what would keep a prepared merge from landing.
pub(crate) fn look_ahead(
    world: &World,
    (repo, shadow): (&Repo, &ShadowRepo),
    plan: &MergePlan,
) -> Result<Result<(), MergeError>, OpError> {
    let _alone = alone(world)?;
    let (pools, index) = (world.places.pools(), world.state().join(INDEX));
    Ok(merge::look_ahead(repo, shadow, &pools, plan, &index))
}

/// The same for somebody who only looks: nothing is written but the copy of an index at `index`.
pub(crate) fn look_from_outside(
    world: &World,
    (repo, shadow): (&Repo, &ShadowRepo),
    plan: &MergePlan,
    index: &Path,
) -> Result<Result<(), MergeError>, OpError> {
    let _alone = match OpenOptions::new().read(true).open(world.state().join(LOCK)) {
        // Nobody has ever landed anything.
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        file => Some(locked(file.doing("open the lock of accepts")?)?),
    };
    let pools = world.places.pools();
    Ok(merge::look_ahead(repo, shadow, &pools, plan, index))
}

/// True where the process that a lock names has certainly ended.
pub(crate) fn has_ended(name: &str) -> bool {
    serde_json::from_str::<ProcessRef>(name)
        .is_ok_and(|process| liveness(&process) == ProcessLiveness::Dead)
}

/// Held while somebody lands.
pub(crate) struct LandingLock(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Waits until nobody else lands in this repository.
pub(crate) fn alone(world: &World) -> Result<LandingLock, OpError> {
    let path = world.state().join(LOCK);
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path);
    locked(file.doing("open the lock of accepts")?)
}

fn locked(file: File) -> Result<LandingLock, OpError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(LandingLock(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => clock::pause(STEP),
            Err(TryLockError::WouldBlock) => {
                return Err(Refusal::TryLater {
                    why: format!(
                        "another `ai accept` or `ai undo` has been at work on this repository for {} s",
                        PATIENCE.as_secs()
                    ),
                    hint: "wait for it, or end it if it is stopped".into(),
                }
                .into());
            }
            Err(TryLockError::Error(source)) => {
                return Err(source).doing("take the lock of accepts");
            }
        }
    }
}
