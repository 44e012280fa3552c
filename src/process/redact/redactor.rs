//! The redactor: takes secrets out of texts and streams.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
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

    /// True where it looks for values that are no ordinary text, not only for shapes.
    pub fn knows_values(&self) -> bool {
        self.rules.knows_values()
    }

    /// The names of the given secrets whose values stand in the bytes, in any form in which they
    /// travel. Shapes do not count: an example of a token is no secret. Nor does a value that is one
    /// by its name alone and reads like ordinary text.
    pub fn known_values_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        self.rules.known_values_in(bytes)
    }

    /// The texts that have the shape of a token or key, by kind and place, the given secrets aside.
    pub fn shapes_in(&self, bytes: &[u8]) -> Vec<(String, Range<usize>)> {
        self.rules.shapes_in(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_by_its_name_is_taken_out_and_found_only_where_it_stands_out() {
        let secrets = [
            Secret::by_its_name("DB_PASSWORD", b"postgres"),
            Secret::by_its_name("API_KEY", b"a3f9c1d27b604e8f"),
            Secret::new("work", b"hunter22"),
        ];
        let redactor = Redactor::new(&secrets);
        let text = "image: postgres, key a3f9c1d27b604e8f, in base64 aHVudGVyMjI=";
        let marked =
            "image: [REDACTED:DB_PASSWORD], key [REDACTED:API_KEY], in base64 [REDACTED:work]I=";
        assert_eq!(redactor.redact_text(text), marked);
        let found = redactor.known_values_in(text.as_bytes());
        assert_eq!(found, BTreeSet::from(["API_KEY".into(), "work".into()]));
        let ordinary = Redactor::new(&secrets[..1]);
        assert!(!ordinary.knows_values() && redactor.knows_values());
    }

    #[test]
    fn a_credential_counts_under_its_own_name_whatever_its_variable_is_called() {
        let secrets = [
            Secret::by_its_name("A_PASSWORD", b"hunter22"),
            Secret::new("work", b"hunter22"),
        ];
        let found = Redactor::new(&secrets).known_values_in(b"x=hunter22");
        assert_eq!(found, BTreeSet::from(["work".to_owned()]));
    }
}
