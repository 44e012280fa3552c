//! Whether a branch holds a commit's change already, however it got there.

use super::super::oid::Oid;
use super::super::repo::Repo;
use super::super::shadow::Shadow;
use super::{MergeError, merged_tree};

/// How a branch contains a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containment {
    /// The commit is in its history.
    Ancestor,
    /// Each of its commits is there under another name: rebased or cherry-picked.
    PatchEquivalent,
    /// Merging it would change nothing: squashed, or done again by somebody.
    Absorbed,
    /// It is not there.
    No,
}

/// Looks whether `target` holds what `commit` brings.
pub fn containment(repo: &Repo, shadow: &Shadow, target: &Oid, commit: &Oid) -> Result<Containment, MergeError> {
    if repo.is_ancestor(commit, target)? {
        return Ok(Containment::Ancestor);
    }
    if repo.merge_base(target, commit)?.is_none() {
        return Ok(Containment::No);
    }
    let out = shadow.objects(["cherry"]).arg(target).arg(commit).run()?;
    let signs: Vec<u8> = out.stdout.split(|b| *b == b'\n').filter_map(|line| line.first().copied()).collect();
    if !signs.is_empty() && signs.iter().all(|sign| *sign == b'-') {
        return Ok(Containment::PatchEquivalent);
    }
    match merged_tree(shadow, None, target, commit) {
        Ok(tree) if tree == repo.tree_of(target)? => Ok(Containment::Absorbed),
        Ok(_) | Err(MergeError::Conflicts { .. }) => Ok(Containment::No),
        Err(e) => Err(e),
    }
}
