//! The step of the checks: the task's checks run on the sealed tree, and those that fail there on the
//! base commit, too.

use crate::ops::error::OpError;
use crate::ops::run::checks::on_base::BaseCommit;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, run_checks};
use crate::ops::run::model::{Checked, RunCx, Sealed};
use crate::ops::run::sandbox::network::NetworkLeave;

/// Runs the checks of the run's task.
pub(crate) fn checks(live: &RunCx<'_>, sealed: &Sealed) -> Result<Vec<Checked>, OpError> {
    checks_in(live, &live.started.run.worktree, sealed)
}

/// The same in the place of this name.
pub(crate) fn checks_in(
    live: &RunCx<'_>,
    name: &str,
    sealed: &Sealed,
) -> Result<Vec<Checked>, OpError> {
    let (world, run) = (live.world, &live.started.run);
    let plans = || CheckPlan::of(&live.started.task, &world.config);
    let all = plans()?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let judged = Judged {
        tree: &sealed.tree,
        commit: sealed.commit.as_ref(),
    };
    let mut place = CheckPlace::open(world, live.repo, name, judged)?;
    place.network = NetworkLeave::under_policy(live)?;
    let (logs, label) = (live.files.checks(), run.id.as_str());
    let mut checked = run_checks(world, &place, all, &logs, label, &live.cancel)?;
    let (network, root) = (place.network.clone(), place.root.clone());
    // The base is checked in the same place.
    drop(place);
    if let Some(commit) = live.base()? {
        let base = BaseCommit {
            commit: &commit,
            place: name,
            root,
            network,
            logs: live.files.base_checks(),
            label,
        };
        base.excuse(world, live.repo, plans()?, &mut checked, &live.cancel)?;
    }
    Ok(checked)
}
