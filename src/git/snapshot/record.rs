//! Writing the chosen paths into the shadow's index and the object store.

use std::path::Path;

use crate::domain::repo_path::RepoPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::candidates::SortedOut;

/// Brings the index in line; nothing runs where nothing changed.
pub(super) fn record(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    sorted: &SortedOut,
) -> Result<(), GitError> {
    if sorted.update.is_empty() && sorted.drop.is_empty() {
        return Ok(());
    }
    shadow.forget()?;
    // First the ones that go: a link or pipe in their place must not be looked through.
    if !sorted.drop.is_empty() {
        let args = ["update-index", "-z", "--force-remove", "--stdin"];
        shadow
            .in_tree(root, attributes, args)?
            .input(nul_list(&sorted.drop))
            .run()?;
    }
    if !sorted.update.is_empty() {
        let args = [
            "update-index",
            "-z",
            "--add",
            "--remove",
            "--replace",
            "--stdin",
        ];
        shadow
            .in_tree(root, attributes, args)?
            .input(nul_list(&sorted.update))
            .run()?;
    }
    Ok(())
}

fn nul_list(paths: &[RepoPath]) -> Vec<u8> {
    let mut list = Vec::new();
    for path in paths {
        list.extend_from_slice(path.as_bytes());
        list.push(0);
    }
    list
}
