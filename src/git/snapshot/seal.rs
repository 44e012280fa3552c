//! Turning a snapshot into the commit that is judged.
//!
//! Commits that the agent made itself are kept: the final commit stands on the agent's HEAD where
//! that descends from the base, else on the base. Every commit in between is looked at, since a bad
//! one and its revert would not show in the final difference.

use crate::git::diff::CommitChanges;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{CommitIdentity, NewCommit, Repo};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{Snapshot, SnapshotError};

/// A commit to be made of a snapshot.
#[derive(Debug)]
pub struct SealRequest<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The commit that the run started from; `None` on an unborn branch.
    pub base: Option<&'a Oid>,
    /// The commit at which the agent's HEAD stands now.
    pub head: Option<&'a Oid>,
    /// The whole message, trailers included.
    pub message: &'a str,
    /// The author and committer.
    pub who: &'a CommitIdentity,
    /// Milliseconds since 1970.
    pub when_ms: i64,
}

/// The commit to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCommit {
    /// The commit; `None` where nothing differs from the base and the agent committed nothing.
    pub commit: Option<Oid>,
    /// Commits of the agent that are part of it, oldest first, with the paths that each changed.
    pub own_commits: Vec<CommitChanges>,
    /// The agent's HEAD, where it does not descend from the base and was therefore not built upon.
    pub unrelated_head: Option<Oid>,
}

/// Commits a snapshot without any hook, filter or signature. Only objects are written; naming them
/// is the caller's step.
pub fn seal(
    repo: &Repo,
    shadow: &ShadowRepo,
    work: &SealRequest<'_>,
) -> Result<SealedCommit, SnapshotError> {
    let descends = match (work.base, work.head) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(base), Some(head)) => repo.is_ancestor(base, head)?,
    };
    let (parent, unrelated_head) = if descends {
        (work.head, None)
    } else {
        (work.base, work.head.cloned())
    };
    let own_commits = match parent {
        Some(head) if descends => own_commits(shadow, work.base, head)?,
        _ => Vec::new(),
    };
    let parent_tree = match parent {
        Some(parent) => repo.tree_of(parent)?,
        None => shadow.format().empty_tree(),
    };
    let commit = if parent_tree != work.snapshot.tree {
        Some(commit(repo, work, parent)?)
    } else if own_commits.is_empty() {
        None
    } else {
        parent.cloned()
    };
    Ok(SealedCommit {
        commit,
        own_commits,
        unrelated_head,
    })
}

fn commit(repo: &Repo, work: &SealRequest<'_>, parent: Option<&Oid>) -> Result<Oid, GitError> {
    repo.commit_tree(&NewCommit {
        tree: &work.snapshot.tree,
        parents: parent.map(std::slice::from_ref).unwrap_or_default(),
        message: work.message,
        author: work.who,
        committer: work.who,
        when_ms: work.when_ms,
    })
}

/// The agent's commits, none of which may hold a path that a checkout would write into a git
/// directory.
fn own_commits(
    shadow: &ShadowRepo,
    base: Option<&Oid>,
    head: &Oid,
) -> Result<Vec<CommitChanges>, SnapshotError> {
    let commits = shadow.commits_between(base, head)?;
    for made in &commits {
        if let Some(bad) = made
            .changed
            .iter()
            .find(|c| c.new.is_some() && c.path.is_forbidden())
        {
            return Err(SnapshotError::Forbidden {
                commit: made.commit.clone(),
                path: bad.path.to_string(),
            });
        }
    }
    Ok(commits)
}
