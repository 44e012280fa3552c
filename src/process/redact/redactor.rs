//! Secrets by value, and the one who takes them out.

use std::fmt;
use std::sync::Arc;

use crate::process::redact::RedactStream;
use crate::process::redact::rules::RedactRules;

/// A value that must not be stored, and its name for the place where it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    pub(super) name: String,
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

/// Finds and replaces secrets. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    rules: Arc<RedactRules>,
}

impl Redactor {
    /// Looks for the given values and for all well-known shapes.
    pub fn new(secrets: &[Secret]) -> Self {
        Self {
            rules: Arc::new(RedactRules::new(secrets)),
        }
    }

    /// Redacts something whole.
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut stream = self.stream();
        stream.feed(bytes, &mut out);
        stream.finish(&mut out);
        out
    }

    /// Redacts a text: a title, a note, a message.
    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }

    /// Starts on a stream.
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(Arc::clone(&self.rules))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("rules", &self.rules.count())
            .finish_non_exhaustive()
    }
}
