//! The redactor: takes secrets out of texts and streams.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::process::redact::rules::RedactRules;
use crate::process::redact::{RedactStream, Secret};

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

    /// True where it looks for values, not only for shapes.
    pub fn knows_values(&self) -> bool {
        self.rules.knows_values()
    }

    /// The names of the given secrets whose values stand in the bytes, in any form in which they
    /// travel. Shapes do not count: an example of a token is no secret.
    pub fn known_values_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        self.rules.known_values_in(bytes)
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
