//! The paths of a tree that have to be recorded: Git lists what may differ, we look at each with
//! `lstat` before Git opens it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{FileType, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{SnapshotError, SnapshotLimits, TreeReport};

/// The paths that Git lists for the tree.
pub(super) struct ListedPaths {
    /// Tracked paths that may have changed, and untracked ones (`tracked` = false).
    suspects: BTreeMap<RepoPath, TrackedPath>,
    /// Every path of the index.
    tracked: HashSet<Vec<u8>>,
    /// Every directory that holds a tracked or an untracked file; the root is the empty one.
    dirs: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TrackedPath {
    Yes,
    No,
}

/// The listed paths, sorted by what to do about them.
#[derive(Default)]
pub(super) struct SortedOut {
    /// Paths to hash, or to remove where they are gone.
    pub(super) update: Vec<RepoPath>,
    /// Paths to remove from the index without looking at the disk.
    pub(super) drop: Vec<RepoPath>,
    /// Remarks about the tree.
    pub(super) reports: BTreeSet<TreeReport>,
}

/// One process: everything tracked (`H`), changed (`C`), deleted (`R`) and untracked but not
/// ignored (`?`).
pub(super) fn list(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
) -> Result<ListedPaths, GitError> {
    let args = [
        "ls-files",
        "-z",
        "-t",
        "-c",
        "-o",
        "-m",
        "-d",
        "--exclude-standard",
    ];
    let out = shadow.in_tree(root, attributes, args)?.run()?;
    let mut listed = ListedPaths {
        suspects: BTreeMap::new(),
        tracked: HashSet::new(),
        dirs: BTreeSet::from([Vec::new()]),
    };
    let mut fields = NulFields::of(&out);
    while let Some(field) = fields.next() {
        let [tag, b' ', path @ ..] = field else {
            return Err(fields.bad("a line of ls-files"));
        };
        let path = RepoPath::new(path);
        // A name that ends in `/` is a repository of its own, whose directory is not ours to look
        // through.
        for dir in path
            .parents()
            .skip(usize::from(path.as_bytes().ends_with(b"/")))
        {
            if !listed.dirs.insert(dir.to_vec()) {
                break;
            }
        }
        match tag {
            b'?' => _ = listed.suspects.entry(path).or_insert(TrackedPath::No),
            b'C' | b'R' => _ = listed.suspects.insert(path, TrackedPath::Yes),
            // `S` is a path outside of the sparse cone, which is not on disk on purpose.
            b'H' | b'S' => _ = listed.tracked.insert(path.as_bytes().to_vec()),
            _ => return Err(fields.bad("an unexpected state in ls-files")),
        }
    }
    Ok(listed)
}

/// Sorts what was listed into what can be recorded and what is only reported.
pub(super) fn sort_out(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    listed: ListedPaths,
    limits: SnapshotLimits,
) -> Result<SortedOut, SnapshotError> {
    if listed.suspects.len() > limits.files {
        return Err(SnapshotError::TooMany {
            count: listed.suspects.len(),
            limit: limits.files,
        });
    }
    let mut look = CandidateLook {
        root,
        real_root: std::fs::canonicalize(root).ok(),
        limits,
        links: HashMap::new(),
        out: SortedOut::default(),
    };
    let mut moved = Vec::new();
    for (path, tracked) in &listed.suspects {
        if look.one(path, *tracked) == PathVerdict::DirectoryInPlace {
            moved.push(path.clone());
        }
    }
    let links = if moved.is_empty() {
        BTreeSet::new()
    } else {
        submodules(shadow, root, attributes, &moved)?
    };
    for path in moved {
        if links.contains(&path) {
            look.out.reports.insert(TreeReport::Submodule { path });
        } else {
            // The file is gone; what stands in the directory is listed on its own.
            look.out.drop.push(path);
        }
    }
    for dir in &listed.dirs {
        look.directory(dir, &listed);
    }
    Ok(look.out)
}

/// Finds the submodules among these tracked paths.
fn submodules(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    paths: &[RepoPath],
) -> Result<BTreeSet<RepoPath>, GitError> {
    let mut command = shadow.in_tree(root, attributes, ["ls-files", "-s", "-z", "--"])?;
    for path in paths {
        command = command.arg(path.beneath(Path::new("")));
    }
    let out = command.run()?;
    let entries = NulFields::of(&out).filter(|entry| entry.starts_with(b"160000 "));
    Ok(entries
        .filter_map(|e| e.splitn(2, |b| *b == b'\t').nth(1))
        .map(RepoPath::new)
        .collect())
}

#[derive(PartialEq, Eq)]
enum PathVerdict {
    Settled,
    /// A tracked path where a directory stands: a submodule that moved, or a file that became a
    /// directory.
    DirectoryInPlace,
}

struct CandidateLook<'a> {
    root: &'a Path,
    real_root: Option<PathBuf>,
    limits: SnapshotLimits,
    /// Directories, with true where one of them or one above is a symbolic link.
    links: HashMap<Vec<u8>, bool>,
    out: SortedOut,
}

