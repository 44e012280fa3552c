//! The summary of a run: one text for people and for the next attempt.

use crate::base::text::one_line;
use crate::domain::aftermath::{AttemptEnd, CheckEnd};
use crate::domain::check::CheckStatus;
use crate::domain::verdict::Outcome;

/// Most failed tests of one check that are told.
const MAX_FAILURES: usize = 5;
/// Most characters of one failed test's message that are told.
const MAX_MESSAGE: usize = 600;

/// The note that the next attempt reads: which checks failed and how, why the agent did not get to
/// its end, or what the policy said.
pub fn summary(
    outcome: Outcome,
    end: &AttemptEnd<'_>,
    checks: &[CheckEnd<'_>],
    objection: &str,
) -> String {
    if let Some(parked) = end.parked {
        return parked.waits();
    }
    let failures: Vec<String> = checks
        .iter()
        .filter(|check| check.result.status != CheckStatus::Passed)
        .map(check_note)
        .collect();
    match outcome {
        Outcome::SendBackChecks | Outcome::Environment if !failures.is_empty() => {
            failures.join("\n")
        }
        Outcome::Denied | Outcome::NeedsApproval => {
            format!("{}: {objection}", outcome.meaning())
        }
        Outcome::Retry
        | Outcome::RetryUncounted
        | Outcome::Environment
        | Outcome::SendBackNoChanges => {
            let why = end.in_words();
            if why.is_empty() {
                outcome.meaning().to_owned()
            } else {
                format!("{}: {why}", outcome.meaning())
            }
        }
        Outcome::ReadyForReview
        | Outcome::SendBackChecks
        | Outcome::SendBackConflict
        | Outcome::NeedsRecheck
        | Outcome::Unverified => outcome.meaning().to_owned(),
    }
}

fn check_note(check: &CheckEnd<'_>) -> String {
    let mut note = format!("check `{}` {}", check.spec.name, check.result.in_words());
    if let Some(told) = &check.result.note {
        note.push_str(&format!("\n  {told}"));
    }
    for failure in check.result.failures.iter().take(MAX_FAILURES) {
        let message: String = failure.message.chars().take(MAX_MESSAGE).collect();
        let message = message.trim();
        if !failure.name.starts_with("exit code ") {
            note.push_str(&format!("\n  {}: {message}", failure.name));
        } else if !message.is_empty() {
            // The line above has told the exit code already.
            note.push_str(&format!("\n  {message}"));
        }
    }
    let rest = check.result.failures.iter().skip(MAX_FAILURES);
    let names: Vec<String> = rest.map(|failure| one_line(&failure.name)).collect();
    if !names.is_empty() {
        note.push_str(&format!("\n  and {}", names.join(", ")));
    }
    note
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
