//! The repository as its callers see it: each question goes to the back end that serves it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::Git;
use crate::git::discover::RepoLocation;
use crate::git::error::GitError;
use crate::git::format::{RefStorage, RepoFormat};
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::repo::{CommitIdentity, FileOrLink, NewCommit, TreeEntry, native, spawned};

/// A repository that is open for reading objects and moving references.
pub struct Repo {
    /// The directories of the repository.
    pub(super) location: RepoLocation,
    /// The format of its objects and references.
    pub(super) format: RepoFormat,
    /// The Git that serves where the library does not.
    pub(super) git: Git,
    /// The directory of its objects.
    pub(super) objects: PathBuf,
    /// The back end that serves it.
    pub(super) backend: RepoBackend,
}

/// The back end that serves one repository.
pub(super) enum RepoBackend {
    /// The library, in this process.
    Native(git2::Repository),
    /// The library does not serve here.
    Spawned,
}

impl Repo {
    /// Opens the repository; falls back to `git` processes where the library cannot.
    pub fn open(location: &RepoLocation, git: Git) -> Result<Self, GitError> {
        let format = RepoFormat::read(&location.common_dir)?;
        let backend = if format.objects != ObjectFormat::Sha1
            || format.refs != RefStorage::Files
            || format.partial
        {
            RepoBackend::Spawned
        } else {
            match native::open(&location.common_dir) {
                Ok(repo) => RepoBackend::Native(repo),
                Err(_) => RepoBackend::Spawned,
            }
        };
        Ok(Self {
            objects: location.common_dir.join("objects"),
            location: location.clone(),
            format,
            git,
            backend,
        })
    }

    /// Opens the repository for use through `git` processes only.
    #[cfg(test)]
    pub fn open_spawned(location: &RepoLocation, git: Git) -> Result<Self, GitError> {
        let format = RepoFormat::read(&location.common_dir)?;
        Ok(Self {
            objects: location.common_dir.join("objects"),
            location: location.clone(),
            format,
            git,
            backend: RepoBackend::Spawned,
        })
    }

    /// Opens the repository for somebody who only looks: its objects are read, and new ones go to `objects`, whose
    /// alternate its own are.
    pub(in crate::git) fn open_writing_to(
        location: &RepoLocation,
        git: &Git,
        objects: &Path,
    ) -> Result<Self, GitError> {
        let format = RepoFormat::read(&location.common_dir)?;
        Ok(Self {
            location: location.clone(),
            format,
            git: git.writing_objects_to(objects),
            objects: objects.to_owned(),
            // The library writes beside the objects that it reads.
            backend: RepoBackend::Spawned,
        })
    }

    /// The directory to which new objects go, and in which all are found.
    pub(in crate::git) fn objects_dir(&self) -> &Path {
        &self.objects
    }

    /// Returns the repository's directories.
    pub const fn location(&self) -> &RepoLocation {
        &self.location
    }

    /// The format of the repository.
    pub const fn format(&self) -> &RepoFormat {
        &self.format
    }

    /// The Git that serves it.
    pub const fn git(&self) -> &Git {
        &self.git
    }

    /// The shared git directory.
    pub fn common_dir(&self) -> &Path {
        &self.location.common_dir
    }

    /// True where the library serves, and no `git` processes.
    pub const fn is_native(&self) -> bool {
        matches!(self.backend, RepoBackend::Native(_))
    }

    /// The commit that a revision names; tags are peeled. `HEAD` is that of the worktree in which
    /// discovery began.
    pub fn resolve_commit(&self, rev: &str) -> Result<Oid, GitError> {
        if rev.is_empty() || rev.starts_with('-') || rev.contains(['\0', '\n']) {
            return Err(GitError::NoCommit {
                rev: rev.to_owned(),
            });
        }
        let rev = self.with_own_head(rev)?;
        match &self.backend {
            RepoBackend::Native(repo) => native::resolve_commit(repo, &rev),
            RepoBackend::Spawned => spawned::resolve_commit(self, &rev),
        }
    }

    /// The tree that a revision names, or that of the commit which it names.
    pub fn resolve_tree(&self, rev: &str) -> Result<Oid, GitError> {
        if rev.is_empty() || rev.starts_with('-') || rev.contains(['\0', '\n']) {
            return Err(GitError::NoCommit {
                rev: rev.to_owned(),
            });
        }
        let rev = self.with_own_head(rev)?;
        match &self.backend {
            RepoBackend::Native(repo) => native::resolve_tree(repo, &rev),
            RepoBackend::Spawned => spawned::resolve_tree(self, &rev),
        }
    }

