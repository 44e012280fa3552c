//! Whose a failure of a check is: of the work, or of the commit that the work started from.
//!
//! A failure is the base's only where nothing of it is new: by the names of the failed tests where both
//! runs give names, else by the end and the last words of the two, which may be none. A doubt is the work's. See ADR 0030.

use std::collections::BTreeSet;

use crate::base::text::one_line;
use crate::domain::check::{CheckResult, CheckStatus, FailedTest};

/// The beginning of each word about the base.
pub(super) const ON_THE_BASE: &str = "it fails on the base commit, too";
/// Most new names that are told.
const SHOWN: usize = 5;

/// The one to whom a failure belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureOf {
    /// The base, which fails in the same way, or in more.
    Base,
    /// The work. The base may fail as well, in another way, which is told.
    Work(Option<String>),
}

/// Decides to whom the failure of a check on some work belongs, by what the same check says of the
/// base.
pub fn failure_of(work: &CheckResult, base: &CheckResult) -> FailureOf {
    if work.status != CheckStatus::Failed || base.status != CheckStatus::Failed {
        return FailureOf::Work(None);
    }
    match (names(work), names(base)) {
        (Some(ours), Some(theirs)) => {
            let new: Vec<&&str> = ours.difference(&theirs).collect();
            if new.is_empty() && failed(work) <= failed(base) {
                return FailureOf::Base;
            }
            let shown: Vec<String> = new.iter().take(SHOWN).map(|name| one_line(name)).collect();
            FailureOf::Work(Some(match shown.as_slice() {
                [] => format!("{ON_THE_BASE}, in fewer tests"),
                shown => format!("{ON_THE_BASE}, but not in {}", shown.join(", ")),
            }))
        }
        (None, None) if work.exit == base.exit && have_same_words(work, base) => FailureOf::Base,
        _ => FailureOf::Work(Some(format!(
            "{ON_THE_BASE}, but nothing shows that it is the same failure"
        ))),
    }
}

/// The names of the failed tests; none where the output gives no name.
fn names(result: &CheckResult) -> Option<BTreeSet<&str>> {
    let is_named = |failure: &&FailedTest| {
        !failure.name.starts_with("exit code ") && failure.name != result.name.as_str()
    };
    let names: BTreeSet<&str> = result
        .failures
        .iter()
        .filter(is_named)
        .map(|failure| failure.name.as_str())
        .collect();
    (!names.is_empty()).then_some(names)
}

/// Tests that failed, counted or named, whichever is more: only the first names are kept.
fn failed(result: &CheckResult) -> u64 {
    let counted = result.counts.map_or(0, |counts| counts.failed);
    counted.max(result.failures.len() as u64)
}

/// Two that say nothing say the same.
fn have_same_words(work: &CheckResult, base: &CheckResult) -> bool {
    let words = |result: &CheckResult| -> String {
        let told = result.failures.first();
        steady(told.map_or("", |failure| failure.message.as_str()))
    };
    words(work) == words(base)
}

/// The words of a message that are the same each time: without spans, clock times, dates and
/// addresses.
pub(super) fn steady(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let [word, after @ ..] = rest {
        let bare = bare(word);
        let is_span =
            is_decimal(bare) && after.first().is_some_and(|next| is_unit(self::bare(next)));
        kept.push(if is_span || is_unsteady(bare) {
            "~"
        } else {
            word
        });
        rest = after;
    }
    kept.join(" ")
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn is_decimal(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn is_unit(word: &str) -> bool {
    const UNITS: [&str; 13] = [
        "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "minutes",
        "msec",
    ];
    UNITS.contains(&word)
}

/// True for `0.12s`, `12:03:59`, `2026-01-02T03:04:05Z`, `0x7f3c`.
fn is_unsteady(word: &str) -> bool {
    let of_digits = |marks: &str| {
        word.chars()
            .all(|c| c.is_ascii_digit() || marks.contains(c))
    };
    let has = |mark: char| word.contains(mark);
    let digits = word.trim_end_matches(|c: char| c.is_alphabetic());
    let is_span = is_decimal(digits) && is_unit(&word[digits.len()..]);
    let is_address = word
        .strip_prefix("0x")
        .is_some_and(|rest| rest.len() >= 4 && rest.chars().all(|c| c.is_ascii_hexdigit()));
    // A line and a column are no clock time.
    let is_clock = |part: &str| {
        let whole = part.split(['.', ',']).next().unwrap_or_default();
        (1..=2).contains(&whole.len())
    };
    let is_time = word.len() >= 4 && has(':') && of_digits(":.,") && word.split(':').all(is_clock);
    let is_date = word.len() >= 10 && word.matches('-').count() >= 2 && of_digits("-:.,TZ+");
    is_span || is_address || is_time || is_date
}

#[cfg(test)]
#[path = "on_base_tests.rs"]
mod tests;
