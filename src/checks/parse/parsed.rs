//! The common result of all parsers.

use crate::checks::parse::output::excerpt;
use crate::domain::check::{FailedTest, TestCounts};

/// The most [failed tests](FailedTest) that are kept.
const MAX_FAILURES: usize = 100;

/// The result of a parser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedTests {
    /// The tool's own marks were seen.
    pub recognized: bool,
    /// Tests ran by the tool's own marks, which do not say how many.
    pub ran_uncounted: bool,
    /// Numbers of tests, where the tool tells.
    pub counts: Option<TestCounts>,
    /// Failures, a build that broke included.
    pub failures: Vec<FailedTest>,
    /// The reason why the tool could not do its work, where the work under test is not to blame.
    pub trouble: Option<String>,
}

impl ParsedTests {
    /// Adds a [failed test](FailedTest) with an excerpt of its lines; a second one of the same name
    /// only brings a missing message.
    pub(super) fn fail<'a, I>(&mut self, name: &str, lines: I)
    where
        I: IntoIterator<Item = &'a str>,
    {
        let message = excerpt(lines);
        if let Some(known) = self
            .failures
            .iter_mut()
            .find(|failure| failure.name == name)
        {
            if known.message.is_empty() {
                known.message = message;
            }
        } else if self.failures.len() < MAX_FAILURES {
            self.failures.push(FailedTest {
                name: name.to_owned(),
                message,
            });
        }
    }

    /// Both results together.
    pub(super) fn plus(mut self, other: Self) -> Self {
        self.recognized |= other.recognized;
        self.ran_uncounted |= other.ran_uncounted;
        self.counts = match (self.counts, other.counts) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        self.failures.extend(other.failures);
        self.failures.truncate(MAX_FAILURES);
        self.trouble = self.trouble.or(other.trouble);
        self
    }

    /// Tests that failed, counted or named, whichever is more.
    pub fn failed(&self) -> u64 {
        self.counts
            .map_or(0, |counts| counts.failed)
            .max(self.failures.len() as u64)
    }
}
