//! The way of a landing as a whole: what was cut off is completed first, then what waits is asked about, then batch
//! after batch lands.

use std::collections::BTreeSet;

use crate::git::Repo;
use crate::git::shadow::ShadowRepo;
use crate::ops::error::OpError;
use crate::ops::land::at_work::AtWork;
use crate::ops::land::check::TreeChecks;
use crate::ops::land::last_look::LastLook;
use crate::ops::land::old_logs;
use crate::ops::land::order::LandOrder;
use crate::ops::land::queue::{self, LandingQueue};
use crate::ops::land::report::LandReport;
use crate::ops::landing;
use crate::ops::world::World;
use crate::store::Store;

/// A landing under way.
pub(super) struct LandingRun<'a> {
    pub(super) world: &'a World,
    pub(super) on: (&'a Repo, &'a ShadowRepo),
    pub(super) order: &'a LandOrder<'a>,
    pub(super) checks: TreeChecks<'a>,
    pub(super) at_work: AtWork<'a>,
    /// Flaky checks that were told, with their trees.
    pub(super) told: BTreeSet<(String, String)>,
    pub(super) report: LandReport,
}

impl<'a> LandingRun<'a> {
    /// The last look at what is to land.
    pub(super) fn last_look(&self) -> LastLook<'a> {
        LastLook {
            world: self.world,
            on: self.on,
            asking: self.order.asking(),
            scratch: None,
        }
    }
}

/// Lands what may land. Whatever stays behind is in the report with its reason.
pub fn land(
    world: &World,
    store: &mut dyn Store,
    order: &LandOrder<'_>,
) -> Result<LandReport, OpError> {
    queue::require_checkout(world)?;
    let at_work = AtWork::begin(world)?;
    landing::refuse_in_use(store)?;
    old_logs::prune(world, store)?;
    let repo = world.repo()?;
    let shadow = ShadowRepo::create(&repo, &world.shadow_dir("land"))?;
    let each = order.accept();
    let mut landing = LandingRun {
        world,
        on: (&repo, &shadow),
        order,
        checks: TreeChecks::new(world, &repo),
        at_work,
        told: BTreeSet::new(),
        report: LandReport::default(),
    };
    landing.reconcile(store)?;
    let queue = LandingQueue {
        world,
        on: landing.on,
        order,
        each: &each,
        asking: order.asking(),
    };
    let completed = landing.report.landed.iter().map(|one| one.task.clone());
    let (waiting, left_out) = queue.read(store, &completed.collect())?;
    landing.report.left_out.extend(left_out);
    let mut waiting = waiting.into_iter().peekable();
    while let Some(batch) = queue::next_batch(&mut waiting, order.batch) {
        landing.batch(store, batch)?;
    }
    landing.report.check_runs = landing.checks.runs();
    Ok(landing.report)
}
