//! Why a condition has no value, in words.

use std::fmt;

use crate::policy::condition::budget::MAX_ITEMS;

/// The reason why a condition has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::policy) enum ConditionFailure {
    /// A fact is not known of this question.
    Unknown(&'static str),
    /// A number grows beyond 64 bits.
    Overflow,
    /// A number is divided by zero.
    ByZero,
    /// A list has no such item.
    NoItem,
    /// It cannot be told whether a pattern matches here.
    Undecided,
    /// A list is too long.
    Items,
    /// The condition takes too many steps.
    Steps,
    /// The text is no condition.
    Unusable,
}

impl ConditionFailure {
    /// True for a failure that counts wherever it happens.
    pub(super) fn is_bound(self) -> bool {
        matches!(self, Self::Items | Self::Steps | Self::Unusable)
    }
}

impl fmt::Display for ConditionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(fact) if fact.contains('.') => {
                write!(f, "`{fact}` is not known here; ask `has({fact})` first")
            }
            Self::Unknown(fact) => write!(f, "`{fact}` is not known here"),
            Self::Overflow => f.write_str("a number grows too large"),
            Self::ByZero => f.write_str("a number is divided by zero"),
            Self::NoItem => f.write_str("a list has no such item"),
            Self::Undecided => f.write_str("a pattern cannot be read for this file system"),
            Self::Items => write!(f, "a list has more than {MAX_ITEMS} items"),
            Self::Steps => f.write_str("it takes too many steps"),
            Self::Unusable => f.write_str("it cannot be read"),
        }
    }
}

/// A value, or the reason why there is none.
pub(super) type Evaluated<T> = Result<T, ConditionFailure>;
