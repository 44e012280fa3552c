//! Reports on what a tree holds besides ordinary files.

use crate::domain::repo_path::RepoPath;

/// Something in an agent's tree that is not simply part of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TreeReport {
    /// A repository inside the tree: its files are not in the snapshot. A tracked directory with a
    /// `.git` of its own is in it.
    Nested {
        /// The directory.
        path: RepoPath,
        /// True where the directory's files are in the snapshot all the same.
        files_taken: bool,
    },
    /// The `.git` of the worktree itself is a repository: its commits are not taken.
    OwnRepository,
    /// The git directory of the worktree holds those of submodules, which may hold commits that are
    /// nowhere else.
    SubmoduleStores,
    /// A submodule that is checked out: neither its content nor its commit is taken, the recorded
    /// commit stays.
    Submodule {
        /// The submodule.
        path: RepoPath,
    },
    /// Files in the directory of a submodule that is not checked out; they can be part of no commit.
    InSubmodule {
        /// The submodule.
        path: RepoPath,
    },
    /// A file whose content goes through a filter that is not run, and that its own Git has not
    /// tracked as it is; its old state stays in the snapshot.
    Filtered {
        /// The file.
        path: RepoPath,
        /// The name of the filter.
        filter: String,
    },
    /// Something that is staged and nowhere else; the snapshot has what stood there before.
    Staged {
        /// The path.
        path: RepoPath,
    },
    /// A changed file over which its own Git was told to pass; it is in the snapshot as it stands on the
    /// disk.
    Marked {
        /// The file.
        path: RepoPath,
        /// The name of the mark.
        mark: &'static str,
    },
    /// A pipe, socket or device; Git cannot store it.
    Special {
        /// The path.
        path: RepoPath,
        /// `pipe`, `socket` or `device`.
        kind: &'static str,
    },
    /// A file above the size limit; its old state stays in the snapshot.
    TooBig {
        /// The file.
        path: RepoPath,
        /// The size in bytes.
        bytes: u64,
    },
    /// A symbolic link that leads out of the tree; it is in the snapshot.
    LinkOutside {
        /// The link.
        path: RepoPath,
        /// The target of the link, as written.
        target: RepoPath,
    },
    /// A file or directory that cannot be read; its old state stays in the snapshot.
    Unreadable {
        /// The file or directory.
        path: RepoPath,
    },
    /// A path that Git would take for its own directory on some file system; not in the snapshot.
    Forbidden {
        /// The path.
        path: RepoPath,
    },
}

impl TreeReport {
    /// True where the directory holds content that the snapshot does not.
    pub const fn is_left_behind(&self) -> bool {
        match self {
            // Even where its files are taken, its commits are not.
            Self::Nested { .. }
            | Self::OwnRepository
            | Self::SubmoduleStores
            | Self::Submodule { .. }
            | Self::InSubmodule { .. }
            | Self::Filtered { .. }
            | Self::TooBig { .. }
            | Self::Unreadable { .. }
            | Self::Forbidden { .. } => true,
            Self::Staged { .. }
            | Self::Marked { .. }
            | Self::Special { .. }
            | Self::LinkOutside { .. } => false,
        }
    }

    /// The path that it is about; none for the worktree itself.
    pub const fn path(&self) -> Option<&RepoPath> {
        match self {
            Self::OwnRepository | Self::SubmoduleStores => None,
            Self::Nested { path, .. }
            | Self::Submodule { path }
            | Self::InSubmodule { path }
            | Self::Filtered { path, .. }
            | Self::Staged { path }
            | Self::Marked { path, .. }
            | Self::Special { path, .. }
            | Self::TooBig { path, .. }
            | Self::LinkOutside { path, .. }
            | Self::Unreadable { path }
            | Self::Forbidden { path } => Some(path),
        }
    }
}

impl std::fmt::Display for TreeReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nested {
                path,
                files_taken: false,
            } => {
                write!(
                    f,
                    "{path} is a repository of its own; its files are not taken"
                )
            }
            Self::Nested {
                path,
                files_taken: true,
            } => write!(f, "{path} has a .git of its own, which is not taken"),
            Self::OwnRepository => f.write_str(
                "the worktree was made a repository of its own; its commits are not taken",
            ),
            Self::SubmoduleStores => {
                f.write_str("it has git directories of submodules, whose commits are not taken")
            }
            Self::Submodule { path } => write!(
                f,
                "submodule {path} is checked out; its content is not taken"
            ),
            Self::InSubmodule { path } => write!(
                f,
                "{path} holds files although the submodule is not checked out; they are not taken"
            ),
            Self::Filtered { path, filter } => write!(
                f,
                "{path} goes through filter {filter}, which ai does not run; it is not taken (commit it with git)"
            ),
            Self::Staged { path } => write!(
                f,
                "what is staged of {path} stands neither in a commit nor on the disk, and is not taken"
            ),
            Self::Marked { path, mark } => write!(
                f,
                "{path} is taken as it stands on the disk, although its own Git was told to pass over it ({mark})"
            ),
            Self::Special { path, kind } => write!(f, "{path} is a {kind}, which Git cannot store"),
            Self::TooBig { path, bytes } => {
                write!(f, "{path} is too big ({bytes} bytes) and not taken")
            }
            Self::LinkOutside { path, target } => {
                write!(f, "{path} links out of the tree, to {target}")
            }
            Self::Unreadable { path } => write!(f, "{path} cannot be read and is not taken"),
            Self::Forbidden { path } => {
                write!(f, "{path} is a path that Git reserves and is not taken")
            }
        }
    }
}
