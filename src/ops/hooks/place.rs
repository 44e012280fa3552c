//! The place in which a hook runs: whether it is the worktree of a run.
//!
//! Invariants: a variable opens nothing, and neither does the name of a branch, which anybody can give; both
//! count in the very worktree alone that `ai` made, or took up, for that run. The first question is answered
//! without the store, which is out of sight within a run; where the store is in sight, the second is asked, too.

use crate::domain::ids::RunId;
use crate::git::{Head, RepoLocation, WorktreeOwner};
use crate::ops::error::OpError;
use crate::ops::uninstall::refs::is_run_branch;
use crate::ops::worktree;
use crate::store::Tx;

/// Before the name of every branch of a run.
const OF_RUNS: &str = "refs/heads/ai/";
/// The end of the directory in which worktrees of runs lay before.
const INNER: &str = ".ai/worktrees";

/// True where `run` works in this place, as far as it can be told without the store: a worktree of `ai`, or
/// the checkout, on the run's branch. In a worktree HEAD may be detached, as in the midst of a rebase.
pub fn is_of_run(place: &RepoLocation, head: &Head, run: &RunId) -> bool {
    let is_on_its_branch = run_of(head).as_ref() == Some(run);
    match slot(place) {
        Some(_) => is_on_its_branch || head.branch().is_none(),
        None => is_on_its_branch && !place.is_linked,
    }
}

/// The run on whose branch HEAD stands, by the branch's name.
pub(super) fn run_of(head: &Head) -> Option<RunId> {
    let rest = head.branch()?.strip_prefix(OF_RUNS)?;
    let (task, epoch) = rest.split_once('/').filter(|_| is_run_branch(rest))?;
    Some(RunId(format!("{task}.{epoch}")))
}

/// True where the store says that this is the worktree of the run, or the checkout in which it works now.
pub fn is_worktree_of(tx: &mut dyn Tx, place: &RepoLocation, id: &RunId) -> Result<bool, OpError> {
    let Some(run) = tx.run(id)? else {
        return Ok(false);
    };
    if run.is_in_place() {
        // The checkout is the person's again when the run has ended.
        return Ok(!place.is_linked && run.end.is_none());
    }
    Ok(name_of(place).is_some_and(|name| name == run.worktree))
}

/// The name of a worktree in the records of runs.
fn name_of(place: &RepoLocation) -> Option<String> {
    match slot(place) {
        Some(name) => Some(name),
        None => place
            .is_linked
            .then(|| worktree::adopted_key(&place.git_dir)),
    }
}

/// The name of a worktree that lies where `ai` makes them.
fn slot(place: &RepoLocation) -> Option<String> {
    let top = place.top.as_deref().filter(|_| place.is_linked)?;
    let pool = top.parent()?;
    let is_outside =
        WorktreeOwner::of_pool(pool).is_some_and(|owner| owner.common_dir == place.common_dir);
    (is_outside || pool.ends_with(INNER))
        .then(|| top.file_name())
        .flatten()
        .map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Oid;

    #[test]
    fn a_variable_is_believed_on_the_branch_of_its_run_alone_and_a_detached_head_in_worktrees_of_ai()
     {
        let oid = Oid::parse(&"1".repeat(40)).unwrap();
        let on = |name: &str| Head::Branch {
            name: format!("refs/heads/{name}"),
            commit: oid.clone(),
        };
        let detached = Head::Detached {
            commit: oid.clone(),
        };
        let place = |top: &str, is_linked| RepoLocation {
            top: Some(top.into()),
            git_dir: "/r/.git/worktrees/w1".into(),
            common_dir: "/r/.git".into(),
            main_root: Some("/r".into()),
            is_bare: false,
            is_linked,
            ignore_case: false,
            sharing: None,
        };
        let (slot, checkout) = (place("/r/.ai/worktrees/w1", true), place("/r", false));
        let linked = place("/elsewhere", true);
        let table = [
            (&slot, on("ai/t-1/1"), true),
            (&slot, on("ai/t-1/2"), false),
            (&slot, on("main"), false),
            (&slot, detached.clone(), true),
            (&checkout, on("ai/t-1/1"), true),
            (&checkout, on("ai/t-1/01"), false),
            (&checkout, on("main"), false),
            (&checkout, detached.clone(), false),
            (&linked, on("ai/t-1/1"), false),
            (&linked, detached, false),
        ];
        for (place, head, is_believed) in table {
            let found = is_of_run(place, &head, &RunId("t-1.1".to_owned()));
            assert_eq!(found, is_believed, "{place:?} {head:?}");
        }
    }
}
