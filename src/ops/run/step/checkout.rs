//! The step of a worktree and of an agent for a run in the main checkout itself (`isolation: none`):
//! the checkout must be clean, HEAD stands on the run's own branch meanwhile, and what the agent did
//! becomes a commit there. Putting everything back is [`crate::ops::run::recovery::checkout`].

use crate::domain::aftermath::TreeChange;
use crate::domain::run::Run;
use crate::git::busy::unfinished;
use crate::git::repo::HeadTo;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::SnapshotLimits;
use crate::git::worktree::Slot;
use crate::git::{ExpectedRef, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::failpoint;
use crate::ops::refusal::Refusal;
use crate::ops::run::model::{AgentEnd, RunCx, Taken, Worked};
use crate::ops::run::recovery::checkout::{Checkout, Entered, give_back};
use crate::ops::run::recovery::journal::{Journal, read_journal};
use crate::ops::run::step::snapshot;
use crate::ops::world::World;

/// Refuses where the checkout is not clean: said before anything is claimed. `base` is where the
/// run is to start.
pub(crate) fn refuse_dirty(world: &World, repo: &Repo, base: Option<&str>) -> Result<(), OpError> {
    let checkout = Checkout::open(world, repo)?;
    checkout.shadow.follow_settings(repo)?;
    checkout.clean()?;
    let head = repo.head_of(repo.common_dir())?;
    if head.commit().map(Oid::as_str) == base {
        Ok(())
    } else {
        let stands = head.branch().map_or("a commit of its own", |name| {
            name.trim_start_matches("refs/heads/")
        });
        let text = format!(
            "the agent works in the checkout itself, which stands on {stands} and not where runs start"
        );
        Err(Refusal::Missing {
            why: text,
            hint: "switch the checkout to `defaults.base`, or run it from there".into(),
        }
        .into())
    }
}

/// The checkout as the place of a run, and its shadow. Nothing is changed yet.
pub(crate) fn prepare(world: &World, repo: &Repo) -> Result<(Slot, ShadowRepo), OpError> {
    let checkout = Checkout::open(world, repo)?;
    let slot = Slot {
        name: Run::CHECKOUT.to_owned(),
        path: checkout.root,
        admin: repo.common_dir().to_owned(),
    };
    Ok((slot, checkout.shadow))
}

/// Gives the checkout to the run: what stands there is written down, and HEAD goes to the run's
/// branch.
pub(crate) fn enter<'a>(live: &RunCx<'a>) -> Result<Entered<'a>, OpError> {
    let (world, repo, run) = (live.world, live.repo, &live.started.run);
    if let Some(old) = read_journal(world)? {
        give_back(world, repo, &old.run)?;
    }
    let checkout = Checkout::open(world, repo)?;
    let left = checkout.clean()?;
    let head = repo.head_of(repo.common_dir())?;
    let commit = head
        .commit()
        .map(ToString::to_string)
        .filter(|commit| Some(commit) == run.base.as_ref());
    let commit = commit.ok_or_else(|| Refusal::Conflict {
        why: "the checkout was moved before the run began".into(),
        hint: "the same command again starts from where it is now".into(),
    })?;
    let ignored = checkout.ignored(&head)?;
    let journal = Journal {
        version: 1,
        run: run.id.clone(),
        branch: head.branch().map(str::to_owned),
        commit,
        left: left.iter().map(ToString::to_string).collect(),
    };
    let entered = Entered {
        checkout,
        journal,
        ignored,
    };
    entered.write_down()?;
    failpoint::hit("checkout-saved")?;
    let (branch, base) = (entered.journal.own_branch(), entered.base()?);
    repo.swap_ref(
        &branch,
        Some(&base),
        &ExpectedRef::Absent,
        "ai: a run in the checkout begins",
    )?;
    repo.set_head_of(repo.common_dir(), &HeadTo::Branch(&branch))?;
    failpoint::hit("checkout-entered")?;
    Ok(entered)
}

/// The agent's work as a commit on the run's branch.
pub(crate) fn take(
    entered: &Entered<'_>,
    live: &RunCx<'_>,
    end: AgentEnd,
) -> Result<Worked, OpError> {
    let seen = entered.look(SnapshotLimits::default())?.work;
    failpoint::hit("snapshot")?;
    let head = live
        .repo
        .head_of(live.repo.common_dir())
        .ok()
        .and_then(|head| head.commit().cloned());
    let taken = snapshot::commit_tree(
        live,
        &entered.checkout.shadow,
        (entered.base_tree()?, &seen),
        head.as_ref(),
    )?;
    let end = end.left_undone(unfinished(live.repo.common_dir()), &taken.unmerged);
    let Taken {
        sealed,
        changed,
        remarks,
        ..
    } = taken;
    let lifecycle = end.attempt().lifecycle(TreeChange::of(&changed));
    Ok(Worked {
        end,
        lifecycle,
        sealed,
        changed,
        remarks,
    })
}
