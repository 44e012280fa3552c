//! The supervisor's own picture of an agent's tree, as Git objects.
//!
//! Nothing of the tree is interpreted: files are listed and hashed through the
//! [`crate::git::shadow::ShadowRepo`], so planted configuration, hooks, filters, attributes and
//! nested repositories are inert. What cannot be part of a commit, or should not be without a word,
//! is reported. An unchanged tree costs one `git` process.
//!
//! Known and accepted: the agent's own `.gitignore` decides what is ignored, as it would in a
//! commit of its own.

mod candidates;
mod error;
mod limits;
mod peek;
mod record;
mod report;
mod seal;
mod take;

pub use error::SnapshotError;
pub use limits::SnapshotLimits;
pub use report::TreeReport;
pub use seal::{SealRequest, seal};
pub use take::Snapshot;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
