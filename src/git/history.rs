//! Commits with what tells them apart: for whoever has to judge each of them, and not the tips alone.

use std::collections::BTreeSet;

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
