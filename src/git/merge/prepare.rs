//! Computes the commit of a merge from objects alone.

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::merge::MergeError;
use crate::git::oid::Oid;
use crate::git::repo::{CommitIdentity, ExpectedRef, NewCommit, Repo};
use crate::git::shadow::ShadowRepo;

/// Beginning of the reflog message where an accepted task moved it.
pub const ACCEPT_LOG: &str = "ai: accept";

/// The way in which the commit comes into the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMode {
    /// The branch moves to the commit itself; refused where it has moved on.
    FastForwardOnly,
    /// Fast-forward where possible, else a merge commit.
    FastForwardOrMerge,
}

/// A merge to be prepared.
#[derive(Debug, Clone)]
pub struct MergeProposal<'a> {
    /// The full name of the branch: `refs/heads/main`.
    pub target: &'a str,
    /// The judged commit.
    pub commit: &'a Oid,
    /// The way of merging.
    pub mode: MergeMode,
    /// The message of a merge commit, trailers included.
    pub message: &'a str,
    /// The author and committer.
    pub who: &'a CommitIdentity,
    /// Milliseconds since 1970.
    pub when_ms: i64,
}

/// A merge that is computed and not yet done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    /// The full name of the branch.
    pub target: String,
    /// The commit at which the branch stands, and must still stand; `None` where it has no commit
    /// yet.
    pub old: Option<Oid>,
    /// The commit to which it goes.
    pub new: Oid,
    /// The resulting tree: what the verdict has to be about.
    pub tree: Oid,
}

/// The result of [`prepare`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparedMerge {
    /// The branch contains the commit.
    AlreadyMerged,
    /// Ready to land.
    Ready(MergePlan),
}

/// Computes the merge. Writes objects only.
pub fn prepare(
    repo: &Repo,
    shadow: &ShadowRepo,
    proposal: &MergeProposal<'_>,
) -> Result<PreparedMerge, MergeError> {
    let old = repo.find_ref(proposal.target)?;
    prepare_on(repo, shadow, proposal, old)
}

/// The same on a commit that the branch is to be at by then: `old`, or none where it has none yet.
pub fn prepare_on(
    repo: &Repo,
    shadow: &ShadowRepo,
    proposal: &MergeProposal<'_>,
    old: Option<Oid>,
) -> Result<PreparedMerge, MergeError> {
    let new = match &old {
        Some(old) if repo.is_ancestor(proposal.commit, old)? => {
            return Ok(PreparedMerge::AlreadyMerged);
        }
        Some(old) => joined(repo, shadow, proposal, old)?,
        // A branch without commits takes the commit as it is.
        None => proposal.commit.clone(),
    };
    let tree = repo.tree_of(&new)?;
    Ok(PreparedMerge::Ready(MergePlan {
        target: proposal.target.to_owned(),
        old,
        new,
        tree,
    }))
}

fn joined(
    repo: &Repo,
    shadow: &ShadowRepo,
    proposal: &MergeProposal<'_>,
    old: &Oid,
) -> Result<Oid, MergeError> {
    let commit = proposal.commit;
    let can_forward = repo.is_ancestor(old, commit)?;
    match proposal.mode {
        MergeMode::FastForwardOnly | MergeMode::FastForwardOrMerge if can_forward => {
            Ok(commit.clone())
        }
        MergeMode::FastForwardOnly => Err(MergeError::NotFastForward {
            target: proposal.target.to_owned(),
            commit: commit.clone(),
        }),
        MergeMode::FastForwardOrMerge if repo.merge_base(old, commit)?.is_none() => {
            Err(MergeError::Unrelated {
                target: proposal.target.to_owned(),
                commit: commit.clone(),
            })
        }
        MergeMode::FastForwardOrMerge => write(
            repo,
            proposal,
            &merged_tree(shadow, old, commit)?,
            &[old.clone(), commit.clone()],
        ),
    }
}

fn write(
    repo: &Repo,
    proposal: &MergeProposal<'_>,
    tree: &Oid,
    parents: &[Oid],
) -> Result<Oid, MergeError> {
    let new = NewCommit {
        tree,
        parents,
        message: proposal.message,
        author: proposal.who,
        committer: proposal.who,
        when_ms: proposal.when_ms,
    };
    Ok(repo.commit_tree(&new)?)
}

/// The tree of a three-way merge, without any index or work tree. Attributes are those of `ours`;
/// only built-in merge drivers exist.
pub(super) fn merged_tree(
    shadow: &ShadowRepo,
    ours: &Oid,
    theirs: &Oid,
) -> Result<Oid, MergeError> {
    let command = shadow.objects([
        "merge-tree",
        "--write-tree",
        "-z",
        "--name-only",
        "--no-messages",
    ]);
    let out = command
        .arg(ours)
        .arg(theirs)
        .env("GIT_ATTR_SOURCE", ours)
        .run_any()?;
    if out.code > 1 {
        return Err(out.failure().into());
    }
    let mut fields = NulFields::of(&out);
    let tree = Oid::parse(&String::from_utf8_lossy(fields.expect("the merged tree")?))
        .map_err(GitError::from)?;
    if out.code == 0 {
        return Ok(tree);
    }
    let mut conflicts: Vec<RepoPath> = fields
        .take_while(|path| !path.is_empty())
        .map(RepoPath::new)
        .collect();
    conflicts.sort();
    conflicts.dedup();
    Err(MergeError::Conflicts { conflicts })
}

/// The state that a branch must be in to be moved from `old`.
pub(super) fn expected(old: Option<&Oid>) -> ExpectedRef {
    old.map_or(ExpectedRef::Absent, |old| ExpectedRef::At(old.clone()))
}
