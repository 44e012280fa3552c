//! One test case of a report, and what became of it.
//!
//! Tools say in three ways that a test did not run: an element inside of the case, the word of its
//! status, or nothing at all but a smaller number at its suite.

use std::hash::{DefaultHasher, Hash, Hasher};

use quick_xml::events::BytesStart;

use crate::checks::parse::junit::document::attribute;

const MAX_TEXT: usize = 16 << 10;

/// Words of `status` and `result` for a test that did not run. `run`, `completed`, `passed` and
/// what nobody knows say nothing.
const NOT_RUN: [&str; 22] = [
    "notrun",
    "notexecuted",
    "unexecuted",
    "disabled",
    "ignored",
    "ignore",
    "skipped",
    "skip",
    "suppressed",
    "pending",
    "todo",
    "filtered",
    "excluded",
    "inactive",
    "undefined",
    "ambiguous",
    "inconclusive",
    "incomplete",
    "blocked",
    "cancelled",
    "canceled",
    "aborted",
];
/// Words for one that failed, for tools that say it in no other way.
const FAILED: [&str; 10] = [
    "fail", "failed", "failure", "error", "errored", "broken", "timeout", "timedout", "crashed",
    "killed",
];
/// Elements inside of a case by which a test did not run.
const SKIPS: [&[u8]; 7] = [
    b"skipped",
    b"ignored",
    b"disabled",
    b"pending",
    b"todo",
    b"notrun",
    b"inconclusive",
];
/// Reasons of a skipped test by which CTest counts it as failed, as its exit code does.
const FAILING_SKIPS: [&str; 2] = ["Unable to find executable", "Unable to find required file"];

/// The end of a test case, from the best to the worst for what it proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CaseEnd {
    Skipped,
    Passed,
    Failed,
}

/// The test case that is being read.
#[derive(Default)]
pub(super) struct JunitCase {
    pub(super) name: String,
    /// Tells cases of the same name apart from others.
    pub(super) key: u64,
    skipped: bool,
    failed: bool,
    /// `<error>`: not even a test that is expected to fail may have one.
    broken: bool,
    message: String,
    text: String,
}

impl JunitCase {
    pub(super) fn of(tag: &BytesStart<'_>) -> Self {
        let name = attribute(tag, "name").unwrap_or_default();
        let name = match attribute(tag, "classname").filter(|class| !class.is_empty()) {
            Some(class) => format!("{class} {name}"),
            None => name,
        };
        let words = ["status", "result"].map(|key| attribute(tag, key).unwrap_or_default());
        let is_one_of = |known: &[&str]| {
            words
                .iter()
                .any(|word| known.contains(&plain(word).as_str()))
        };
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self {
            key: hasher.finish(),
            skipped: is_one_of(&NOT_RUN),
            failed: is_one_of(&FAILED),
            name,
            ..Self::default()
        }
    }

    /// Takes up an element inside of the case; returns true for one that holds a failure.
    pub(super) fn element(&mut self, tag: &BytesStart<'_>) -> bool {
        let name = tag.local_name();
        let said = attribute(tag, "message").unwrap_or_default();
        match name.as_ref() {
            b"failure" => self.failed = true,
            b"error" => self.broken = true,
            name if SKIPS.contains(&name) => {
                self.skipped = true;
                self.broken |= FAILING_SKIPS.iter().any(|why| said.starts_with(why));
                if self.broken && self.message.is_empty() {
                    self.message = said;
                }
                return false;
            }
            _ => return false,
        }
        if self.message.is_empty() {
            self.message = said;
        }
        true
    }

    /// Adds text of a failure.
    pub(super) fn text(&mut self, text: &str) {
        if self.text.len() < MAX_TEXT {
            self.text.extend(text.chars().take(MAX_TEXT));
        }
    }

    /// A failure beside a skip is one that was expected: tests to be done, or that may fail.
    pub(super) fn end(&self) -> CaseEnd {
        match (self.broken, self.skipped, self.failed) {
            (true, ..) | (false, false, true) => CaseEnd::Failed,
            (false, true, _) => CaseEnd::Skipped,
            (false, false, false) => CaseEnd::Passed,
        }
    }

    /// The message, or the text where it goes on from the message.
    pub(super) fn told(&self) -> &str {
        let first = self.message.lines().next().unwrap_or_default();
        if self.text.trim_start().starts_with(first) {
            &self.text
        } else {
            &self.message
        }
    }
}

/// A word in lower case, without what stands between its parts.
fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}
