//! A linked worktree that somebody else made: a person with `git worktree add`, or another tool. It
//! is looked at and its work can be saved; nothing here writes in it, moves it or removes it.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::one_line;
use crate::git::busy::going_on;
use crate::git::discover::{DiscoverError, discover};
use crate::git::error::GitError;
use crate::git::format::sparse_settings;
use crate::git::oid::Oid;
use crate::git::repo::{Head, Repo};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::{
    PoolLimits, RESCUE_LIMITS, Rescue, RescueAs, SlotInfo, SlotState, WorktreeError, WorktreePool,
};

/// Longest reason of a lock that is shown.
const REASON: u64 = 4 << 10;

/// A worktree of this repository that is not of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignWorktree {
    /// The root.
    pub path: PathBuf,
    /// The git directory, `<common>/worktrees/<id>`.
    pub admin: PathBuf,
    /// The HEAD.
    pub head: Head,
}

/// A worktree that cannot be taken up as it is, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum UnfitWorktree {
    /// The directory is the main checkout.
    #[error("{} is the main checkout, not a worktree of its own", .0.display())]
    Main(PathBuf),
    /// The directory is another repository, perhaps inside of a worktree.
    #[error("{} is a repository of its own, not a worktree of this one", .0.display())]
    OtherRepository(PathBuf),
    /// A git directory, or a bare repository.
    #[error("{} is no worktree", .0.display())]
    NoWorktree(PathBuf),
    /// The worktree lies in the pool.
    #[error("{} is one of the worktrees that `ai` itself makes for runs", .0.display())]
    OfThePool(PathBuf),
    /// Somebody locked it.
    #[error("{} is locked{}", path.display(), if reason.is_empty() { String::new() } else { format!(": {reason}") })]
    Locked {
        /// The root.
        path: PathBuf,
        /// The reason that was given with the lock.
        reason: String,
    },
    /// An operation of Git is half done there.
    #[error("{}: {what}", path.display())]
    InProgress {
        /// The root.
        path: PathBuf,
        /// The operation.
        what: &'static str,
    },
    /// The worktree shows another part of the tree than the main checkout.
    #[error("{} has a sparse cone of its own, so what is missing there cannot be told from what was deleted", .0.display())]
    OwnCone(PathBuf),
    /// The repository is not found, or its links disagree.
    #[error(transparent)]
    NotFound(#[from] DiscoverError),
    /// The worktree cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<fs::FsError> for UnfitWorktree {
    fn from(error: fs::FsError) -> Self {
        Self::Git(error.into())
    }
}

impl ForeignWorktree {
    /// The worktree that contains `place`, where it can be taken up. `pools` are the directories of
    /// our own worktrees.
    pub fn find(
        repo: &Repo,
        place: &Path,
        pools: &[PathBuf],
    ) -> Result<ForeignWorktree, UnfitWorktree> {
        let location = discover(place)?;
        let path = location
            .top
            .clone()
            .ok_or_else(|| UnfitWorktree::NoWorktree(place.to_owned()))?;
        if location.common_dir != repo.common_dir() {
            return Err(UnfitWorktree::OtherRepository(path));
        }
        if !location.is_linked {
            return Err(UnfitWorktree::Main(path));
        }
        if path
            .parent()
            .is_some_and(|dir| pools.iter().any(|pool| pool == dir))
        {
            return Err(UnfitWorktree::OfThePool(path));
        }
        let admin = location.git_dir;
        if let Some(reason) = lock_reason(&admin)? {
            return Err(UnfitWorktree::Locked { path, reason });
        }
        if let Some(what) = going_on(&admin) {
            return Err(UnfitWorktree::InProgress { path, what });
        }
        if cone(&admin) != cone(repo.common_dir()) {
            return Err(UnfitWorktree::OwnCone(path));
        }
        let head = repo.head_of(&admin)?;
        Ok(ForeignWorktree { path, admin, head })
    }

    /// True where its index holds conflicts that nobody has resolved: they can be left by a stash,
    /// too, of which nothing else is a sign.
    pub fn has_conflicts(&self, shadow: &ShadowRepo, attributes: &Oid) -> Result<bool, GitError> {
        let index = self.admin.join("index");
        if !index.is_file() {
            return Ok(false);
        }
        let command = shadow.in_tree(&self.path, attributes, ["ls-files", "-u", "-z"])?;
        Ok(!command
            .env("GIT_INDEX_FILE", index)
            .run()?
            .stdout
            .is_empty())
    }

    /// Saves what stands in it: changed and untracked files, and commits that nothing else holds.
    /// It stays as it is. Also says what could not be saved.
    pub fn rescue(
        &self,
        repo: &Repo,
        base: Option<&Oid>,
        shadow: &ShadowRepo,
        save: &RescueAs<'_>,
    ) -> Result<(Rescue, Vec<TreeReport>), WorktreeError> {
        let name = self
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let info = SlotInfo {
            name,
            path: self.path.clone(),
            admin: Some(self.admin.clone()),
            state: SlotState::Ready,
            head: Some(self.head.clone()),
        };
        let above = self.path.parent().unwrap_or(&self.path);
        let mut rescued = WorktreePool::new(repo, above, PoolLimits::default()).rescue_found(
            info,
            (base, RESCUE_LIMITS),
            shadow,
            save,
        )?;
        // Its git directory stays as it is.
        rescued
            .left_behind
            .retain(|report| *report != TreeReport::SubmoduleStores);
        Ok((rescued.rescue, rescued.left_behind))
    }
}

