//! The tree that Git has noted in an index, without a look at its entries.
//!
//! Before a hook is asked, `git commit` writes the trees of what it is about to commit, and notes their
//! names in the index; the commit takes the noted name as it is. So that name is the whole answer, and
//! the entries are only passed over on the way to it. Whatever is not exactly what Git writes is none,
//! and Git is asked.

use crate::git::oid::Oid;

/// The parts of an entry of fixed length, before its path.
const FIXED: usize = 62;
/// The flag of an entry that has a second word of flags.
const EXTENDED: u8 = 1 << 6;
/// The bits of the flags that hold the length of the path; all of them set for a longer one.
const LENGTH: u16 = 0x0fff;
/// The hash behind everything, and the length of a name.
const NAME: usize = 20;

/// The name of the whole tree, where the index of a repository with SHA-1 names has one.
pub(super) fn root(index: &[u8]) -> Option<Oid> {
    let body = index.get(..index.len().checked_sub(NAME)?)?;
    let (head, entries) = body.split_at_checked(12)?;
    let version = number(head, 4)?;
    if !head.starts_with(b"DIRC") || !matches!(version, 2..=4) {
        return None;
    }
    let mut rest = entries;
    for _ in 0..number(head, 8)? {
        let length = if version == 4 {
            length_of_compressed(rest)?
        } else {
            length_of_plain(rest)?
        };
        rest = rest.get(length..)?;
    }
    let mut found = None;
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(8)?;
        // What is written small changes the meaning of the entries.
        if !head[0].is_ascii_uppercase() {
            return None;
        }
        let (content, after) = after.split_at_checked(number(head, 4)? as usize)?;
        if head.starts_with(b"TREE") {
            found = root_of(content);
        }
        rest = after;
    }
    found
}

/// The first record of the trees: an empty path, the number of entries, that of subtrees, the name.
/// A number of entries below zero says that the tree is not known.
fn root_of(content: &[u8]) -> Option<Oid> {
    let content = content.strip_prefix(b"\0")?;
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let (counts, name) = (&content[..end], content.get(end + 1..end + 1 + NAME)?);
    let entries = counts.split(|byte| *byte == b' ').next()?;
    if entries.is_empty() || !entries.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    Oid::parse(&hex).ok()
}

/// The start of the path, and its length where it is short enough to be told.
fn path_of(entry: &[u8]) -> Option<(usize, Option<usize>)> {
    let flags = entry.get(FIXED - 2..FIXED)?;
    let start = FIXED + if flags[0] & EXTENDED == 0 { 0 } else { 2 };
    let told = u16::from_be_bytes([flags[0], flags[1]]) & LENGTH;
    Some((start, (told < LENGTH).then_some(usize::from(told))))
}

fn length_of_plain(entry: &[u8]) -> Option<usize> {
    let (start, told) = path_of(entry)?;
    let path = match told {
        Some(told) => told,
        None => nul(entry.get(start..)?)?,
    };
    // At least one NUL, up to a multiple of eight.
    Some((start + path + 8) / 8 * 8)
}

/// The path is what it adds to the one before: the number of bytes that go, then text up to a NUL.
fn length_of_compressed(entry: &[u8]) -> Option<usize> {
    let (start, _) = path_of(entry)?;
    let rest = entry.get(start..)?;
    let number = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    Some(start + number + nul(&rest[number..])? + 1)
}

fn nul(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == 0)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRepo;

    /// An index with names of many lengths, some of them long, and what Git says that its tree is.
    fn scene() -> (TestRepo, String) {
        let test = TestRepo::new();
        for n in 1..=17 {
            test.write(format!("dir/{}", "n".repeat(n)), "x");
        }
        test.write(format!("{0}/{0}/{0}", "d".repeat(200)), "deep");
        test.commit("names");
        let tree = test.git(&["write-tree"]);
        (test, tree)
    }

    fn read(test: &TestRepo) -> Vec<u8> {
        std::fs::read(test.root.join(".git/index")).unwrap()
    }

    #[test]
    fn the_name_is_that_of_the_tree_that_git_would_commit_in_every_version() {
        let (test, tree) = scene();
        for version in ["2", "3", "4"] {
            test.git(&["update-index", "--index-version", version]);
            let found = root(&read(&test)).map(|oid| oid.as_str().to_owned());
            assert_eq!(found.as_deref(), Some(tree.as_str()), "version {version}");
        }
        // A second word of flags, which asks for version 3.
        test.git(&[
            "update-index",
            "--index-version",
            "2",
            "--skip-worktree",
            "dir/n",
        ]);
        test.git(&["write-tree"]);
        assert_eq!(root(&read(&test)).unwrap().as_str(), tree);
    }

    #[test]
    fn a_tree_that_is_not_known_is_none() {
        let (test, tree) = scene();
        test.write("dir/new", "x");
        test.git(&["add", "dir/new"]);
        assert_eq!(root(&read(&test)), None);
        assert_ne!(test.git(&["write-tree"]), tree);
        assert!(root(&read(&test)).is_some());
        test.git(&["update-index", "--split-index"]);
        assert_eq!(root(&read(&test)), None);
    }

    #[test]
    fn what_is_no_index_is_none() {
        let (test, _) = scene();
        let whole = read(&test);
        for end in 0..whole.len() - 1 {
            assert_eq!(root(&whole[..end]), None, "{end}");
        }
        for (at, byte) in [(0, b'X'), (7, 5), (8, 0xff)] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            assert_eq!(root(&bytes), None, "{at}");
        }
    }
}
