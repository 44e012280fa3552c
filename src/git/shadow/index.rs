//! The shadow's index: filling a fresh directory, adopting an existing one, resetting one between
//! tasks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::cmd::{GitOutput, NulFields, oid_line};
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file::{self, IndexEntry};
use crate::git::shadow::plain_rules::os_path;
use crate::git::shadow::untouched::{LINK, is_plain};

/// The file that holds the digest of the worktree's own index, once that is taken account of.
const OWN_SEEN: &str = "own";
/// The file that tells that some paths are marked as missing on purpose.
const LEFT_OUT: &str = "left-out";
/// The file that tells that rule files of the tree differ from those of the trusted one.
const OTHER_RULES: &str = "other-rules";
/// Largest index that is copied or compared.
const INDEX_CAP: u64 = 1 << 30;

/// What a reset has found after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The tree stood there and nothing else.
    Exact,
    /// Something else was taken away; what could not be still stands there.
    Cleaned,
}

impl ShadowRepo {
    /// The index file.
    pub fn index_path(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Checks `tree` out into the fresh directory `root` and primes the index with it.
    pub fn checkout(&self, root: &Path, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        self.forget_marks()?;
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
        self.forget_marks()?;
        fs::remove_file(&self.index_path())?;
        self.note_rules_of(tree, attributes)?;
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
        self.forget_marks()?;
        for mark in [LEFT_OUT, OTHER_RULES] {
            fs::copy_if_there(&from.dir.join(mark), &self.dir.join(mark))?;
        }
        self.copy_index(&from.index_path(), &self.index_path())
    }

    /// Turns the tree at `root`, whose state the index knows, into exactly `tree`: changed files are
    /// put back, and everything else goes, ignored files and repositories that were made there
    /// included. Only the directories `kept`, relative to the root, stay as they are, as far as Git
    /// ignores them. The caller has saved everything before.
    pub fn reset(&self, root: &Path, tree: &Oid, kept: &[String]) -> Result<Reset, GitError> {
        let _guard = self.guard()?;
        let known = self.known_tree()?;
        self.forget()?;
        self.forget_other_rules()?;
        if let Some(known) = known.filter(|_| !self.has_left_out()) {
            let done = self.reset_in_process(root, (&known, tree))?;
            if done.is_some() && self.is_untouched(root) {
                self.remember(tree)?;
                return Ok(Reset::Exact);
            }
        }
        self.free_directories(root, tree)?;
        self.in_tree(root, tree, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        if self.is_untouched(root) {
            self.remember(tree)?;
            return Ok(Reset::Exact);
        }
        if !kept.is_empty() {
            self.in_tree(root, tree, ["clean", "-f", "-f", "-d", "-q"])?
                .run()?;
        }
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
        self.remember(tree)?;
        Ok(Reset::Cleaned)
    }

    /// The symbolic links of the tree that the index holds, relative to the root.
    pub fn links(&self, root: &Path) -> Result<Vec<PathBuf>, GitError> {
        if let Some(links) = self.links_by_index() {
            return Ok(links);
        }
        const MODE: &[u8] = b"120000 ";
        let listed = self
            .in_tree(root, &self.format.empty_tree(), ["ls-files", "-s", "-z"])?
            .run()?;
        let links = NulFields::of(&listed).filter(|entry| entry.starts_with(MODE));
        let names = links.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
        Ok(names
            .map(|name| PathBuf::from(OsStr::from_bytes(name)))
            .collect())
    }

    /// The same where the index can be read in this process.
    fn links_by_index(&self) -> Option<Vec<PathBuf>> {
        if self.format != ObjectFormat::Sha1 {
            return None;
        }
        let bytes = fs::read_capped(&self.index_path(), INDEX_CAP).ok()?;
        let entries = index_file::entries(&bytes)?;
        let links = entries.iter().filter(|entry| entry.mode == LINK);
        Some(links.map(|entry| os_path(entry.path).to_owned()).collect())
    }

    /// Puts the files of `tree`, which may be an agent's, into the directory `root`, which holds
    /// those of the trusted tree `base`; its attributes stay in force. For a directory in which
    /// nobody has worked yet.
    pub fn bring(&self, root: &Path, base: &Oid, tree: &Oid) -> Result<(), GitError> {
        let _guard = self.guard()?;
        self.forget()?;
        self.note_rules_of(tree, base)?;
        self.in_tree(root, base, ["read-tree", "--reset", "-u"])?
            .arg(tree)
            .run()?;
        self.remember(tree)
    }

    /// Copies an index atomically. Both are ours: an agent's index is never taken over.
    pub(in crate::git) fn copy_index(&self, from: &Path, to: &Path) -> Result<(), GitError> {
        Ok(fs::write_atomic(to, &fs::read_capped(from, INDEX_CAP)?)?)
    }

    /// The tree that the index holds, where it is known without a look at it.
    pub(in crate::git) fn known_tree(&self) -> Result<Option<Oid>, GitError> {
        let known = fs::read_text_if_there(&self.dir.join("tree"), 128)?;
        // A power cut can leave the name of a file without its content.
        Ok(known.and_then(|known| Oid::parse(known.trim()).ok()))
    }

    /// The tree that the index holds, written to the object store.
    pub(in crate::git) fn index_tree(
        &self,
        root: &Path,
        attributes: &Oid,
    ) -> Result<Oid, GitError> {
        if let Some(known) = self.known_tree()? {
            return Ok(known);
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

    /// Before the index changes: a crash in between must not leave a tree name that does not fit, nor
    /// the belief that another index is taken account of.
    pub(in crate::git) fn forget(&self) -> Result<(), GitError> {
        fs::remove_file(&self.dir.join(OWN_SEEN))?;
        Ok(fs::remove_file(&self.dir.join("tree"))?)
    }

    /// The digest of the worktree's own index that this one takes account of.
    pub(in crate::git) fn own_index_seen(&self) -> Result<Option<String>, GitError> {
        Ok(fs::read_text_if_there(&self.dir.join(OWN_SEEN), 128)?)
    }

    /// Notes that this index takes account of the worktree's own one with that digest.
    pub(in crate::git) fn note_own_index(&self, digest: &str) -> Result<(), GitError> {
        if self.own_index_seen()?.as_deref() == Some(digest) {
            return Ok(());
        }
        Ok(fs::write_atomic(
            &self.dir.join(OWN_SEEN),
            digest.as_bytes(),
        )?)
    }

    /// True where the index is these very bytes.
    pub(in crate::git) fn is_index_of(&self, bytes: &[u8]) -> Result<bool, GitError> {
        let path = self.index_path();
        let is_as_long =
            std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() == bytes.len() as u64);
        Ok(is_as_long && fs::read_capped(&path, INDEX_CAP)? == bytes)
    }

    /// True where another index tracks what this one does: the same paths with the same modes and
    /// content, nothing of it in conflict or marked.
    pub(in crate::git) fn tracks_the_same(&self, bytes: &[u8]) -> bool {
        if self.format != ObjectFormat::Sha1 {
            return false;
        }
        let Ok(own) = fs::read_capped(&self.index_path(), INDEX_CAP) else {
            return false;
        };
        let (Some(own), Some(other)) = (index_file::entries(&own), index_file::entries(bytes))
        else {
            return false;
        };
        let is_same = |(own, other): (&IndexEntry<'_>, &IndexEntry<'_>)| {
            is_plain(own)
                && is_plain(other)
                && (own.mode, own.id, own.path) == (other.mode, other.id, other.path)
        };
        own.len() == other.len() && own.iter().zip(&other).all(is_same)
    }

    /// True where this index is known to hold what the commit `head` does.
    pub(in crate::git) fn holds_commit(&self, head: &Oid) -> Result<bool, GitError> {
        Ok(match self.known_tree()? {
            // A commit that cannot be read may hold anything.
            Some(known) => self
                .changed_paths(head, &known)
                .is_ok_and(|changed| changed.is_empty()),
            None => false,
        })
    }

    /// Marks paths of the index as missing on purpose.
    pub(in crate::git) fn leave_out_of_disk(
        &self,
        root: &Path,
        list: Vec<u8>,
    ) -> Result<(), GitError> {
        fs::write_atomic(&self.dir.join(LEFT_OUT), b"")?;
        self.in_tree_as_it_is(root, ["update-index", "-z", "--skip-worktree", "--stdin"])
            .input(list)
            .run()
            .map(drop)
    }

    /// True where rule files of the tree may differ from those of the trusted one.
    pub(in crate::git) fn has_other_rules(&self) -> bool {
        self.dir.join(OTHER_RULES).exists()
    }

    /// Notes that rule files of the tree differ from those of the trusted one.
    pub(in crate::git) fn note_other_rules(&self) -> Result<(), GitError> {
        Ok(fs::write_atomic(&self.dir.join(OTHER_RULES), b"")?)
    }

    /// Forgets it: the trusted tree stands there.
    pub(super) fn forget_other_rules(&self) -> Result<(), GitError> {
        Ok(fs::remove_file(&self.dir.join(OTHER_RULES))?)
    }

    /// Notes whether `tree`, which comes into the index, has other rule files than `trusted`.
    fn note_rules_of(&self, tree: &Oid, trusted: &Oid) -> Result<(), GitError> {
        let changed = self.changed_paths(trusted, tree)?;
        if changed.iter().any(|change| change.path.is_rule_file()) {
            self.note_other_rules()
        } else {
            self.forget_other_rules()
        }
    }

    /// For an index that is made anew.
    fn forget_marks(&self) -> Result<(), GitError> {
        fs::remove_file(&self.dir.join(LEFT_OUT))?;
        self.forget_other_rules()
    }

    /// True where the index believes of files that they are missing on purpose, by the word of who
    /// worked there.
    pub(in crate::git) fn has_left_out(&self) -> bool {
        self.dir.join(LEFT_OUT).exists()
    }

    /// Takes every file away that the index knows, and with them what it believes.
    pub(super) fn take_down(&self, root: &Path) -> Result<(), GitError> {
        self.forget()?;
        let nothing = self.format.empty_tree();
        self.free_directories(root, &nothing)?;
        self.in_tree(root, &nothing, ["read-tree", "--reset", "-u"])?
            .arg(&nothing)
            .run()?;
        Ok(fs::remove_file(&self.dir.join(LEFT_OUT))?)
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