    /// The tree of a commit.
    pub fn tree_of(&self, commit: &Oid) -> Result<Oid, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::tree_of(repo, commit),
            RepoBackend::Spawned => spawned::tree_of(self, commit),
        }
    }

    /// The content of a regular file in a commit; `None` where the path is not there. Symbolic
    /// links and directories are errors, so that a link can never stand in for a policy.
    pub fn read_blob(&self, commit: &Oid, path: &RepoPath) -> Result<Option<Vec<u8>>, GitError> {
        let entry = match &self.backend {
            RepoBackend::Native(repo) => native::entry(repo, commit, path)?,
            RepoBackend::Spawned => spawned::entry(self, commit, path)?,
        };
        match entry {
            TreeEntry::Absent => Ok(None),
            TreeEntry::Blob(oid) => self.blob(&oid).map(Some),
            TreeEntry::Link(_) => Err(not_a_file((path, commit), "a symbolic link")),
            TreeEntry::Other(what) => Err(not_a_file((path, commit), what)),
        }
    }

    /// The file or the link at a path of a commit; nothing for what is neither.
    pub fn file_or_link(
        &self,
        commit: &Oid,
        path: &RepoPath,
    ) -> Result<Option<FileOrLink>, GitError> {
        let entry = match &self.backend {
            RepoBackend::Native(repo) => native::entry(repo, commit, path)?,
            RepoBackend::Spawned => spawned::entry(self, commit, path)?,
        };
        Ok(match entry {
            TreeEntry::Blob(oid) => Some(FileOrLink::File(oid)),
            TreeEntry::Link(oid) => Some(FileOrLink::Link(oid)),
            TreeEntry::Other(_) | TreeEntry::Absent => None,
        })
    }

    /// The files and links of these names in all directories of a commit. The library looks through 50,000 of them, those
    /// above first.
    pub fn files_called(&self, commit: &Oid, names: &[&str]) -> Result<Vec<RepoPath>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::files_called(repo, commit, names),
            RepoBackend::Spawned => spawned::files_called(self, commit, names),
        }
    }

    /// The regular files right beneath a directory of a commit, in the order of the tree; none
    /// where there is no such directory.
    pub fn list_files(&self, commit: &Oid, dir: &RepoPath) -> Result<Vec<RepoPath>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::list_files(repo, commit, dir),
            RepoBackend::Spawned => spawned::list_files(self, commit, dir),
        }
    }

    /// The content of a blob.
    pub fn blob(&self, oid: &Oid) -> Result<Vec<u8>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::blob(repo, oid),
            RepoBackend::Spawned => spawned::blob(self, oid),
        }
    }

    /// A commit as it is stored: its head, an empty line, and its message.
    pub fn raw_commit(&self, oid: &Oid) -> Result<Vec<u8>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::raw_commit(repo, oid),
            RepoBackend::Spawned => spawned::raw_commit(self, oid),
        }
    }

    /// The contents of these blobs by their names; what is not there, or cannot be told from others, is left out.
    pub(in crate::git) fn blobs(&self, oids: &[&Oid]) -> HashMap<Oid, Vec<u8>> {
        match &self.backend {
            // Nothing is gained by reading many at once.
            RepoBackend::Native(_) => HashMap::new(),
            RepoBackend::Spawned => spawned::blobs(self, oids),
        }
    }

    /// The length of a blob in bytes.
    pub fn blob_size(&self, oid: &Oid) -> Result<u64, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::blob_size(repo, oid),
            RepoBackend::Spawned => spawned::blob_size(self, oid),
        }
    }

    /// True where `old` is reachable from `new`, or the same.
    pub fn is_ancestor(&self, old: &Oid, new: &Oid) -> Result<bool, GitError> {
        match &self.backend {
            _ if old == new => Ok(true),
            RepoBackend::Native(repo) => native::is_ancestor(repo, old, new),
            RepoBackend::Spawned => spawned::is_ancestor(self, old, new),
        }
    }

    /// The best common ancestor; `None` for unrelated histories.
    pub fn merge_base(&self, one: &Oid, two: &Oid) -> Result<Option<Oid>, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::merge_base(repo, one, two),
            RepoBackend::Spawned => spawned::merge_base(self, one, two),
        }
    }

    /// True where the object is in the store.
    pub fn has_object(&self, oid: &Oid) -> Result<bool, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::has_object(repo, oid),
            RepoBackend::Spawned => spawned::has_object(self, oid),
        }
    }

    /// Writes a commit object: no hook, no signature, no reference. The same input makes the same
    /// commit in every back end. It is on disk when this returns.
    pub fn commit_tree(&self, new: &NewCommit<'_>) -> Result<Oid, GitError> {
        let bytes = new.to_bytes()?;
        for needed in std::iter::once(new.tree).chain(new.parents) {
            // The empty tree is known without being stored, but a commit that names it needs it in
            // the store.
            if *needed == self.format.objects.empty_tree() {
                self.write_object("tree", &[])?;
            } else if !self.has_object(needed)? {
                return Err(GitError::Missing {
                    oid: needed.to_string(),
                });
            }
        }
        self.write_object("commit", &bytes)
    }

    /// Writes an object of this kind and returns its name.
    pub(in crate::git) fn write_object(&self, kind: &str, bytes: &[u8]) -> Result<Oid, GitError> {
        match &self.backend {
            RepoBackend::Native(repo) => native::write_object(repo, kind, bytes),
            RepoBackend::Spawned => spawned::write_object(self, kind, bytes),
        }
    }

    /// The user's own name and address, as Git would sign a commit; `None` where they are not
    /// configured.
    pub fn identity(&self) -> Result<Option<CommitIdentity>, GitError> {
        spawned::identity(self)
    }

    /// True where the user's Git would sign a commit by itself (`commit.gpgSign`).
    pub fn wants_signatures(&self) -> Result<bool, GitError> {
        spawned::wants_signatures(self)
    }
}

fn not_a_file((path, commit): (&RepoPath, &Oid), what: &'static str) -> GitError {
    GitError::NotAFile {
        path: path.to_string(),
        commit: commit.to_string(),
        what,
    }
}
