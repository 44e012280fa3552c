//! The shadow's index: filling a fresh directory, adopting an existing one, resetting one between
//! tasks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::cmd::{GitOutput, NulFields, oid_line};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;

impl ShadowRepo {
    /// The index file.
    pub fn index_path(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Checks `tree` out into the fresh directory `root` and primes the index with it.
    pub fn checkout(&self, root: &Path, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        fs::remove_file(&self.index_path())?;
        self.in_tree(root, tree, ["read-tree", "-m", "-u"])?
            .arg(tree)
            .run()?;
        self.remember(tree)
    }

    /// Takes a directory that somebody else filled: the index names `tree`, every file is read
    /// once, with the attributes of the trusted tree `attributes`.
    pub fn adopt(&self, root: &Path, tree: &Oid, attributes: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        fs::remove_file(&self.index_path())?;
        self.in_tree(root, attributes, ["read-tree"])?
            .arg(tree)
            .run()?;
        // Exit code 1 only says that some files differ, which is what a look will find.
        let refreshed = self
            .in_tree(root, attributes, ["update-index", "-q", "--refresh"])?
            .run_any()?;
        if refreshed.code > 1 {
            return Err(refreshed.failure());
        }
        self.remember(tree)
    }

    /// Every tracked path (of `tree`) and every untracked one that is not ignored, each with its
    /// state before it and a NUL behind. No file is read.
    pub(in crate::git) fn list_paths(
        &self,
        root: &Path,
        tree: &Oid,
    ) -> Result<GitOutput, GitError> {
        let _guard = self.guard()?;
        let known = fs::read_text_if_there(&self.dir.join("tree"), 128)?;
        if known.as_deref().map(str::trim) != Some(tree.as_str()) {
            self.forget()?;
            self.in_tree(root, tree, ["read-tree"])?.arg(tree).run()?;
            self.remember(tree)?;
        }
        self.in_tree(
            root,
            tree,
            ["ls-files", "-z", "-t", "-c", "-o", "--exclude-standard"],
        )?
        .run()
    }

    /// True where there is an index to compare with.
    pub fn is_primed(&self) -> bool {
        self.index_path().is_file()
    }

    /// Takes over the index of another shadow of the same directory.
    pub(in crate::git) fn take_index(&self, from: &Self) -> Result<(), GitError> {
        if from.dir == self.dir {
            return Ok(());
        }
        let _guard = self.guard()?;
        self.forget()?;
        self.copy_index(&from.index_path(), &self.index_path())
    }

    /// Turns the tree at `root`, whose state the index knows, into exactly `tree`: changed files
    /// are put back, files that `tree` does not have and no ignore rule of it names are removed;
    /// build caches stay. The caller has saved everything before.
    pub fn reset(&self, root: &Path, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        self.in_tree(root, tree, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        self.in_tree(root, tree, ["clean", "-f", "-d", "-q"])?
            .run()?;
        self.remember(tree)
    }

    /// The same for a directory in which nobody works but `ai`: ignored files go, too, and
    /// repositories that were made there. Only the directories `kept`, relative to the root, stay
    /// as they are.
    pub fn reset_alone(&self, root: &Path, tree: &Oid, kept: &[String]) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        self.in_tree(root, tree, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        let kept: Vec<String> = kept
            .iter()
            .map(|dir| format!("--exclude=/{}/", literal(dir.trim_end_matches('/'))))
            .collect();
        let clean = || {
            self.in_tree(root, tree, ["clean", "-f", "-f", "-d", "-x", "-q"])?
                .args(&kept)
                .run()
        };
        if clean().is_err() {
            // Directories can be write-protected, as those of module caches are.
            fs::make_writable(root)?;
            clean()?;
        }
        self.remember(tree)
    }

    /// The symbolic links of the tree that the index holds, relative to the root.
    pub fn links(&self, root: &Path) -> Result<Vec<PathBuf>, GitError> {
        const LINK: &[u8] = b"120000 ";
        let listed = self
            .in_tree(root, &self.format.empty_tree(), ["ls-files", "-s", "-z"])?
            .run()?;
        let links = NulFields::of(&listed).filter(|entry| entry.starts_with(LINK));
        let names = links.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
        Ok(names
            .map(|name| PathBuf::from(OsStr::from_bytes(name)))
            .collect())
    }

    /// Puts the files of `tree`, which may be an agent's, into the directory `root`, which holds
    /// those of the trusted tree `base`; its attributes stay in force. For a directory in which
    /// nobody has worked yet.
    pub fn bring(&self, root: &Path, base: &Oid, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        self.in_tree(root, base, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        self.remember(tree)
    }

    /// Copies an index atomically. Both are ours: an agent's index is never taken over.
    pub(in crate::git) fn copy_index(&self, from: &Path, to: &Path) -> Result<(), GitError> {
        const INDEX_CAP: u64 = 1 << 30;
        Ok(fs::write_atomic(to, &fs::read_capped(from, INDEX_CAP)?)?)
    }

    /// The tree that the index holds, written to the object store.
    pub(in crate::git) fn index_tree(
        &self,
        root: &Path,
        attributes: &Oid,
    ) -> Result<Oid, GitError> {
        if let Some(known) = fs::read_text_if_there(&self.dir.join("tree"), 128)? {
            return Ok(Oid::parse(known.trim())?);
        }
        let mut command = self.in_tree(root, attributes, ["write-tree"])?;
        if self.is_partial() {
            command = command.arg("--missing-ok");
        }
        let tree = oid_line(&command.run()?)?;
        self.remember(&tree)?;
        Ok(tree)
    }

    /// Notes the tree that the index holds.
    pub(super) fn remember(&self, tree: &Oid) -> Result<(), GitError> {
        Ok(fs::write_atomic(
            &self.dir.join("tree"),
            tree.as_str().as_bytes(),
        )?)
    }

    /// Before the index changes: a crash in between must not leave a tree name that does not fit.
    pub(in crate::git) fn forget(&self) -> Result<(), GitError> {
        Ok(fs::remove_file(&self.dir.join("tree"))?)
    }
}

/// A path as a pattern that matches it alone.
fn literal(path: &str) -> String {
    path.chars()
        .flat_map(|c| {
            matches!(c, '\\' | '*' | '?' | '[' | ' ')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect()
}
