//! The shadow over a person's checkout in which an agent works: what is staged and ignored there,
//! and putting all of it back.
//!
//! Only what the shadow's index knows is ever removed, and that is what a look has just put into
//! objects.

use std::path::Path;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;

impl ShadowRepo {
    /// True where the real index `index` of the checkout at `root` differs from `tree`.
    pub fn has_staged(&self, root: &Path, index: &Path, tree: &Oid) -> Result<bool, GitError> {
        let command = self
            .in_tree(root, tree, ["diff-index", "--cached", "--quiet"])?
            .arg(tree);
        let out = command.env("GIT_INDEX_FILE", index).run_any()?;
        match out.code {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(out.failure()),
        }
    }

    /// Lists the paths that Git ignores at `root`; of a directory all of which is ignored, its name
    /// with `/`.
    pub fn list_ignored(&self, root: &Path, tree: &Oid) -> Result<Vec<RepoPath>, GitError> {
        let _guard = self.guard()?;
        let args = [
            "ls-files",
            "-z",
            "-o",
            "-i",
            "--exclude-standard",
            "--directory",
        ];
        let out = self.in_tree(root, tree, args)?.run()?;
        Ok(NulFields::of(&out).map(RepoPath::new).collect())
    }

    /// Takes paths out of the index; the files stay. The tree without them.
    pub fn leave_out(
        &self,
        root: &Path,
        attributes: &Oid,
        paths: &[RepoPath],
    ) -> Result<Oid, GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        let list: Vec<u8> = paths
            .iter()
            .flat_map(|path| [path.as_bytes(), b"\0"].concat())
            .collect();
        let args = ["update-index", "-z", "--force-remove", "--stdin"];
        self.in_tree(root, attributes, args)?.input(list).run()?;
        self.index_tree(root, attributes)
    }

    /// Turns the files at `root` that the index knows into exactly `tree`. What it does not know is
    /// left alone.
    pub fn put_back(&self, root: &Path, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        if self.has_left_out() {
            self.take_down(root)?;
        }
        self.forget()?;
        self.forget_other_rules()?;
        self.in_tree(root, tree, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        self.remember(tree)
    }

    /// Lets the real index of a checkout know the files as they are now, so that the person's next
    /// look need not read them.
    pub fn refresh_index(&self, root: &Path, index: &Path, tree: &Oid) -> Result<(), GitError> {
        let command = self
            .in_tree(root, tree, ["update-index", "-q", "--refresh"])?
            .env("GIT_INDEX_FILE", index);
        let out = command.config("core.untrackedCache", "keep").run_any()?;
        // Exit code 1 only says that some files differ.
        if out.code > 1 {
            Err(out.failure())
        } else {
            Ok(())
        }
    }

    /// Brings files and the real index of a checkout from one tree to another, as `git checkout`
    /// would; nothing is overwritten.
    pub fn bring_along(
        &self,
        root: &Path,
        index: &Path,
        old: &Oid,
        new: &Oid,
    ) -> Result<(), GitError> {
        let command = self
            .in_tree(root, new, ["read-tree", "-m", "-u"])?
            .arg(old)
            .arg(new);
        command
            .env("GIT_INDEX_FILE", index)
            .config("core.untrackedCache", "keep")
            .run()
            .map(drop)
    }
}
