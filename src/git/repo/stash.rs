//! What the stash needs: it is one reference, and its entries are the lines of its log.

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{Repo, spawned};

/// The reference of the stash.
pub const STASH: &str = "refs/stash";
/// Longest log that is looked at.
const LOG_CAP: u64 = 64 << 20;

/// An entry of the stash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StashEntry {
    /// The commit.
    pub commit: Oid,
    /// Its line in `git stash list`.
    pub said: String,
    /// The time of the entry, in seconds, as its log has it.
    pub time: String,
}

impl Repo {
    /// The entries of the stash, the newest first.
    pub fn stashes(&self) -> Vec<StashEntry> {
        let log = self.common_dir().join("logs").join(STASH);
        let text = fs::read_capped(&log, LOG_CAP).unwrap_or_default();
        let entry = |line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            let (head, said) = line.split_once('\t').unwrap_or((&line, ""));
            let commit = Oid::parse(head.split(' ').nth(1)?).ok()?;
            Some(StashEntry {
                commit,
                said: said.to_owned(),
                time: head.rsplit(' ').nth(1)?.to_owned(),
            })
        };
        let lines = text.split(|byte| *byte == b'\n');
        lines.rev().filter_map(entry).collect()
    }

    /// Takes an entry off, as `git stash drop` does, where it is still the one at this place; its objects
    /// stay. False where it is not.
    pub fn drop_stash(&self, at: usize, entry: &StashEntry) -> Result<bool, GitError> {
        if self.stashes().get(at) != Some(entry) {
            return Ok(false);
        }
        let command = spawned::plumbing(self, ["reflog", "delete", "--updateref", "--rewrite"]);
        command.arg(format!("{STASH}@{{{at}}}")).run()?;
        if self.stashes().is_empty() {
            // As Git does where the last one goes.
            let command = spawned::plumbing(self, ["update-ref", "-d", STASH]);
            command.run()?;
        }
        Ok(true)
    }

    /// Puts an entry on top, as `git stash store` does.
    pub fn store_stash(&self, entry: &StashEntry) -> Result<(), GitError> {
        let command = spawned::plumbing(self, ["update-ref", "--create-reflog", "-m"]);
        command
            .arg(&entry.said)
            .arg(STASH)
            .arg(&entry.commit)
            .run()
            .map(drop)
    }
}
