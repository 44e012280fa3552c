//! A new slot.
//!
//! Git registers the worktree without filling it; the files come through the shadow, so that only
//! filters of the user's own configuration can run and the shadow's index knows every file from the
//! first moment.

use std::path::Path;

use crate::base::fs;
use crate::git::cmd::GitVersion;
use crate::git::error::GitError;
use crate::git::repo::Head;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::admin::{self, LOCK_REASON};
use crate::git::worktree::rescue::is_held;
use crate::git::worktree::{Slot, SlotStart, SlotState, WorktreeError, WorktreePool};

/// `git worktree add --orphan` came with this version.
const ORPHAN: GitVersion = GitVersion(2, 42);

impl WorktreePool<'_> {
    /// Makes the slot `name` on the new branch `branch` (`ai/<task>/<epoch>`) from `start`. A slot
    /// whose directory was deleted by hand is made again. What a failure leaves half-made is taken
    /// back.
    pub fn create(
        &self,
        name: &str,
        branch: &str,
        start: &SlotStart,
        shadow: &ShadowRepo,
    ) -> Result<Slot, WorktreeError> {
        let path = self.slot_path(name)?;
        let _lock = self.hold()?;
        self.make_dir()?;
        self.check_space()?;
        self.make_free(name)?;
        self.check_branch(branch)?;
        let tree = self.tree_of(start)?;
        self.register(&path, branch, start)?;
        let made = self.registered(name).and_then(|slot| {
            shadow.renew(self.repo, &slot.path)?;
            shadow.checkout(&slot.path, &tree)?;
            shadow.copy_index(&shadow.index_path(), &slot.admin.join("index"))?;
            Ok(slot)
        });
        if made.is_err() {
            self.take_back(name, &path, branch, start);
        }
        made
    }

    fn check_space(&self) -> Result<(), WorktreeError> {
        let failed = |source| fs::FsError {
            action: "measure",
            path: self.dir.clone(),
            source,
        };
        let free = fs4::available_space(&self.dir).map_err(failed)?;
        if free >= self.limits.reserve_bytes {
            return Ok(());
        }
        let mib = |bytes: u64| bytes >> 20;
        Err(WorktreeError::NoSpace {
            dir: self.dir.clone(),
            free_mib: mib(free),
            needed_mib: mib(self.limits.reserve_bytes),
        })
    }

    /// Only a registration without a directory and without commits of its own may be replaced.
    fn make_free(&self, name: &str) -> Result<(), WorktreeError> {
        let Some(info) = self.find(name)? else {
            return Ok(());
        };
        match (&info.state, &info.admin, &info.head) {
            // A branch keeps its commits; a detached HEAD would be the only thing that does.
            (SlotState::Missing, Some(admin), Some(Head::Branch { .. } | Head::Unborn { .. })) => {
                Ok(fs::remove_dir_all(admin)?)
            }
            (SlotState::Missing, Some(admin), Some(Head::Detached { commit }))
                if is_held(self.repo, commit)? =>
            {
                Ok(fs::remove_dir_all(admin)?)
            }
            _ => Err(WorktreeError::NotFree {
                name: name.to_owned(),
                state: info.state,
            }),
        }
    }

    /// Refuses a branch that is there already.
    pub(super) fn check_branch(&self, branch: &str) -> Result<(), WorktreeError> {
        let full = format!("refs/heads/{branch}");
        match self.repo.find_ref(&full)? {
            Some(_) => Err(WorktreeError::BranchExists(branch.to_owned())),
            None => Ok(()),
        }
    }

    fn register(&self, path: &Path, branch: &str, start: &SlotStart) -> Result<(), WorktreeError> {
        let mut command = self.repo.git().command([
            "worktree",
            "add",
            "--quiet",
            "--lock",
            "--reason",
            LOCK_REASON,
        ]);
        command = match start {
            SlotStart::Commit(commit) => command
                .args(["--no-checkout", "--no-track", "-b", branch])
                .arg(path)
                .arg(commit),
            SlotStart::Unborn => {
                self.repo
                    .git()
                    .require(ORPHAN, "a worktree in a repository without commits")?;
                command.args(["--orphan", "-b", branch]).arg(path)
            }
        };
        command.git_dir(self.repo.common_dir()).run()?;
        Ok(())
    }

    fn registered(&self, name: &str) -> Result<Slot, WorktreeError> {
        let missing = || WorktreeError::Unusable {
            name: name.to_owned(),
            state: SlotState::Unregistered,
        };
        self.find(name)?.ok_or_else(missing)?.usable()
    }

    /// No agent has been here yet, so nothing can be lost. Failures are left for the next look to
    /// show.
    fn take_back(&self, name: &str, path: &Path, branch: &str, start: &SlotStart) {
        let admins = admin::all(self.repo.common_dir()).unwrap_or_default();
        if let Some(admin) = admins.iter().find(|a| a.worktree == path) {
            let _ = fs::remove_dir_all(&admin.dir);
        }
        let _ = self.remove_tree(name, path);
        if let Some(commit) = start.commit() {
            let _ = self.repo.delete_ref(
                &format!("refs/heads/{branch}"),
                commit,
                "ai: worktree was not made",
            );
        }
    }
}

impl Slot {
    /// Tells the slot's own Git what `shadow` has taken of it, after its branch was moved to that:
    /// else the work would show as deleted there, and the next commit of a person would delete it.
    pub fn show_taken(&self, shadow: &ShadowRepo) -> Result<(), GitError> {
        // An agent may have laid something else in its place.
        if !std::fs::symlink_metadata(&self.admin).is_ok_and(|meta| meta.is_dir()) {
            return Ok(());
        }
        shadow.copy_index(&shadow.index_path(), &self.admin.join("index"))
    }

    /// Reads the slot's HEAD.
    pub fn head(&self, repo: &Repo) -> Result<Head, GitError> {
        repo.head_of(&self.admin)
    }
}
