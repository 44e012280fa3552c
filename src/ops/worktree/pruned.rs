//! What a pruning took away, kept for a while: references below `refs/ai/pruned/<when>/`,
//! directories in `pruned/` of the state directory. `<when>` is in milliseconds since 1970.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::shell_words;
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::run::files::RUNS;
use crate::ops::world::World;

/// Prefix of the references that keep what was pruned.
pub(super) const REFS: &str = "refs/ai/pruned/";

/// Below the state directory: what is kept of pruned directories.
pub(in crate::ops) const DIR: &str = "pruned";

/// The directory in which pruned directories are kept.
pub(super) fn dir(world: &World) -> PathBuf {
    world.state().join(DIR)
}

/// The name under which `reference` is kept.
pub(super) fn kept_name(reference: &str, now_ms: i64) -> String {
    format!("{REFS}{now_ms}/{}", reference.trim_start_matches("refs/"))
}

/// Moves a reference to where it is kept. It is there before it is gone here, and gone only if it
/// is still what it was.
pub(super) fn keep_ref(
    repo: &Repo,
    reference: &str,
    oid: &Oid,
    now_ms: i64,
) -> Result<(), OpError> {
    repo.create_ref(&kept_name(reference, now_ms), oid, "ai: pruned")?;
    Ok(repo.delete_ref(reference, oid, "ai: pruned")?)
}

/// The command that brings a kept reference back.
pub(super) fn way_back(reference: &str, now_ms: i64) -> String {
    let kept = kept_name(reference, now_ms);
    match reference.strip_prefix("refs/heads/") {
        Some(branch) => format!("git branch {branch} {kept}"),
        None => format!("git update-ref {reference} {kept}"),
    }
}

/// The command that brings back what is kept under this name: of a reference, or of a directory below the state
/// directory. Nothing where the name does not tell where it was.
pub(super) fn back_from(world: &World, name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix(REFS) {
        let (_, was) = rest.split_once('/')?;
        return Some(match was.strip_prefix("heads/") {
            Some(branch) => format!("git branch {branch} {name}"),
            None => format!("git update-ref refs/{was} {name}"),
        });
    }
    let (_, run) = name.strip_prefix(DIR)?.split_once('-')?;
    let to = world.state().join(RUNS).join(run);
    let shell = |path: &Path| shell_words([path.to_string_lossy()]);
    let from = world.state().join(name);
    to.is_dir()
        .then(|| format!("mv {}/* {}/", shell(&from), shell(&to)))
}

/// Reads the time of a pruning out of the name.
pub(super) fn when_ms(name: &str) -> Option<i64> {
    let rest = name.strip_prefix(REFS).unwrap_or(name);
    rest.split(['/', '-']).next()?.parse().ok()
}

/// Directories that are kept, with the time at which they were pruned.
pub(super) fn dirs(world: &World) -> Result<Vec<(PathBuf, i64)>, OpError> {
    let all = fs::list_dir(&dir(world))?;
    let timed = |path: PathBuf| Some((path.file_name()?.to_str().and_then(when_ms)?, path));
    Ok(all
        .into_iter()
        .filter_map(timed)
        .map(|(when, path)| (path, when))
        .collect())
}

/// Returns the path to which a pruned directory is moved.
pub(super) fn kept_dir(world: &World, path: &Path, now_ms: i64) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    dir(world).join(format!("{now_ms}-{name}"))
}
