//! Where the worktrees and the places of checks of this project lie: outside of every checkout, in
//! the user's cache directory.
//!
//! Worktrees of older versions, and those from before `AI_CACHE_DIR` was changed, lie elsewhere.
//! They are still found, listed and saved; no new one is made there. A directory that belongs to
//! another repository that is there (this one is a copy of it) is never touched.

use std::path::{Path, PathBuf};

use crate::base::{env, fs};
use crate::git::worktree::{ours, registered};
use crate::git::{OutsideDir, WorktreeOwner};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;

/// Names of files that make a directory a project for a tool which looks upwards.
const MARKS: [&str; 12] = [
    "node_modules",
    "package.json",
    "pnpm-workspace.yaml",
    "pyproject.toml",
    "pytest.ini",
    "tox.ini",
    "setup.cfg",
    "Cargo.toml",
    "go.mod",
    "go.work",
    "AGENTS.md",
    "CLAUDE.md",
];
/// The pool of older versions, below the root.
const INNER: &str = ".ai/worktrees";

/// The directories of worktrees and places of checks.
#[derive(Debug, Clone)]
pub struct Places {
    root: PathBuf,
    common_dir: PathBuf,
    outside: Option<OutsideDir>,
}

impl Places {
    /// The places of the repository at `common_dir` with the checkout `root`.
    pub fn of(common_dir: &Path, root: &Path) -> Places {
        Places::below(env::user_cache_dir().as_deref(), common_dir, root)
    }

    fn below(cache: Option<&Path>, common_dir: &Path, root: &Path) -> Places {
        let outside = cache.map(|cache| OutsideDir::at(cache, common_dir, root));
        Places {
            root: root.to_owned(),
            common_dir: common_dir.to_owned(),
            outside,
        }
    }

    /// The directory that holds them all; `None` on a machine that has no place for it.
    pub fn dir(&self) -> Option<&Path> {
        self.outside.as_ref().map(OutsideDir::dir)
    }

    /// The directories that hold those of all repositories. In the user's cache directory that is
    /// one of `ai`'s own; a directory that the user has named can hold other things, too.
    pub fn of_all(&self) -> Vec<PathBuf> {
        let Some(all) = self.dir().and_then(Path::parent) else {
            return Vec::new();
        };
        if all.file_name().is_some_and(|name| name == "ai") {
            return vec![all.to_owned()];
        }
        let is_ours = |dir: &PathBuf| WorktreeOwner::of_pool(&dir.join("worktrees")).is_some();
        let mut found = fs::list_dir(all).unwrap_or_default();
        found.retain(is_ours);
        found
    }

    /// Returns the directory of new worktrees, after [`Places::make`].
    pub fn pool(&self) -> PathBuf {
        self.outside
            .as_ref()
            .map_or_else(|| self.root.join(INNER), OutsideDir::worktrees)
    }

    /// The pool that holds the worktree `slot`: an older one where it stands there and not in the
    /// one of today.
    pub fn pool_of(&self, slot: &str) -> PathBuf {
        let pool = self.pool();
        if std::fs::symlink_metadata(pool.join(slot)).is_ok() {
            return pool;
        }
        let older = self
            .older()
            .into_iter()
            .find(|dir| std::fs::symlink_metadata(dir.join(slot)).is_ok());
        older.unwrap_or(pool)
    }

    /// Every directory in which worktrees of ours may stand, that of today first.
    pub fn pools(&self) -> Vec<PathBuf> {
        std::iter::once(self.pool()).chain(self.older()).collect()
    }

    /// The directories in which only older worktrees stand.
    pub fn older(&self) -> Vec<PathBuf> {
        let pool = self.pool();
        let inner = self.root.join(INNER);
        let is_dir = std::fs::symlink_metadata(&inner).is_ok_and(|meta| meta.is_dir());
        let mut found: Vec<PathBuf> = is_dir.then_some(inner).into_iter().collect();
        // One that cannot be listed is told of where a pool is listed.
        let made = ours(&self.common_dir).unwrap_or_default();
        found.extend(
            made.iter()
                .filter_map(|path| path.parent())
                .filter(|dir| self.is_ours(dir))
                .map(Path::to_owned),
        );
        found.retain(|dir| *dir != pool);
        found.sort();
        found.dedup();
        found
    }

