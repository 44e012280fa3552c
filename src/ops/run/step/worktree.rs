//! Where a run works: a slot of the worktree pool.

use crate::base::text::counted;
use std::path::{Path, PathBuf};

use crate::base::{fs, id};
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::git::quarantine::Quarantine;
use crate::git::shadow::Shadow;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::{
    Cleared, Fresh, Known, Pool, PoolLimits, Rescue, RescueAs, Rescued, Slot, SlotState, Start,
    WorktreeError,
};
use crate::git::{Identity, Oid, Owner, Repo};
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::step::checkout;
use crate::ops::world::{World, environment};
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// The name and address under which `ai` commits what it snapshots.
pub fn identity() -> Result<Identity, OpError> {
    Identity::new("ai", "ai@localhost").map_err(environment)
}

/// Refuses where there is too little room for another run, for its worktree or for its objects and
/// logs: said before anything is claimed.
pub fn refuse_full_disk(world: &World) -> Result<(), OpError> {
    world.places.make()?;
    let needed = limits(world).reserve_bytes;
    for dir in world
        .places
        .dir()
        .into_iter()
        .chain([world.location.common_dir.as_path()])
    {
        let free = fs4::available_space(dir).map_err(environment)?;
        if free < needed {
            let (free, needed) = (free >> 20, needed >> 20);
            return Err(full(format!(
                "only {free} MiB are free at {}, {needed} MiB are needed",
                dir.display()
            )));
        }
    }
    Ok(())
}

fn full(why: String) -> OpError {
    let next =
        "`ai worktree prune --dry-run` shows what can go; `runs.disk_floor_mb` in .ai/config.yaml is the limit".into();
    Refusal::TryLater { why, next }.into()
}

fn limits(world: &World) -> PoolLimits {
    PoolLimits {
        reserve_bytes: u64::from(world.config.runs.disk_floor_mb) << 20,
        ..PoolLimits::default()
    }
}

/// What the pool could not do; too little room passes.
fn pool_error(error: WorktreeError) -> OpError {
    match error {
        WorktreeError::NoSpace { .. } => full(error.to_string()),
        other => environment(other),
    }
}

/// Makes or takes the run's slot. What an earlier run left there is saved first, what cannot be
/// saved is moved out of the way, whole.
pub fn prepare(world: &World, repo: &Repo, run: &Run) -> Result<(Slot, Shadow), OpError> {
    if checkout::is_in_place(run) {
        return checkout::prepare(world, repo);
    }
    let pool = Pool::new(repo, world.pool_dir(), limits(world)).sharing(world.disk_locks());
    let shadow = Shadow::open(repo, &world.shadow_dir(&run.worktree)).map_err(environment)?;
    let making = Making {
        world,
        pool,
        run,
        shadow: &shadow,
        start: start_of(run)?,
    };
    for _ in 0..ROUNDS {
        if let Some(slot) = making.once()? {
            return Ok((slot, shadow));
        }
    }
    let text = format!(
        "worktree {} does not come clean; look at it and move it away",
        making.path().display()
    );
    Err(Refusal::Conflict(text).into())
}

/// Puts the files of an interrupted run into the slot of the one that goes on with its session.
pub fn bring_work(repo: &Repo, run: &Run, slot: &Slot, shadow: &Shadow) -> Result<(), OpError> {
    let work = run
        .resumed
        .as_ref()
        .and_then(|resumed| resumed.work.as_deref());
    let (Some(work), Some(base)) = (work, run.base.as_deref()) else {
        return Ok(());
    };
    let tree = |commit: &str| {
        let commit = Oid::parse(commit).map_err(environment)?;
        repo.tree_of(&commit).map_err(environment)
    };
    let (base, work) = (tree(base)?, tree(work)?);
    shadow.bring(&slot.path, &base, &work).map_err(environment)
}

