//! What the stash needs: it is one reference, and its entries are the lines of its log.

use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{Repo, spawned};

impl Repo {
    /// The first line of a commit's message.
    pub fn subject_of(&self, commit: &Oid) -> Result<String, GitError> {
        let command = spawned::plumbing(self, ["rev-list", "--max-count=1", "--format=%s"]);
        let out = command.arg(commit).run()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        Ok(text.lines().nth(1).unwrap_or_default().to_owned())
    }

    /// Takes the newest stash off, as `git stash drop` does; its objects stay.
    pub fn drop_newest_stash(&self) -> Result<(), GitError> {
        let command = spawned::plumbing(self, ["reflog", "delete", "--updateref", "--rewrite"]);
        command.arg("refs/stash@{0}").run().map(drop)
    }
}
