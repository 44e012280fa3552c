//! The paths that Git ignored in a checkout before a run worked there, which are the person's.

use std::path::Path;

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::git::diff::ChangeSide;
use crate::ops::error::OpError;

const LIST_CAP: u64 = 256 << 20;

/// Reads a list of paths, each with a NUL behind it.
pub(super) fn read_list(file: &Path) -> Result<Vec<RepoPath>, OpError> {
    let bytes = fs::read_capped(file, LIST_CAP)?;
    Ok(bytes
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(RepoPath::new)
        .collect())
}

/// The kind of thing at a path, as far as a rule of ignoring tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// A directory, or a submodule, which is one on the disk.
    Directory,
    /// A file, a link or anything else.
    Leaf,
}

impl Stands {
    /// The kind on the disk; a link is none of its target's kind.
    pub(super) fn at(path: &Path) -> Self {
        match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.is_dir() => Self::Directory,
            _ => Self::Leaf,
        }
    }

    /// The kind that is recorded.
    pub(super) fn of(side: &ChangeSide) -> Self {
        if side.is_submodule() {
            Self::Directory
        } else {
            Self::Leaf
        }
    }
}

/// True for a path of the list, and for everything beneath one that ends in `/`. Such a one is a
/// directory, and a file or link that came in its place is none of what was there.
pub(super) fn was_ignored(list: &[RepoPath], path: &RepoPath, stands: Stands) -> bool {
    let path = path.as_bytes();
    list.iter()
        .map(RepoPath::as_bytes)
        .any(|one| match one.strip_suffix(b"/") {
            Some(dir) => (path == dir && stands == Stands::Directory) || path.starts_with(one),
            None => path == one,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ignored_is_known_by_itself_or_by_its_directory() {
        let list = ["target/", ".env", "a/b.log"].map(RepoPath::new);
        let is = |path: &str, stands| was_ignored(&list, &RepoPath::new(path), stands);
        assert!(is("target", Stands::Directory));
        assert!(
            ["target/x/y", ".env", "a/b.log"]
                .iter()
                .all(|path| is(path, Stands::Leaf))
        );
        assert!(
            [
                "targets",
                "x/target/y",
                ".env.example",
                "a/b.log/c",
                "a",
                "target"
            ]
            .iter()
            .all(|path| !is(path, Stands::Leaf))
        );
    }

    #[test]
    fn a_link_to_a_directory_is_no_directory() {
        let place = tempfile::tempdir().unwrap();
        let (dir, link) = (place.path().join("dir"), place.path().join("link"));
        std::fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        let seen = [&dir, &link, &place.path().join("gone")].map(|path| Stands::at(path));
        assert_eq!(seen, [Stands::Directory, Stands::Leaf, Stands::Leaf]);
    }
}
