//! The entry of a tree at one path, in the words of both back ends.

use crate::git::oid::Oid;

/// An entry of a tree, or its absence, as both back ends find it.
pub(in crate::git) enum TreeEntry {
    /// A regular file.
    Blob(Oid),
    /// A symbolic link; its object says where it leads.
    Link(Oid),
    /// Something else, by its name for people.
    Other(&'static str),
    /// Nothing.
    Absent,
}

/// A thing that can be read at a path of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOrLink {
    /// A regular file.
    File(Oid),
    /// A symbolic link.
    Link(Oid),
}
