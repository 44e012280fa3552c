//! Commits with what tells them apart: for whoever has to judge each of them, and not the tips alone.

use std::collections::BTreeSet;

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::domain::trailer;
use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Repo;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLine {
    /// Its name.
    pub id: Oid,
    /// The tree.
    pub tree: Oid,
    /// The parents.
    pub parents: Vec<Oid>,
}

/// A commit with what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoredCommit {
    /// Its name.
    pub id: Oid,
    /// The address of its author.
    pub email: String,
    /// The agent that its trailer names.
    pub agent: Option<String>,
    /// The first line of its message.
    pub subject: String,
}

/// Longest log of a HEAD that is read.
const LOG_CAP: u64 = 64 << 20;
/// The beginnings of what a log says of a HEAD that was moved to a commit made here.
const MAKING: [&str; 5] = ["commit", "cherry-pick", "revert", "rebase", "am"];

/// The commit that a line of a log says was made here.
fn made_by(line: &[u8]) -> Option<Oid> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (ends, said) = (std::str::from_utf8(&line[..tab]).ok()?, &line[tab + 1..]);
    let is_made = MAKING.iter().any(|word| said.starts_with(word.as_bytes()));
    let new = ends.split(' ').nth(1).filter(|_| is_made)?;
    Oid::parse(new).ok()
}

/// Git knows names of references by their beginning; so does this.
const REMOTES: &str = "refs/remotes/";

impl Repo {
    /// The commits that are reachable from `tip` and from none of `known`, newest first. What is not
    /// there any more knows nothing.
    pub fn commits_beyond(&self, tip: &Oid, known: &[Oid]) -> Result<Vec<CommitLine>, GitError> {
        let mut input = format!("{tip}\n");
        for one in known {
            input.push_str(&format!("^{one}\n"));
        }
        self.listed_commits(&["rev-list"], input)
    }

    /// One commit, read without a process where that can be.
    pub fn commit_line(&self, id: &Oid) -> Result<CommitLine, GitError> {
        let raw = self.raw_commit(id)?;
        let head = String::from_utf8_lossy(&raw);
        let words = head.lines().take_while(|line| !line.is_empty());
        let named = |key: &str| {
            let all = words.clone().filter_map(|line| line.split_once(' '));
            let of = all.filter(|(word, _)| *word == key);
            of.map(|(_, name)| Oid::parse(name))
                .collect::<Result<Vec<Oid>, _>>()
        };
        let tree = named("tree")?.into_iter().next();
        Ok(CommitLine {
            id: id.clone(),
            tree: tree.ok_or_else(|| GitError::NoCommit {
                rev: id.to_string(),
            })?,
            parents: named("parent")?,
        })
    }

