//! Planted faults, in test builds only: the torture test must catch each of them, or it proves
//! nothing.

/// The variable that plants a fault.
#[cfg(feature = "test-fakes")]
pub const VARIABLE: &str = "AI_TEST_MUTANT";

#[cfg(feature = "test-fakes")]
fn planted(name: &str) -> bool {
    crate::base::env::text(VARIABLE).is_some_and(|planted| planted == name)
}

#[cfg(not(feature = "test-fakes"))]
const fn planted(_name: &str) -> bool {
    false
}

/// Writes under a lease are let through whatever the token says.
pub fn skips_fence() -> bool {
    planted("no-token-check")
}

/// A claim looks in one transaction and takes in another, without looking again.
pub fn reads_then_claims() -> bool {
    planted("read-then-claim")
}

/// The effect of `done` is recorded in a transaction of its own, after the state has changed.
pub fn splits_done() -> bool {
    planted("second-transaction")
}
