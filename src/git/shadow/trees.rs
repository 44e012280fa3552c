//! The trees that the entries of an index make, as `git write-tree` writes them.

use std::collections::BTreeSet;

use git2::{ObjectType, Oid};

use crate::git::shadow::index_file::IndexEntry;

const DIRECTORY: &[u8] = b"40000";
/// Deeper than any path can be.
const DEEPEST: usize = 4_096;

/// The trees of an index.
pub(super) struct IndexTrees {
    /// The name of the one at the top.
    pub(super) root: Oid,
    /// The content of those that were asked for.
    pub(super) asked: Vec<Vec<u8>>,
}

/// Names the trees of entries that stand in an index's order. The content is kept of those whose path
/// is among `dirs`; the top is the empty one.
pub(super) fn trees(entries: &[IndexEntry<'_>], dirs: &BTreeSet<&[u8]>) -> Option<IndexTrees> {
    let mut asked = Vec::new();
    let root = tree(entries, (0, 0), dirs, &mut asked)?;
    Some(IndexTrees { root, asked })
}

/// The tree of a directory. `skipped` is the length of its path with the slash behind it.
fn tree(
    entries: &[IndexEntry<'_>],
    (skipped, depth): (usize, usize),
    dirs: &BTreeSet<&[u8]>,
    asked: &mut Vec<Vec<u8>>,
) -> Option<Oid> {
    if depth > DEEPEST {
        return None;
    }
    let path = entries.first()?.path.get(..skipped.saturating_sub(1))?;
    let mut content = Vec::with_capacity(entries.len() * 40);
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let below = first.path.get(skipped..)?;
        let length = below.iter().position(|byte| *byte == b'/');
        let name = &below[..length.unwrap_or(below.len())];
        if name.is_empty() {
            return None;
        }
        let (mode, id, many) = match length {
            None => (mode(first.mode)?, first.id.to_vec(), 1),
            Some(length) => {
                let with_slash = below.get(..=length)?;
                let is_beneath = |entry: &&IndexEntry<'_>| {
                    let below = entry.path.get(skipped..);
                    below.is_some_and(|below| below.starts_with(with_slash))
                };
                let many = rest.iter().take_while(is_beneath).count();
                let at = (skipped + length + 1, depth + 1);
                let id = tree(&rest[..many], at, dirs, asked)?;
                (DIRECTORY, id.as_bytes().to_vec(), many)
            }
        };
        for part in [mode, b" ", name, b"\0", &id] {
            content.extend_from_slice(part);
        }
        rest = &rest[many..];
    }
    let id = Oid::hash_object(ObjectType::Tree, &content).ok()?;
    if dirs.contains(path) {
        asked.push(content);
    }
    Some(id)
}

/// The mode of a file or link as a tree has it; submodules are for Git.
const fn mode(mode: u32) -> Option<&'static [u8]> {
    match mode {
        0o100_644 => Some(b"100644"),
        0o100_755 => Some(b"100755"),
        0o120_000 => Some(b"120000"),
        _ => None,
    }
}
