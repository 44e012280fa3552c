//! The lock files of a repository: Git's own way to keep two commands apart, and what stays of one
//! that was killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::{clock, fs};
use crate::git::merge::{IndexHolder, index_holder};
use crate::git::repo::left_locks;

/// The files that Git locks in a git directory, besides references.
const LOCKED: [&str; 6] = [
    "index.lock",
    "HEAD.lock",
    "packed-refs.lock",
    "config.lock",
    "shallow.lock",
    "FETCH_HEAD.lock",
];
/// References lie no deeper in any repository that is not made to hurt.
const DEPTH: usize = 12;

/// A lock file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    /// The file.
    pub path: PathBuf,
    /// The time since it was made.
    pub age: Duration,
    /// The maker of it.
    pub maker: LockMaker,
}

/// The maker of a lock file, as far as it can be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockMaker {
    /// A lander of `ai`, who has written this line into it.
    Lander(String),
    /// A command of `ai` that was killed while it moved a reference.
    KilledSwap,
    /// Anybody.
    Other,
}

/// Lists the lock files of the repository with this common directory, those of its linked worktrees
/// included.
pub fn lock_files(common_dir: &Path) -> Vec<LockFile> {
    let linked = fs::list_dir(&common_dir.join("worktrees")).unwrap_or_default();
    let mut paths = Vec::new();
    for git_dir in linked.iter().map(PathBuf::as_path).chain([common_dir]) {
        paths.extend(LOCKED.map(|name| git_dir.join(name)));
    }
    below(&common_dir.join("refs"), DEPTH, &mut paths);
    let left = left_locks(common_dir).unwrap_or_default();
    let mut found: Vec<LockFile> = paths
        .into_iter()
        .filter_map(|path| look(path, &left))
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn look(path: PathBuf, left: &[PathBuf]) -> Option<LockFile> {
    let age_ms = clock::wall_ms() - fs::modified_ms(&path)?;
    let is_index = path.file_name().is_some_and(|name| name == "index.lock");
    let holder = path.parent().filter(|_| is_index).and_then(index_holder);
    Some(LockFile {
        age: Duration::from_millis(u64::try_from(age_ms).unwrap_or_default()),
        maker: match holder {
            Some(IndexHolder::Ai(name)) => LockMaker::Lander(name),
            _ if left.contains(&path) => LockMaker::KilledSwap,
            Some(IndexHolder::Other) | None => LockMaker::Other,
        },
        path,
    })
}

fn below(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for path in fs::list_dir(dir).unwrap_or_default() {
        let is_dir = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
        if is_dir && depth > 0 {
            below(&path, depth - 1, found);
        } else if path.extension().is_some_and(|end| end == "lock") {
            found.push(path);
        }
    }
}
