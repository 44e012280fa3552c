//! Takes a change back that has landed, and brings one in again that was taken back: a commit on top
//! of what the branch is now, computed from objects alone as for a merge.
//!
//! The change is given by two trees, with it and without it, so that it does not matter whether it
//! came by a merge, by a fast-forward over several commits, or as the first commit of all.

use crate::git::merge::prepare::merged_tree;
use crate::git::merge::{MergeError, MergePlan};
use crate::git::oid::Oid;
use crate::git::repo::{CommitIdentity, NewCommit, Repo};
use crate::git::shadow::ShadowRepo;

/// Beginning of the reflog message where an accept that was taken back moved a branch.
pub const UNDO_LOG: &str = "ai: undo";

/// A change to be made from one tree to another, on top of a branch.
#[derive(Debug, Clone)]
pub struct Reversal<'a> {
    /// The full name of the branch.
    pub target: &'a str,
    /// The commit at which the branch stands.
    pub tip: &'a Oid,
    /// The tree from which the change goes, which the branch had once.
    pub from: &'a Oid,
    /// The tree to which it goes.
    pub to: &'a Oid,
    /// The message of the commit, trailers included.
    pub message: &'a str,
    /// The author and committer.
    pub who: &'a CommitIdentity,
    /// Milliseconds since 1970.
    pub when_ms: i64,
}

/// Computes the commit. `None` where it would change nothing. Writes objects only.
pub fn reverse(
    repo: &Repo,
    shadow: &ShadowRepo,
    reversal: &Reversal<'_>,
) -> Result<Option<MergePlan>, MergeError> {
    let tip_tree = repo.tree_of(reversal.tip)?;
    let tree = if tip_tree == *reversal.from {
        reversal.to.clone()
    } else {
        three_way(repo, shadow, reversal, &tip_tree)?
    };
    if tree == tip_tree {
        return Ok(None);
    }
    let new = commit(repo, reversal, &tree, std::slice::from_ref(reversal.tip))?;
    Ok(Some(MergePlan {
        target: reversal.target.to_owned(),
        old: Some(reversal.tip.clone()),
        new,
        tree,
    }))
}

/// Merges the two changes that begin at `from`. Git takes commits for it, and the oldest that is
/// supported no base of its own: the base is the parent of two that nothing names.
fn three_way(
    repo: &Repo,
    shadow: &ShadowRepo,
    reversal: &Reversal<'_>,
    tip_tree: &Oid,
) -> Result<Oid, MergeError> {
    let base = [commit(repo, reversal, reversal.from, &[])?];
    let ours = commit(repo, reversal, tip_tree, &base)?;
    let theirs = commit(repo, reversal, reversal.to, &base)?;
    merged_tree(shadow, &ours, &theirs)
}

fn commit(
    repo: &Repo,
    reversal: &Reversal<'_>,
    tree: &Oid,
    parents: &[Oid],
) -> Result<Oid, MergeError> {
    Ok(repo.commit_tree(&NewCommit {
        tree,
        parents,
        message: reversal.message,
        author: reversal.who,
        committer: reversal.who,
        when_ms: reversal.when_ms,
    })?)
}
