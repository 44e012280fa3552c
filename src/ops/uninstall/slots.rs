//! The pool of worktrees: their work is put on a rescue ref where it stands nowhere else, and only
//! then may they go.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::counted;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{
    ClearedSlot, KnownRescue, PoolLimits, Rescue, RescueAs, RescueResult, SlotState, WorktreePool,
};
use crate::git::{Oid, Repo};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::project;
use crate::ops::refusal::Refusal;
use crate::ops::uninstall::plan::PooledWorktree;
use crate::ops::uninstall::{UninstallPlan, refs};
use crate::ops::world::identity;

/// Worktrees that may go: those with a directory, and the registrations of those without.
pub(super) struct Cleaned {
    cleared: Vec<(PathBuf, ClearedSlot)>,
    missing: Vec<PathBuf>,
}

/// Looks at the work in every worktree of the plan. Work that stood nowhere else is saved, and then
/// this is refused, once: a person should hear of it before the worktree is gone.
pub(super) fn clear(repo: &Repo, plan: &UninstallPlan, when_ms: i64) -> Result<Cleaned, OpError> {
    let mut cleaned = Cleaned {
        cleared: Vec::new(),
        missing: Vec::new(),
    };
    let mut saved = Vec::new();
    for PooledWorktree { pool: dir, name } in &plan.slots {
        let pool = pool(dir, repo);
        let before = refs::ours(repo)?;
        let rescued = rescue(repo, &pool, plan, name, when_ms)?;
        if let Some(loss) = rescued.left_behind.first() {
            let why = format!("worktree {name} holds something that cannot be saved: {loss}");
            return Err(Refusal::Conflict {
                why,
                hint: "move it away, then the same command again".into(),
            }
            .into());
        }
        if let Rescue::Saved {
            reference,
            commit,
            files,
            ..
        } = &rescued.rescue
        {
            if before.iter().any(|(_, oid)| oid == commit) {
                // A run's branch or an earlier rescue has it; a second name for it would only be in
                // the way.
                forget_second_name(repo, &before, reference, commit)?
            } else {
                saved.push(format!(
                    "{} of {name} on {reference}",
                    counted(*files, "changed file")
                ))
            }
        }
        match rescued.cleared {
            Some(proof) => cleaned.cleared.push((dir.clone(), proof)),
            None => cleaned.missing.extend(missing(&pool, name)?),
        }
    }
    if saved.is_empty() {
        return Ok(cleaned);
    }
    let text = format!(
        "worktrees held work that stood nowhere else, which is saved now: {}",
        saved.join(", ")
    );
    Err(Refusal::Conflict {
        why: format!("{text}; nothing was removed"),
        hint: "run the command again to go on".into(),
    }
    .into())
}

/// Takes the worktrees away.
pub(super) fn remove(repo: &Repo, plan: &UninstallPlan, cleaned: Cleaned) -> Result<(), OpError> {
    for (dir, proof) in cleaned.cleared {
        pool(&dir, repo).remove(proof)?;
    }
    for admin in cleaned.missing {
        fs::remove_stubborn(&admin)?;
    }
    let dirs: BTreeSet<&PathBuf> = plan.slots.iter().map(|slot| &slot.pool).collect();
    for dir in dirs.into_iter().filter(|dir| dir.is_dir()) {
        pool(dir, repo).sweep()?;
    }
    Ok(())
}

fn pool<'r>(dir: &Path, repo: &'r Repo) -> WorktreePool<'r> {
    WorktreePool::new(repo, dir, PoolLimits::default())
}

fn rescue(
    repo: &Repo,
    pool: &WorktreePool<'_>,
    plan: &UninstallPlan,
    name: &str,
    when_ms: i64,
) -> Result<RescueResult, OpError> {
    let shadow = project::state_dir(repo.common_dir())
        .join("slots")
        .join(name)
        .join("shadow.git");
    let shadow = ShadowRepo::open(repo, &shadow)?;
    // Attributes are read from what the run started from; a later commit may be an agent's.
    let last = plan
        .runs
        .iter()
        .filter(|run| run.worktree == name)
        .max_by_key(|run| run.started_ms);
    let base = last
        .and_then(|run| run.base.as_deref())
        .map(Oid::parse)
        .transpose()
        .kept("the base of the run")?;
    let who = identity()?;
    let save = RescueAs {
        reference: &format!("refs/ai/rescue/slot/{name}"),
        message: &format!("ai: work saved from worktree {name}\n"),
        who: &who,
        when_ms,
        known: KnownRescue::Anywhere,
    };
    Ok(pool.rescue(name, base.as_ref(), &shadow, &save)?)
}

fn forget_second_name(
    repo: &Repo,
    before: &[(String, Oid)],
    name: &str,
    commit: &Oid,
) -> Result<(), OpError> {
    if before.iter().any(|(known, _)| known == name) {
        return Ok(());
    }
    Ok(repo.delete_ref(name, commit, "ai: uninstall")?)
}

fn missing(pool: &WorktreePool<'_>, name: &str) -> Result<Option<PathBuf>, OpError> {
    let info = pool.find(name)?;
    Ok(info
        .filter(|info| info.state == SlotState::Missing)
        .and_then(|info| info.admin))
}
