//! The step of the checks: the task's checks run on the sealed tree.

use crate::ops::error::OpError;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, run_checks};
use crate::ops::run::model::{Checked, RunCx, Sealed};
use crate::ops::run::sandbox::layer;

/// Runs the checks of the run's task.
pub(crate) fn checks(live: &RunCx<'_>, sealed: &Sealed) -> Result<Vec<Checked>, OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let run = &live.started.run;
    let judged = Judged {
        tree: &sealed.tree,
        commit: sealed.commit.as_ref(),
    };
    let mut place = CheckPlace::open(live.world, live.repo, &run.worktree, judged)?;
    place.network =
        layer::network_under(layer::network_rule(&live.cx()?, &live.started.task).as_ref());
    run_checks(
        live.world,
        &place,
        plans,
        &live.files.checks(),
        run.id.as_str(),
        &live.cancel,
    )
}
