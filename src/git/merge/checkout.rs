//! The worktree of a person in which a branch is checked out.
//!
//! It is worked on through the shadow with its real index, so that programs of the repository's own
//! configuration do not run while the index lock still keeps the person's own Git apart.

use std::path::PathBuf;

use crate::base::fs;
use crate::git::busy::under_way;
use crate::git::cmd::GitCommand;
use crate::git::error::GitError;
use crate::git::merge::{MergeError, MergePlan};
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::registered;

/// A checkout.
#[derive(Debug)]
pub(super) struct MergeCheckout {
    /// The root.
    pub(super) root: PathBuf,
    /// The git directory.
    pub(super) git_dir: PathBuf,
    /// The index that Git works on: that of the checkout, or a copy of it.
    pub(super) index: PathBuf,
}

impl MergeCheckout {
    fn new(root: PathBuf, git_dir: PathBuf) -> Self {
        let index = git_dir.join("index");
        Self {
            root,
            git_dir,
            index,
        }
    }

    /// The same checkout with another index.
    pub(super) fn with_index(&self, index: PathBuf) -> Self {
        Self {
            root: self.root.clone(),
            git_dir: self.git_dir.clone(),
            index,
        }
    }

    /// A command on this checkout's files and index, with attributes from `attributes`.
    pub(super) fn command(
        &self,
        shadow: &ShadowRepo,
        attributes: &Oid,
        args: &[&str],
    ) -> Result<GitCommand, GitError> {
        let command = shadow.in_tree(&self.root, attributes, args)?;
        Ok(command
            .env("GIT_INDEX_FILE", &self.index)
            .config("core.untrackedCache", "keep"))
    }
}

/// The checkouts of people that are on this branch. Those in the pools belong to agents and are
/// left alone.
pub(super) fn of_branch(
    repo: &Repo,
    pools: &[PathBuf],
    target: &str,
) -> Result<Vec<MergeCheckout>, MergeError> {
    let location = repo.location();
    let mut all = Vec::new();
    if let (false, Some(root)) = (location.is_bare, &location.main_root) {
        all.push(MergeCheckout::new(
            root.clone(),
            location.common_dir.clone(),
        ));
    }
    for (git_dir, root) in registered(&location.common_dir)? {
        if !root
            .parent()
            .is_some_and(|dir| pools.iter().any(|pool| pool == dir))
        {
            all.push(MergeCheckout::new(root, git_dir));
        }
    }
    let mut on_it = Vec::new();
    for checkout in all {
        if rebases(&checkout, target)? {
            let what = "a rebase of it is going on".to_owned();
            return Err(MergeError::InProgress {
                target: target.to_owned(),
                root: checkout.root.display().to_string(),
                what,
            });
        }
        if repo.head_of(&checkout.git_dir)?.branch() == Some(target) {
            on_it.push(checkout);
        }
    }
    Ok(on_it)
}

/// During a rebase HEAD is detached, and the branch is moved at its end.
fn rebases(checkout: &MergeCheckout, target: &str) -> Result<bool, GitError> {
    for dir in ["rebase-merge", "rebase-apply"] {
        let name = fs::read_text_if_there(&checkout.git_dir.join(dir).join("head-name"), 4096)?;
        if name.is_some_and(|name| name.trim_end() == target) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses a checkout in which an operation is half done: moving HEAD beneath it would change its
/// meaning.
pub(super) fn check_idle(plan: &MergePlan, checkout: &MergeCheckout) -> Result<(), MergeError> {
    // The index is locked by whoever asks.
    if let Some(what) = under_way(&checkout.git_dir) {
        return Err(busy(plan, checkout, what));
    }
    let is_linked = checkout.git_dir.join("commondir").exists();
    if is_linked && checkout.git_dir.join("info/sparse-checkout").exists() {
        return Err(busy(plan, checkout, "a sparse cone of its own is set"));
    }
    Ok(())
}

/// The error of a checkout in which something is in progress.
pub(super) fn busy(plan: &MergePlan, checkout: &MergeCheckout, what: &str) -> MergeError {
    let root = checkout.root.display().to_string();
    MergeError::InProgress {
        target: plan.target.clone(),
        root,
        what: what.to_owned(),
    }
}
