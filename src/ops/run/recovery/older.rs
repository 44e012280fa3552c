//! Giving up the worktrees of older versions, and those of a cache directory that was moved: their
//! work is saved first.

use std::path::Path;

use crate::base::fs;
use crate::base::text::counted;
use crate::domain::run::Run;
use crate::git::worktree::{PoolLimits, Rescue, SlotState, WorktreePool};
use crate::git::{Repo, WorktreeOwner};
use crate::ops::error::OpError;
use crate::ops::run::recovery::salvage::rescue_in;
use crate::ops::world::World;
use crate::store::Store;

/// Gives up the worktrees of older versions, and of a cache directory that was moved: their work is
/// saved first, and what cannot be saved stays where it is.
pub fn empty_older(world: &World, store: &mut dyn Store, repo: &Repo) -> Result<(), OpError> {
    for dir in world.places.older() {
        let runs = store.read(|tx| tx.all_runs())?;
        let pool = WorktreePool::new(repo, &dir, PoolLimits::default()).sharing(world.disk_locks());
        for slot in pool.list()? {
            let is_busy = runs
                .iter()
                .any(|run| run.worktree == slot.name && run.end.is_none());
            let usable = matches!(slot.state, SlotState::Ready | SlotState::Redirected);
            if usable
                && !is_busy
                && let Err(error) = give_up(world, store, repo, &pool, &slot.name, &runs)
            {
                // It is no hindrance to a new run, and the next one looks again.
                world.say(&format!(
                    "warning: worktree {} stays: {error}",
                    slot.path.display()
                ));
            }
        }
        // Where checks ran; nobody worked there but `ai`.
        for path in fs::list_dir(&dir)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.starts_with(".check-")
                && std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir())
            {
                fs::remove_stubborn(&path)?;
            }
        }
        let _swept = pool.sweep();
        leave(&dir)?;
    }
    Ok(())
}

/// Takes an older pool away once nothing stands in it, with the places of checks beside it. One
/// that is not empty stays.
fn leave(pool: &Path) -> Result<(), OpError> {
    let home = WorktreeOwner::of_pool(pool).and(pool.parent());
    if fs::remove_empty_dir(pool).is_err_and(|error| !error.is_not_found()) {
        return Ok(());
    }
    if let Some(home) = home {
        fs::remove_stubborn(&home.join("checks"))?;
        fs::remove_file(&home.join("owner"))?;
        // The directory of all repositories may be empty now, too.
        for dir in home.ancestors().take(2) {
            let _removed = fs::remove_empty_dir(dir);
        }
    }
    Ok(())
}

fn give_up(
    world: &World,
    store: &mut dyn Store,
    repo: &Repo,
    pool: &WorktreePool<'_>,
    slot: &str,
    runs: &[Run],
) -> Result<(), OpError> {
    let last = runs
        .iter()
        .filter(|run| run.worktree == slot)
        .max_by_key(|run| run.started_ms);
    let at = pool.dir().join(slot);
    let rescued = rescue_in(world, repo, pool, slot, last)?;
    if let Rescue::Saved {
        reference, files, ..
    } = &rescued.rescue
    {
        world.say(&format!(
            "saved {} of {} on {reference}",
            counted(*files, "changed file"),
            at.display()
        ));
    }
    match (rescued.cleared, rescued.left_behind.first()) {
        (Some(cleared), _) => {
            // Somebody with another setting may have begun to work there meanwhile.
            let removed = pool.remove_if_free(cleared, || -> Result<bool, OpError> {
                let active = store.read(|tx| tx.active_runs())?;
                Ok(active.iter().all(|run| run.worktree != slot))
            });
            if removed?.is_some() {
                let new = world.pool_dir();
                world.say(&format!(
                    "worktree {} was given up; new ones are made in {}",
                    at.display(),
                    new.display()
                ));
            }
        }
        (None, Some(left)) => {
            world.say(&format!("warning: worktree {} stays: {left}", at.display()))
        }
        (None, None) => {}
    }
    Ok(())
}