impl CandidateLook<'_> {
    fn one(&mut self, path: &RepoPath, tracked: TrackedPath) -> PathVerdict {
        let bytes = path.as_bytes();
        if let Some(dir) = bytes.strip_suffix(b"/") {
            self.report(TreeReport::Nested {
                path: RepoPath::new(dir),
                files_taken: false,
            });
            return PathVerdict::Settled;
        }
        if path.is_forbidden() {
            self.report(TreeReport::Forbidden { path: path.clone() });
            return PathVerdict::Settled;
        }
        if self.is_behind_link(path) {
            self.out.drop.push(path.clone());
            return PathVerdict::Settled;
        }
        let here = path.beneath(self.root);
        match std::fs::symlink_metadata(&here) {
            Ok(meta) if meta.is_dir() => return PathVerdict::DirectoryInPlace,
            Ok(meta) if meta.is_file() => self.file(path, &here, &meta),
            Ok(meta) if meta.is_symlink() => self.link(path, &here),
            Ok(meta) => self.special(path, meta.file_type(), tracked),
            // Gone, or gone meanwhile: recording removes it.
            Err(_) => self.out.update.push(path.clone()),
        }
        PathVerdict::Settled
    }

    fn report(&mut self, report: TreeReport) {
        self.out.reports.insert(report);
    }

    fn file(&mut self, path: &RepoPath, here: &Path, meta: &Metadata) {
        if meta.len() > self.limits.file_bytes {
            self.report(TreeReport::TooBig {
                path: path.clone(),
                bytes: meta.len(),
            });
        } else if rustix::fs::access(here, rustix::fs::Access::READ_OK).is_err() {
            self.report(TreeReport::Unreadable { path: path.clone() });
        } else {
            self.out.update.push(path.clone());
        }
    }

    fn link(&mut self, path: &RepoPath, here: &Path) {
        let target = std::fs::read_link(here).unwrap_or_default();
        let shown = RepoPath::new(target.as_os_str().as_bytes());
        // `.gitmodules` as a link is refused by Git: it would be read through the link.
        if here
            .file_name()
            .is_some_and(|name| name.eq_ignore_ascii_case(".gitmodules"))
        {
            return self.report(TreeReport::Forbidden { path: path.clone() });
        }
        if self.leads_out(path, here, &target) {
            self.report(TreeReport::LinkOutside {
                path: path.clone(),
                target: shown,
            });
        }
        self.out.update.push(path.clone());
    }

    /// A link leaves the tree by its text, or, through other links, in fact.
    fn leads_out(&self, path: &RepoPath, here: &Path, target: &Path) -> bool {
        if target.is_absolute() {
            return true;
        }
        let mut depth = path.parents().count();
        for part in target.components() {
            match part {
                Component::ParentDir if depth == 0 => return true,
                Component::ParentDir => depth -= 1,
                Component::Normal(_) => depth += 1,
                _ => {}
            }
        }
        match (std::fs::canonicalize(here), &self.real_root) {
            (Ok(real), Some(root)) => !real.starts_with(root),
            _ => false,
        }
    }

    fn special(&mut self, path: &RepoPath, file_type: FileType, tracked: TrackedPath) {
        self.report(TreeReport::Special {
            path: path.clone(),
            kind: kind_of(file_type),
        });
        if tracked == TrackedPath::Yes {
            self.out.drop.push(path.clone());
        }
    }

    fn is_behind_link(&mut self, path: &RepoPath) -> bool {
        path.as_bytes()
            .iter()
            .rposition(|b| *b == b'/')
            .is_some_and(|at| self.dir_is_link(&path.as_bytes()[..at]))
    }

    fn dir_is_link(&mut self, dir: &[u8]) -> bool {
        if let Some(known) = self.links.get(dir) {
            return *known;
        }
        let above = dir
            .iter()
            .rposition(|b| *b == b'/')
            .is_some_and(|at| self.dir_is_link(&dir[..at]));
        let here = self.root.join(std::ffi::OsStr::from_bytes(dir));
        let is_link = above || std::fs::symlink_metadata(here).is_ok_and(|meta| meta.is_symlink());
        self.links.insert(dir.to_vec(), is_link);
        is_link
    }

    /// Git passes over pipes and sockets in silence, over a `.git` inside a tracked directory, and
    /// over what goes on inside a submodule. We do not.
    fn directory(&mut self, dir: &[u8], listed: &ListedPaths) {
        if !dir.is_empty() && self.dir_is_link(dir) {
            return;
        }
        let here = self.root.join(std::ffi::OsStr::from_bytes(dir));
        #[expect(
            clippy::disallowed_methods,
            reason = "the entry types of the directory are needed, without a stat for each"
        )]
        let Ok(entries) = std::fs::read_dir(&here) else {
            return;
        };
        for entry in entries.flatten() {
            let Ok(file_type) = entry.file_type() else {
                continue;
            };
            if entry.file_name() == ".git" {
                if !dir.is_empty() {
                    self.report(TreeReport::Nested {
                        path: RepoPath::new(dir),
                        files_taken: true,
                    });
                }
                continue;
            }
            let path = || join(dir, entry.file_name().as_bytes());
            if is_special(file_type) {
                self.report(TreeReport::Special {
                    path: RepoPath::new(path()),
                    kind: kind_of(file_type),
                });
            } else if file_type.is_dir()
                && listed.tracked.contains(&path())
                && entry.path().join(".git").exists()
            {
                self.report(TreeReport::Submodule {
                    path: RepoPath::new(path()),
                });
            }
        }
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() {
        name.to_vec()
    } else {
        [dir, name].join(&b'/')
    }
}

fn is_special(file_type: FileType) -> bool {
    !(file_type.is_file() || file_type.is_dir() || file_type.is_symlink())
}

fn kind_of(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "pipe"
    } else if file_type.is_socket() {
        "socket"
    } else {
        "device"
    }
}
