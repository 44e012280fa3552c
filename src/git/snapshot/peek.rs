//! A look at a tree that writes nothing: no object, no index, no lock. It is for showing, and
//! decides nothing that could lose work.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::fs::list_dir;
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::listing;

impl ShadowRepo {
    /// The shadow at `dir`, where it was made and knows its tree; nothing is made.
    pub fn existing(repo: &Repo, dir: &Path) -> Option<Self> {
        let is_there = dir.join("HEAD").is_file()
            && dir.join("config").is_file()
            && dir.join("index").is_file();
        is_there.then(|| Self::open(repo, dir).ok()).flatten()
    }

    /// The paths of the tree at `root` that differ from the tree `stand`, untracked ones and submodules with
    /// something in them included.
    /// The attributes are those of `attributes`, which no agent may have written.
    pub fn peek(
        &self,
        root: &Path,
        stand: &Oid,
        attributes: &Oid,
    ) -> Result<BTreeSet<RepoPath>, GitError> {
        let listed = listing::list(self, root, Some(attributes))?;
        let mut found: BTreeSet<RepoPath> = listed.differing().cloned().collect();
        // What stands there is in no commit, and Git passes over it.
        let is_filled = |path: &&RepoPath| {
            let here = path.beneath(root);
            let is_dir = std::fs::symlink_metadata(&here).is_ok_and(|meta| meta.is_dir());
            is_dir && !list_dir(&here).is_ok_and(|held| held.is_empty())
        };
        found.extend(listed.submodules().filter(is_filled).cloned());
        let args = [
            "diff-index",
            "-z",
            "--cached",
            "--name-only",
            "--no-renames",
        ];
        let known = self.in_tree(root, attributes, args)?.arg(stand).run()?;
        found.extend(NulFields::of(&known).map(RepoPath::new));
        Ok(found)
    }
}
