//! Where a run works: a slot of the worktree pool.

use crate::base::text::counted;
use crate::ops::error::{Doing as _, Kept as _, MAKE_ROOM, OpError};
use crate::ops::run::recovery::salvage::{self, SLOT_RESCUES, save};
use std::path::{Path, PathBuf};

use crate::base::onlooker::Onlooker;
use crate::domain::run::Run;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::{
    ClearedSlot, FreshSlot, KnownRescue, PoolLimits, Rescue, Slot, SlotStart, SlotState,
    WorktreeError, WorktreePool,
};
use crate::git::{Oid, Repo};
use crate::ops::refusal::Refusal;
use crate::ops::run::model::RunCx;
use crate::ops::run::step::checkout;
use crate::ops::world::World;

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
        let free = fs4::available_space(dir).doing("see how much room is left on the disk")?;
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
    let hint = MAKE_ROOM.to_owned();
    Refusal::TryLater { why, hint }.into()
}

fn limits(world: &World) -> PoolLimits {
    PoolLimits {
        reserve_bytes: u64::from(world.config.runs.disk_floor_mb) << 20,
        ..PoolLimits::default()
    }
}

/// Makes or takes the run's slot. What an earlier run left there is saved first, what cannot be
/// saved is moved out of the way, whole. Where a person stops the run meanwhile, it stays where it is
/// for the next one.
pub fn prepare(live: &RunCx<'_>) -> Result<(Slot, ShadowRepo), OpError> {
    let (world, repo, run) = (live.world, live.repo, &live.started.run);
    if run.is_in_place() {
        return checkout::prepare(world, repo);
    }
    let has_left = || live.was_stopped();
    let pool = WorktreePool::new(repo, world.pool_dir(), limits(world))
        .sharing(world.disk_locks())
        .watched_by(Onlooker::new(&*world.progress, &has_left));
    let shadow = ShadowRepo::open(repo, &world.shadow_dir(&run.worktree))?;
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
    let why = format!("worktree {} does not come clean", making.path().display());
    Err(Refusal::Conflict {
        why,
        hint: "look at it and move it away, then the same command again".into(),
    }
    .into())
}

/// Puts the files of an interrupted run into the slot of the one that goes on with its session.
pub fn bring_work(repo: &Repo, run: &Run, slot: &Slot, shadow: &ShadowRepo) -> Result<(), OpError> {
    let work = run
        .resumed
        .as_ref()
        .and_then(|resumed| resumed.work.as_deref());
    let (Some(work), Some(base)) = (work, run.base.as_deref()) else {
        return Ok(());
    };
    let tree = |commit: &str| -> Result<Oid, OpError> {
        let commit = Oid::parse(commit).kept("the work that the run goes on with")?;
        Ok(repo.tree_of(&commit)?)
    };
    let (base, work) = (tree(base)?, tree(work)?);
    Ok(shadow.bring(&slot.path, &base, &work)?)
}

/// One thing in the way after the other; more than a few are a loop.
const ROUNDS: usize = 4;

struct Making<'a> {
    world: &'a World,
    pool: WorktreePool<'a>,
    run: &'a Run,
    shadow: &'a ShadowRepo,
    start: SlotStart,
}

impl Making<'_> {
    /// The slot; nothing where something was moved out of the way, so that another look is due.
    fn once(&self) -> Result<Option<Slot>, OpError> {
        let name = &self.run.worktree;
        let Some(info) = self.pool.find(name)? else {
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
            (&reference, KnownRescue::Anywhere),
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
            .map_err(OpError::from)
    }

    fn reuse(&self, cleared: ClearedSlot) -> Result<Option<Slot>, OpError> {
        let fresh = FreshSlot {
            branch: &self.run.branch,
            start: &self.start,
            shadow: self.shadow,
            kept: &self.world.config.runs.caches,
        };
        match self.pool.reuse(cleared, &fresh) {
            Ok(slot) => Ok(Some(slot)),
            // Somebody removed it, or worked in it, between our look and now: look again.
            Err(WorktreeError::ChangedSince { .. }) => Ok(None),
            Err(WorktreeError::NotClean { .. } | WorktreeError::Git(_)) => {
                self.set_all_aside("it does not come clean")
            }
            Err(error) => Err(error.into()),
        }
    }

    fn set_all_aside(&self, why: &str) -> Result<Option<Slot>, OpError> {
        let kept = salvage::kept_dir(self.world, self.run);
        self.pool.set_all_aside(&self.run.worktree, &kept)?;
        self.tell(why, &kept);
        Ok(None)
    }

    fn set_aside(&self, left: &[TreeReport]) -> Result<Option<Slot>, OpError> {
        let moved = self.pool.set_aside(
            &self.run.worktree,
            left,
            &salvage::kept_dir(self.world, self.run),
        )?;
        if moved.is_empty() {
            let why = format!(
                "{} holds something that can neither be saved nor moved",
                self.path().display()
            );
            return Err(Refusal::Conflict {
                why,
                hint: "look at it and move it away, then the same command again".into(),
            }
            .into());
        }
        for (what, kept) in &moved {
            self.tell(what, kept);
        }
        Ok(None)
    }

    fn tell(&self, what: &str, kept: &Path) {
        salvage::tell_kept(self.world, self.run, what, kept);
    }

    fn path(&self) -> PathBuf {
        self.world.pool_dir().join(&self.run.worktree)
    }
}

fn start_of(run: &Run) -> Result<SlotStart, OpError> {
    match &run.base {
        Some(base) => Ok(SlotStart::Commit(
            Oid::parse(base).kept("the base of the run")?,
        )),
        None => Ok(SlotStart::Unborn),
    }
}
