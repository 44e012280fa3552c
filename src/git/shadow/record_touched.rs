//! Taking the few files that an agent touched without starting Git, where the tree that comes out is
//! for certain the one that Git would make.
//!
//! That is so where no rule has a say: no attribute anywhere, no setting that changes content or
//! names, no pattern that even the loosest reading would apply to a new name
//! ([`crate::git::shadow::plain_rules`]); regular files only, few and small. Everything else is
//! Git's, as before. Order, so that a crash loses nothing: objects first, flushed; then what is known
//! of the index is forgotten; then the index; then the name of its tree.

use std::collections::BTreeSet;
use std::path::Path;

use git2::{ObjectType, Oid as ObjectId};

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::store_objects;
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file::{self, IndexEntry};
use crate::git::shadow::index_write;
use crate::git::shadow::plain_rules::PlainRules;
use crate::git::shadow::trees::trees;
use crate::git::shadow::untouched::{DiskLook, FileNow};

/// More touched files are for Git, which is then the smaller part of the work.
pub(super) const MOST: usize = 100;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
const EXECUTABLE: u32 = 0o100;

/// A tree that is looked at in this process.
#[derive(Clone, Copy)]
pub(in crate::git) struct OwnLook<'a> {
    /// The directory.
    pub(in crate::git) root: &'a Path,
    /// The tree that the index is known to hold.
    pub(in crate::git) known: &'a Oid,
    /// The tree whose attributes apply.
    pub(in crate::git) attributes: &'a Oid,
    /// The most files that may have been touched.
    pub(in crate::git) files: usize,
    /// The most bytes of one of them.
    pub(in crate::git) file_bytes: u64,
}

impl ShadowRepo {
    /// The tree that stands there, brought into the index where it is another one than before. None
    /// where Git has to be asked; then nothing has changed.
    pub(in crate::git) fn take_in_process(
        &self,
        look: &OwnLook<'_>,
    ) -> Result<Option<Oid>, GitError> {
        let rules = self.plain_rules();
        let rules = rules.as_ref();
        let most = if rules.is_some() && !self.partial {
            MOST.min(look.files)
        } else {
            0
        };
        let Some(seen) = self.look_at_disk(look.root, most) else {
            return Ok(None);
        };
        if seen.touched.is_empty() {
            return Ok(Some(look.known.clone()));
        }
        // With attributes in either tree, content is for Git to judge.
        let has_other_rules = look.known != look.attributes
            && self
                .changed_paths(look.attributes, look.known)?
                .iter()
                .any(|change| change.path.is_rule_file());
        let recorded = rules
            .filter(|_| !has_other_rules)
            .and_then(|rules| recorded(look, rules, &seen));
        let Some(recorded) = recorded else {
            return Ok(None);
        };
        if store_objects(&self.objects_dir, &recorded.objects).is_err() {
            return Ok(None);
        }
        self.forget()?;
        fs::write_atomic(&self.index_path(), &recorded.index)?;
        self.remember(&recorded.tree)?;
        Ok(Some(recorded.tree))
    }
}

/// What comes of a look.
struct TakenFiles {
    objects: Vec<(ObjectType, Vec<u8>)>,
    index: Vec<u8>,
    tree: Oid,
}

fn recorded(look: &OwnLook<'_>, rules: &PlainRules, seen: &DiskLook) -> Option<TakenFiles> {
    let before = index_file::entries(&seen.index)?;
    has_no_rules(before.iter().map(|entry| entry.path))?;
    has_no_rules(seen.touched.iter().map(|touched| &touched.path[..]))?;
    let mut changes = Vec::new();
    for touched in &seen.touched {
        let path = &touched.path[..];
        let is_new = find(&before, path).is_err();
        if is_new && !rules.surely_take(look.root, path) {
            return None;
        }
        let entry = match &touched.now {
            Some(now) if now.content.len() as u64 > look.file_bytes => return None,
            Some(now) => Some(entry_of(path, now)?),
            None => None,
        };
        changes.push((path, entry));
    }
    let after = changed_entries(&before, &changes)?;
    let dirs: BTreeSet<&[u8]> = changes
        .iter()
        .flat_map(|(path, _)| dirs_above(path))
        .collect();
    let trees = trees(&after, &dirs)?;
    let contents = seen.touched.iter().filter_map(|touched| {
        let now = touched.now.as_ref()?;
        Some((ObjectType::Blob, now.content.clone()))
    });
    let objects = contents
        .chain(trees.asked.into_iter().map(|tree| (ObjectType::Tree, tree)))
        .collect();
    Some(TakenFiles {
        objects,
        index: index_write::index(&after)?,
        tree: Oid::parse(&trees.root.to_string()).ok()?,
    })
}

/// Nothing where one of the paths is a file of rules, of which more depends than its own content.
pub(super) fn has_no_rules<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> Option<()> {
    let mut names = paths
        .into_iter()
        .map(|path| path.rsplit(|byte| *byte == b'/').next());
    let is_one = |name: Option<&[u8]>| {
        name.is_some_and(|name| {
            name.eq_ignore_ascii_case(b".gitattributes")
                || name.eq_ignore_ascii_case(b".gitmodules")
        })
    };
    (!names.any(is_one)).then_some(())
}

/// Finds the entry of a path, or the place where it would stand.
pub(super) fn find(entries: &[IndexEntry<'_>], path: &[u8]) -> Result<usize, usize> {
    entries.binary_search_by(|entry| entry.path.cmp(path))
}

fn entry_of(path: &[u8], now: &FileNow) -> Option<Vec<u8>> {
    let id = ObjectId::hash_object(ObjectType::Blob, &now.content).ok()?;
    let mode = if now.stat.st_mode & EXECUTABLE == 0 {
        FILE
    } else {
        PROGRAM
    };
    index_write::entry(path, (mode, id.as_bytes()), &now.stat)
}

/// The entries after some of them have changed or gone and others have come; `changes` stand in the
/// order of their paths.
pub(super) fn changed_entries<'a>(
    before: &[IndexEntry<'a>],
    changes: &'a [(&[u8], Option<Vec<u8>>)],
) -> Option<Vec<IndexEntry<'a>>> {
    let mut after = Vec::with_capacity(before.len() + changes.len());
    let mut rest = before;
    for (path, entry) in changes {
        let (kept, behind) = match find(rest, path) {
            Ok(at) => (&rest[..at], &rest[at + 1..]),
            Err(at) => rest.split_at(at),
        };
        after.extend_from_slice(kept);
        if let Some(bytes) = entry {
            after.push(index_file::entry(bytes)?.0);
        }
        rest = behind;
    }
    after.extend_from_slice(rest);
    Some(after)
}

/// The directories in which a path stands, the top being the empty one.
fn dirs_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at]);
    ends.chain([&b""[..]])
}

/// True for a path that an index of Git can hold.
pub(super) fn is_allowed(path: &RepoPath) -> bool {
    !path.is_forbidden() && !path.as_bytes().is_empty()
}
