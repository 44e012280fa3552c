//! Commits again on top of another one, without a work tree: each is a three-way merge against its own parent.

use super::super::cmd::Version;
use super::super::error::GitError;
use super::super::oid::Oid;
use super::super::repo::Repo;
use super::super::shadow::Shadow;
use super::{MergeError, Proposal, merged_tree};

/// `merge-tree --merge-base` came with this version.
const MERGE_BASE: Version = Version(2, 40);

/// The tip of the replayed commits. A commit whose change is there already is dropped, as `git rebase` does.
pub(super) fn replay(repo: &Repo, shadow: &Shadow, proposal: &Proposal<'_>, onto: &Oid) -> Result<Oid, MergeError> {
    repo.git().require(MERGE_BASE, "rebasing")?;
    let list = shadow.objects(["rev-list", "--reverse", "--topo-order", "--parents"]);
    let out = list.arg(proposal.commit).arg(format!("^{onto}")).run()?;
    let mut tip = onto.clone();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let names = line.split(' ').map(Oid::parse).collect::<Result<Vec<_>, _>>().map_err(GitError::from)?;
        let [commit, parent] = &names[..] else {
            return Err(MergeError::HoldsMerge(names.first().unwrap_or(proposal.commit).clone()));
        };
        let tree = merged_tree(shadow, Some(parent), &tip, commit)?;
        if tree != repo.tree_of(&tip)? {
            tip = again(repo, shadow, proposal, commit, &tree, &tip)?;
        }
    }
    Ok(tip)
}

/// The same commit with another tree, parent and committer. Its signature, which no longer fits, is dropped.
fn again(
    repo: &Repo,
    shadow: &Shadow,
    proposal: &Proposal<'_>,
    commit: &Oid,
    tree: &Oid,
    parent: &Oid,
) -> Result<Oid, MergeError> {
    let raw = shadow.objects(["cat-file", "commit"]).arg(commit).run()?.stdout;
    let end = raw.windows(2).position(|pair| pair == b"\n\n").unwrap_or(raw.len());
    let (header, message) = raw.split_at(end);
    let seconds = proposal.when_ms.div_euclid(1000).max(0);
    let mut new = format!("tree {tree}\nparent {parent}\n").into_bytes();
    for line in header.split(|b| *b == b'\n').filter(|line| line.starts_with(b"author ")) {
        new.extend_from_slice(line);
        new.push(b'\n');
    }
    let who = proposal.who;
    new.extend_from_slice(format!("committer {} <{}> {seconds} +0000", who.name(), who.email()).as_bytes());
    for line in header.split(|b| *b == b'\n').filter(|line| line.starts_with(b"encoding ")) {
        new.push(b'\n');
        new.extend_from_slice(line);
    }
    new.extend_from_slice(message);
    Ok(repo.write_object("commit", &new)?)
}
