//! Makes and opens a shadow directory, and builds the commands that run on it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::base::file_lock::{self, FileLock};
use crate::base::fs;
use crate::git::cmd::{Git, GitCommand, GitVersion};
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::repo::Repo;
use crate::git::shadow::settings;

/// `GIT_ATTR_SOURCE` came with this version.
const ATTRIBUTE_SOURCE: GitVersion = GitVersion(2, 41);

/// The shadow git directory of one run.
#[derive(Debug, Clone)]
pub struct ShadowRepo {
    /// The shadow directory.
    pub(super) dir: PathBuf,
    /// The object store of the main repository.
    pub(super) objects_dir: PathBuf,
    /// The Git to start.
    pub(super) git: Git,
    /// The hash function of the repository.
    pub(super) format: ObjectFormat,
    /// True for a partial clone.
    pub(super) partial: bool,
    /// True where a test has made sure that settings are plain, which is else known only of files
    /// that have been left alone for a while.
    #[cfg(test)]
    pub(super) is_known_to_be_plain: bool,
}

/// Holds the shadow's index for one operation; released when dropped, also by the death of the
/// process.
#[derive(Debug)]
pub(in crate::git) struct ShadowIndexLock(
    #[expect(dead_code, reason = "the open file is the lock")] FileLock,
);

impl ShadowRepo {
    /// Makes the shadow directory, or brings the settings of an existing one up to date. Its index
    /// is left as it is.
    pub fn create(repo: &Repo, dir: &Path) -> Result<Self, GitError> {
        let shadow = Self::at(repo, dir);
        for part in ["objects", "refs", "info"] {
            fs::create_dir_all(&dir.join(part))?;
        }
        settings::write(repo, dir, &settings::data_settings(repo)?)?;
        fs::write_atomic(&dir.join("HEAD"), b"ref: refs/heads/none\n")?;
        Ok(shadow)
    }

    /// Opens a shadow that [`ShadowRepo::create`] made; makes it again where it is gone, or where a
    /// power cut left names of files without their content.
    pub fn open(repo: &Repo, dir: &Path) -> Result<Self, GitError> {
        let holds_something = |name: &str| {
            let file = std::fs::metadata(dir.join(name));
            file.is_ok_and(|file| file.is_file() && file.len() > 0)
        };
        let shadow = if holds_something("HEAD") && holds_something("config") {
            Self::at(repo, dir)
        } else {
            Self::create(repo, dir)?
        };
        if shadow.is_primed() && !holds_something("index") {
            shadow.forget()?;
            fs::remove_file(&shadow.index_path())?;
        }
        Ok(shadow)
    }

    /// Brings the settings up to date, before the tree at `root`, whose state the index knows, is
    /// made anew. Where another part of it is to stand there than before, its files are taken away
    /// first: what the index believes to be absent on purpose would stay absent. The caller has
    /// saved everything before.
    pub fn renew(&self, repo: &Repo, root: &Path) -> Result<(), GitError> {
        let _guard = self.guard()?;
        let wanted = settings::data_settings(repo)?;
        let other_part = || -> Result<bool, GitError> {
            Ok(settings::cone(&self.dir)? != settings::wanted_cone(repo, &wanted)?)
        };
        if self.is_primed() && (self.has_left_out() || other_part()?) {
            self.take_down(root)?;
        }
        settings::write(repo, &self.dir, &wanted)
    }

    /// Brings the settings up to date for a tree that a person has filled, and in which nobody else is
    /// at work. Where another part of it would stand there by them, they stay as they are.
    pub fn follow_settings(&self, repo: &Repo) -> Result<(), GitError> {
        let _guard = self.guard()?;
        let wanted = settings::data_settings(repo)?;
        if settings::cone(&self.dir)? == settings::wanted_cone(repo, &wanted)? {
            settings::write(repo, &self.dir, &wanted)?;
        }
        Ok(())
    }

    fn at(repo: &Repo, dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            objects_dir: repo.objects_dir().to_owned(),
            git: repo.git().clone(),
            format: repo.format().objects,
            partial: repo.format().partial,
            #[cfg(test)]
            is_known_to_be_plain: false,
        }
    }

    /// The same shadow, of which it is known that its settings are plain.
    #[cfg(test)]
    pub(in crate::git) fn known_to_be_plain(mut self) -> Self {
        self.is_known_to_be_plain = true;
        self
    }

    /// Leaves untracked files out of what is looked at, by lines as of `.gitignore`: what a program
    /// leaves behind that is no work. Forgotten when the shadow is opened again.
    pub fn ignore_also(&self, lines: &[String]) -> Result<(), GitError> {
        settings::ignore_also(&self.dir, lines)
    }

    /// Returns its path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The object store of the main repository.
    pub(in crate::git) fn objects_dir(&self) -> &Path {
        &self.objects_dir
    }

    /// The hash function of its repository.
    pub const fn format(&self) -> ObjectFormat {
        self.format
    }

    /// A command on objects alone: no index, no tree, no configuration of the user, the same result
    /// on every machine.
    pub(in crate::git) fn objects<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> GitCommand {
        self.git
            .command(args)
            .git_dir(&self.dir)
            .env("GIT_OBJECT_DIRECTORY", &self.objects_dir)
            .isolated()
    }

    /// A command on the shadow's index and the tree at `root`, with attributes from the tree
    /// `attributes`.
    pub(in crate::git) fn in_tree<S: AsRef<OsStr>>(
        &self,
        root: &Path,
        attributes: &Oid,
        args: impl IntoIterator<Item = S>,
    ) -> Result<GitCommand, GitError> {
        let command = self
            .git
            .command(args)
            .git_dir(&self.dir)
            .work_tree(root)
            .env("GIT_OBJECT_DIRECTORY", &self.objects_dir)
            .env("GIT_INDEX_FILE", self.index_path());
        Ok(if self.reads_users_settings()? {
            command.env("GIT_ATTR_SOURCE", attributes)
        } else {
            command.isolated()
        })
    }

    /// True where attributes come from a trusted tree, so that filters of the user may run.
    pub(super) fn reads_users_settings(&self) -> Result<bool, GitError> {
        Ok(self.git.version()? >= ATTRIBUTE_SOURCE)
    }

    /// A command on the shadow's index and the tree at `root`, with the attributes that stand in
    /// that tree, and without any filter that these could choose.
    pub(in crate::git) fn in_tree_as_it_is<S: AsRef<OsStr>>(
        &self,
        root: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> GitCommand {
        self.git
            .command(args)
            .git_dir(&self.dir)
            .work_tree(root)
            .env("GIT_OBJECT_DIRECTORY", &self.objects_dir)
            .env("GIT_INDEX_FILE", self.index_path())
            .isolated()
    }

    /// True for a partial clone, in which objects can be missing.
    pub(in crate::git) const fn is_partial(&self) -> bool {
        self.partial
    }

    /// Takes the shadow for one operation; waits for another one to end.
    pub(in crate::git) fn guard(&self) -> Result<ShadowIndexLock, GitError> {
        let held = file_lock::lock(&self.dir.join("lock"))?;
        // Only holders of the guard run Git on this index, so a lock file found now was left by one
        // that was killed.
        fs::remove_file(&self.dir.join("index.lock"))?;
        Ok(ShadowIndexLock(held))
    }
}
