//! The entry of a tree at one path, in the words of both back ends.

use crate::git::oid::Oid;

/// An entry of a tree, or its absence, as both back ends find it.
pub(in crate::git) enum TreeEntry {
    /// A regular file.
    Blob(Oid),
    /// Something else, by its name for people.
    Other(&'static str),
    /// Nothing.
    Absent,
}
