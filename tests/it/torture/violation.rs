//! What the checkers report: which promise was broken, and how it was seen.

use std::fmt;

/// A promise of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A task has at most one holder at a time, and each grant has one owner and an epoch of its
    /// own, higher than all before.
    OneHolder,
    /// A stale or lapsed token changes nothing; a good one is not refused.
    Fencing,
    /// What was answered with "yes" stands in the log.
    Answered,
    /// Tables and log tell the same in every state that a reader can see.
    Whole,
    /// Two holders never have meeting paths at once.
    Locks,
    /// A finished task was finished once.
    OneEnd,
    /// No task appears or disappears, and the counts agree.
    Conserved,
    /// Without faults, everything ends.
    Alive,
    /// The log has no gap and its chain verifies.
    Chain,
    /// Each guarded effect follows on its own decision record, and no such record stands without
    /// effect.
    Decided,
    /// Only the documented exits.
    Exit,
}

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// How it was seen.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.text)
    }
}

/// Collects them; what repeats without end is counted once it is clear.
#[derive(Default)]
pub struct Findings(pub Vec<Violation>);

impl Findings {
    /// Reports a broken promise.
    pub fn report(&mut self, promise: Promise, text: impl Into<String>) {
        let violation = Violation {
            promise,
            text: text.into(),
        };
        if !self.0.contains(&violation) {
            self.0.push(violation);
        }
    }

    /// Reports unless `holds`.
    pub fn check(&mut self, holds: bool, promise: Promise, text: impl FnOnce() -> String) {
        if !holds {
            self.report(promise, text());
        }
    }
}
