//! Saving what stands in a worktree. The worktree itself is not changed.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::file_lock;
use crate::domain::ids::{RunId, TaskId};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::{ForeignWorktree, KnownRescue, Rescue, RescueAs};
use crate::git::{Oid, Repo};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::refusal::Refusal;
use crate::ops::run::recovery::salvage::rescue_slot;
use crate::ops::worktree::{Adoption, FoundWorktree};
use crate::ops::world::{World, identity};

/// The result of a rescue.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Saved {
    /// The slot.
    pub slot: String,
    /// The run that worked there last.
    pub run: Option<RunId>,
    /// The task.
    pub task: Option<TaskId>,
    /// The reference on which the work stands now; null where there was none that does not stand
    /// elsewhere.
    pub reference: Option<String>,
    /// The commit on it.
    pub commit: Option<String>,
    /// Files that differed from the last commit.
    pub files: usize,
    /// Paths that could not be saved and are in the worktree alone.
    pub left_behind: Vec<String>,
}

/// Puts the work of a worktree on a rescue reference.
pub fn rescue(world: &World, repo: &Repo, found: &FoundWorktree) -> Result<Saved, OpError> {
    if let Some(run) = found.last.as_ref().filter(|run| run.end.is_none()) {
        let why = format!("run {} works in {} and has not ended", run.id, found.slot);
        let hint = format!(
            "`ai task cancel {}` stops it and saves its work; `ai recover` does so where it was cut off",
            run.task
        );
        return Err(Refusal::WrongState {
            task: run.task.clone(),
            state: "running".into(),
            why,
            hint,
        }
        .into());
    }
    let _held = file_lock::lock(&world.state().join("recover.lock"))?;
    let (rescue, left_behind) = match &found.adoption {
        Some(adoption) => rescue_adopted(world, repo, adoption)?,
        None => {
            let rescued = rescue_slot(world, repo, &found.slot, found.last.as_ref())?;
            (rescued.rescue, rescued.left_behind)
        }
    };
    let (reference, commit, files) = match rescue {
        Rescue::Nothing => (None, None, 0),
        Rescue::Saved {
            reference,
            commit,
            files,
            ..
        } => (Some(reference), Some(commit.to_string()), files),
    };
    Ok(Saved {
        slot: found.slot.clone(),
        run: found.last.as_ref().map(|run| run.id.clone()),
        task: found.task().cloned(),
        reference,
        commit,
        files,
        left_behind: left_behind.iter().map(ToString::to_string).collect(),
    })
}

fn rescue_adopted(
    world: &World,
    repo: &Repo,
    adoption: &Adoption,
) -> Result<(Rescue, Vec<TreeReport>), OpError> {
    let found = ForeignWorktree::find(repo, &adoption.path, &world.places.pools());
    let found = found?;
    let shadow = ShadowRepo::open(repo, &world.shadow_dir(&adoption.key()))?;
    let base = adoption
        .base
        .as_deref()
        .map(Oid::parse)
        .transpose()
        .kept("the base of the worktree that was taken up")?;
    let who = identity()?;
    let save = RescueAs {
        reference: &format!("refs/ai/rescue/{}/{}", adoption.task, adoption.epoch),
        message: "ai: work saved from a worktree that was taken up\n",
        who: &who,
        when_ms: (world.clock)().wall_ms,
        known: KnownRescue::Anywhere,
    };
    Ok(found.rescue(repo, base.as_ref(), &shadow, &save)?)
}
