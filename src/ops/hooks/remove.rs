//! Taking the hooks away: what stood there before gets its name back. What somebody has changed since
//! stays, and is told.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text::path_bytes;
use crate::base::{file_lock, fs, json_path};
use crate::domain::git_hook::HookName;
use crate::domain::hook_shim::{HookFile, HooksDir};
use crate::git::Repo;
use crate::ops::error::OpError;
use crate::ops::failpoint;
use crate::ops::hooks::{doors, layout};
use crate::ops::project;

/// The hooks that were taken away.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemovedHooks {
    /// Files that are gone.
    #[serde(serialize_with = "json_path::all")]
    pub removed: Vec<PathBuf>,
    /// Files that are again what they were before.
    #[serde(serialize_with = "json_path::all")]
    pub restored: Vec<PathBuf>,
    /// Files that stay, with the reason.
    pub left: Vec<LeftHook>,
}

/// A file that stays.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftHook {
    /// The path.
    #[serde(serialize_with = "json_path::one")]
    pub path: PathBuf,
    /// The reason.
    pub why: String,
}

/// Files of hooks that `ai` has written or keeps.
pub fn ours(repo: &Repo) -> Result<Vec<PathBuf>, OpError> {
    let dir = layout::dir(repo);
    let mut found = Vec::new();
    for hook in HookName::ALL {
        let file = dir.join(hook.as_str());
        let is_kept = std::fs::symlink_metadata(layout::kept_name(&file)).is_ok();
        if is_kept
            || matches!(
                layout::read(&file)?,
                Some(HookFile::Ours { .. } | HookFile::Changed)
            )
        {
            found.push(file);
        }
    }
    Ok(found)
}

/// Takes all hooks away. `state_dir` need not be there.
pub fn remove(repo: &Repo, state_dir: &Path) -> Result<RemovedHooks, OpError> {
    let _alone = if state_dir.is_dir() {
        Some(file_lock::lock(&state_dir.join(project::HOOKS_LOCK))?)
    } else {
        None
    };
    let dir = layout::dir(repo);
    let (mut done, mut origin) = (RemovedHooks::default(), HooksDir::Found);
    for hook in HookName::ALL {
        let file = dir.join(hook.as_str());
        let (aside, draft) = (layout::aside_name(&file), layout::draft_name(&file));
        // What an installation that was cut off had begun to write.
        if layout::read(&draft)?.is_some() {
            fs::remove_file(&draft)?;
        }
        if let Some(HookFile::Ours { .. }) = layout::read(&aside)? {
            fs::remove_file(&aside)?;
            done.removed.push(aside);
        }
        if take_away(&file, &mut done)? == HooksDir::Made {
            origin = HooksDir::Made;
        }
    }
    if origin == HooksDir::Made {
        // Somebody else may have put a hook there.
        let _ = fs::remove_empty_dir(&dir);
    }
    doors::forget(state_dir)?;
    layout::forget_installed(state_dir)?;
    if !project::has_store(state_dir) && state_dir.is_dir() {
        // A server had no directory before; whatever else lies there stays.
        let _ = fs::remove_file(&state_dir.join(project::HOOKS_LOCK));
        let _ = fs::remove_empty_dir(state_dir);
    }
    Ok(done)
}

/// Takes one hook away, and tells where its directory came from.
fn take_away(file: &Path, done: &mut RemovedHooks) -> Result<HooksDir, OpError> {
    let kept = layout::kept_name(file);
    let is_kept = std::fs::symlink_metadata(&kept).is_ok();
    let stands = layout::read(file)?;
    let origin = match &stands {
        Some(HookFile::Ours { dir, .. }) => *dir,
        _ => HooksDir::Found,
    };
    let leave = |path: &Path, why: &str| LeftHook {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    match stands {
        Some(HookFile::Ours { .. }) | None if is_kept => {
            fs::rename(&kept, file)?;
            done.restored.push(file.to_owned());
        }
        Some(HookFile::Ours { .. }) => {
            fs::remove_file(file)?;
            done.removed.push(file.to_owned());
        }
        // An installation was cut off between the second name and the new file.
        Some(HookFile::Foreign) if is_kept && fs::same_file(file, &kept) => {
            fs::remove_file(&kept)?;
            done.restored.push(file.to_owned());
        }
        Some(HookFile::Foreign) if is_kept => {
            let why = format!(
                "somebody has put another hook over that of `ai`; the one from before is kept in {}",
                path_bytes(kept.as_os_str().as_encoded_bytes())
            );
            done.left.push(leave(file, &why));
        }
        Some(HookFile::Changed) => {
            done.left
                .push(leave(file, "somebody has changed it since `ai` wrote it"));
        }
        Some(HookFile::Foreign) | None => {}
    }
    failpoint::hit("hook-removed")?;
    Ok(origin)
}