    /// Returns true if the worktrees in `dir` are this repository's: it says so, or the repository
    /// that it names is there no more.
    fn is_ours(&self, dir: &Path) -> bool {
        WorktreeOwner::of_pool(dir).is_some_and(|owner| {
            let is_its_root = owner.root == self.root || !owner.root.exists();
            (owner.common_dir == self.common_dir && is_its_root) || !owner.common_dir.exists()
        })
    }

    /// The place of checks `name`.
    pub fn checks(&self, name: &str) -> Result<PathBuf, OpError> {
        Ok(self.there()?.checks(name))
    }

    /// Makes the directory for all of them, after a look that nothing of the project stands above
    /// it.
    pub fn make(&self) -> Result<(), OpError> {
        Ok(self.fit()?.make()?)
    }

    /// Refuses where there is no directory for them, or it lies in a checkout of the project.
    pub fn refuse_unfit(&self) -> Result<(), OpError> {
        self.fit().map(drop)
    }

    /// Finds files above the places by which a tool could take them for a part of some project:
    /// Node finds packages there, others settings.
    pub fn marks_above(&self) -> Vec<PathBuf> {
        let above = self
            .dir()
            .into_iter()
            .flat_map(|dir| dir.ancestors().skip(1));
        let marks = above.flat_map(|dir| MARKS.iter().map(|name| dir.join(name)));
        marks
            .filter(|path| std::fs::symlink_metadata(path).is_ok())
            .collect()
    }

    fn fit(&self) -> Result<&OutsideDir, OpError> {
        let outside = self.there()?;
        let checkouts = registered(&self.common_dir)?;
        let roots = checkouts
            .into_iter()
            .map(|(_, root)| root)
            .chain([self.root.clone(), self.common_dir.clone()]);
        if let Some(above) = roots
            .into_iter()
            .find(|root| outside.dir().starts_with(root))
        {
            let why = format!(
                "{} lies in the checkout {}: checks that run there would find its files instead of those they are to judge",
                outside.dir().display(),
                above.display()
            );
            return Err(missing(why));
        }
        Ok(outside)
    }

    fn there(&self) -> Result<&OutsideDir, OpError> {
        let why = "there is no directory for worktrees and checks outside of the checkout: HOME and XDG_CACHE_HOME are not set";
        self.outside.as_ref().ok_or_else(|| missing(why.to_owned()))
    }
}

fn missing(why: String) -> OpError {
    let hint = format!(
        "set {} to an absolute directory outside of every checkout",
        env::AI_CACHE_DIR
    );
    Refusal::Missing { why, hint }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_inside_of_the_checkout_is_refused_before_anything_is_made() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        let root = base.join("home");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        let places = Places::below(Some(&root.join(".cache/ai")), &root.join(".git"), &root);
        let said = places.make().unwrap_err().to_string();
        assert!(said.contains("lies in the checkout"), "{said}");
        assert!(!root.join(".cache").exists());
        let none = Places::below(None, &root.join(".git"), &root);
        assert!(none.make().unwrap_err().to_string().contains("HOME"));
        assert!(none.checks("w1").is_err());
    }

    #[test]
    fn older_pools_are_known_and_those_of_another_repository_are_left() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        let (root, common) = (base.join("repo"), base.join("repo/.git"));
        let other = base.join("original/.git");
        std::fs::create_dir_all(&common).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        std::fs::create_dir_all(root.join(".ai/worktrees/w1")).unwrap();
        let moved = OutsideDir::at(&base.join("old"), &common, &root);
        let gone = OutsideDir::at(
            &base.join("old"),
            &base.join("gone/.git"),
            &base.join("gone"),
        );
        let theirs = OutsideDir::at(&base.join("old"), &other, &base.join("original"));
        for (n, outside) in [&moved, &gone, &theirs].into_iter().enumerate() {
            outside.make().unwrap();
            let admin = common.join(format!("worktrees/w{n}"));
            std::fs::create_dir_all(&admin).unwrap();
            std::fs::write(admin.join("locked"), "managed by ai").unwrap();
            std::fs::write(
                admin.join("gitdir"),
                format!("{}/w{n}/.git\n", outside.worktrees().display()),
            )
            .unwrap();
        }
        let places = Places::below(Some(&base.join("new")), &common, &root);
        let mut expected = vec![
            root.join(".ai/worktrees"),
            moved.worktrees(),
            gone.worktrees(),
        ];
        expected.sort();
        assert_eq!(places.older(), expected);
        assert_eq!(places.pools()[0], places.pool());
        assert_eq!(places.pool_of("w1"), root.join(".ai/worktrees"));
        assert_eq!(places.pool_of("w9"), places.pool());
    }
}
