//! The directories of a project, links followed, that a sandbox hides or shows.

use std::path::{Path, PathBuf};

use crate::domain::sandbox::SandboxMode;
use crate::git::worktree::registered;
use crate::ops::error::OpError;
use crate::ops::tokens;
use crate::ops::world::World;
use crate::process::sandbox::PathAccess;

/// Below the git common directory: the git directories of linked worktrees.
const WORKTREES: &str = "worktrees";

/// Every checkout of the project, and the git directory that they share.
pub fn checkouts(world: &World) -> Result<Vec<PathBuf>, OpError> {
    let location = &world.location;
    let linked = registered(&location.common_dir)?
        .into_iter()
        .map(|(_, root)| root);
    let own = [
        Some(world.root.clone()),
        location.main_root.clone(),
        Some(location.common_dir.clone()),
    ];
    Ok(own
        .into_iter()
        .flatten()
        .chain(linked)
        .filter_map(|dir| real(&dir))
        .collect())
}

/// What an agent could act with in somebody else's name, or learn of others: linked worktrees of
/// people, and the store and the lease tokens that lie in git directories.
pub fn of_others(world: &World, mode: SandboxMode) -> Result<Vec<(PathBuf, PathAccess)>, OpError> {
    let common_dir = &world.location.common_dir;
    let mut trees = Vec::new();
    for (_, root) in registered(common_dir)? {
        if root != world.root {
            trees.push((root, PathAccess::Hidden));
        }
    }
    let part = if mode.hides_parts() {
        PathAccess::Hidden
    } else {
        PathAccess::Covered
    };
    tokens::make_dir(common_dir)?;
    // All worktrees, also those that are made while it works: tokens lie in their git directories.
    let parts = [tokens::DIR, WORKTREES].map(|name| common_dir.join(name));
    let parts = parts.into_iter().chain([world.state()]);
    trees.extend(parts.map(|path| (path, part.clone())));
    Ok(trees)
}

/// Tells whether a path lies in one of these directories.
pub(crate) fn is_below(dirs: &[PathBuf], path: &Path) -> bool {
    real(path).is_some_and(|path| dirs.iter().any(|dir| path.starts_with(dir)))
}

/// The path with its links followed, where it is there.
pub(crate) fn real(path: &Path) -> Option<PathBuf> {
    path.is_absolute()
        .then(|| std::fs::canonicalize(path).ok())
        .flatten()
}
