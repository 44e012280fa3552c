//! The change that a commit is about to make: the tree of an index against the commit that is there.
//!
//! The index is read where Git says that it lies (`GIT_INDEX_FILE`: a lock file for `commit -a`, one
//! of its own for `commit PATH`). The worktree is not looked at, and nothing is written, but for a copy
//! of an index whose tree Git has not noted; Git then says what it would commit.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::{env, fs, id};
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::oid_line;
use crate::git::diff::raw::{DIFF_TREE, listed};
use crate::git::diff::{ChangedPath, native, staged_tree};
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::repo::{Head, Repo};

/// The largest index that is read, in bytes.
const INDEX_CAP: u64 = 1 << 30;
/// The largest list of merged commits, in bytes.
const HEADS_CAP: u64 = 64 << 10;
/// The beginning of the variables by which `git merge` names what it merges.
const MERGED: &str = "GITHEAD_";

/// The change that a commit is about to make.
#[derive(Debug, Clone)]
pub struct StagedChange {
    /// The tree that the commit will have.
    pub tree: Oid,
    /// The HEAD that it is compared with.
    pub head: Head,
    /// The paths that differ from HEAD.
    pub changed: Vec<ChangedPath>,
    /// Those of them that are as in one of the commits that are merged.
    pub brought: BTreeSet<RepoPath>,
}

/// The source of the commits that are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeHeads {
    /// The file in which Git notes them.
    Noted,
    /// The same, or the variables by which `git merge` tells them before it notes them. Anybody can set
    /// these: only the hook of a merge may believe them.
    NotedOrTold,
}

/// The index of a commit, and where it may be copied to.
#[derive(Debug, Clone, Copy)]
pub struct StagedIndex<'a> {
    /// The git directory of the worktree.
    pub git_dir: &'a Path,
    /// The index.
    pub file: &'a Path,
    /// A directory for a copy.
    pub scratch: &'a Path,
    /// The source of the commits that are merged.
    pub heads: MergeHeads,
}

impl Repo {
    /// Measures what a commit of this index would change.
    pub fn staged(&self, index: StagedIndex<'_>) -> Result<StagedChange, GitError> {
        let head = self.head_of(index.git_dir)?;
        let tree = self.tree_of_index(index)?;
        let empty = self.format().objects.empty_tree();
        let changed = self.changed_between(head.commit().unwrap_or(&empty), &tree)?;
        let mut brought = BTreeSet::new();
        for other in merged(index)? {
            let differs: BTreeSet<RepoPath> = self
                .changed_between(&other, &tree)?
                .into_iter()
                .map(|one| one.path)
                .collect();
            let same = changed.iter().filter(|one| !differs.contains(&one.path));
            brought.extend(same.map(|one| one.path.clone()));
        }
        Ok(StagedChange {
            tree,
            head,
            changed,
            brought,
        })
    }

    /// The paths that differ between two trees or commits, sorted as Git sorts them.
    pub fn changed_between(&self, old: &Oid, new: &Oid) -> Result<Vec<ChangedPath>, GitError> {
        if old == new {
            return Ok(Vec::new());
        }
        let objects = self.common_dir().join("objects");
        let is_readable = self.format().objects == ObjectFormat::Sha1 && !self.format().partial;
        let found = is_readable.then(|| native::changed_paths(&objects, old, new));
        if let Some(found) = found.flatten() {
            return Ok(found);
        }
        let command = self.git().command(DIFF_TREE).arg(old).arg(new);
        listed(&command.git_dir(self.common_dir()).run()?)
    }

    fn tree_of_index(&self, index: StagedIndex<'_>) -> Result<Oid, GitError> {
        let bytes = match fs::read_capped(index.file, INDEX_CAP) {
            Ok(bytes) => bytes,
            // Nothing was ever added.
            Err(error) if error.is_not_found() => return Ok(self.format().objects.empty_tree()),
            Err(error) => return Err(error.into()),
        };
        if self.format().objects == ObjectFormat::Sha1
            && let Some(tree) = staged_tree::root(&bytes)
            && self.has_object(&tree)?
        {
            return Ok(tree);
        }
        // Git works out the tree and notes it in the index that it read: in a copy, since a hook changes
        // nothing.
        let copy = index
            .scratch
            .join(format!("hook-index-{}", id::random_text(8)));
        fs::write_private(&copy, &bytes)?;
        let command = self.git().command(["write-tree"]).git_dir(index.git_dir);
        let asked = command
            .env("GIT_COMMON_DIR", self.common_dir())
            .env("GIT_INDEX_FILE", &copy)
            .run();
        // Whatever came of it, the copy has served.
        let _ = fs::remove_file(&copy);
        oid_line(&asked?)
    }
}

/// The commits that are being merged, beside HEAD: as Git has noted them, or as `git merge` tells its
/// hooks before it does.
fn merged(index: StagedIndex<'_>) -> Result<Vec<Oid>, GitError> {
    let noted = fs::read_text_if_there(&index.git_dir.join("MERGE_HEAD"), HEADS_CAP)?;
    let mut all: BTreeSet<Oid> = noted
        .unwrap_or_default()
        .lines()
        .filter_map(|line| Oid::parse(line.trim()).ok())
        .collect();
    if all.is_empty() && index.heads == MergeHeads::NotedOrTold {
        let told = env::all().into_iter();
        all.extend(
            told.filter_map(|(name, _)| Oid::parse(name.to_str()?.strip_prefix(MERGED)?).ok()),
        );
    }
    Ok(all.into_iter().collect())
}
