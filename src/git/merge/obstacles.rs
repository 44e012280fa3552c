//! What Git itself would overwrite or could not do right in a checkout: untracked and ignored files
//! in the way, local filters.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::merge::checkout::MergeCheckout;
use crate::git::merge::error::list;
use crate::git::merge::{MergeError, MergePlan};
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;

/// Git treats ignored files as expendable when a commit brings a file of that name. Here no file
/// is.
pub(super) fn check_untracked(
    shadow: &ShadowRepo,
    plan: &MergePlan,
    checkout: &MergeCheckout,
    changed: &[ChangedPath],
) -> Result<(), MergeError> {
    let mut suspects = BTreeSet::new();
    for added in changed.iter().filter(|c| c.old.is_none()) {
        suspects.extend(in_the_way(&checkout.root, &added.path).map_err(MergeError::from)?);
    }
    if suspects.is_empty() {
        return Ok(());
    }
    let out = checkout
        .command(shadow, &plan.new, &["ls-files", "-z"])?
        .run()?;
    let tracked: HashSet<&[u8]> = NulFields::of(&out).collect();
    let untracked: Vec<RepoPath> = suspects
        .into_iter()
        .filter(|path| !tracked.contains(path.as_bytes()))
        .collect();
    if untracked.is_empty() {
        return Ok(());
    }
    let what = format!("untracked files stand in the way: {}", list(&untracked));
    Err(MergeError::Dirty {
        target: plan.target.clone(),
        root: checkout.root.display().to_string(),
        what,
    })
}

/// Everything on disk at a path, above it as a file, or beneath it.
fn in_the_way(root: &Path, path: &RepoPath) -> Result<Vec<RepoPath>, GitError> {
    for above in path.parents() {
        let above = RepoPath::new(above);
        if std::fs::symlink_metadata(above.beneath(root)).is_ok_and(|meta| !meta.is_dir()) {
            return Ok(vec![above]);
        }
    }
    let mut found = Vec::new();
    collect(root, path.clone(), &mut found)?;
    Ok(found)
}

fn collect(root: &Path, path: RepoPath, found: &mut Vec<RepoPath>) -> Result<(), GitError> {
    let here = path.beneath(root);
    match std::fs::symlink_metadata(&here) {
        Err(_) => return Ok(()),
        Ok(meta) if !meta.is_dir() => found.push(path),
        Ok(_) => {
            for entry in fs::list_dir(&here)? {
                let Some(name) = entry.file_name() else {
                    continue;
                };
                let joined = [path.as_bytes(), name.as_encoded_bytes()].join(&b'/');
                collect(root, RepoPath::new(joined), found)?;
            }
        }
    }
    Ok(())
}

/// A filter of the repository's own configuration is not run by `ai`; files that need one would
/// come out wrong.
pub(super) fn check_filters(
    repo: &Repo,
    shadow: &ShadowRepo,
    plan: &MergePlan,
    checkout: &MergeCheckout,
    changed: &[ChangedPath],
) -> Result<(), MergeError> {
    let filters = local_filters(repo)?;
    if filters.is_empty() || changed.is_empty() {
        return Ok(());
    }
    let mut list = Vec::new();
    for change in changed {
        list.extend_from_slice(change.path.as_bytes());
        list.push(0);
    }
    let out = checkout
        .command(
            shadow,
            &plan.new,
            &["check-attr", "-z", "--stdin", "filter"],
        )?
        .input(list)
        .run()?;
    let mut fields = NulFields::of(&out);
    while let Some(path) = fields.next() {
        fields.expect("an attribute")?;
        let filter = String::from_utf8_lossy(fields.expect("a filter")?).into_owned();
        if filters.contains(&filter) {
            return Err(MergeError::NeedsFilter {
                target: plan.target.clone(),
                path: RepoPath::new(path),
                filter,
            });
        }
    }
    Ok(())
}

/// The filters that only the repository's own configuration defines.
fn local_filters(repo: &Repo) -> Result<HashSet<String>, GitError> {
    let out = repo
        .git()
        .command(["config", "--list", "-z", "--show-scope", "--name-only"])
        .git_dir(repo.common_dir())
        .run()?;
    let mut fields = NulFields::of(&out);
    let mut found = HashSet::new();
    while let Some(scope) = fields.next() {
        let key = String::from_utf8_lossy(fields.expect("a key")?).into_owned();
        let name = key
            .strip_prefix("filter.")
            .and_then(|rest| rest.rsplit_once('.'))
            .map(|(name, _)| name.to_owned());
        if let Some(name) = name.filter(|_| matches!(scope, b"local" | b"worktree")) {
            found.insert(name);
        }
    }
    Ok(found)
}
