//! Where work starts and into which branch it goes. That is never a branch of a run: work that
//! lands there lands nowhere, although its task would be done. Whoever stands in the worktree of a
//! run means the checkout to which that worktree belongs.

use std::path::PathBuf;

use crate::base::text::one_line;
use crate::config::{Accept, AcceptMode};
use crate::domain::run::Run;
use crate::git::worktree::registered;
use crate::git::{Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::model::Origin;
use crate::ops::run::recovery::checkout;
use crate::ops::world::World;

/// Before the name of every branch of a run.
const OF_RUNS: &str = "refs/heads/ai/";
/// The branch beside which none of a run can be.
pub const IN_THE_WAY: &str = "refs/heads/ai";

/// Finds where a run starts: the configured base branch, else the branch of the checkout in which a
/// person stands.
pub fn origin(world: &World, repo: &Repo) -> Result<Origin, OpError> {
    let origin = match &world.config.defaults.base {
        Some(base) => {
            let target = format!("refs/heads/{base}");
            let commit = repo.find_ref(&target)?;
            let commit = commit.ok_or_else(|| Refusal::NotFound {
                what: Thing::Branch,
                id: base.clone(),
            })?;
            Origin {
                base: Some(commit.to_string()),
                target: Some(target),
            }
        }
        None => match checkouts_head(world, repo)? {
            Head::Branch { name, commit } => Origin {
                base: Some(commit.to_string()),
                target: Some(name),
            },
            Head::Unborn { name } => Origin {
                base: None,
                target: Some(name),
            },
            Head::Detached { commit } => Origin {
                base: Some(commit.to_string()),
                target: None,
            },
        },
    };
    refuse_branch_of_run(origin.target.as_deref())?;
    refuse_taken_name(repo)?;
    Ok(origin)
}

/// Refuses a repository in which no branch of a run can be made: where a branch `ai` stands, none
/// can be below that name.
fn refuse_taken_name(repo: &Repo) -> Result<(), OpError> {
    if repo.find_ref(IN_THE_WAY)?.is_none() {
        return Ok(());
    }
    Err(Refusal::Missing {
        why: "a branch named `ai` is in the way: beside it Git makes no branch `ai/...`, which every run needs".into(),
        hint: "`git branch -m ai NEWNAME` gives it another name".into(),
    }
    .into())
}

/// The branch into which the work of an adopted worktree goes, and where it stands: the configured
/// one, else that of the main checkout.
pub fn target_of_adopted(
    world: &World,
    repo: &Repo,
) -> Result<(Option<String>, Option<Oid>), OpError> {
    let (target, tip) = match &world.config.defaults.base {
        Some(base) => {
            let name = format!("refs/heads/{base}");
            let tip = repo.find_ref(&name)?;
            (Some(name), tip)
        }
        None => {
            let head = repo.head_of(repo.common_dir())?;
            let head = checkout::persons_head(world, repo, head)?;
            (
                head.branch().map(str::to_owned),
                Head::commit(&head).cloned(),
            )
        }
    };
    refuse_branch_of_run(target.as_deref())?;
    Ok((target, tip))
}

/// Refuses a branch of a run as the place for work.
pub fn refuse_branch_of_run(target: Option<&str>) -> Result<(), OpError> {
    let Some(name) = target.filter(|name| name.starts_with(OF_RUNS)) else {
        return Ok(());
    };
    let why = format!(
        "work would go into {}, which is the branch of a run",
        shown(name)
    );
    let next = "switch the checkout to the branch that is meant, or name it: `defaults.base` and `accept.target` in .ai/config.yaml";
    Err(Refusal::Missing {
        why,
        hint: next.into(),
    }
    .into())
}

/// The target of accepted work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Into this branch, by its full name.
    Branch(String),
    /// The work stays on the branch of its run.
    OwnBranch,
    /// Nobody has said: the run started from a detached HEAD.
    Unknown,
}

/// Returns the target of a run's work when it is accepted.
pub fn destination(accept: &Accept, run: &Run) -> Destination {
    if accept.mode == AcceptMode::Branch {
        return Destination::OwnBranch;
    }
    let configured = accept
        .target
        .as_ref()
        .map(|name| format!("refs/heads/{name}"));
    configured
        .or_else(|| run.target.clone())
        .map_or(Destination::Unknown, Destination::Branch)
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Destination::Branch(name) => {
                write!(f, "goes into {}", one_line(shown(name)))
            }
            Destination::OwnBranch => f.write_str("stays on its own branch (accept.mode: branch)"),
            Destination::Unknown => f.write_str(
                "goes into the branch that accept.target names: it started from a detached HEAD",
            ),
        }
    }
}

/// A branch as people name it.
pub fn shown(name: &str) -> &str {
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// Reads HEAD in the checkout in which a person stands, or to which the worktree of a run belongs
/// in which they stand.
fn checkouts_head(world: &World, repo: &Repo) -> Result<Head, OpError> {
    let pool = world.location.top.as_deref().and_then(|top| top.parent());
    let is_of_run = pool.is_some_and(|pool| world.places.pools().iter().any(|dir| dir == pool));
    let head = if is_of_run {
        repo.head_of(&git_dir(world)?)
    } else {
        repo.head()
    };
    checkout::persons_head(world, repo, head?)
}

/// The git directory of the checkout whose `.ai/` counts.
fn git_dir(world: &World) -> Result<PathBuf, OpError> {
    let location = &world.location;
    if location.main_root.as_ref() == Some(&world.root) {
        return Ok(location.common_dir.clone());
    }
    let linked = registered(&location.common_dir)?;
    let own = linked
        .into_iter()
        .find(|(_, root)| *root == world.root)
        .map(|(git_dir, _)| git_dir);
    // A repository without a checkout has its own HEAD.
    Ok(own.unwrap_or_else(|| location.common_dir.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_branches_of_runs_are_refused() {
        for name in [
            "refs/heads/main",
            "refs/heads/ai",
            "refs/heads/airline/x",
            "refs/heads/feature/ai/x",
        ] {
            assert!(refuse_branch_of_run(Some(name)).is_ok(), "{name}");
        }
        assert!(refuse_branch_of_run(None).is_ok());
        let error = refuse_branch_of_run(Some("refs/heads/ai/t-1/2"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("go into ai/t-1/2"), "{error}");
    }
}
