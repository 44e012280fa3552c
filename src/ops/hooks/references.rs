//! The questions while references are moved: whether a rule of the policy speaks against it, and whether others
//! hold what the branch changes by it. They are asked of every `git` that moves a branch, past `--no-verify` too,
//! so they are short: where no rule speaks of references and nobody holds anything, no commit is looked at.
//!
//! A new branch touches nothing that others hold, since it changes none, and neither does one that goes. What a rule
//! lets through without a word leaves no record: Git moves branches all the time.
//!
//! Where Git packs references, it shows each as one that is set to where it is, and then as one that goes. Neither moves
//! anything, and neither is asked about.

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::facts::RefChange;
use crate::domain::git_hook::MovedRef;
use crate::domain::lease::ShownToken;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::held_paths::{self, Touching, TryAgain};
use crate::ops::hooks::commit::held_or_not;
use crate::store::Store;

/// Refuses where a rule speaks against moving a branch, or it would change what somebody else holds. Returns the
/// warnings.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    repo: &Repo,
    (moved, kept): (&[MovedRef], &[ShownToken]),
) -> Result<Vec<String>, OpError> {
    let mut warnings = Vec::new();
    let of_branches: Vec<&MovedRef> = moved.iter().filter(|one| one.is_of_a_branch()).collect();
    if of_branches.is_empty() {
        return Ok(warnings);
    }
    let asks = cx.policy.state().speaks_of(Action::RefUpdate, &cx.actor);
    let looks = store.read(|tx| held_paths::any_held(tx, cx, kept))?;
    if !asks && !looks {
        return Ok(warnings);
    }
    for one in of_branches {
        // Who does not care what a branch names now says nothing of it.
        let old = match &one.old {
            Some(old) => Some(Oid::parse(old).kept("the commit that a branch names")?),
            None => repo.find_ref(&one.name)?,
        };
        let new = one.new.as_deref().map(Oid::parse).transpose();
        let new = new.kept("the commit that a branch is to name")?;
        let change = match (&old, &new) {
            (None, None) => continue,
            (Some(old), Some(new)) if old == new => continue,
            (Some(old), None) if repo.is_packing(&one.name, old)? => continue,
            (Some(_), None) => RefChange::Deleted,
            (None, Some(_)) => RefChange::Created,
            (Some(old), Some(new)) if repo.is_ancestor(old, new)? => RefChange::Forwarded,
            (Some(_), Some(_)) => RefChange::Rewritten,
        };
        if asks {
            let mut question = Question::about(Action::RefUpdate);
            question.resource.branch = Some(one.name.clone());
            question.facts.ref_change = Some(change);
            // A yes is to this move, and to no other of the same branch.
            let ends = [&old, &new].map(|end| end.as_ref().map_or("-", Oid::as_str));
            question.resource.input = Some(hash::sha256_hex(ends.join("..").as_bytes()));
            let said = commit(store, cx, |tx, cx| ask::unless_silent(tx, cx, &question))?;
            warnings.extend(said);
        }
        let (Some(old), Some(new), true) = (old, new, looks) else {
            continue;
        };
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
    Ok(warnings)
}
