//! The directories of a project, links followed, that a sandbox hides or shows.

use std::path::{Path, PathBuf};

use crate::git::worktree::registered;
use crate::ops::error::OpError;
use crate::ops::world::World;

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
