//! The shadow over a person's checkout in which an agent works: what is staged there, and putting all
//! of it back.
//!
//! Only what the shadow's index knows is ever removed, and that is what a look has just put into
//! objects.

use std::path::Path;

use crate::base::{fs, hash};
use crate::domain::repo_path::RepoPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;

/// Largest index that is compared.
const INDEX_CAP: u64 = 1 << 30;

impl ShadowRepo {
    /// True where the real index `index` of the checkout at `root` differs from `tree`.
    pub fn has_staged(&self, root: &Path, index: &Path, tree: &Oid) -> Result<bool, GitError> {
        if self.is_known_to_hold(index, tree)? {
            return Ok(false);
        }
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

    /// True where another index tracks what this one does, which is known to hold `tree`.
    fn is_known_to_hold(&self, index: &Path, tree: &Oid) -> Result<bool, GitError> {
        let _guard = self.guard()?;
        if self.known_tree()?.as_ref() != Some(tree) {
            return Ok(false);
        }
        let bytes = fs::read_capped(index, INDEX_CAP);
        Ok(bytes.is_ok_and(|bytes| self.tracks_the_same(&bytes)))
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
    /// left alone. `index` is that of the checkout.
    pub fn put_back(&self, root: &Path, index: &Path, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        let known = self.known_tree()?.filter(|_| !self.has_left_out());
        if self.has_left_out() {
            self.take_down(root)?;
        }
        self.forget()?;
        self.forget_other_rules()?;
        if let Some(known) = known.filter(|known| known != tree)
            && self.reset_in_process(root, (&known, tree))?.is_some()
            && self.is_untouched(root)
        {
            self.remember(tree)?;
            return self.note_if_tracked(index);
        }
        self.free_directories(root, tree)?;
        self.in_tree(root, tree, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        self.remember(tree)
    }

    /// Notes that this index takes account of another one, where that tracks the same.
    fn note_if_tracked(&self, index: &Path) -> Result<(), GitError> {
        match fs::read_capped(index, INDEX_CAP) {
            Ok(bytes) if self.tracks_the_same(&bytes) => {
                self.note_own_index(&hash::sha256_hex(&bytes))
            }
            _ => Ok(()),
        }
    }

    /// Gives the real index of a checkout the content that it had, and lets it know the files as they
    /// are now, so that the person's next look need not read them.
    pub fn restore_index(
        &self,
        root: &Path,
        (index, content): (&Path, &[u8]),
        tree: &Oid,
    ) -> Result<(), GitError> {
        let is_file = std::fs::symlink_metadata(index).is_ok_and(|meta| meta.is_file());
        let is_same =
            is_file && fs::read_capped(index, INDEX_CAP).is_ok_and(|found| found == content);
        if is_same && self.look_by(index, root, 0).is_some() {
            return Ok(());
        }
        if !is_same {
            fs::write_atomic(index, content)?;
        }
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
