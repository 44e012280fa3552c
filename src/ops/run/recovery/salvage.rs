//! Saving the work of runs that were cut off: what stands in a slot goes on a rescue reference, where
//! nothing can lose it. Nothing in the slot is changed, but for what no reference can hold: that is moved out of it.

use std::path::{Path, PathBuf};

use crate::base::id;
use crate::base::onlooker::Onlooker;
use crate::domain::run::Run;
use crate::git::quarantine::Quarantine;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::{KnownRescue, PoolLimits, Rescue, RescueAs, RescueResult, WorktreePool};
use crate::git::{Oid, Repo};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::run::model::KeptWork;
use crate::ops::run::recovery::checkout;
use crate::ops::world::{World, identity};

/// The references for work that is found in a slot and belongs to no lost run.
pub(crate) const SLOT_RESCUES: &str = "refs/ai/rescue/slot/";
/// Saves what stands in the slot of a run on `reference`.
pub(crate) fn save(
    world: &World,
    pool: &WorktreePool<'_>,
    run: &Run,
    shadow: &ShadowRepo,
    (reference, known): (&str, KnownRescue),
) -> Result<RescueResult, OpError> {
    let who = identity()?;
    let base = run
        .base
        .as_deref()
        .map(Oid::parse)
        .transpose()
        .kept("the base of the run")?;
    let message = format!("ai: work saved from worktree {}\n", run.worktree);
    let when_ms = (world.clock)().wall_ms;
    let save = RescueAs {
        reference,
        message: &message,
        who: &who,
        when_ms,
        known,
    };
    Ok(pool.rescue(&run.worktree, base.as_ref(), shadow, &save)?)
}

/// Puts the work of a run that was cut off on `refs/ai/rescue/<task>/<epoch>`. `None` where there
/// was nothing to save.
pub fn rescue_run(world: &World, repo: &Repo, run: &Run) -> Result<Option<String>, OpError> {
    if run.is_in_place() {
        return checkout::give_back(world, repo, &run.id);
    }
    let pool = WorktreePool::new(
        repo,
        world.places.pool_of(&run.worktree),
        PoolLimits::default(),
    )
    .watched_by(Onlooker::patient(&*world.progress));
    let shadow = ShadowRepo::open(repo, &world.shadow_dir(&run.worktree))?;
    // What the agent committed in its sandbox is saved with the rest; where it cannot be, its files
    // still are.
    if let (Some(own), Ok(Some(info))) = (own_commits(world, repo, run)?, pool.find(&run.worktree))
        && let Some(admin) = &info.admin
        && let Err(error) = own.take_in(repo, &shadow, admin)
    {
        world.say(&format!(
            "the commits of {} were not taken over: {error}",
            run.id
        ));
    }
    let reference = run.id.rescue_ref();
    let saved = save(
        world,
        &pool,
        run,
        &shadow,
        (&reference, KnownRescue::UnderItsName),
    )?;
    move_unsaved(world, &pool, run, &saved.left_behind);
    match saved.rescue {
        Rescue::Nothing => Ok(None),
        Rescue::Saved { reference, .. } => Ok(Some(reference)),
    }
}

/// Moves what a rescue had to leave behind to where a person finds it, and says so: the words of the next run would
/// reach whoever starts that. Where it cannot be moved, it stays, and the next run tries again.
fn move_unsaved(world: &World, pool: &WorktreePool<'_>, run: &Run, left: &[TreeReport]) {
    if left.is_empty() {
        return;
    }
    match pool.set_aside(&run.worktree, left, &kept_dir(world, run)) {
        Ok(moved) => {
            for (what, kept) in &moved {
                tell_kept(world, run, what, kept);
            }
        }
        Err(error) => world.say(&format!(
            "warning: what could not be saved of worktree {} is still there: {error}",
            run.worktree
        )),
    }
}

/// A new directory for what is moved out of the slot of a run.
pub(crate) fn kept_dir(world: &World, run: &Run) -> PathBuf {
    let name = format!("{}-{}", run.id, id::random_text(6));
    world.state().join("kept").join(name)
}

/// Says what was moved out of the slot of a run, and where it is.
pub(crate) fn tell_kept(world: &World, run: &Run, what: &str, kept: &Path) {
    world.say(&format!(
        "worktree {}: {what}; kept as {}",
        run.worktree,
        kept.display()
    ));
}

/// Returns where a sandbox lets the agent of this run commit; nowhere in the main checkout, whose
/// git directory is the person's.
pub fn own_commits(world: &World, repo: &Repo, run: &Run) -> Result<Option<Quarantine>, OpError> {
    if run.is_in_place() {
        return Ok(None);
    }
    let dir = world.state().join("slots").join(&run.worktree).join("own");
    let base = run
        .base
        .as_deref()
        .map(Oid::parse)
        .transpose()
        .kept("the base of the run")?;
    Ok(Quarantine::at(repo, &dir, &run.branch, base.as_ref()))
}

/// Puts what stands in a slot where nothing can lose it: under the name of the run that worked
/// there last, else under the slot's own. Nothing in the slot is changed.
pub fn rescue_slot(
    world: &World,
    repo: &Repo,
    slot: &str,
    last: Option<&Run>,
) -> Result<RescueResult, OpError> {
    let pool = WorktreePool::new(repo, world.places.pool_of(slot), PoolLimits::default())
        .watched_by(Onlooker::patient(&*world.progress));
    rescue_in(world, repo, &pool, slot, last)
}

/// Saves what stands in a slot of this pool, as [`rescue_slot`] does.
pub(crate) fn rescue_in(
    world: &World,
    repo: &Repo,
    pool: &WorktreePool<'_>,
    slot: &str,
    last: Option<&Run>,
) -> Result<RescueResult, OpError> {
    let shadow = ShadowRepo::open(repo, &world.shadow_dir(slot))?;
    let reference = last.map_or_else(
        || format!("{SLOT_RESCUES}{slot}"),
        |run| run.id.rescue_ref(),
    );
    let base = last
        .and_then(|run| run.base.as_deref())
        .map(Oid::parse)
        .transpose()
        .kept("the base of the run")?;
    let (who, when_ms) = (identity()?, (world.clock)().wall_ms);
    let message = format!("ai: work saved from worktree {slot}\n");
    let save = RescueAs {
        reference: &reference,
        message: &message,
        who: &who,
        when_ms,
        known: KnownRescue::Anywhere,
    };
    Ok(pool.rescue(slot, base.as_ref(), &shadow, &save)?)
}

/// Puts the work of a run where nothing can lose it.
pub fn keep(world: &World, repo: &Repo, run: &Run) -> KeptWork {
    let saved = match rescue_run(world, repo, run) {
        Ok(saved) => saved,
        Err(error) => return KeptWork::InPlace(world.redactor().redact_text(&error.to_string())),
    };
    let branch = format!("refs/heads/{}", run.branch);
    match (saved, repo.find_ref(&branch)) {
        (Some(reference), _) => KeptWork::On(reference),
        (None, Ok(Some(tip))) if Some(tip.as_str()) != run.base.as_deref() => KeptWork::On(branch),
        _ => KeptWork::Nothing,
    }
}
