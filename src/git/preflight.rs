//! Checks whether `ai` can work with a repository, before anything changes; the answer is one sentence.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::git::cmd::{Git, MINIMUM};
use crate::git::discover::RepoLocation;
use crate::git::error::GitError;
use crate::git::format::RepoFormat;

/// A repository that is refused, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum Unsupported {
    /// Somebody else owns it, and Git was not told to trust it. `ai` adds no exception itself.
    #[error("{} belongs to another user: {reason}", path.display())]
    Ownership {
        /// The repository.
        path: PathBuf,
        /// Git's reason.
        reason: String,
    },
    /// Git itself cannot work with it.
    #[error("git cannot use {}: {reason}", path.display())]
    Refused {
        /// The repository.
        path: PathBuf,
        /// Git's reason.
        reason: String,
    },
    /// Git's own files hold one path a line.
    #[error("the path of the repository holds a line break, which Git's worktrees cannot")]
    LineBreak,
    /// The main checkout is configured to be elsewhere.
    #[error("core.worktree of {} leads to {}; only checkouts beside their .git are supported", git_dir.display(), root.display())]
    ForeignWorkTree {
        /// The git directory.
        git_dir: PathBuf,
        /// The directory to which it leads.
        root: PathBuf,
    },
    /// Git is missing, too old, or failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Unsupported {
    /// A command to try, where one helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Git(error) => error.hint(),
            _ => None,
        }
    }
}

/// Looks whether everything works here. Changes nothing; starts no process where the version is
/// known and the owner is the user.
pub fn check_supported(location: &RepoLocation, git: &Git) -> Result<(), Unsupported> {
    git.require(MINIMUM, "ai")?;
    check_repository(location, || Ok(git.clone()))
}

/// Looks whether Git itself would work in the repository, so that nothing is written into one that
/// it refuses. No process is started unless the owner or the format is unusual.
pub fn check_writable(location: &RepoLocation) -> Result<(), Unsupported> {
    check_repository(location, Git::system)
}

fn check_repository(
    location: &RepoLocation,
    git: impl FnOnce() -> Result<Git, GitError>,
) -> Result<(), Unsupported> {
    let parts = [
        Some(&location.common_dir),
        location.top.as_ref(),
        location.main_root.as_ref(),
    ];
    for path in parts.into_iter().flatten() {
        if path.as_os_str().as_bytes().contains(&b'\n') {
            return Err(Unsupported::LineBreak);
        }
    }
    let format = RepoFormat::read(&location.common_dir)?;
    check_work_tree(location, &format)?;
    let owned = parts.into_iter().flatten().all(|path| is_own(path));
    let unusual = format.version > 1 || !format.unknown.is_empty();
    if owned && !unusual {
        Ok(())
    } else {
        ask_git(location, &git()?)
    }
}

/// The main checkout may be configured only to be where it is, as submodules do it.
fn check_work_tree(location: &RepoLocation, format: &RepoFormat) -> Result<(), Unsupported> {
    let (Some(configured), Some(root)) = (&format.work_tree, &location.main_root) else {
        return Ok(());
    };
    let real = std::fs::canonicalize(location.common_dir.join(configured))
        .unwrap_or_else(|_| configured.clone());
    if real == *root {
        return Ok(());
    }
    Err(Unsupported::ForeignWorkTree {
        git_dir: location.common_dir.clone(),
        root: real,
    })
}

fn is_own(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.uid() == rustix::process::geteuid().as_raw())
}

/// Lets Git decide with its own discovery, which knows `safe.directory`. `rev-parse` runs no
/// program of the repository.
fn ask_git(location: &RepoLocation, git: &Git) -> Result<(), Unsupported> {
    let path = location
        .main_root
        .as_ref()
        .unwrap_or(&location.common_dir)
        .clone();
    let out = git
        .command(["rev-parse", "--git-dir"])
        .dir(&path)
        .run_any()?;
    if out.code == 0 {
        return Ok(());
    }
    let reason = out.stderr.trim().trim_start_matches("fatal: ").to_owned();
    if reason.contains("dubious ownership") {
        return Err(Unsupported::Ownership { path, reason });
    }
    Err(Unsupported::Refused { path, reason })
}

#[cfg(test)]
mod tests {
    use super::super::discover::discover;
    use super::super::testing::TestRepo;
    use super::*;

    fn check(test: &TestRepo) -> Result<(), Unsupported> {
        check_supported(&discover(&test.root).unwrap(), &test.git_program())
    }

    #[test]
    fn ordinary_and_unborn_repositories_are_fine() {
        check(&TestRepo::new()).unwrap();
        check(&TestRepo::unborn(&[])).unwrap();
        check(&TestRepo::sha256()).unwrap();
    }

    #[test]
    fn formats_that_git_does_not_know_are_refused_with_its_reason() {
        let test = TestRepo::new();
        test.git(&["config", "core.repositoryFormatVersion", "1"]);
        test.git(&["config", "extensions.fromTheFuture", "true"]);
        let text = check(&test).unwrap_err().to_string();
        assert!(text.contains("fromthefuture"), "{text}");
    }

    #[test]
    fn a_repository_of_somebody_else_is_refused_with_gits_reason() {
        let test = TestRepo::new();
        let other = rustix::fs::Uid::from_raw(12345);
        if rustix::fs::chown(&test.root, Some(other), None).is_err() {
            // Only the superuser can give files away.
            return;
        }
        let error = check(&test).unwrap_err();
        assert!(
            matches!(&error, Unsupported::Ownership { reason, .. } if reason.contains("safe.directory")),
            "{error}"
        );
        test.git(&[
            "config",
            "--global",
            "safe.directory",
            test.root.to_str().unwrap(),
        ]);
        check(&test).unwrap();
    }

    #[test]
    fn a_checkout_elsewhere_and_a_line_break_are_refused() {
        let test = TestRepo::new();
        test.git(&[
            "config",
            "core.worktree",
            test.base().join("home").to_str().unwrap(),
        ]);
        assert!(matches!(
            check(&test),
            Err(Unsupported::ForeignWorkTree { .. })
        ));
        let odd = test.base().join("line\nbreak");
        test.git_in(test.base(), &["init", "-q", odd.to_str().unwrap()]);
        assert!(matches!(
            check_supported(&discover(&odd).unwrap(), &test.git_program()),
            Err(Unsupported::LineBreak)
        ));
    }
}
