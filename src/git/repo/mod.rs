//! Objects and references of one repository.
//!
//! Two back ends with one behaviour: libgit2 in-process (a tenth of a spawn's cost), and `git`
//! itself where the library cannot open the repository (SHA-256, reftable, partial clones, newer
//! extensions). Both run no hook, no filter and no program. A `Repo` always stands on the shared
//! git directory, never on a linked worktree's own one, which an agent can write.
//!
//! Deliberately absent: work trees, indexes, diffs (see `shadow`, `snapshot`, `merge`), and
//! everything on the network.

mod commit;
mod entry;
mod head;
mod loose;
mod native;
mod objects;
mod refs;
mod repository;
mod spawned;
mod stash;
mod swap_note;
mod transaction;

pub use commit::{CommitIdentity, NewCommit};
pub use entry::FileOrLink;
pub(in crate::git) use entry::TreeEntry;
pub use head::{Head, HeadTo, head_at, loose_tip};
pub(in crate::git) use loose::LooseBlobs;
pub(in crate::git) use objects::{read_blobs, store_objects};
pub use refs::{ExpectedRef, RefError, is_valid_ref_name};
pub use repository::Repo;
pub use stash::{STASH, StashEntry};
pub use swap_note::left_locks;

#[cfg(test)]
mod tests;
