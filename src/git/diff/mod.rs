//! Differences between two trees: which paths, how much, and as text. Renames are two changes, so
//! that both names are judged.

mod contents;
mod native;
mod patch;
mod raw;
mod staged;
mod staged_tree;
mod text;
mod whole_files;

pub use contents::{AskedFile, SideRead};
pub use patch::{DiffStats, Patch};
pub(in crate::git) use raw::changed_path;
pub use raw::{ChangeSide, ChangedPath, CommitChanges, PathChange};
pub use staged::{MergeHeads, StagedChange, StagedIndex};
pub use text::{FileDiff, file_diff, unified};
