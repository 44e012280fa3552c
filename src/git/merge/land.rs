//! Moving the branch, with its checkout where it has one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::git::cmd::NulFields;
use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::merge::checkout::{self, MergeCheckout};
use crate::git::merge::index_lock::{FormerLander, IndexHolder, IndexLock, index_holder};
use crate::git::merge::prepare::expected;
use crate::git::merge::{Lander, MergeError, MergePlan, obstacles};
use crate::git::oid::Oid;
use crate::git::repo::{RefError, Repo};
use crate::git::shadow::ShadowRepo;

/// A merge that has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedMerge {
    /// The commit that the branch is at now.
    pub commit: Oid,
    /// The checkout whose files were brought along.
    pub updated: Option<PathBuf>,
}

/// Lands a prepared merge. `pools` are the directories of the agents' worktrees, whose HEAD files
/// are theirs to write and are therefore not believed. A plan that landed before lands again
/// without doing anything.
pub fn land(
    repo: &Repo,
    shadow: &ShadowRepo,
    pools: &[PathBuf],
    plan: &MergePlan,
    (log, lander): (&str, &Lander<'_>),
) -> Result<LandedMerge, MergeError> {
    repo.clear_left_locks()?;
    if repo.find_ref(&plan.target)?.as_ref() == Some(&plan.new) {
        clear_index_locks(repo, pools, plan, lander)?;
        return Ok(LandedMerge {
            commit: plan.new.clone(),
            updated: None,
        });
    }
    let checkouts = checkout::of_branch(repo, pools, &plan.target)?;
    match checkouts.as_slice() {
        [] => {
            let old = expected(plan.old.as_ref());
            let swap = || Ok(repo.swap_ref(&plan.target, Some(&plan.new), &old, log)?);
            (lander.unopposed)(Box::new(swap))?;
            Ok(LandedMerge {
                commit: plan.new.clone(),
                updated: None,
            })
        }
        [only] => {
            with_checkout(repo, shadow, plan, (only, lander), log)?;
            Ok(LandedMerge {
                commit: plan.new.clone(),
                updated: Some(only.root.clone()),
            })
        }
        [first, ..] => Err(several(plan, first)),
    }
}

/// Looks for what would keep a prepared merge from landing, and touches nothing: whoever is about to
/// spend minutes on proving what it brings can be told first. Landing looks again. `index` is a
/// place for a copy of the checkout's index, which is gone afterwards. The caller sees to it that
/// nothing lands meanwhile.
pub fn look_ahead(
    repo: &Repo,
    shadow: &ShadowRepo,
    pools: &[PathBuf],
    plan: &MergePlan,
    index: &Path,
) -> Result<(), MergeError> {
    let checkouts = checkout::of_branch(repo, pools, &plan.target)?;
    let only = match checkouts.as_slice() {
        [] => return Ok(()),
        [only] => only,
        [first, ..] => return Err(several(plan, first)),
    };
    // What a lander who was killed had written is taken back by the next.
    if let Some(IndexHolder::Ai(_)) = index_holder(&only.git_dir) {
        return Ok(());
    }
    let empty = shadow.format().empty_tree();
    let old = plan.old.as_ref().unwrap_or(&empty);
    let changed = shadow.changed_paths(old, &plan.tree)?;
    let copy = IndexCopy::make(&only.git_dir, index).map_err(GitError::from)?;
    let update = CheckoutUpdate {
        shadow,
        plan,
        checkout: &only.with_index(index.to_owned()),
        old,
    };
    let found = update.refuse_obstacles(repo, &changed);
    copy.remove().map_err(GitError::from)?;
    found
}

/// Puts away the locks of a lander who was killed between the reference, which is his last step, and
/// the end: index and files are in place.
fn clear_index_locks(
    repo: &Repo,
    pools: &[PathBuf],
    plan: &MergePlan,
    lander: &Lander<'_>,
) -> Result<(), MergeError> {
    // A rebase that began meanwhile is no reason to say that nothing has landed.
    let checkouts = match checkout::of_branch(repo, pools, &plan.target) {
        Err(MergeError::InProgress { .. }) => Vec::new(),
        found => found?,
    };
    for checkout in checkouts {
        IndexLock::clear_left(&checkout.git_dir, lander).map_err(GitError::from)?;
    }
    Ok(())
}

fn several(plan: &MergePlan, first: &MergeCheckout) -> MergeError {
    checkout::busy(plan, first, "other worktrees have it checked out too")
}

/// A copy of an index, to ask Git about.
struct IndexCopy<'a>(&'a Path);

