//! A secret by value, with the name that stands in its place.

use std::fmt;

/// A value that must not be stored, and its name for the place where it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The name that stands in the place of the value.
    pub(super) name: String,
    /// The value itself.
    pub(super) value: Vec<u8>,
}

impl Secret {
    /// A secret; the name appears in `[REDACTED:<name>]`, with everything but ASCII letters,
    /// digits, `_` and `-` taken out. White space around the value does not count. A value of fewer
    /// than [`Self::SHORTEST`] bytes is ignored, since it would blacken ordinary text.
    pub fn new(name: &str, value: &[u8]) -> Self {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        Self {
            name: name.chars().filter(is_plain).take(64).collect(),
            value: value.trim_ascii().to_vec(),
        }
    }

    /// The shortest value that is looked for, in bytes.
    pub const SHORTEST: usize = 6;
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
