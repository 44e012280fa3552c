//! The paths that Git ignored in a checkout before a run worked there, which are the person's.

use std::path::Path;

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
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

/// True for a path of the list, and for everything beneath one that ends in `/`.
pub(super) fn was_ignored(list: &[RepoPath], path: &RepoPath) -> bool {
    let path = path.as_bytes();
    list.iter()
        .map(RepoPath::as_bytes)
        .any(|one| match one.strip_suffix(b"/") {
            Some(dir) => path == dir || path.starts_with(one),
            None => path == one,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ignored_is_known_by_itself_or_by_its_directory() {
        let list = ["target/", ".env", "a/b.log"].map(RepoPath::new);
        let is = |path: &str| was_ignored(&list, &RepoPath::new(path));
        assert!(
            ["target", "target/x/y", ".env", "a/b.log"]
                .iter()
                .all(|path| is(path))
        );
        assert!(
            ["targets", "x/target/y", ".env.example", "a/b.log/c", "a"]
                .iter()
                .all(|path| !is(path))
        );
    }
}
