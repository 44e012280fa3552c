//! Commits with what tells them apart: for whoever has to judge each of them, and not the tips alone.

use std::collections::BTreeSet;

use crate::domain::repo_path::RepoPath;
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

    /// These commits alone, as far as they are there.
    pub fn commits_named(&self, names: &[Oid]) -> Result<Vec<CommitLine>, GitError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = names.iter().map(|name| format!("{name}\n")).collect();
        self.listed_commits(&["rev-list", "--no-walk=unsorted"], input)
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

    /// The paths that a commit itself changes: a merge those alone that are as in none of its parents.
    pub fn own_paths(&self, commit: &CommitLine) -> Result<BTreeSet<RepoPath>, GitError> {
        let paths = |changed: Vec<ChangedPath>| -> BTreeSet<RepoPath> {
            changed.into_iter().map(|one| one.path).collect()
        };
        let Some((first, others)) = commit.parents.split_first() else {
            let empty = self.format().objects.empty_tree();
            return Ok(paths(self.changed_between(&empty, &commit.tree)?));
        };
        let mut own = paths(self.changed_between(first, &commit.id)?);
        for other in others {
            if own.is_empty() {
                break;
            }
            let differs = paths(self.changed_between(other, &commit.id)?);
            own.retain(|path| differs.contains(path));
        }
        Ok(own)
    }
}
