//! The library back end. libgit2 runs no programs: no hooks, no filters, no fsmonitor, no lazy
//! fetch.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Repository, RepositoryOpenFlags};

use crate::base::fs::FsError;
use crate::domain::repo_path::RepoPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::TreeEntry;

/// So many directories of a commit are looked through for files of a name.
const MOST_DIRECTORIES: usize = 50_000;

/// Opens the shared git directory, and nothing above it.
pub(super) fn open(common_dir: &Path) -> Result<Repository, git2::Error> {
    let none: [&std::ffi::OsStr; 0] = [];
    Repository::open_ext(
        common_dir,
        RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT,
        none,
    )
}

/// Translates our name of an object into the library's.
pub(super) fn id(oid: &Oid) -> Result<git2::Oid, GitError> {
    git2::Oid::from_str(oid.as_str())
        .map_err(GitError::native(format!("read the object name {oid}")))
}

/// Translates the library's name of an object into ours.
pub(super) fn name(id: git2::Oid) -> Result<Oid, GitError> {
    Ok(Oid::parse(&id.to_string())?)
}

/// Turns "not found" into the sentence about shallow and partial clones.
fn lookup<T>(oid: &Oid, found: Result<T, git2::Error>) -> Result<T, GitError> {
    found.map_err(|e| match e.code() {
        ErrorCode::NotFound => GitError::Missing {
            oid: oid.to_string(),
        },
        _ => GitError::native(format!("read object {oid}"))(e),
    })
}

/// [`super::Repo::resolve_commit`] in this process.
pub(super) fn resolve_commit(repo: &Repository, rev: &str) -> Result<Oid, GitError> {
    let commit = named_object(repo, rev)?.peel_to_commit();
    name(commit.map_err(|_| no_commit(rev))?.id())
}

/// [`super::Repo::resolve_tree`] in this process.
pub(super) fn resolve_tree(repo: &Repository, rev: &str) -> Result<Oid, GitError> {
    let tree = named_object(repo, rev)?.peel_to_tree();
    name(tree.map_err(|_| no_commit(rev))?.id())
}

fn no_commit(rev: &str) -> GitError {
    GitError::NoCommit {
        rev: rev.to_owned(),
    }
}

fn named_object<'r>(repo: &'r Repository, rev: &str) -> Result<git2::Object<'r>, GitError> {
    match repo.revparse_single(rev) {
        Ok(object) => Ok(object),
        Err(e)
            if matches!(
                e.code(),
                ErrorCode::NotFound
                    | ErrorCode::InvalidSpec
                    | ErrorCode::Ambiguous
                    | ErrorCode::UnbornBranch
            ) =>
        {
            Err(no_commit(rev))
        }
        Err(e) => Err(GitError::native(format!("resolve `{rev}`"))(e)),
    }
}

/// [`super::Repo::tree_of`] in this process.
pub(super) fn tree_of(repo: &Repository, commit: &Oid) -> Result<Oid, GitError> {
    name(lookup(commit, repo.find_commit(id(commit)?))?.tree_id())
}

/// Reads the entry of a commit's tree at a path.
pub(super) fn entry(
    repo: &Repository,
    commit: &Oid,
    path: &RepoPath,
) -> Result<TreeEntry, GitError> {
    let found = lookup(commit, repo.find_commit(id(commit)?))?;
    let tree = lookup(commit, found.tree())?;
    let entry = match tree.get_path(&path.beneath(Path::new(""))) {
        Ok(entry) => entry,
        Err(e) if e.code() == ErrorCode::NotFound => return Ok(TreeEntry::Absent),
        Err(e) => return Err(GitError::native(format!("read {path} of {commit}"))(e)),
    };
    Ok(match (entry.kind(), entry.filemode()) {
        (Some(ObjectType::Blob), 0o120_000) => TreeEntry::Link(name(entry.id())?),
        (Some(ObjectType::Blob), _) => TreeEntry::Blob(name(entry.id())?),
        (Some(ObjectType::Tree), _) => TreeEntry::Other("a directory"),
        _ => TreeEntry::Other("a submodule"),
    })
}

/// [`super::Repo::list_files`] in this process.
pub(super) fn list_files(
    repo: &Repository,
    commit: &Oid,
    dir: &RepoPath,
) -> Result<Vec<RepoPath>, GitError> {
    let found = lookup(commit, repo.find_commit(id(commit)?))?;
    let mut tree = lookup(commit, found.tree())?;
    let dir = dir.as_bytes().strip_suffix(b"/").unwrap_or(dir.as_bytes());
    if !dir.is_empty() {
        let entry = match tree.get_path(&RepoPath::new(dir).beneath(Path::new(""))) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => entry,
            Ok(_) => return Ok(Vec::new()),
            Err(e) if e.code() == ErrorCode::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(GitError::native(format!("list a directory of {commit}"))(e)),
        };
        tree = lookup(commit, repo.find_tree(entry.id()))?;
    }
    let is_file = |mode: i32| mode & 0o170_000 == 0o100_000;
    let path = |name: &[u8]| {
        if dir.is_empty() {
            name.to_vec()
        } else {
            [dir, name].join(&b'/')
        }
    };
    Ok(tree
        .iter()
        .filter(|e| is_file(e.filemode()))
        .map(|e| RepoPath::new(path(e.name_bytes())))
        .collect())
}

