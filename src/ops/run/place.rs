//! Where a run works: a slot of the worktree pool for the agent, and beside it a clean directory for the checks.

use std::path::PathBuf;

use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::git::shadow::{Ignored, Shadow};
use crate::git::worktree::{Fresh, Pool, PoolLimits, Rescue, RescueAs, Slot, Start};
use crate::git::{Identity, Oid, Repo};
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::world::{World, environment};

/// The name and address under which `ai` commits what it snapshots.
pub fn identity() -> Result<Identity, OpError> {
    Identity::new("ai", "ai@localhost").map_err(environment)
}

/// Makes or takes the run's slot. What an earlier run left there is saved first; what cannot be saved is left alone, and the run is
/// refused.
pub fn prepare(world: &World, repo: &Repo, run: &Run) -> Result<(Slot, Shadow), OpError> {
    let pool = Pool::new(repo, world.pool_dir(), PoolLimits::default());
    let shadow = Shadow::open(repo, &world.shadow_dir(&run.worktree)).map_err(environment)?;
    let start = start_of(run)?;
    if pool.find(&run.worktree).map_err(environment)?.is_none() {
        let slot = pool.create(&run.worktree, &run.branch, &start, &shadow).map_err(environment)?;
        return Ok((slot, shadow));
    }
    let cleared = match rescue(world, repo, &pool, run, &shadow)? {
        Some(cleared) => cleared,
        // Nothing stands there any more: the directory was removed by hand.
        None => {
            let slot = pool.create(&run.worktree, &run.branch, &start, &shadow).map_err(environment)?;
            return Ok((slot, shadow));
        }
    };
    let fresh = Fresh { branch: &run.branch, start: &start, shadow: &shadow, ignored: Ignored::Keep };
    let slot = pool.reuse(cleared, &fresh).map_err(environment)?;
    Ok((slot, shadow))
}

fn start_of(run: &Run) -> Result<Start, OpError> {
    match &run.base {
        Some(base) => Ok(Start::Commit(Oid::parse(base).map_err(environment)?)),
        None => Ok(Start::Unborn),
    }
}

fn rescue(
    world: &World,
    repo: &Repo,
    pool: &Pool<'_>,
    run: &Run,
    shadow: &Shadow,
) -> Result<Option<crate::git::worktree::Cleared>, OpError> {
    let reference = format!("refs/ai/rescue/slot/{}", run.worktree);
    let saved = save(world, repo, pool, run, shadow, &reference)?;
    if let Rescue::Saved { reference, files, .. } = &saved.rescue {
        world.say(&format!("saved {files} changed files that stood in {} on {reference}", run.worktree));
    }
    match (saved.cleared, saved.left_behind.is_empty()) {
        (Some(cleared), _) => Ok(Some(cleared)),
        (None, true) => Ok(None),
        (None, false) => {
            let text = format!(
                "worktree {} holds something that cannot be saved ({:?}); look at it and move it away",
                run.worktree,
                saved.left_behind.first()
            );
            Err(Refusal::Conflict(text).into())
        }
    }
}

fn save(
    world: &World,
    repo: &Repo,
    pool: &Pool<'_>,
    run: &Run,
    shadow: &Shadow,
    reference: &str,
) -> Result<crate::git::worktree::Rescued, OpError> {
    let who = identity()?;
    let base = run.base.as_deref().map(Oid::parse).transpose().map_err(environment)?;
    let message = format!("ai: work saved from worktree {}\n", run.worktree);
    let when_ms = (world.clock)().wall_ms;
    let save = RescueAs { reference, message: &message, who: &who, when_ms };
    let _ = repo;
    pool.rescue(&run.worktree, base.as_ref(), shadow, &save).map_err(environment)
}

/// Puts the work of a run that was cut off on `refs/ai/rescue/<task>/<epoch>`. `None` where there was nothing to save.
pub fn rescue_run(world: &World, repo: &Repo, run: &Run) -> Result<Option<String>, OpError> {
    let pool = Pool::new(repo, world.pool_dir(), PoolLimits::default());
    let shadow = Shadow::open(repo, &world.shadow_dir(&run.worktree)).map_err(environment)?;
    let reference = rescue_ref(&run.id);
    match save(world, repo, &pool, run, &shadow, &reference)?.rescue {
        Rescue::Nothing => Ok(None),
        Rescue::Saved { reference, .. } => Ok(Some(reference)),
    }
}

fn rescue_ref(run: &RunId) -> String {
    format!("refs/ai/rescue/{}/{}", run.task(), run.epoch())
}

/// The directory in which checks run: the judged tree and nothing else, but for what earlier checks built there.
pub struct CheckPlace {
    /// The directory.
    pub root: PathBuf,
    shadow: Shadow,
}

impl CheckPlace {
    /// The place beside slot `name`, with `tree` in it. A place that cannot be brought to the tree is made anew.
    pub fn open(world: &World, repo: &Repo, name: &str, tree: &Oid) -> Result<CheckPlace, OpError> {
        let root = world.pool_dir().join(format!(".check-{name}"));
        let shadow =
            Shadow::open(repo, &world.state().join("slots").join(name).join("check.git")).map_err(environment)?;
        let place = CheckPlace { root, shadow };
        if !(place.root.is_dir()
            && place.shadow.is_primed()
            && place.shadow.reset(&place.root, tree, Ignored::Keep).is_ok())
        {
            crate::base::fs::remove_dir_all(&place.root).map_err(environment)?;
            crate::base::fs::create_dir_all(&place.root).map_err(environment)?;
            place.shadow.checkout(&place.root, tree).map_err(environment)?;
        }
        Ok(place)
    }
}
