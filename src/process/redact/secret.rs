//! A secret by value, with the name that stands in its place.

use std::fmt;

use crate::domain::secret_value::stands_out;

/// A value that must not be stored, and its name for the place where it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The name that stands in the place of the value.
    pub(super) name: String,
    /// The value itself.
    pub(super) value: Vec<u8>,
    /// What follows from finding it.
    pub(super) weight: SecretWeight,
}

/// What follows from finding a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretWeight {
    /// The value is taken out of what is stored, and proves nothing: it may be ordinary text.
    Ordinary,
    /// Whoever has the value has it from where it was kept.
    Telling,
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
            weight: SecretWeight::Telling,
        }
    }

    /// A secret that is one by the name of its variable alone; a value that reads like ordinary text
    /// is taken out all the same, and found nowhere.
    pub fn by_its_name(name: &str, value: &[u8]) -> Self {
        let weight = if stands_out(value) {
            SecretWeight::Telling
        } else {
            SecretWeight::Ordinary
        };
        Self {
            weight,
            ..Self::new(name, value)
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
