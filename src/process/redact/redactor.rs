//! The redactor: takes secrets out of texts and streams.

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
