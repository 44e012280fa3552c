//! Checks whether `ai` can work with a repository, before anything changes; the answer is one sentence.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::text::{one_line, shell_words};
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
    /// It asks for something that the installed Git does not know, as a newer one may have written
    /// it.
    #[error("git cannot use {}: {reason}", path.display())]
    TooNew {
        /// The repository.
        path: PathBuf,
        /// Its git directory.
        git_dir: PathBuf,
        /// Git's reason.
        reason: String,
        /// The version of the installed Git, where it tells it.
        found: Option<String>,
    },
    /// Git itself cannot work with it for another reason.
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
    /// A command to try, where one helps. None of them takes anything away.
    pub fn hint(&self) -> Option<String> {
        let of = |path: &Path| shell_words([path.to_string_lossy()]);
        Some(match self {
            Self::Ownership { path, .. } => format!(
                "if you trust whoever owns it: `git config --global --add safe.directory {}`",
                of(path)
            ),
            Self::TooNew { git_dir, found, .. } => format!(
                "install a newer git{}; `git config --file {}/config --list` shows what it asks for",
                found
                    .as_ref()
                    .map_or(String::new(), |found| format!(" than {found}")),
                of(git_dir)
            ),
            Self::Refused { path, .. } => format!(
                "`git -C {} status` says whether Git can use it again",
                of(path)
            ),
            Self::LineBreak => {
                "give the directory another name, or work in a clone at a path without one"
                    .to_owned()
            }
            Self::ForeignWorkTree { git_dir, .. } => format!(
                "work in a clone, which has its own: `git clone {} NEWDIR`",
                of(git_dir)
            ),
            Self::Git(error) => return error.hint().map(str::to_owned),
        })
    }
}

/// Looks whether everything works here. Changes nothing; starts no process where the version is
/// known and the owner is the user.
pub fn check_supported(location: &RepoLocation, git: &Git) -> Result<(), Unsupported> {
    // What is remembered of Git's version is written into the repository.
    check_repository(location, || Ok(git.clone()))?;
    Ok(git.require(MINIMUM, "ai")?)
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
    let said = out.stderr.trim().trim_start_matches("fatal: ");
    if said.contains("dubious ownership") {
        // What follows is Git's way of saying the next command, which stands in the hint.
        let reason = said.lines().next().unwrap_or_default().to_owned();
        return Err(Unsupported::Ownership { path, reason });
    }
    let reason = one_line(&said.split_whitespace().collect::<Vec<_>>().join(" "));
    if ["unknown repository extension", "Expected git repo version"]
        .iter()
        .any(|words| said.contains(words))
    {
        let found = git.version().ok().map(|version| version.to_string());
        return Err(Unsupported::TooNew {
            path,
            git_dir: location.common_dir.clone(),
            reason,
            found,
        });
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
        let error = check(&test).unwrap_err();
        let Unsupported::TooNew {
            git_dir,
            reason,
            found,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(reason, "unknown repository extension found: fromthefuture");
        assert_eq!(*git_dir, test.root.join(".git"));
        assert!(found.is_some());
        follow(&test, &error);
        let later = TestRepo::new();
        later.git(&["config", "core.repositoryFormatVersion", "99"]);
        assert!(matches!(check(&later), Err(Unsupported::TooNew { .. })));
    }

    /// Types the command of a hint, as a shell understands it.
    fn follow(test: &TestRepo, error: &Unsupported) {
        let hint = error.hint().unwrap();
        let command = hint.split('`').nth(1).unwrap();
        let words = command.replacen("git", "printf '%s\\n'", 1);
        let shell = std::process::Command::new("sh")
            .args(["-c", &words])
            .output()
            .unwrap();
        let words = String::from_utf8(shell.stdout).unwrap();
        test.git(&words.lines().collect::<Vec<_>>());
    }

    #[test]
    fn each_kind_of_refusal_has_a_next_command_of_its_own() {
        let path = || PathBuf::from("/r/my repo");
        let reason = || "because".to_owned();
        let all = [
            Unsupported::Ownership {
                path: path(),
                reason: reason(),
            },
            Unsupported::TooNew {
                path: path(),
                git_dir: path().join(".git"),
                reason: reason(),
                found: Some("2.39.0".into()),
            },
            Unsupported::Refused {
                path: path(),
                reason: reason(),
            },
            Unsupported::LineBreak,
            Unsupported::ForeignWorkTree {
                git_dir: path(),
                root: "/elsewhere".into(),
            },
            Unsupported::Git(GitError::NotInstalled),
        ];
        insta::assert_snapshot!(all.map(|error| error.hint().unwrap()).join("\n"), @"
        if you trust whoever owns it: `git config --global --add safe.directory '/r/my repo'`
        install a newer git than 2.39.0; `git config --file '/r/my repo/.git'/config --list` shows what it asks for
        `git -C '/r/my repo' status` says whether Git can use it again
        give the directory another name, or work in a clone at a path without one
        work in a clone, which has its own: `git clone '/r/my repo' NEWDIR`
        install git 2.38 or newer and see that it is on the PATH
        ");
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
        assert!(matches!(&error, Unsupported::Ownership { .. }), "{error}");
        follow(&test, &error);
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
        let error = check(&test).unwrap_err();
        assert!(matches!(error, Unsupported::ForeignWorkTree { .. }));
        follow(&test, &error);
        let clone = discover(&test.root.join("NEWDIR")).unwrap();
        check_supported(&clone, &test.git_program()).unwrap();
        let odd = test.base().join("line\nbreak");
        test.git_in(test.base(), &["init", "-q", odd.to_str().unwrap()]);
        assert!(matches!(
            check_supported(&discover(&odd).unwrap(), &test.git_program()),
            Err(Unsupported::LineBreak)
        ));
    }
}
