//! The project's own files: where they lie, and how they are read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileId};
use crate::config::{self, Config, Trees};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::standing_policy;
use crate::policy::PolicyState;
use crate::store::{StoreError, StorePlace};

/// The file in the state directory by which two installations of hooks wait for each other.
pub const HOOKS_LOCK: &str = "hooks.lock";
/// The file there that says which hooks were installed.
pub const HOOKS_NOTE: &str = "hooks-installed";

/// The store's file below the state directory.
pub const STORE_FILE: &str = "ai.db";

/// Returns the directory of store, runs and backups: in the git common directory, out of the way of
/// `git clean` and of agents' trees.
pub fn state_dir(common_dir: &Path) -> PathBuf {
    common_dir.join("ai")
}

/// Returns the place of the store of a state directory.
pub fn store_place(state_dir: &Path) -> StorePlace {
    StorePlace::File {
        path: state_dir.join(STORE_FILE),
        mark: mark_file(state_dir),
    }
}

/// Tells the store that stands in a state directory from one that has stood there before, such as the one before a
/// restore; nothing where none stands there.
pub fn standing_store(state_dir: &Path) -> Option<FileId> {
    let found = fs::stat(&state_dir.join(STORE_FILE)).ok().flatten();
    found.map(|file| file.id)
}

/// Says whether a store was ever made in a state directory.
pub fn has_store(state_dir: &Path) -> bool {
    state_dir.join(STORE_FILE).exists()
}

/// True where the sandbox of a run hides the store, or keeps it from being read.
pub fn is_out_of_sight(state_dir: &Path) -> bool {
    let seen = fs::read_start(&state_dir.join(STORE_FILE), 1);
    let hidden = [ErrorKind::NotFound, ErrorKind::PermissionDenied];
    seen.is_err_and(|error| hidden.contains(&error.source.kind()))
}

/// True for a state directory in which no store was ever kept: no run, no backup, no log beside a database.
/// The hooks of a server, which has no store, leave their notes in it.
pub fn is_fresh(state_dir: &Path) -> Result<bool, OpError> {
    if mark_file(state_dir).exists() {
        return Ok(false);
    }
    let entries = fs::list_dir(state_dir).map_err(StoreError::from)?;
    let says_nothing = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(".ai.db.") || [HOOKS_LOCK, HOOKS_NOTE].contains(&&*name)
    };
    Ok(entries.iter().all(says_nothing))
}

/// Returns the file with the high-water mark of a store: shared by all worktrees as the store is,
/// and beside its directory, so that who puts that back as it once was does not put this back.
pub fn mark_file(state_dir: &Path) -> PathBuf {
    state_dir.with_file_name("ai-high-water")
}

/// The configuration of the checkout at `root`; defaults where there is no file.
pub fn config(root: &Path, trees: &Trees) -> Result<Config, OpError> {
    Ok(config::load(root, trees).map_err(Refusal::Config)?)
}

/// The policy in force in the checkout at `root`, with all of its layers.
pub fn policy(root: &Path, trees: &Trees) -> PolicyState {
    standing_policy::in_force(root, trees)
}