    /// These commits alone, as far as they are there.
    pub fn commits_named(&self, names: &[Oid]) -> Result<Vec<CommitLine>, GitError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = names.iter().map(|name| format!("{name}\n")).collect();
        self.listed_commits(&["rev-list", "--no-walk=unsorted"], input)
    }

    /// These commits with what they say of themselves, in this order. One that is not there is an error.
    pub fn authored(&self, names: &[Oid]) -> Result<Vec<AuthoredCommit>, GitError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = names.iter().map(|name| format!("{name}\n")).collect();
        let format = format!(
            "--format=%H%x00%ae%x00%(trailers:key={},valueonly,unfold,separator=%x01)%x00%s",
            trailer::AGENT
        );
        let args = [
            "rev-list",
            "--no-walk=unsorted",
            "--no-commit-header",
            "--stdin",
        ];
        let command = self.git().command(args).arg(format).input(input);
        let out = command.git_dir(self.common_dir()).run()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let mut found = Vec::new();
        for line in text.lines() {
            let mut fields = line.splitn(4, '\0').map(str::to_owned);
            let mut next = || fields.next().unwrap_or_default();
            let (id, email, agents, subject) = (next(), next(), next(), next());
            let agent = agents.rsplit('\u{1}').next().unwrap_or_default().trim();
            found.push(AuthoredCommit {
                id: Oid::parse(&id)?,
                email,
                agent: (!agent.is_empty()).then(|| agent.to_owned()),
                subject,
            });
        }
        let listed = found.iter().map(|one| &one.id);
        match names
            .iter()
            .find(|name| !listed.clone().any(|id| id == *name))
        {
            Some(lost) => Err(GitError::Missing {
                oid: lost.to_string(),
            }),
            None => Ok(found),
        }
    }

    /// The whole messages of these commits, in this order. One that is not there is an error.
    pub fn messages(&self, names: &[Oid]) -> Result<Vec<String>, GitError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = names.iter().map(|name| format!("{name}\n")).collect();
        let args = [
            "rev-list",
            "--no-walk=unsorted",
            "--no-commit-header",
            "--format=%B%x00",
            "--stdin",
        ];
        let command = self.git().command(args).input(input);
        let out = command.git_dir(self.common_dir()).run()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let all = text.split_terminator("\0\n");
        let found: Vec<String> = all.map(str::to_owned).collect();
        // Equal names are listed once, and whoever asks names each but once.
        if found.len() != names.len() {
            return Err(GitError::Missing {
                oid: format!("one of {} commits", names.len()),
            });
        }
        Ok(found)
    }

    fn listed_commits(&self, args: &[&str], input: String) -> Result<Vec<CommitLine>, GitError> {
        let more = [
            "--ignore-missing",
            "--no-commit-header",
            "--format=%H %T %P",
            "--stdin",
        ];
        let command = self.git().command(args).args(more).input(input);
        let out = command.git_dir(self.common_dir()).run()?;
        let text = String::from_utf8_lossy(&out.stdout);
        let mut found = Vec::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(id), Some(tree)) = (words.next(), words.next()) else {
                continue;
            };
            let parents: Result<Vec<Oid>, _> = words.map(Oid::parse).collect();
            found.push(CommitLine {
                id: Oid::parse(id)?,
                tree: Oid::parse(tree)?,
                parents: parents?,
            });
        }
        Ok(found)
    }

    /// The tips that were fetched from `remote`, or from any.
    pub fn fetched_tips(&self, remote: Option<&str>) -> Result<Vec<Oid>, GitError> {
        let prefix = match remote {
            Some(name) => format!("{REMOTES}{name}/"),
            None => REMOTES.to_owned(),
        };
        let all = self.list_refs(REMOTES)?.into_iter();
        let of = all.filter(|(name, _)| name.starts_with(&prefix));
        Ok(of.map(|(_, oid)| oid).collect())
    }

    /// The commits that were made in this repository, as far as the logs of its HEADs tell: what was committed,
    /// picked, reverted or put elsewhere here, and not what was fetched.
    pub fn made_here(&self) -> Result<BTreeSet<Oid>, GitError> {
        let mut dirs = fs::list_dir(&self.common_dir().join("worktrees"))?;
        dirs.push(self.common_dir().to_owned());
        let mut made = BTreeSet::new();
        for dir in dirs {
            match fs::read_capped(&dir.join("logs/HEAD"), LOG_CAP) {
                Ok(log) => made.extend(log.split(|byte| *byte == b'\n').filter_map(made_by)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(made)
    }

    /// The paths that a commit itself changes: a merge those alone that are as in none of its parents.
    pub fn own_paths(&self, commit: &CommitLine) -> Result<BTreeSet<RepoPath>, GitError> {
        let changed = self.own_changes(commit)?.into_iter();
        Ok(changed.map(|one| one.path).collect())
    }

    /// The same with what became of each path, against the first parent.
    pub fn own_changes(&self, commit: &CommitLine) -> Result<Vec<ChangedPath>, GitError> {
        let Some((first, others)) = commit.parents.split_first() else {
            let empty = self.format().objects.empty_tree();
            return self.changed_between(&empty, &commit.tree);
        };
        let mut own = self.changed_between(first, &commit.id)?;
        for other in others {
            if own.is_empty() {
                break;
            }
            let differs = self.changed_between(other, &commit.id)?;
            let differs: BTreeSet<&RepoPath> = differs.iter().map(|one| &one.path).collect();
            own.retain(|one| differs.contains(&one.path));
        }
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_what_was_made_here_and_not_what_came_from_elsewhere() {
        let (old, new) = ("0".repeat(40), "1".repeat(40));
        let table = [
            ("commit: one", true),
            ("commit (initial): one", true),
            ("commit (amend): one", true),
            ("cherry-pick: one", true),
            ("rebase (pick): one", true),
            ("clone: from elsewhere", false),
            ("pull: Fast-forward", false),
            ("checkout: moving from main to side", false),
            ("reset: moving to HEAD~1", false),
        ];
        for (said, is_made) in table {
            let line = format!("{old} {new} Ann Other <ann@example.com> 1700000000 +0000\t{said}");
            assert_eq!(made_by(line.as_bytes()).is_some(), is_made, "{said}");
        }
        for line in ["", "no log", "\tcommit: x"] {
            assert_eq!(made_by(line.as_bytes()), None, "{line}");
        }
    }
}
