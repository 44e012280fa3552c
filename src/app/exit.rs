//! Exit codes. They are part of the interface: scripts and agents branch on them.

use crate::domain::error_class::ErrorClass;

/// It happened.
pub const OK: u8 = 0;
/// It was tried and failed.
pub const FAILED: u8 = ErrorClass::Failed.code();
/// The command line makes no sense.
pub const USAGE: u8 = ErrorClass::Usage.code();
/// Taken, locked, or in a state in which this cannot be done.
pub const CONFLICT: u8 = ErrorClass::Conflict.code();
/// Policy says no.
pub const DENIED: u8 = ErrorClass::Denied.code();
/// The checks do not pass on this tree.
pub const NOT_PROVEN: u8 = ErrorClass::NotProven.code();
/// A person must say yes first: an approval, or `ai trust`.
pub const APPROVAL: u8 = ErrorClass::ApprovalNeeded.code();
/// The store is missing, damaged, foreign, newer, full or read-only.
pub const STORE: u8 = ErrorClass::StoreUnusable.code();
/// Busy, out of quota, or too early: the same command may work later.
pub const TRY_LATER: u8 = ErrorClass::TryLater.code();
