//! Doing it: everything is checked and saved before the first thing goes, and what goes last is the
//! store, renamed in one step.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text;
use crate::base::{fs, id, json_path};
use crate::domain::time::Now;
use crate::git::{Repo, RepoLocation, worktree};
use crate::ops::cli_setup::{self, Which};
use crate::ops::error::OpError;
use crate::ops::hooks::DryRun;
use crate::ops::refusal::Refusal;
use crate::ops::uninstall::plan::{TRASH, around_checkout};
use crate::ops::uninstall::{KeptItem, UninstallPlan, refs, slots};
use crate::ops::{hooks, project, trust, world};
use crate::store::Access;
use crate::store::StoreError;
use crate::store::sqlite::{SqliteStore, copy_to};

/// The user's choice for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing: a store that holds tasks stays.
    Unsaid,
    /// A copy of it, with the files of its runs, goes into this new directory.
    Copy(PathBuf),
    /// The work may be lost.
    Discard,
}

/// The command lines that say what becomes of the tasks.
pub const WAYS: &str = "`ai uninstall --yes --backup-to DIR` keeps a copy of the tasks, the log and the evidence in a new directory, `ai uninstall --yes --discard` lets them be lost";

/// The work that `ai uninstall` did.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Farewell {
    /// Path of the copy of the store.
    #[serde(serialize_with = "json_path::if_any")]
    pub copy: Option<PathBuf>,
    /// Path of the bundle of the refs.
    #[serde(serialize_with = "json_path::if_any")]
    pub bundle: Option<PathBuf>,
    /// Things that stay, with the reason.
    pub keeps: Vec<KeptItem>,
}

/// Removes what the plan says. With `bundle`, the refs go too.
pub fn carry_out(
    place: &RepoLocation,
    repo: &Repo,
    plan: UninstallPlan,
    keep: &Keep,
    bundle: Option<&Path>,
    now: &Now,
) -> Result<Farewell, OpError> {
    refuse_early(&plan, keep)?;
    let root = place.main_root.as_deref().or(place.top.as_deref());
    let cleaned = slots::clear(repo, &plan, now.wall_ms)?;
    let refs = refs::ours(repo)?;
    let mut farewell = Farewell::default();
    if let Keep::Copy(dir) = keep {
        copy_store(&project::state_dir(&place.common_dir), dir)?;
        farewell.copy = Some(dir.clone());
    }
    if let Some(file) = bundle.filter(|_| !refs.is_empty()) {
        refs::bundle(repo, &refs, file)?;
        farewell.bundle = Some(file.to_owned());
    }
    // From here on things go. Hooks first: they ask a store that will not be there.
    let hooks = hooks::remove(repo, &project::state_dir(&place.common_dir))?;
    let settings = take_out(&plan.setups);
    slots::remove(repo, &plan, cleaned)?;
    farewell.keeps = plan.keeps;
    farewell.keeps.extend(settings);
    farewell
        .keeps
        .extend(hooks.left.into_iter().map(|left| KeptItem {
            path: left.path.to_string_lossy().into_owned(),
            why: left.why,
        }));
    match farewell.bundle {
        Some(_) => {
            let left = refs::remove(repo, &refs)?;
            farewell
                .keeps
                .extend(left.into_iter().map(|(path, why)| KeptItem { path, why }));
            remove_hollow(
                &place.common_dir,
                &[
                    "refs/heads/ai",
                    "refs/ai",
                    "logs/refs/heads/ai",
                    "logs/refs/ai",
                ],
            );
        }
        None => {
            let why = "branches and refs stay without --branches";
            farewell
                .keeps
                .extend(refs.into_iter().map(|(path, _)| KeptItem {
                    path,
                    why: why.to_owned(),
                }));
        }
    }
    remove_files(place, root, &plan.removes, &plan.hollow)?;
    Ok(farewell)
}

/// Takes `ai` out of settings of CLIs; returns those in which it stays.
fn take_out(setups: &[(PathBuf, Which)]) -> Vec<KeptItem> {
    let each = setups.iter();
    let left = each.filter_map(|(top, which)| {
        let done = cli_setup::uninstall(around_checkout(top), *which, DryRun::No);
        Some((top, which, done.err()?))
    });
    left.map(|(top, which, error)| KeptItem {
        path: format!("the settings of {} in {}", which.cli, top.display()),
        why: error.to_string(),
    })
    .collect()
}

