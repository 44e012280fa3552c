//! `git`, as a person would run it in the sandbox.

use std::path::{Path, PathBuf};

use super::{Outcome, Sandbox, cmd};

impl Sandbox {
    /// Runs `git` in the repository, which must succeed, and returns its output without the last
    /// line end.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.root(), args)
    }

    /// Runs `git` in `dir`, which must succeed.
    #[track_caller]
    pub fn git_in(&self, dir: &Path, args: &[&str]) -> String {
        let outcome = self.try_git(dir, args);
        assert_eq!(outcome.code, Some(0), "git {args:?}\n{outcome}");
        outcome.stdout.trim_end().to_owned()
    }

    /// Runs `git` in `dir`, whatever comes of it.
    pub fn try_git(&self, dir: &Path, args: &[&str]) -> Outcome {
        cmd::run(self.command("git").current_dir(dir).args(args))
    }

    /// Commits everything and returns the commit's id.
    #[track_caller]
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
            .unwrap_or_else(|| self.git(&["rev-parse", "HEAD"]))
    }

    /// The commit of the branch that is checked out, where a file says so: half of all commits of
    /// scenes would start `git` for it alone.
    fn head(&self) -> Option<String> {
        let git = self.root().join(".git");
        let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
        let id = std::fs::read_to_string(git.join(head.strip_prefix("ref: ")?.trim_end())).ok()?;
        Some(id.trim_end().to_owned())
    }

    /// Adds a linked worktree beside the repository, on a new branch of the same name.
    #[track_caller]
    pub fn worktree(&self, name: &str) -> PathBuf {
        let dir = self.base().join(name);
        self.git(&["worktree", "add", "-q", "-b", name, dir.to_str().unwrap()]);
        dir
    }
}