/// Where work goes that is found in a slot and belongs to no lost run.
const SLOT_RESCUES: &str = "refs/ai/rescue/slot/";
/// One thing in the way after the other; more than a few are a loop.
const ROUNDS: usize = 4;

struct Making<'a> {
    world: &'a World,
    pool: Pool<'a>,
    run: &'a Run,
    shadow: &'a Shadow,
    start: Start,
}

impl Making<'_> {
    /// The slot; nothing where something was moved out of the way, so that another look is due.
    fn once(&self) -> Result<Option<Slot>, OpError> {
        let name = &self.run.worktree;
        let Some(info) = self.pool.find(name).map_err(environment)? else {
            return self.create().map(Some);
        };
        if info.admin.is_some() && info.head.is_none() {
            return self.set_all_aside("its HEAD cannot be read");
        }
        if matches!(
            info.state,
            SlotState::ReplacedByFile | SlotState::ReplacedByLink
        ) {
            return self.set_aside(&[]);
        }
        let reference = format!("{SLOT_RESCUES}{name}");
        let saved = save(
            self.world,
            &self.pool,
            self.run,
            self.shadow,
            (&reference, Known::Anywhere),
        )?;
        if let Rescue::Saved {
            reference, files, ..
        } = &saved.rescue
            && reference.starts_with(SLOT_RESCUES)
        {
            self.world.say(&format!(
                "saved {} that stood in {name} on {reference}",
                counted(*files, "changed file")
            ));
        }
        match saved.cleared {
            Some(cleared) => self.reuse(cleared),
            None if !saved.left_behind.is_empty() || !info.state.is_worktree() => {
                self.set_aside(&saved.left_behind)
            }
            // Nothing stands there any more: the directory was removed by hand.
            None => self.create().map(Some),
        }
    }

    fn create(&self) -> Result<Slot, OpError> {
        let run = self.run;
        self.pool
            .create(&run.worktree, &run.branch, &self.start, self.shadow)
            .map_err(pool_error)
    }

    fn reuse(&self, cleared: Cleared) -> Result<Option<Slot>, OpError> {
        let fresh = Fresh {
            branch: &self.run.branch,
            start: &self.start,
            shadow: self.shadow,
        };
        match self.pool.reuse(cleared, &fresh) {
            Ok(slot) => Ok(Some(slot)),
            // Somebody removed it, or worked in it, between our look and now: look again.
            Err(WorktreeError::ChangedSince { .. }) => Ok(None),
            Err(WorktreeError::NotClean { .. } | WorktreeError::Git(_)) => {
                self.set_all_aside("it does not come clean")
            }
            Err(error) => Err(environment(error)),
        }
    }

    fn set_all_aside(&self, why: &str) -> Result<Option<Slot>, OpError> {
        let kept = self.kept_dir();
        self.pool
            .set_all_aside(&self.run.worktree, &kept)
            .map_err(environment)?;
        self.tell(why, &kept);
        Ok(None)
    }

    fn set_aside(&self, left: &[TreeReport]) -> Result<Option<Slot>, OpError> {
        let moved = self
            .pool
            .set_aside(&self.run.worktree, left, &self.kept_dir())
            .map_err(environment)?;
        if moved.is_empty() {
            let text = format!(
                "{} holds something that can neither be saved nor moved",
                self.path().display()
            );
            return Err(Refusal::Conflict(text).into());
        }
        for (what, kept) in &moved {
            self.tell(what, kept);
        }
        Ok(None)
    }

    fn tell(&self, what: &str, kept: &Path) {
        self.world.say(&format!(
            "worktree {}: {what}; kept as {}",
            self.run.worktree,
            kept.display()
        ));
    }

    fn path(&self) -> PathBuf {
        self.world.pool_dir().join(&self.run.worktree)
    }

    /// A new directory for what is moved away.
    fn kept_dir(&self) -> PathBuf {
        self.world
            .state()
            .join("kept")
            .join(format!("{}-{}", self.run.id, id::random_text(6)))
    }
}

