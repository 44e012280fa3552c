//! What looks like a secret: a shape that is known, or a random text where a secret is named.
//!
//! Nothing here keeps a value: it is compared by its digest, and a finding has its kind and its line.

use crate::base::hash;
use crate::domain::guards::kind::{Guard, GuardFinding};
use crate::domain::repo_path::RepoPath;
use regex::bytes::Regex;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::OnceLock;

/// A text of a known shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSpan {
    /// The kind of secret.
    pub kind: String,
    /// Its first byte.
    pub from: usize,
    /// The byte after its last.
    pub to: usize,
}

/// Names of things that are secret, then what is said of them.
const NAMED: &str = r#"(?i-u)(?:secret|token|passw(?:or)?d|passphrase|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|signing[_-]?key|credential)[\w.-]{0,40}["']?\]?[ \t]*(?::=|=>|[=:])[ \t]*(?:["'`]([^"'`\s]{16,200})["'`]|([^"'`\s,;(){}\[\]<>]{20,200})[ \t]*\r?$)"#;

/// Parts of what stands in the place of a secret.
const PLACEHOLDERS: [&str; 14] = [
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your",
    "xxxx",
    "dummy",
    "sample",
    "redacted",
    "${",
    "{{",
    "$(",
    "insert",
];
/// Kinds of shapes that are secrets only where what they hold is random.
const OFTEN_HARMLESS: [&str; 3] = ["url-login", "bearer", "basic-auth"];
/// Bits of each letter, from which a text is random: words have three and less.
const RANDOM_BITS: f64 = 3.4;

/// The secrets of a change, as it goes through the files.
#[derive(Debug, Default)]
pub(super) struct SecretLook {
    before: HashSet<String>,
    now: Vec<(String, GuardFinding)>,
}

impl SecretLook {
    /// Notes what a file held before.
    pub fn old(&mut self, text: &[u8], shapes: &[SecretSpan]) {
        let all = secrets_in(text, shapes);
        self.before
            .extend(all.iter().map(|span| digest(text, span)));
    }

    /// Notes what a file holds now.
    pub fn new_side(&mut self, path: &RepoPath, text: &[u8], shapes: &[SecretSpan]) {
        let (mut line, mut counted_to) = (1, 0);
        for span in secrets_in(text, shapes) {
            let passed = &text[counted_to..span.from];
            line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
            counted_to = span.from;
            let finding = GuardFinding {
                guard: Guard::Secrets,
                path: path.clone(),
                line: Some(line),
                what: span.kind.clone(),
                bytes: None,
            };
            self.now.push((digest(text, &span), finding));
        }
    }

    /// Adds what was noted of later files.
    pub fn join(&mut self, later: SecretLook) {
        self.before.extend(later.before);
        self.now.extend(later.now);
    }

    /// Notes what the name of a file holds.
    pub fn new_name(&mut self, path: &RepoPath, shapes: &[SecretSpan]) {
        let name = path.as_bytes();
        for span in secrets_in(name, shapes) {
            let finding = GuardFinding {
                guard: Guard::Secrets,
                path: path.clone(),
                line: None,
                what: format!("{} in its name", span.kind),
                bytes: None,
            };
            self.now.push((digest(name, &span), finding));
        }
    }

    /// True where a file holds something now.
    pub fn has_found(&self) -> bool {
        !self.now.is_empty()
    }

    /// Those that no file of the change held before.
    pub fn finish(self) -> Vec<GuardFinding> {
        let before = self.before;
        let is_new = |(digest, _): &(String, GuardFinding)| !before.contains(digest);
        self.now
            .into_iter()
            .filter(is_new)
            .map(|(_, finding)| finding)
            .collect()
    }
}

fn digest(text: &[u8], span: &SecretSpan) -> String {
    hash::sha256_hex(&text[span.from..span.to])
}

/// The secrets of a text by their places, none within another one.
fn secrets_in(text: &[u8], shapes: &[SecretSpan]) -> Vec<SecretSpan> {
    let mut all: Vec<SecretSpan> = shapes
        .iter()
        .filter(|span| is_meant(&text[span.from..span.to], &span.kind))
        .cloned()
        .collect();
    let named = named_pattern()
        .into_iter()
        .flat_map(|pattern| pattern.captures_iter(text));
    all.extend(named.filter_map(|found| {
        let value = found.get(1).or_else(|| found.get(2))?;
        is_random_value(value.as_bytes()).then(|| SecretSpan {
            kind: "named-secret".to_owned(),
            from: value.start(),
            to: value.end(),
        })
    }));
    all.sort_by_key(|span| (span.from, Reverse(span.to)));
    let mut end = 0;
    all.retain(|span| {
        let is_free = span.from >= end;
        if is_free {
            end = span.to;
        }
        is_free
    });
    all
}

fn named_pattern() -> Option<&'static Regex> {
    static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
    PATTERN
        .get_or_init(|| Regex::new(&format!("(?m){NAMED}")).ok())
        .as_ref()
}

/// False for what stands in examples.
fn is_meant(value: &[u8], kind: &str) -> bool {
    if OFTEN_HARMLESS.contains(&kind) {
        // The password of an address, or the last word.
        let mut words = value
            .split(|byte| b": @".contains(byte))
            .filter(|word| !word.is_empty());
        return words.next_back().is_some_and(is_random);
    }
    !is_placeholder(value)
}

/// True for a value that holds a long random stretch. Names of code, addresses and paths have marks between
/// words, and numbers of things (UUIDs) between short stretches.
fn is_random_value(value: &[u8]) -> bool {
    let is_address = value.windows(3).any(|part| part == b"://");
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=');
    let mut stretches = value.split(|byte| !is_letter(byte));
    !is_address && !is_placeholder(value) && stretches.any(is_random)
}

/// True where a text is long, of letters and digits, and no word.
fn is_random(value: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    value.len() >= 16
        && has(u8::is_ascii_alphabetic)
        && has(u8::is_ascii_digit)
        && !is_placeholder(value)
        && bits_of_a_letter(value) >= RANDOM_BITS
}

fn is_placeholder(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|part| text.contains(part))
}

/// Shannon's entropy of the letters.
fn bits_of_a_letter(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value {
        counts[usize::from(*byte)] += 1;
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let used = counts.iter().filter(|count| **count > 0);
    used.map(|count| {
        let part = f64::from(*count) / total;
        -part * part.log2()
    })
    .sum()
}

#[cfg(test)]
#[path = "secrets_tables.rs"]
mod tables;