/// [`super::Repo::files_called`] in this process.
pub(super) fn files_called(
    repo: &Repository,
    commit: &Oid,
    names: &[&str],
) -> Result<Vec<RepoPath>, GitError> {
    let found = lookup(commit, repo.find_commit(id(commit)?))?;
    let mut open = VecDeque::from([(Vec::new(), found.tree_id())]);
    let (mut called, mut looked_at) = (Vec::new(), 0);
    while let Some((dir, tree)) = open.pop_front() {
        looked_at += 1;
        if looked_at > MOST_DIRECTORIES {
            break;
        }
        let tree = lookup(commit, repo.find_tree(tree))?;
        for entry in &tree {
            let name = entry.name_bytes();
            let path = || [&dir[..], name].concat();
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    open.push_back(([&path()[..], &b"/"[..]].concat(), entry.id()))
                }
                Some(ObjectType::Blob) if names.iter().any(|one| one.as_bytes() == name) => {
                    called.push(RepoPath::new(path()));
                }
                _ => {}
            }
        }
    }
    Ok(called)
}

/// [`super::Repo::blob`] in this process.
pub(super) fn blob(repo: &Repository, oid: &Oid) -> Result<Vec<u8>, GitError> {
    Ok(lookup(oid, repo.find_blob(id(oid)?))?.content().to_vec())
}

/// [`super::Repo::raw_commit`] in this process.
pub(super) fn raw_commit(repo: &Repository, oid: &Oid) -> Result<Vec<u8>, GitError> {
    let odb = repo
        .odb()
        .map_err(GitError::native("open the object store"))?;
    let found = lookup(oid, odb.read(id(oid)?))?;
    if found.kind() != ObjectType::Commit {
        return Err(GitError::NoCommit {
            rev: oid.to_string(),
        });
    }
    Ok(found.data().to_vec())
}

/// [`super::Repo::blob_size`] in this process.
pub(super) fn blob_size(repo: &Repository, oid: &Oid) -> Result<u64, GitError> {
    let odb = repo
        .odb()
        .map_err(GitError::native("open the object store"))?;
    let (length, _) = lookup(oid, odb.read_header(id(oid)?))?;
    Ok(length as u64)
}

/// [`super::Repo::has_object`] in this process.
pub(super) fn has_object(repo: &Repository, oid: &Oid) -> Result<bool, GitError> {
    let odb = repo
        .odb()
        .map_err(GitError::native("open the object store"))?;
    Ok(odb.exists(id(oid)?))
}

/// [`super::Repo::is_ancestor`] in this process.
pub(super) fn is_ancestor(repo: &Repository, old: &Oid, new: &Oid) -> Result<bool, GitError> {
    lookup(new, repo.graph_descendant_of(id(new)?, id(old)?))
}

/// [`super::Repo::merge_base`] in this process.
pub(super) fn merge_base(repo: &Repository, one: &Oid, two: &Oid) -> Result<Option<Oid>, GitError> {
    for oid in [one, two] {
        lookup(oid, repo.find_commit(id(oid)?))?;
    }
    match repo.merge_base(id(one)?, id(two)?) {
        Ok(base) => name(base).map(Some),
        Err(e) if e.code() == ErrorCode::NotFound => Ok(None),
        Err(e) => Err(GitError::native(format!(
            "find the merge base of {one} and {two}"
        ))(e)),
    }
}

/// Writes an object to the disk and returns its name.
pub(super) fn write_object(repo: &Repository, kind: &str, bytes: &[u8]) -> Result<Oid, GitError> {
    let kind = if kind == "tree" {
        ObjectType::Tree
    } else {
        ObjectType::Commit
    };
    let odb = repo
        .odb()
        .map_err(GitError::native("open the object store"))?;
    let oid = name(
        odb.write(kind, bytes)
            .map_err(GitError::native("write an object"))?,
    )?;
    let (dir, file) = oid.as_str().split_at(2);
    // The library does not flush; the name must not become known before the content is durable.
    sync_file(&repo.path().join("objects").join(dir).join(file))?;
    Ok(oid)
}

/// Flushes a file that the library wrote, under its final name, which the file systems of Linux then
/// keep as well: no flush of the directory is needed (ADR 0034). The file may be gone already (packed
/// meanwhile), which is as good.
pub(super) fn sync_file(path: &Path) -> Result<(), FsError> {
    let flushed = match std::fs::OpenOptions::new().read(true).open(path) {
        Ok(file) => file.sync_all(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    };
    flushed.map_err(|source| FsError {
        action: "flush",
        path: path.to_owned(),
        source,
    })
}

/// Flushes several of them; more than two at once, so that they share commits of the file system's
/// journal.
pub(super) fn sync_files(paths: &[PathBuf]) -> Result<(), FsError> {
    const THREADS: usize = 8;
    let all = |paths: &[PathBuf]| paths.iter().try_for_each(|path| sync_file(path));
    if paths.len() <= 2 {
        return all(paths);
    }
    let share = paths.len().div_ceil(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|paths| scope.spawn(move || all(paths)))
            .collect();
        let mut flushed = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        flushed.try_for_each(|one| one)
    })
}
