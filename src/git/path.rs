//! Paths inside a repository are bytes: Git promises no encoding, and a lossy one would let two
//! files look like one.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A path relative to the repository root, with `/` between its parts, in the bytes that Git
/// stores.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Where the path stands beneath `root`.
    pub fn beneath(&self, root: &Path) -> PathBuf {
        root.join(OsStr::from_bytes(&self.0))
    }

    /// The directories above the path, nearest first, without the root.
    pub fn parents(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, b)| **b == b'/')
            .map(|(at, _)| &self.0[..at])
    }

    /// True where checking the path out could write into a `.git` of some file system: HFS+ ignores
    /// some characters, NTFS ends names at dots, blanks and colons and knows `git~1`. Git refuses
    /// such paths in an index; so do we, by name.
    pub fn is_forbidden(&self) -> bool {
        self.0.split(|b| matches!(b, b'/' | b'\\')).any(is_dot_git)
    }
}

fn is_dot_git(component: &[u8]) -> bool {
    let text = String::from_utf8_lossy(component);
    let seen: String = text.chars().filter(|c| !hfs_ignores(*c)).collect();
    let stem = seen
        .split(':')
        .next()
        .unwrap_or_default()
        .trim_end_matches(['.', ' '])
        .to_ascii_lowercase();
    stem == ".git" || stem == "git~1"
}

const fn hfs_ignores(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

impl std::fmt::Display for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::base::text::path_bytes(&self.0))
    }
}

impl std::fmt::Debug for TreePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{self}`")
    }
}

impl From<&str> for TreePath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// A path read from a one-line file of Git, without its line end.
pub(super) fn path_of_line(bytes: &[u8]) -> PathBuf {
    let end = bytes
        .iter()
        .rposition(|b| !matches!(b, b'\n' | b'\r'))
        .map_or(0, |at| at + 1);
    PathBuf::from(std::ffi::OsString::from_vec(bytes[..end].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_git_directory_is_forbidden() {
        for bad in [
            ".git/config",
            "a/.GIT/x",
            "a/.git",
            "git~1/x",
            ".git. /x",
            ".git::$INDEX_ALLOCATION/x",
            ".g\u{200c}it/x",
            "a\\.git\\x",
        ] {
            assert!(TreePath::from(bad).is_forbidden(), "{bad}");
        }
        for good in [".gitignore", "git", "a.git/x", ".github/x", "git~2"] {
            assert!(!TreePath::from(good).is_forbidden(), "{good}");
        }
    }

    #[test]
    fn parents_go_outwards() {
        let path = TreePath::from("a/b/c");
        assert_eq!(path.parents().collect::<Vec<_>>(), [&b"a/b"[..], &b"a"[..]]);
        assert_eq!(TreePath::new(*b"a\xff/b").to_string(), "a\\xff/b");
    }
}