impl IndexCopy<'_> {
    fn make<'a>(git_dir: &Path, place: &'a Path) -> Result<IndexCopy<'a>, FsError> {
        let copy = IndexCopy(place);
        copy.remove()?;
        fs::copy_if_there(&git_dir.join("index"), place)?;
        Ok(copy)
    }

    /// Removes it, with the lock that a Git which was killed may have left.
    fn remove(&self) -> Result<(), FsError> {
        let mut lock = self.0.as_os_str().to_owned();
        lock.push(".lock");
        fs::remove_file(Path::new(&lock))?;
        fs::remove_file(self.0)
    }
}

fn with_checkout(
    repo: &Repo,
    shadow: &ShadowRepo,
    plan: &MergePlan,
    (checkout, lander): (&MergeCheckout, &Lander<'_>),
    log: &str,
) -> Result<(), MergeError> {
    let taken = IndexLock::take(&checkout.git_dir, lander).map_err(GitError::from)?;
    let Some((lock, former)) = taken else {
        return Err(MergeError::IndexLocked {
            target: plan.target.clone(),
            root: checkout.root.display().to_string(),
        });
    };
    let checkout = &checkout.with_index(lock.copy());
    let empty = shadow.format().empty_tree();
    let old = plan.old.as_ref().unwrap_or(&empty);
    let changed = shadow.changed_paths(old, &plan.tree)?;
    let update = CheckoutUpdate {
        shadow,
        plan,
        checkout,
        old,
    };
    checkout::check_idle(plan, checkout)?;
    if former == FormerLander::Killed {
        update.take_back(&lock, &changed)?;
    }
    update.refuse_obstacles(repo, &changed)?;
    let locked = repo.lock_ref(&plan.target, &plan.new, &expected(plan.old.as_ref()), log)?;
    (lander.unopposed)(Box::new(|| {
        update.apply(&changed)?;
        (lander.reached)("accept-files");
        if let Err(error) = lock.publish() {
            return Err(update.undo(GitError::from(error).into()));
        }
        (lander.reached)("accept-index");
        locked.commit().map_err(|error| {
            let why = update.undo(error);
            // The index as it was; a failure shows as changes that are staged.
            let _published = lock.publish();
            why
        })
    }))
}

/// Files and index of a checkout going from one commit to another.
struct CheckoutUpdate<'a> {
    shadow: &'a ShadowRepo,
    plan: &'a MergePlan,
    checkout: &'a MergeCheckout,
    old: &'a Oid,
}

