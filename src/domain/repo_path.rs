//! Paths inside a repository are bytes: Git promises no encoding, and a lossy one would let two
//! files look like one.

use crate::base::{hash, text};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path relative to the repository root, with `/` between its names, in the bytes that Git
/// stores.
///
/// In JSON a path in UTF-8 is a string; any other is `{"hex": "…"}`, so that nothing is lost.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// Takes the bytes as they are.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The place of the path beneath `root`.
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

    /// True for a file in which Git looks for attributes.
    pub fn is_rule_file(&self) -> bool {
        self.0.rsplit(|b| *b == b'/').next() == Some(b".gitattributes")
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

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::path_bytes(&self.0))
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl From<&str> for RepoPath {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

/// The two written forms of a path.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum WrittenPath {
    Text(String),
    Bytes { hex: String },
}

impl schemars::JsonSchema for RepoPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RepoPath".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        WrittenPath::json_schema(generator)
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => WrittenPath::Bytes {
                hex: hash::hex(&self.0),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match WrittenPath::deserialize(deserializer)? {
            WrittenPath::Text(text) => Ok(Self(text.into_bytes())),
            WrittenPath::Bytes { hex } => bytes_of_hex(&hex)
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom("a path's hex digits are malformed")),
        }
    }
}

fn bytes_of_hex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert!(RepoPath::from(bad).is_forbidden(), "{bad}");
        }
        for good in [".gitignore", "git", "a.git/x", ".github/x", "git~2"] {
            assert!(!RepoPath::from(good).is_forbidden(), "{good}");
        }
    }

    #[test]
    fn parents_go_outwards() {
        let path = RepoPath::from("a/b/c");
        assert_eq!(path.parents().collect::<Vec<_>>(), [&b"a/b"[..], &b"a"[..]]);
        assert_eq!(RepoPath::new(*b"a\xff/b").to_string(), "a\\xff/b");
    }

    proptest! {
        #[test]
        fn any_bytes_survive_as_a_path(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let path = RepoPath::new(bytes);
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(serde_json::from_str::<RepoPath>(&json).unwrap(), path);
        }
    }
}