fn start_of(run: &Run) -> Result<Start, OpError> {
    match &run.base {
        Some(base) => Ok(Start::Commit(Oid::parse(base).map_err(environment)?)),
        None => Ok(Start::Unborn),
    }
}

fn save(
    world: &World,
    pool: &Pool<'_>,
    run: &Run,
    shadow: &Shadow,
    (reference, known): (&str, Known),
) -> Result<Rescued, OpError> {
    let who = identity()?;
    let base = run
        .base
        .as_deref()
        .map(Oid::parse)
        .transpose()
        .map_err(environment)?;
    let message = format!("ai: work saved from worktree {}\n", run.worktree);
    let when_ms = (world.clock)().wall_ms;
    let save = RescueAs {
        reference,
        message: &message,
        who: &who,
        when_ms,
        known,
    };
    pool.rescue(&run.worktree, base.as_ref(), shadow, &save)
        .map_err(environment)
}

/// Puts the work of a run that was cut off on `refs/ai/rescue/<task>/<epoch>`. `None` where there
/// was nothing to save.
pub fn rescue_run(world: &World, repo: &Repo, run: &Run) -> Result<Option<String>, OpError> {
    if checkout::is_in_place(run) {
        return checkout::give_back(world, repo, &run.id);
    }
    let pool = Pool::new(
        repo,
        world.places.pool_of(&run.worktree),
        PoolLimits::default(),
    );
    let shadow = Shadow::open(repo, &world.shadow_dir(&run.worktree)).map_err(environment)?;
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
    let reference = rescue_ref(&run.id);
    match save(
        world,
        &pool,
        run,
        &shadow,
        (&reference, Known::UnderItsName),
    )?
    .rescue
    {
        Rescue::Nothing => Ok(None),
        Rescue::Saved { reference, .. } => Ok(Some(reference)),
    }
}

/// Where a sandbox lets the agent of this run commit; nowhere in the main checkout, whose git
/// directory is the person's.
pub fn own_commits(world: &World, repo: &Repo, run: &Run) -> Result<Option<Quarantine>, OpError> {
    if checkout::is_in_place(run) {
        return Ok(None);
    }
    let dir = world.state().join("slots").join(&run.worktree).join("own");
    let base = run
        .base
        .as_deref()
        .map(Oid::parse)
        .transpose()
        .map_err(environment)?;
    Ok(Quarantine::at(repo, &dir, &run.branch, base.as_ref()))
}

/// Puts what stands in a slot where nothing can lose it: under the name of the run that worked
/// there last, else under the slot's own. Nothing in the slot is changed.
pub fn rescue_slot(
    world: &World,
    repo: &Repo,
    slot: &str,
    last: Option<&Run>,
) -> Result<Rescued, OpError> {
    let pool = Pool::new(repo, world.places.pool_of(slot), PoolLimits::default());
    rescue_in(world, repo, &pool, slot, last)
}

fn rescue_in(
    world: &World,
    repo: &Repo,
    pool: &Pool<'_>,
    slot: &str,
    last: Option<&Run>,
) -> Result<Rescued, OpError> {
    let shadow = Shadow::open(repo, &world.shadow_dir(slot)).map_err(environment)?;
    let reference = last.map_or_else(
        || format!("{SLOT_RESCUES}{slot}"),
        |run| rescue_ref(&run.id),
    );
    let base = last
        .and_then(|run| run.base.as_deref())
        .map(Oid::parse)
        .transpose()
        .map_err(environment)?;
    let (who, when_ms) = (identity()?, (world.clock)().wall_ms);
    let message = format!("ai: work saved from worktree {slot}\n");
    let save = RescueAs {
        reference: &reference,
        message: &message,
        who: &who,
        when_ms,
        known: Known::Anywhere,
    };
    pool.rescue(slot, base.as_ref(), &shadow, &save)
        .map_err(environment)
}