fn refuse_early(plan: &UninstallPlan, keep: &Keep) -> Result<(), OpError> {
    if let Some(run) = plan.active_runs.first() {
        return Err(Refusal::Conflict {
            why: format!("run {run} has not ended; nothing is removed while it works"),
            hint: "wait for it, or end it where it was started; `ai recover` ends one that was cut off".into(),
        }
        .into());
    }
    match &plan.store {
        Some(held) if held.tasks > 0 && *keep == Keep::Unsaid => {
            let why = format!(
                "the store holds {} and {}",
                text::counted(held.tasks, "task"),
                text::counted(held.runs, "run")
            );
            Err(Refusal::Conflict {
                why,
                hint: WAYS.into(),
            }
            .into())
        }
        _ => Ok(()),
    }
}

fn copy_store(state: &Path, dir: &Path) -> Result<(), OpError> {
    if std::fs::symlink_metadata(dir).is_ok() {
        return Err(Refusal::Conflict {
            why: format!("{} exists already", dir.display()),
            hint: "name a new directory for the copy".into(),
        }
        .into());
    }
    fs::create_private_dir(dir).map_err(StoreError::from)?;
    let store = SqliteStore::open(&state.join(project::STORE_FILE), Access::Read)?;
    copy_to(&store, &dir.join(project::STORE_FILE))?;
    copy_tree(&state.join("runs"), &dir.join("runs"))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), OpError> {
    let mut open = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = open.pop() {
        for path in fs::list_dir(&from).map_err(StoreError::from)? {
            let target = to.join(path.file_name().unwrap_or_default());
            match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => open.push((path, target)),
                Ok(meta) if meta.is_file() => {
                    fs::copy_if_absent(&path, &target).map_err(StoreError::from)?
                }
                // Runs' directories hold files alone; a link among them leads nowhere that is ours.
                _ => {}
            }
        }
    }
    Ok(())
}

/// The link and files first, the store last, so that a command that was cut off can be run again.
fn remove_files(
    place: &RepoLocation,
    root: Option<&Path>,
    removes: &[PathBuf],
    hollow: &[PathBuf],
) -> Result<(), OpError> {
    let state = project::state_dir(&place.common_dir);
    for path in removes.iter().filter(|path| **path != state) {
        let is_dir = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        if is_dir {
            fs::remove_stubborn(path)
        } else {
            fs::remove_file(path)
        }
        .map_err(StoreError::from)?;
    }
    hollow.iter().for_each(|dir| remove_empty(dir, &[""]));
    if let Some(root) = root {
        remove_empty(root, &[".ai"]);
    }
    remove_empty(&place.common_dir, &["worktrees"]);
    if let Some(dir) = world::disk_locks_dir() {
        worktree::remove_idle(&dir);
    }
    if let Some(dir) = trust::dir() {
        remove_empty(&dir, &[""]);
        remove_empty(dir.parent().unwrap_or(&dir), &[""]);
    }
    if state.is_dir() {
        let trash = place
            .common_dir
            .join(format!("{TRASH}{}", id::random_text(8)));
        fs::rename(&state, &trash).map_err(StoreError::from)?;
        fs::remove_dir_all(&trash).map_err(StoreError::from)?;
    }
    Ok(())
}

/// Removes directories that are empty now; a directory that is not stays: that is the question that
/// is asked here.
fn remove_empty(base: &Path, dirs: &[&str]) {
    for dir in dirs {
        let _ = fs::remove_empty_dir(&base.join(dir));
    }
}

/// Removes directories in which there is nothing but directories.
fn remove_hollow(base: &Path, dirs: &[&str]) {
    for dir in dirs {
        let dir = base.join(dir);
        let below = fs::list_dir(&dir).unwrap_or_default();
        for path in below
            .iter()
            .filter(|path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()))
        {
            remove_hollow(path, &[""]);
        }
        remove_empty(&dir, &[""]);
    }
}
