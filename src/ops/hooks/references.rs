//! The question while references are moved: whether others hold what the branch changes by it. It is asked
//! of every `git` that moves a branch, past `--no-verify` too, so it is about locks alone and short: where
//! nobody holds anything, no tree is looked at.
//!
//! A deletion lets everything through: Git shows one for each loose reference that it packs. So does a new
//! branch, which changes none.

use crate::domain::action::Action;
use crate::domain::git_hook::MovedRef;
use crate::domain::lease::ShownToken;
use crate::git::{Oid, Repo};
use crate::ops::ask::Question;
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::held_paths::{self, Touching, TryAgain};
use crate::ops::hooks::commit::held_or_not;
use crate::store::Store;

/// Refuses where a branch would change what somebody else holds.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    repo: &Repo,
    (moved, kept): (&[MovedRef], &[ShownToken]),
) -> Result<(), OpError> {
    let of_branches: Vec<&MovedRef> = moved.iter().filter(|one| one.sets_a_branch()).collect();
    if of_branches.is_empty() || !store.read(|tx| held_paths::any_held(tx, cx, kept))? {
        return Ok(());
    }
    for one in of_branches {
        // Who does not care what a branch names now says nothing of it.
        let old = match &one.old {
            Some(old) => Some(Oid::parse(old).kept("the commit that a branch names")?),
            None => repo.find_ref(&one.name)?,
        };
        let (Some(old), Some(new)) = (old, &one.new) else {
            continue;
        };
        let new = Oid::parse(new).kept("the commit that a branch is to name")?;
        let changed = repo.changed_between(&old, &new)?;
        let paths = held_paths::paths_of(&changed);
        commit(store, cx, |tx, cx| {
            let touching = Touching {
                what: &format!("moving {}", one.name),
                again: TryAgain::Same,
                task: None,
                paths: &paths,
                kept,
            };
            let mut question = Question::about(Action::Commit);
            question.resource.branch = Some(one.name.clone());
            question.resource.paths = changed.iter().map(|one| one.path.clone()).collect();
            held_or_not(touching.or_refuse(tx, cx), cx, &question)
        })?;
    }
    Ok(())
}
