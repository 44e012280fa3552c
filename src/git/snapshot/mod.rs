//! The supervisor's own picture of an agent's tree, as Git objects.
//!
//! A snapshot is what `git add -A && git commit` would make there, without running anything of the
//! tree: it begins with what the worktree's own Git tracks (`own_index`), takes what differs on the
//! disk, and says what it could not take (ADR 0024). Files are listed and hashed through the
//! [`crate::git::shadow::ShadowRepo`], so planted configuration, hooks, filters and nested
//! repositories are inert. An unchanged tree costs no `git` process, nor does one with a few plain
//! changes (ADR 0046).
//!
//! Known and accepted: the agent's own `.gitignore` decides what is ignored, as it would in a
//! commit of its own.

mod bulk;
mod candidates;
mod error;
mod filters;
mod limits;
mod listing;
mod own_index;
mod peek;
mod record;
mod report;
mod seal;
mod staged;
mod take;

pub use error::SnapshotError;
pub use filters::FilteredFile;
pub use limits::SnapshotLimits;
pub use own_index::OwnState;
pub use report::TreeReport;
pub use seal::{SealRequest, seal};
pub use take::{Snapshot, TreeLook};

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
