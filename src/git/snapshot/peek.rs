//! A look at a tree that writes nothing: no object, no index, no lock. It is for showing, and
//! decides nothing that could lose work.

use std::collections::BTreeSet;
use std::path::Path;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;

impl ShadowRepo {
    /// The shadow at `dir`, where it was made and knows its tree; nothing is made.
    pub fn existing(repo: &Repo, dir: &Path) -> Option<Self> {
        let is_there = dir.join("HEAD").is_file()
            && dir.join("config").is_file()
            && dir.join("index").is_file();
        is_there.then(|| Self::open(repo, dir).ok()).flatten()
    }

    /// The paths of the tree at `root` that differ from the tree `stand`, untracked ones included.
    /// The attributes are those of `attributes`, which no agent may have written.
    pub fn peek(
        &self,
        root: &Path,
        stand: &Oid,
        attributes: &Oid,
    ) -> Result<BTreeSet<RepoPath>, GitError> {
        let args = [
            "ls-files",
            "-z",
            "-t",
            "-o",
            "-m",
            "-d",
            "--exclude-standard",
        ];
        let out = self
            .in_tree(root, attributes, args)?
            .env("GIT_OPTIONAL_LOCKS", "0")
            .run()?;
        let on_disk = NulFields::of(&out).filter_map(|field| Some(RepoPath::new(field.get(2..)?)));
        let mut found: BTreeSet<RepoPath> = on_disk.collect();
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
