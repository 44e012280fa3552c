//! Object names, independent of the library that found them: SHA-1 (40 hex digits) and SHA-256
//! (64).

use serde::{Deserialize, Serialize};

use crate::base::text::one_line;

/// The hash function of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ObjectFormat {
    /// 40 hex digits; every repository that does not say otherwise.
    #[default]
    Sha1,
    /// 64 hex digits, `extensions.objectFormat = sha256`.
    Sha256,
}

impl ObjectFormat {
    /// Hex digits of one object name.
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The name that `git init --object-format` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The tree without entries: what an unborn branch stands on. Git knows it without storing it.
    pub fn empty_tree(self) -> Oid {
        Oid(match self {
            Self::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            Self::Sha256 => {
                "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321".to_owned()
            }
        })
    }

    /// The blob without content.
    pub fn empty_blob(self) -> Oid {
        Oid(match self {
            Self::Sha1 => "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391".to_owned(),
            Self::Sha256 => {
                "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813".to_owned()
            }
        })
    }

    /// The all-zero name, which stands for "no object" in ref updates.
    pub fn zero(self) -> Oid {
        Oid("0".repeat(self.hex_len()))
    }
}

/// The full name of a Git object, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

/// Text that is no full object name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an object name (40 or 64 hex digits)", one_line(.0))]
pub struct BadOid(pub String);

impl Oid {
    /// Reads a full object name; abbreviations are refused.
    pub fn parse(text: &str) -> Result<Self, BadOid> {
        let full = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if full {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(BadOid(text.chars().take(80).collect()))
        }
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }

    /// True for the all-zero name.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|b| b == b'0')
    }
}

impl std::fmt::Display for Oid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<std::ffi::OsStr> for Oid {
    fn as_ref(&self) -> &std::ffi::OsStr {
        self.0.as_ref()
    }
}

impl TryFrom<String> for Oid {
    type Error = BadOid;
    fn try_from(text: String) -> Result<Self, BadOid> {
        Self::parse(&text)
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_names_are_read() {
        assert!(Oid::parse(&"a".repeat(40)).is_ok());
        assert_eq!(
            Oid::parse(&"A".repeat(64)).unwrap().as_str(),
            "a".repeat(64)
        );
        for bad in [
            "",
            "HEAD",
            &"a".repeat(39),
            &"g".repeat(40),
            &"a".repeat(41),
        ] {
            assert!(Oid::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn json_refuses_a_bad_name() {
        assert!(serde_json::from_str::<Oid>("\"main\"").is_err());
        let oid = ObjectFormat::Sha1.empty_tree();
        assert_eq!(
            serde_json::from_str::<Oid>(&serde_json::to_string(&oid).unwrap()).unwrap(),
            oid
        );
    }
}
