//! What would land, in which order, what stays behind and why; and what a landing does that is at
//! work. Changes nothing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::{RunId, TaskId};
use crate::git::shadow::ShadowRepo;
use crate::ops::error::OpError;
use crate::ops::land::at_work::{self, LandingAtWork};
use crate::ops::land::chain::Chain;
use crate::ops::land::order::LandOrder;
use crate::ops::land::queue::{self, Asking, LandingQueue, QueuedWork};
use crate::ops::land::report::StayingWork;
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

/// Looks what a landing would do.
pub fn plan(
    world: &World,
    store: &mut dyn Store,
    order: &LandOrder<'_>,
    look: LandingLook,
) -> Result<LandPlan, OpError> {
    let repo = world.repo()?;
    let shadow = ShadowRepo::open(&repo, &world.shadow_dir("land"))?;
    let each = order.accept();
    let queue = LandingQueue {
        world,
        on: (&repo, &shadow),
        order,
        each: &each,
        asking: Asking::Silently,
    };
    let (waiting, left_out) = queue.read(store, &BTreeSet::new())?;
    let mut plan = LandPlan {
        at_work: at_work::found(&world.state()),
        would_land: Vec::new(),
        left_out,
    };
    let mut waiting = waiting.into_iter().peekable();
    let mut number = 0;
    while let Some(works) = queue::next_batch(&mut waiting, order.batch) {
        number += 1;
        let fitting = match look {
            LandingLook::Apart => (0..works.len()).collect(),
            LandingLook::Combined => fitting(&queue, &works, &mut plan.left_out)?,
        };
        for work in fitting.into_iter().filter_map(|at: usize| works.get(at)) {
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

fn fitting(
    queue: &LandingQueue<'_>,
    works: &[QueuedWork<'_>],
    left_out: &mut Vec<StayingWork>,
) -> Result<Vec<usize>, OpError> {
    let target = works.first().map_or("", |one| one.target.as_str());
    let mut chain = Chain::begin(queue.on, target)?;
    let fitting = chain.fitting(works)?;
    for (number, work) in works.iter().enumerate() {
        if let Some(why) = chain.conflict(number) {
            left_out.push(work.left_out(why));
        }
    }
    Ok(fitting)
}