fn lock_reason(admin: &Path) -> Result<Option<String>, fs::FsError> {
    match fs::read_capped(&admin.join("locked"), REASON) {
        Ok(bytes) => Ok(Some(one_line(String::from_utf8_lossy(&bytes).trim()))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The sparse cone that a git directory sets; none where it sets none.
fn cone(git_dir: &Path) -> Option<Vec<u8>> {
    sparse_settings(&git_dir.join("config.worktree"))
        .ok()
        .flatten()?;
    fs::read_capped(&git_dir.join("info/sparse-checkout"), 4 << 20).ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::repo::CommitIdentity;
    use super::super::super::testing::{TestRepo, pool, shadow};
    use super::super::KnownRescue;
    use super::*;

    fn find(test: &TestRepo, place: &Path) -> Result<ForeignWorktree, UnfitWorktree> {
        let repo = test.open();
        let pool = pool(&repo).dir().to_owned();
        ForeignWorktree::find(&repo, place, &[pool])
    }

    fn added(test: &TestRepo, more: &[&str]) -> PathBuf {
        let dir = test.base().join("mine");
        test.git(&[&["worktree", "add", "-q"], more, &[dir.to_str().unwrap()]].concat());
        dir
    }

    #[test]
    fn a_worktree_is_found_from_anywhere_inside() {
        let test = TestRepo::new();
        let dir = added(&test, &["-b", "mine"]);
        let found = find(&test, &dir.join("src")).unwrap();
        assert_eq!(
            (&found.path, found.head.branch()),
            (&dir, Some("refs/heads/mine"))
        );
        test.git_in(&dir, &["checkout", "-q", "--detach"]);
        assert_eq!(find(&test, &dir).unwrap().head.branch(), None);
    }

    #[test]
    fn what_cannot_be_taken_up_is_said_in_one_sentence() {
        let test = TestRepo::new();
        let dir = added(&test, &["-b", "mine"]);
        let said = |place: &Path| find(&test, place).unwrap_err().to_string();
        assert!(said(&test.root).ends_with("is the main checkout, not a worktree of its own"));
        assert!(said(test.base()).contains("is not inside a Git repository"));
        assert!(said(&test.root.join(".git")).ends_with("is no worktree"));
        let nested = dir.join("nested");
        test.git_in(&dir, &["init", "-q", "nested"]);
        assert!(said(&nested).ends_with("is a repository of its own, not a worktree of this one"));
        test.git(&[
            "worktree",
            "lock",
            "--reason",
            "on a\u{1b} stick",
            dir.to_str().unwrap(),
        ]);
        assert!(
            said(&dir).ends_with("is locked: on a\\e stick"),
            "{}",
            said(&dir)
        );
        test.git(&["worktree", "unlock", dir.to_str().unwrap()]);
        std::fs::write(find(&test, &dir).unwrap().admin.join("MERGE_HEAD"), "x").unwrap();
        assert!(said(&dir).ends_with(": a merge is going on"));
    }

    #[test]
    fn a_cone_of_its_own_is_no_deletion() {
        let test = TestRepo::new();
        let dir = added(&test, &["-b", "mine"]);
        test.git_in(&dir, &["sparse-checkout", "set", "--cone", "src"]);
        assert!(matches!(find(&test, &dir), Err(UnfitWorktree::OwnCone(_))));
    }

    #[test]
    fn conflicts_that_a_stash_left_are_seen() {
        let test = TestRepo::new();
        let dir = added(&test, &["-b", "mine"]);
        let (repo, found) = (test.open(), find(&test, &dir).unwrap());
        let shadow = shadow(&repo, "mine");
        let tree = repo.tree_of(&test.oid("main")).unwrap();
        assert!(!found.has_conflicts(&shadow, &tree).unwrap());
        std::fs::write(dir.join("README"), "stashed").unwrap();
        test.git_in(&dir, &["stash"]);
        std::fs::write(dir.join("README"), "committed").unwrap();
        test.git_in(&dir, &["commit", "-qam", "x"]);
        assert!(!test.try_git(&dir, &["stash", "pop"]).status.success());
        assert!(found.has_conflicts(&shadow, &tree).unwrap());
        assert_eq!(
            find(&test, &dir).map(|f| f.path).unwrap(),
            dir,
            "no other sign is there"
        );
    }

    #[test]
    fn its_work_is_saved_and_it_stays_as_it_is() {
        let test = TestRepo::new();
        let dir = added(&test, &["--detach"]);
        std::fs::write(dir.join("README"), "committed").unwrap();
        test.git_in(&dir, &["commit", "-qam", "held by nobody"]);
        std::fs::write(dir.join("new file"), "untracked").unwrap();
        let before = test.git_in(&dir, &["status", "--porcelain=v2", "--branch"]);
        let (repo, found) = (test.open(), find(&test, &dir).unwrap());
        let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
        let save = RescueAs {
            reference: "refs/ai/rescue/t-1/1",
            message: "rescue",
            who: &who,
            when_ms: 0,
            known: KnownRescue::UnderItsName,
        };
        let base = test.oid("main");
        let (rescue, left) = found
            .rescue(&repo, Some(&base), &shadow(&repo, "mine"), &save)
            .unwrap();
        let Rescue::Saved {
            reference,
            files,
            tips,
            ..
        } = rescue
        else {
            panic!("{rescue:?}")
        };
        assert_eq!(
            (reference.as_str(), files, tips, left),
            ("refs/ai/rescue/t-1/1", 1, 1, Vec::new())
        );
        assert_eq!(
            test.git(&["show", &format!("{reference}:new file")]),
            "untracked"
        );
        assert_eq!(
            test.git(&["show", &format!("{reference}^:README")]),
            "committed"
        );
        assert_eq!(
            test.git_in(&dir, &["status", "--porcelain=v2", "--branch"]),
            before
        );
    }
}
