//! The verification of a tree: what its checks said together.

use crate::domain::check::{CheckResult, CheckSpec, CheckStatus};
use crate::domain::verdict::Verification;

/// A check that has run, as far as that decides what follows.
#[derive(Debug, Clone, Copy)]
pub struct CheckEnd<'a> {
    /// The check.
    pub spec: &'a CheckSpec,
    /// The result.
    pub result: &'a CheckResult,
}

/// The word of all checks together. The worst required one decides; where none is required nothing
/// is verified, whatever the others said.
pub fn verification(ends: &[CheckEnd<'_>]) -> Verification {
    ends.iter()
        .filter(|end| end.spec.required)
        .map(|end| alone(&end.result.status))
        .max_by_key(|one| weight(*one))
        .unwrap_or(Verification::Unverified)
}

/// The word of one required check.
fn alone(status: &CheckStatus) -> Verification {
    match status {
        CheckStatus::Passed => Verification::Passed,
        CheckStatus::Failed => Verification::Failed,
        CheckStatus::Broken { .. } => Verification::CheckBroken,
        CheckStatus::NotRun => Verification::Unverified,
    }
}

/// The weight of a word against the work. A fault that was found outweighs a check that could not
/// tell, and that one a check that was not run.
fn weight(verification: Verification) -> u8 {
    match verification {
        Verification::Passed => 0,
        Verification::Unverified => 1,
        Verification::Stale => 2,
        Verification::CheckBroken => 3,
        Verification::Failed => 4,
    }
}

#[cfg(test)]
#[path = "verification_tests.rs"]
mod tests;
