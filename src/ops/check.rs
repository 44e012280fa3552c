//! Running the project's checks without a task: on the worktree as it stands, on the commit from
//! which the next run would start, or on any other commit.
//!
//! The place, the sandbox, the setup and the judgement are those of a run, so what passes here
//! passes there. Nothing is recorded: a proof belongs to a task. Deliberately absent: the policy,
//! which has no question about looking.

use crate::domain::verdict::{Cell, Freshness, Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::git::{GitError, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::prove::ADD_ONE;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{self, CheckPlan, run_checks};
use crate::ops::run::files::CheckLogs;
use crate::ops::run::model::Checked;
use crate::ops::run::origin::origin;
use crate::ops::signals::Signals;
use crate::ops::world::World;
use crate::ops::{prove, trust};
use crate::process::supervise::CancelToken;

/// The place of checks that `ai task done` uses, too: nobody needs both at once.
const PLACE: &str = "done";

/// The tree that is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckTarget {
    /// The worktree in which the caller stands, uncommitted changes included.
    Worktree,
    /// The commit from which the next run would start.
    Base,
    /// A commit, or a tree, by any name that Git has for it.
    Named(String),
}

/// The results of all checks on one tree.
pub struct CheckReport {
    /// The tree.
    pub tree: Oid,
    /// The commit that was asked for, or on which the worktree stands; absent before the first one.
    pub commit: Option<Oid>,
    /// Each check with its result and its log.
    pub checked: Vec<Checked>,
}

impl CheckReport {
    /// The word of all of them together.
    pub fn verification(&self) -> Verification {
        runner::verification(&self.checked)
    }

    /// The outcome that a run with these results would have, if nothing else stood against it.
    pub fn outcome(&self) -> Outcome {
        let cell = Cell {
            lifecycle: Lifecycle::Finished,
            verification: self.verification(),
            policy: PolicyVerdict::Allow,
            freshness: Freshness::Current,
        };
        cell.outcome()
    }
}

/// Runs the named checks, or the default ones, on a tree.
pub fn check(
    world: &World,
    target: &CheckTarget,
    names: &[String],
) -> Result<CheckReport, OpError> {
    trust::require(&world.root, &world.location.common_dir, "the checks")?;
    let plans = CheckPlan::named(names, &world.config, "the command line")?;
    if plans.is_empty() {
        return Err(no_checks());
    }
    let repo = world.repo()?;
    let (tree, commit) = tree_of(world, &repo, target)?;
    let judged = Judged {
        tree: &tree,
        commit: commit.as_ref(),
    };
    let checked = on_tree(world, &repo, plans, judged, &CheckLogs::of_check(world))?;
    Ok(CheckReport {
        tree,
        commit,
        checked,
    })
}

/// Runs these checks on a tree; the caller answers for the trust in them.
pub(crate) fn on_tree(
    world: &World,
    repo: &Repo,
    plans: Vec<CheckPlan>,
    judged: Judged<'_>,
    logs: &CheckLogs,
) -> Result<Vec<Checked>, OpError> {
    let cancel = CancelToken::new();
    let _signals = Signals::listen(cancel.clone())?;
    let place = CheckPlace::open(world, repo, PLACE, judged)?;
    logs.clear()?;
    let label = format!("check.{}", (world.clock)().wall_ms);
    let checked = run_checks(world, &place, plans, logs, &label, &cancel);
    checked.map_err(|error| match cancel.reason() {
        Some(_) => {
            Refusal::Interrupted("stopped while the checks ran; nothing was changed".into()).into()
        }
        None => error,
    })
}

/// What it means that there is no check.
pub const NONE: &str = "no check is configured, so nothing can be proven";
fn no_checks() -> OpError {
    Refusal::Missing {
        why: NONE.into(),
        hint: format!("{ADD_ONE}; docs/quick-start.md has more"),
    }
    .into()
}

fn tree_of(
    world: &World,
    repo: &Repo,
    target: &CheckTarget,
) -> Result<(Oid, Option<Oid>), OpError> {
    let commit = match target {
        CheckTarget::Worktree => {
            let top = world.location.top.as_deref().ok_or_else(no_worktree)?;
            return prove::snapshot(world, repo, top);
        }
        CheckTarget::Base => {
            let base = origin(world, repo)?.base;
            repo.resolve_commit(&base.ok_or_else(no_commit)?)?
        }
        CheckTarget::Named(rev) => match named(repo, rev)? {
            Named::Commit(commit) => commit,
            Named::Tree(tree) => return Ok((tree, None)),
        },
    };
    Ok((repo.tree_of(&commit)?, Some(commit)))
}

/// The object that a revision names.
enum Named {
    Commit(Oid),
    Tree(Oid),
}

fn named(repo: &Repo, rev: &str) -> Result<Named, OpError> {
    match repo.resolve_commit(rev) {
        Err(GitError::NoCommit { .. }) => {}
        found => return Ok(Named::Commit(found?)),
    }
    match repo.resolve_tree(rev) {
        Err(GitError::NoCommit { .. }) => Err(Refusal::NotFound {
            what: Thing::Commit,
            id: rev.to_owned(),
        }
        .into()),
        found => Ok(Named::Tree(found?)),
    }
}

fn no_worktree() -> OpError {
    Refusal::Missing {
        why: "there is no worktree here whose state could be checked".into(),
        hint: "`ai check --base` checks the commit from which a run would start".into(),
    }
    .into()
}

fn no_commit() -> OpError {
    Refusal::Missing {
        why: "there is no commit yet from which a run could start".into(),
        hint:
            "commit something, then `ai check --base`; `ai check` checks the worktree as it stands"
                .into(),
    }
    .into()
}
