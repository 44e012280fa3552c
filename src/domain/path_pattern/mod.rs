//! Path patterns: which paths a lock, a task or a policy rule speaks about, and whether two
//! patterns can meet.
//!
//! One small automaton over characters serves both questions and both askers, so that "does this path match" and
//! "could some path match both" cannot disagree. Invariants: every [`PathPattern`] matches at least
//! one valid path; two spellings of one path (Unicode normal form, and case where the file system
//! folds it) always compare as one; sizes are bounded when a pattern is parsed, so that no later
//! question can take long.
//!
//! Deliberately absent: the file system. Symbolic links, submodules and "which files exist" belong
//! to the caller, who resolves a path before it asks; `existing` spells what he says is there.

mod automaton;
mod charset;
mod error;
mod existing;
mod fold;
mod index;
mod modules;
mod normalise;
mod overlap;
mod parse;
mod pattern;
mod search;
mod shape;
mod shortcut;
#[cfg(test)]
mod tests;

pub use error::PatternError;
pub use existing::as_existing;
pub use fold::CaseMode;
pub use index::{PrefixQuery, prefix_candidates};
pub use modules::expand;
pub use overlap::{Exclusion, Meeting, overlap, overlap_except, overlap_within};
pub use pattern::{PathPattern, SpelledPath};
