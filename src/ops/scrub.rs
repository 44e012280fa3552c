//! Secrets out of what is written into the store: one place through which each event goes, whoever
//! made it.
//!
//! A text keeps all of its other words; the secret is replaced by `[REDACTED:<kind>]`. What was
//! replaced is remembered, so that the command can say so: a person who typed a key must hear that
//! it was not kept.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::domain::decision::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::facts;
use crate::domain::repo_path::RepoPath;
use crate::process::redact::Redactor;

/// Takes secrets out of events. Cheap to clone; clones remember together.
#[derive(Clone)]
pub struct Scrub(Arc<Inner>);

struct Inner {
    redactor: LazyLock<Redactor, ReadSecrets>,
    found: Mutex<BTreeSet<String>>,
}

type ReadSecrets = Box<dyn FnOnce() -> Redactor + Send>;

impl Scrub {
    /// One whose known values `read` will bring when there is a first text.
    pub fn when_asked(read: impl FnOnce() -> Redactor + Send + 'static) -> Scrub {
        Scrub(Arc::new(Inner {
            redactor: LazyLock::new(Box::new(read)),
            found: Mutex::default(),
        }))
    }

    /// The event without secrets; `None` where it holds none.
    pub fn event(&self, event: &Event) -> Option<Event> {
        let mut clean = event.clone();
        let mut changed = false;
        clean.visit_texts(&mut |text| changed |= self.text(text));
        changed.then_some(clean)
    }

    /// Takes the secrets out of one text; true where there was one.
    pub fn text(&self, text: &mut String) -> bool {
        let clean = self.redactor().redact(text.as_bytes());
        if clean == text.as_bytes() {
            return false;
        }
        // The mark is ASCII and stands where ASCII stood, so what was UTF-8 still is.
        *text = String::from_utf8_lossy(&clean).into_owned();
        self.remember(text);
        true
    }

    /// The beginning of a text without its secrets, as records have it.
    pub fn beginning(&self, text: &str) -> String {
        facts::beginning(&self.redactor().redact_text(text))
    }

    /// Returns the redactor, made at the first call.
    pub fn redactor(&self) -> &Redactor {
        &self.0.redactor
    }

    /// The kinds of secrets that were replaced, each once.
    pub fn found(&self) -> BTreeSet<String> {
        self.0
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember(&self, text: &str) {
        let marks = text
            .split("[REDACTED:")
            .skip(1)
            .filter_map(|rest| rest.split_once(']'));
        let mut found = self.0.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(marks.map(|(kind, _)| kind.to_owned()));
    }
}

impl From<Redactor> for Scrub {
    fn from(redactor: Redactor) -> Scrub {
        Scrub::when_asked(move || redactor)
    }
}

/// Redacts a [decision record](DecisionRecord) before it is stored: a file name chosen by an agent
/// may contain a secret. The subject digest is computed before redaction, so approvals still match.
pub fn redact_record(record: &mut DecisionRecord, redactor: &Redactor) {
    let text = |text: &mut String| *text = redactor.redact_text(text);
    let path = |path: &mut RepoPath| *path = RepoPath::new(redactor.redact(path.as_bytes()));
    record.visit_asked(&mut { text }, &mut { path });
    text(&mut record.reason);
}