impl CheckoutUpdate<'_> {
    /// Takes back what a lander who was killed had written: files that are as the commit has them,
    /// which loses nothing, and files that are gone.
    fn take_back(&self, lock: &IndexLock, changed: &[ChangedPath]) -> Result<(), MergeError> {
        let command = |args: &[&str]| self.checkout.command(self.shadow, &self.plan.new, args);
        let staged = command(&["diff-index", "--cached", "--name-only", "-z"])?
            .arg(self.plan.new.as_str())
            .run()?;
        let not_staged: HashSet<&[u8]> = NulFields::of(&staged).collect();
        let is_staged = |change: &ChangedPath| !not_staged.contains(change.path.as_bytes());
        // The index was in place already: only the reference is missing.
        if changed.iter().all(is_staged) {
            return Ok(());
        }
        command(&["read-tree"])?.arg(self.plan.new.as_str()).run()?;
        command(&["update-index", "-q", "--refresh"])?.run_any()?;
        let out = command(&["diff-files", "--name-only", "-z"])?.run()?;
        let others: HashSet<&[u8]> = NulFields::of(&out).collect();
        let is_gone = |change: &ChangedPath| {
            std::fs::symlink_metadata(change.path.beneath(&self.checkout.root)).is_err()
        };
        let written: Vec<ChangedPath> = changed
            .iter()
            .filter(|change| !others.contains(change.path.as_bytes()) || is_gone(change))
            .cloned()
            .collect();
        lock.renew_copy().map_err(GitError::from)?;
        self.put_back(&written)
    }

    /// Refuses what would be lost, and what could not be done right.
    fn refuse_obstacles(&self, repo: &Repo, changed: &[ChangedPath]) -> Result<(), MergeError> {
        let (shadow, plan, checkout) = (self.shadow, self.plan, self.checkout);
        checkout::check_idle(plan, checkout)?;
        obstacles::check_filters(repo, shadow, plan, checkout, changed)?;
        obstacles::check_untracked(shadow, plan, checkout, changed)?;
        self.check()
    }

    /// Asks Git whether the update would lose anything, without doing it.
    fn check(&self) -> Result<(), MergeError> {
        // Files that only look changed are told from those that are.
        let refreshed = self
            .checkout
            .command(
                self.shadow,
                &self.plan.new,
                &["update-index", "-q", "--refresh"],
            )?
            .run_any()?;
        if refreshed.code > 1 {
            return Err(refreshed.failure().into());
        }
        let dry = ["read-tree", "-m", "-u", "--dry-run"];
        let out = self
            .checkout
            .command(self.shadow, &self.plan.new, &dry)?
            .arg(self.old)
            .arg(&self.plan.new)
            .run_any()?;
        if out.code == 0 {
            return Ok(());
        }
        Err(MergeError::Dirty {
            target: self.plan.target.clone(),
            root: self.checkout.root.display().to_string(),
            what: out.stderr.trim().trim_start_matches("error: ").to_owned(),
        })
    }

    fn apply(&self, changed: &[ChangedPath]) -> Result<(), MergeError> {
        let two_way = ["read-tree", "-m", "-u"];
        let command = self
            .checkout
            .command(self.shadow, &self.plan.new, &two_way)?
            .arg(self.old)
            .arg(&self.plan.new);
        let Err(error) = command.run() else {
            return Ok(());
        };
        // The index is as before. Every path that may have been written was clean, so its old state
        // can be put back.
        match self.put_back(changed) {
            Ok(()) => Err(error.into()),
            Err(also) => Err(self.half_done(&format!("{error}; {also}"))),
        }
    }

    fn put_back(&self, changed: &[ChangedPath]) -> Result<(), MergeError> {
        let mut list = Vec::new();
        for change in changed {
            if change.old.is_some() {
                list.extend_from_slice(change.path.as_bytes());
                list.push(0);
            } else {
                fs::remove_file(&change.path.beneath(&self.checkout.root))
                    .map_err(GitError::from)?;
            }
        }
        let args = ["checkout-index", "-q", "-f", "-u", "-z", "--stdin"];
        self.checkout
            .command(self.shadow, self.old, &args)?
            .input(list)
            .run()?;
        Ok(())
    }

    /// The reference did not move after all: files and index go back.
    fn undo(&self, error: RefError) -> MergeError {
        let back = ["read-tree", "-m", "-u"];
        let undone = self
            .checkout
            .command(self.shadow, self.old, &back)
            .and_then(|c| c.arg(&self.plan.new).arg(self.old).run());
        match undone {
            Ok(_) => error.into(),
            Err(also) => self.half_done(&format!("{error}; {also}")),
        }
    }

    fn half_done(&self, what: &str) -> MergeError {
        MergeError::HalfDone {
            root: self.checkout.root.display().to_string(),
            what: what.to_owned(),
        }
    }
}
