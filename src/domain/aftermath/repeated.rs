//! Attempts of one task that failed twice in the same way: more of them would only cost, so a person looks at both.
//!
//! The way is what the summary of a run tells: which checks failed and how, that nothing was changed, or what the policy
//! denied, apart from times and addresses in it. A failure that says nothing is never taken for the same one, as with
//! the base. Absent: attempts that did not get to their end, of which the plan for another try decides.

use crate::base::text::one_line;
use crate::domain::aftermath::on_base::{ON_THE_BASE, steady};
use crate::domain::run::Run;
use crate::domain::verdict::{Lifecycle, Outcome};

/// A way of failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedWay<'a> {
    /// The verdict table's word.
    pub outcome: Outcome,
    /// The end of the run.
    pub lifecycle: Lifecycle,
    /// The summary of the run.
    pub summary: &'a str,
}

impl FailedWay<'_> {
    /// The way in which a run failed that counted as an attempt; nothing of other runs, and of those that a budget ended.
    pub fn of(run: &Run) -> Option<FailedWay<'_>> {
        let end = run.end.as_ref()?;
        let counts = end.outcome.counts_attempt() && end.budget.is_none();
        counts.then(|| FailedWay {
            outcome: end.outcome,
            lifecycle: end.cell.lifecycle,
            summary: &end.summary,
        })
    }

    /// True where another attempt failed in the same way.
    pub fn is_that_of(&self, other: &FailedWay<'_>) -> bool {
        self.outcome == other.outcome
            && self.lifecycle == other.lifecycle
            && self.says_something()
            && steady(self.summary) == steady(other.summary)
    }

    /// True where the summary tells one failure from another.
    fn says_something(&self) -> bool {
        match self.outcome {
            Outcome::SendBackChecks => self.detail().is_some(),
            Outcome::SendBackNoChanges | Outcome::Denied => true,
            // The next conflict may be another one, and what did not get to its end is tried again as `retry` says.
            Outcome::SendBackConflict
            | Outcome::Retry
            | Outcome::ReadyForReview
            | Outcome::NeedsApproval
            | Outcome::NeedsRecheck
            | Outcome::Unverified
            | Outcome::Environment
            | Outcome::RetryUncounted => false,
        }
    }

    /// What a check printed, which stands below its line, further in. A word about the base is no part of the failure.
    fn detail(&self) -> Option<&str> {
        let below = self
            .summary
            .lines()
            .filter_map(|line| line.strip_prefix("  "));
        let mut told = below.map(str::trim);
        told.find(|line| !line.is_empty() && !line.starts_with(ON_THE_BASE))
    }

    /// The failure in one line: its first line, and what a check printed first.
    pub fn in_a_line(&self) -> String {
        let first = one_line(self.summary.lines().next().unwrap_or_default().trim());
        match self.detail() {
            Some(detail) => format!("{first}: {}", one_line(detail)),
            None => first,
        }
    }
}

/// The newest run of these, oldest first, where it counted as an attempt and failed. Runs that were nobody's do not come
/// between two attempts; one whose work went to a person does.
pub fn last_failed(runs: &[Run]) -> Option<&Run> {
    attempts(runs)
        .next()
        .filter(|run| FailedWay::of(run).is_some())
}

/// The last two attempts of these runs, oldest first, where both failed in the same way.
pub fn failed_alike(runs: &[Run]) -> Option<(&Run, &Run)> {
    let mut attempts = attempts(runs);
    let (last, before) = (attempts.next()?, attempts.next()?);
    let is_alike = FailedWay::of(last)?.is_that_of(&FailedWay::of(before)?);
    is_alike.then_some((before, last))
}

/// The runs that were attempts, newest first.
fn attempts(runs: &[Run]) -> impl Iterator<Item = &Run> {
    let is_attempt = |run: &&Run| {
        let end = run.end.as_ref();
        end.is_some_and(|end| end.outcome.is_attempt())
    };
    runs.iter().rev().filter(is_attempt)
}

#[cfg(test)]
#[path = "repeated_tests.rs"]
mod tests;