/// Gives up the worktrees of older versions, and of a cache directory that was moved: their work is
/// saved first, and what cannot be saved stays where it is.
pub fn empty_older(world: &World, store: &mut SqliteStore, repo: &Repo) -> Result<(), OpError> {
    for dir in world.places.older() {
        let runs = store.read(|tx| tx.all_runs())?;
        let pool = Pool::new(repo, &dir, PoolLimits::default()).sharing(world.disk_locks());
        for slot in pool.list().map_err(environment)? {
            let is_busy = runs
                .iter()
                .any(|run| run.worktree == slot.name && run.end.is_none());
            let usable = matches!(slot.state, SlotState::Ready | SlotState::Redirected);
            if usable
                && !is_busy
                && let Err(error) = give_up(world, store, repo, &pool, &slot.name, &runs)
            {
                // It is no hindrance to a new run, and the next one looks again.
                world.say(&format!(
                    "warning: worktree {} stays: {error}",
                    slot.path.display()
                ));
            }
        }
        // Where checks ran; nobody worked there but `ai`.
        for path in fs::list_dir(&dir).map_err(environment)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with(".check-")
                && std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir())
            {
                fs::remove_stubborn(&path).map_err(environment)?;
            }
        }
        let _swept = pool.sweep();
        leave(&dir)?;
    }
    Ok(())
}

/// Takes an older pool away once nothing stands in it, with the places of checks beside it. One
/// that is not empty stays.
fn leave(pool: &Path) -> Result<(), OpError> {
    let home = Owner::of_pool(pool).and(pool.parent());
    if fs::remove_empty_dir(pool).is_err_and(|error| !error.is_not_found()) {
        return Ok(());
    }
    if let Some(home) = home {
        fs::remove_stubborn(&home.join("checks")).map_err(environment)?;
        fs::remove_file(&home.join("owner")).map_err(environment)?;
        // The directory of all repositories may be empty now, too.
        for dir in home.ancestors().take(2) {
            let _removed = fs::remove_empty_dir(dir);
        }
    }
    Ok(())
}

fn give_up(
    world: &World,
    store: &mut SqliteStore,
    repo: &Repo,
    pool: &Pool<'_>,
    slot: &str,
    runs: &[Run],
) -> Result<(), OpError> {
    let last = runs
        .iter()
        .filter(|run| run.worktree == slot)
        .max_by_key(|run| run.started_ms);
    let at = pool.dir().join(slot);
    let rescued = rescue_in(world, repo, pool, slot, last)?;
    if let Rescue::Saved {
        reference, files, ..
    } = &rescued.rescue
    {
        world.say(&format!(
            "saved {} of {} on {reference}",
            counted(*files, "changed file"),
            at.display()
        ));
    }
    match (rescued.cleared, rescued.left_behind.first()) {
        (Some(cleared), _) => {
            // Somebody with another setting may have begun to work there meanwhile.
            let removed = pool.remove_if_free(cleared, || -> Result<bool, GiveUp> {
                let active = store.read(|tx| tx.active_runs()).map_err(GiveUp::Store)?;
                Ok(active.iter().all(|run| run.worktree != slot))
            });
            if removed.map_err(environment)?.is_some() {
                let new = world.pool_dir();
                world.say(&format!(
                    "worktree {} was given up; new ones are made in {}",
                    at.display(),
                    new.display()
                ));
            }
        }
        (None, Some(left)) => {
            world.say(&format!("warning: worktree {} stays: {left}", at.display()))
        }
        (None, None) => {}
    }
    Ok(())
}

/// Why a worktree was not given up.
#[derive(Debug, thiserror::Error)]
enum GiveUp {
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Pool(#[from] WorktreeError),
}

pub(crate) fn rescue_ref(run: &RunId) -> String {
    format!("refs/ai/rescue/{}/{}", run.task(), run.epoch())
}
