//! Exit codes. They are part of the interface: scripts and agents branch on them.
//!
//! Most commands end with the class of their error; a run that came to its verdict ends with the
//! code of its outcome, which is decided here for every front end.

use crate::domain::error_class::ErrorClass;
use crate::domain::verdict::{Lifecycle, Outcome};

/// The command did its work.
pub const OK: u8 = 0;
/// The command was tried and failed.
pub const FAILED: u8 = ErrorClass::Failed.code();
/// The command line makes no sense.
pub const USAGE: u8 = ErrorClass::Usage.code();
/// Not there.
pub const NOT_FOUND: u8 = ErrorClass::NotFound.code();
/// Taken, locked, or in a state in which this cannot be done.
pub const CONFLICT: u8 = ErrorClass::Conflict.code();
/// Policy says no.
pub const DENIED: u8 = ErrorClass::Denied.code();
/// The checks do not pass on this tree.
pub const NOT_PROVEN: u8 = ErrorClass::NotProven.code();
/// A person must say yes first: an approval, or `ai trust`.
pub const APPROVAL: u8 = ErrorClass::ApprovalNeeded.code();
/// The store is missing, damaged, foreign, newer, full or read-only; or another disk is full.
pub const STORE: u8 = ErrorClass::StoreUnusable.code();
/// Busy, out of quota, or too early: the same command may work later.
pub const TRY_LATER: u8 = ErrorClass::TryLater.code();
/// Ended by a signal.
pub const INTERRUPTED: u8 = ErrorClass::Interrupted.code();

/// A hook refuses the call of a tool: the one code that CLIs take for a no, with the reason on standard error.
pub const HOOK_REFUSES: u8 = 2;

/// The code of a run that came to its verdict.
pub fn of_run(outcome: Outcome, lifecycle: Lifecycle) -> u8 {
    match outcome {
        Outcome::ReadyForReview | Outcome::Unverified => OK,
        Outcome::NeedsApproval => APPROVAL,
        Outcome::Denied => DENIED,
        Outcome::SendBackChecks | Outcome::NeedsRecheck | Outcome::SendBackNoChanges => NOT_PROVEN,
        Outcome::SendBackConflict => CONFLICT,
        Outcome::RetryUncounted if lifecycle.passes_by_itself() => TRY_LATER,
        Outcome::RetryUncounted if lifecycle == Lifecycle::Parked => APPROVAL,
        Outcome::Retry | Outcome::RetryUncounted | Outcome::Environment => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_of_a_run_has_its_code() {
        for (outcome, lifecycle, code) in [
            (Outcome::ReadyForReview, Lifecycle::Finished, 0),
            (Outcome::Unverified, Lifecycle::Finished, 0),
            (Outcome::NeedsApproval, Lifecycle::Finished, 8),
            (Outcome::Denied, Lifecycle::Finished, 5),
            (Outcome::SendBackChecks, Lifecycle::Finished, 6),
            (Outcome::NeedsRecheck, Lifecycle::Finished, 6),
            (Outcome::SendBackNoChanges, Lifecycle::Finished, 6),
            (Outcome::SendBackConflict, Lifecycle::Finished, 4),
            (Outcome::RetryUncounted, Lifecycle::Quota, 75),
            (Outcome::RetryUncounted, Lifecycle::Provider, 75),
            (Outcome::RetryUncounted, Lifecycle::Parked, 8),
            (Outcome::RetryUncounted, Lifecycle::Finished, 1),
            (Outcome::Retry, Lifecycle::Quota, 1),
            (Outcome::Environment, Lifecycle::Parked, 1),
        ] {
            assert_eq!(
                of_run(outcome, lifecycle),
                code,
                "{outcome:?} {lifecycle:?}"
            );
        }
    }
}
