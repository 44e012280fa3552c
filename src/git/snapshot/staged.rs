//! What stands in the index of the worktree's own Git alone: it was added, and then changed or
//! removed on the disk before anybody committed it.
//!
//! It is no part of the tree that is judged, as it would be none of what stands on the disk; it is
//! told by name, and a rescue keeps the index beside the tree. Looked for only where the index says
//! something new.

use std::collections::BTreeSet;
use std::path::Path;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::diff::{ChangedPath, changed_path};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::own_index;

/// Content of an index that the commit at its HEAD does not have.
#[derive(Debug, Default, Clone)]
pub(super) struct StagedChanges {
    /// Files with other content than in that commit.
    changed: Vec<ChangedPath>,
    /// The index as a tree; none where it cannot be one, as with conflicts.
    tree: Option<Oid>,
}

/// Compares a copy of an index with the commit at its HEAD.
pub(super) fn staged(
    shadow: &ShadowRepo,
    copy: &Path,
    head: Option<&Oid>,
) -> Result<StagedChanges, GitError> {
    let Some(head) = head else {
        return Ok(StagedChanges::default());
    };
    let args = [
        "diff-index",
        "--cached",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        "--no-ext-diff",
        "--diff-filter=AMT",
    ];
    let out = shadow
        .objects(args)
        .env("GIT_INDEX_FILE", copy)
        .arg(head)
        .run_any()?;
    // An agent can move its HEAD to what is no commit here.
    if out.code != 0 {
        return Ok(StagedChanges::default());
    }
    let empty = shadow.format().empty_blob();
    let mut fields = NulFields::of(&out);
    let mut changed = Vec::new();
    while let Some(line) = fields.next() {
        let found = changed_path(&mut fields, line)?;
        let new = found.new.as_ref();
        // Nothing is lost of what is empty.
        if new.is_some_and(|new| !new.is_submodule() && new.oid != empty) {
            changed.push(found);
        }
    }
    if changed.is_empty() {
        return Ok(StagedChanges::default());
    }
    let written = shadow
        .objects(["write-tree"])
        .env("GIT_INDEX_FILE", copy)
        .run_any()?;
    let text = String::from_utf8_lossy(&written.stdout);
    let tree = (written.code == 0).then(|| Oid::parse(text.trim()).ok());
    Ok(StagedChanges {
        changed,
        tree: tree.flatten(),
    })
}

impl StagedChanges {
    /// The paths of which the index has something that the tree has nowhere; and the index as a tree,
    /// where there are any. `changed` is how the tree differs from its base.
    pub(super) fn alone(
        &self,
        shadow: &ShadowRepo,
        (tree, changed): (&Oid, &[ChangedPath]),
    ) -> Result<(Vec<RepoPath>, Option<Oid>), GitError> {
        let sides = changed.iter().filter_map(|change| change.new.as_ref());
        let taken: BTreeSet<&str> = sides.map(|side| side.oid.as_str()).collect();
        let mut open: Vec<(&RepoPath, &str)> = self
            .changed
            .iter()
            .filter_map(|change| Some((&change.path, change.new.as_ref()?.oid.as_str())))
            .filter(|(_, name)| !taken.contains(name))
            .collect();
        if open.is_empty() {
            return Ok((Vec::new(), None));
        }
        let listed = shadow
            .objects(["ls-tree", "-r", "-z", "--full-tree"])
            .arg(tree)
            .run()?;
        let listed = own_index::of_tree(&listed)?;
        open.retain(|(path, name)| {
            let entry = listed.entries.get(path);
            let found = entry.and_then(|entry| entry.tracked.as_ref());
            found.is_none_or(|found| found.name() != name.as_bytes())
        });
        let paths: Vec<RepoPath> = open.into_iter().map(|(path, _)| path.clone()).collect();
        let tree = self.tree.clone().filter(|_| !paths.is_empty());
        Ok((paths, tree))
    }
}
