//! What would land, in which order, what stays behind and why; and what a landing does that is at
//! work. Changes nothing.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::{RunId, TaskId};
use crate::git::scratch::Scratch;
use crate::git::shadow::ShadowRepo;
use crate::git::{Git, Repo, preflight};
use crate::ops::error::OpError;
use crate::ops::land::at_work::{self, LandingAtWork};
use crate::ops::land::chain::Chain;
use crate::ops::land::cut_off::{self, CutOffLanding};
use crate::ops::land::last_look::LastLook;
use crate::ops::land::order::{Asking, LandOrder};
use crate::ops::land::queue::{self, LandingQueue, QueuedWork, require_checkout};
use crate::ops::land::report::StayingWork;
use crate::ops::landing;
use crate::ops::run::origin;
use crate::ops::world::World;
use crate::store::Store;

/// The depth of a look ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandingLook {
    /// The works are put together, in objects that nothing names, so that conflicts are told.
    Combined,
    /// Only what is there already is read.
    Apart,
}

/// A landing as it would be.
pub struct LandPlan {
    /// The landing that is at work, or was cut off.
    pub at_work: Option<LandingAtWork>,
    /// Works that are in their branch already, by a landing that was cut off.
    pub cut_off: Vec<CutOffLanding>,
    /// The works that would be combined, in their order.
    pub would_land: Vec<PlannedLanding>,
    /// The works that stay in review.
    pub left_out: Vec<StayingWork>,
}

/// A work that would land, if the checks pass.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedLanding {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The run whose work it is.
    pub run: RunId,
    /// The branch, as people name it.
    pub target: String,
    /// The number of its batch, from 1: works of one batch are combined and checked together.
    pub batch: usize,
    /// The checks of that batch.
    pub checks: Vec<String>,
}

/// Looks what a landing would do. Nothing is written in the repository or in its state.
pub fn plan(
    world: &World,
    store: &mut dyn Store,
    order: &LandOrder<'_>,
    look: LandingLook,
) -> Result<LandPlan, OpError> {
    if look == LandingLook::Combined {
        landing::refuse_in_use(store)?;
    }
    require_checkout(world)?;
    let scratch = Scratch::make()?;
    let git = Git::system()?;
    preflight::check_supported(&world.location, &git)?;
    let repo = match look {
        LandingLook::Apart => Repo::open(&world.location, git)?,
        LandingLook::Combined => scratch.repository(&world.location, &git)?,
    };
    let shadow = ShadowRepo::create(&repo, &scratch.shadow_dir())?;
    let each = order.accept();
    let queue = LandingQueue {
        world,
        on: (&repo, &shadow),
        order,
        each: &each,
        asking: Asking::Silently,
    };
    let cut_off = cut_off::all(world, store, &repo)?;
    let moved = cut_off.iter().map(|one| one.task.clone()).collect();
    let (waiting, left_out) = queue.read(store, &moved)?;
    let mut plan = LandPlan {
        at_work: at_work::found(&world.state())?,
        cut_off,
        would_land: Vec::new(),
        left_out,
    };
    let last = LastLook {
        world,
        on: queue.on,
        asking: queue.asking,
        scratch: Some(&scratch),
    };
    let mut waiting = waiting.into_iter().peekable();
    let mut number = 0;
    while let Some(mut works) = queue::next_batch(&mut waiting, order.batch) {
        number += 1;
        if look == LandingLook::Combined {
            plan.left_out.extend(leave_unfit(store, &last, &mut works)?);
        }
        for work in &works {
            plan.would_land.push(PlannedLanding {
                task: work.case.task.id.clone(),
                title: work.case.task.title.clone(),
                run: work.case.run.id.clone(),
                target: origin::shown(&work.target).to_owned(),
                batch: number,
                checks: work.checks.clone(),
            });
        }
    }
    Ok(plan)
}

/// Takes out of a batch what a landing would leave out before it checks anything.
fn leave_unfit<'a>(
    store: &mut dyn Store,
    last: &LastLook<'_>,
    works: &mut Vec<QueuedWork<'a>>,
) -> Result<Vec<StayingWork>, OpError> {
    let mut left = Vec::new();
    while let Some(first) = works.first() {
        let mut chain = Chain::begin(last.on, &first.target)?;
        let unfit = match last.unfit(store, works, &mut chain)? {
            Some(unfit) => Some(unfit),
            None => (0..works.len()).find_map(|at| Some((at, chain.conflict(at)?))),
        };
        let Some((number, why)) = unfit else {
            break;
        };
        let gone = queue::leave(works, number, why)?;
        left.extend(gone.into_iter().map(|(work, why)| work.left_out(why)));
    }
    Ok(left)
}
