//! The look at the disk: each path that may differ is seen with `lstat` before Git opens it, and
//! sorted by what can be done about it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{FileType, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use crate::base::fs::list_dir;
use crate::domain::repo_path::RepoPath;
use crate::git::snapshot::bulk::Bulk;
use crate::git::snapshot::listing::{ListedPaths, Standing, Suspect, Suspects};
use crate::git::snapshot::own_index::{OwnIndex, Presence, TrackedAs};
use crate::git::snapshot::{SnapshotError, SnapshotLimits, TreeReport};

/// The paths, sorted by what to do about them.
#[derive(Debug, Default)]
pub(super) struct SortedOut {
    /// Paths to hash, or to remove where they are gone.
    pub(super) update: Vec<RepoPath>,
    /// Paths to remove from the index without looking at the disk.
    pub(super) drop: Vec<RepoPath>,
    /// Paths to put into the index as the own Git tracks them, before anything is hashed.
    pub(super) stage: BTreeMap<RepoPath, TrackedAs>,
    /// Paths that are missing on purpose.
    pub(super) left_out: Vec<RepoPath>,
    /// Paths that are there and not tracked any more: they go, if they are ignored.
    pub(super) forgotten: Vec<RepoPath>,
    /// Pipes, sockets and devices in directories that hold nothing else: told of, unless they are ignored.
    pub(super) specials: BTreeMap<RepoPath, &'static str>,
    /// Remarks about the tree.
    pub(super) reports: BTreeSet<TreeReport>,
    /// Files that could not be compared, for which the word of the own Git was taken.
    pub(super) believed: usize,
}

/// The mode of a file of which nothing is known yet.
const PLAIN: &[u8] = b"100644";

/// Sorts the suspects into what can be recorded and what is only reported.
pub(super) fn sort_out(
    root: &Path,
    (listed, suspects): (&ListedPaths, &Suspects),
    own: Option<&OwnIndex>,
    limits: SnapshotLimits,
) -> Result<SortedOut, SnapshotError> {
    if suspects.paths.len() > limits.files {
        return Err(SnapshotError::TooMany {
            count: suspects.paths.len(),
            limit: limits.files,
        });
    }
    let mut look = CandidateLook {
        root,
        real_root: std::fs::canonicalize(root).ok(),
        limits,
        own,
        links: HashMap::new(),
        bulk: Bulk::default(),
        out: SortedOut::default(),
    };
    for (path, suspect) in &suspects.paths {
        look.one(path, suspect);
    }
    look.lighten((listed, suspects));
    for path in &suspects.gitlinks {
        look.submodule(path);
    }
    for path in &listed.unreadable {
        look.report(TreeReport::Unreadable { path: path.clone() });
    }
    for dir in &listed.dirs {
        let path = RepoPath::new(dir.clone());
        if !suspects.gitlinks.contains(&path) && !suspects.is_in_submodule(&path) {
            look.directory(dir, &|inner| {
                listed.dirs.contains(inner) || suspects.gitlinks.contains(&RepoPath::new(inner))
            });
        }
    }
    Ok(look.out)
}

impl SortedOut {
    /// Leaves in the tree what is tracked of a path, since the file itself cannot be taken.
    pub(super) fn keep(&mut self, path: &RepoPath, suspect: &Suspect) {
        match (suspect.standing, &suspect.kept) {
            (Standing::Own, Some(kept)) => _ = self.stage.insert(path.clone(), kept.clone()),
            (Standing::Own | Standing::Forgotten, None) | (Standing::Forgotten, _) => {
                if suspect.before.is_some() {
                    self.drop.push(path.clone());
                }
            }
            (Standing::Agreed | Standing::Untracked, _) => {}
        }
    }

    /// Takes a file or link as it stands on the disk.
    fn take(&mut self, path: &RepoPath, suspect: &Suspect) {
        if suspect.standing == Standing::Forgotten {
            return self.forgotten.push(path.clone());
        }
        let known = suspect.before.as_ref();
        // Git does not look at what is marked as left out; and where the disk tells no modes, the
        // one that is tracked counts.
        if matches!(known, Some((_, Presence::Optional))) {
            self.drop.push(path.clone());
        }
        let known_mode = known.map_or(PLAIN, |(tracked, _)| tracked.mode());
        match &suspect.kept {
            Some(kept) if !kept.is_gitlink() && kept.mode() != known_mode => {
                self.stage.insert(path.clone(), kept.clone());
            }
            _ => {}
        }
        self.update.push(path.clone());
    }
}

struct CandidateLook<'a> {
    root: &'a Path,
    real_root: Option<PathBuf>,
    limits: SnapshotLimits,
    own: Option<&'a OwnIndex>,
    /// Directories, with true where one of them or one above is a symbolic link.
    links: HashMap<Vec<u8>, bool>,
    /// The sizes of the files that are to be hashed.
    bulk: Bulk,
    out: SortedOut,
}

impl CandidateLook<'_> {
    fn one(&mut self, path: &RepoPath, suspect: &Suspect) {
        let bytes = path.as_bytes();
        if let Some(dir) = bytes.strip_suffix(b"/") {
            return self.report(TreeReport::Nested {
                path: RepoPath::new(dir),
                files_taken: false,
            });
        }
        if path.is_forbidden() {
            return self.report(TreeReport::Forbidden { path: path.clone() });
        }
        if self.is_behind_link(path) {
            return self.drop_known(path, suspect);
        }
        let here = path.beneath(self.root);
        match std::fs::symlink_metadata(&here) {
            // A submodule, or a file that became a directory: what stands in there is listed on its
            // own.
            Ok(meta) if meta.is_dir() => {
                let is_submodule = suspect.kept.as_ref().is_some_and(TrackedAs::is_gitlink);
                if is_submodule {
                    self.out.keep(path, suspect);
                } else {
                    self.drop_known(path, suspect);
                }
            }
            Ok(meta) if meta.is_file() => self.file(path, (&here, &meta), suspect),
            Ok(meta) if meta.is_symlink() => self.link(path, &here, suspect),
            Ok(meta) => {
                self.special(path, meta.file_type());
                self.drop_known(path, suspect);
            }
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                self.missing(path, suspect);
            }
            Err(_) => {
                self.report(TreeReport::Unreadable { path: path.clone() });
                self.out.keep(path, suspect);
            }
        }
    }

    fn missing(&mut self, path: &RepoPath, suspect: &Suspect) {
        if suspect.presence == Presence::Optional && suspect.kept.is_some() {
            self.out.keep(path, suspect);
            self.out.left_out.push(path.clone());
        } else if suspect.before.is_some() {
            // Recording removes it.
            self.out.update.push(path.clone());
        }
    }

    fn drop_known(&mut self, path: &RepoPath, suspect: &Suspect) {
        if suspect.before.is_some() {
            self.out.drop.push(path.clone());
        }
    }

    /// Nothing in a submodule is part of the tree; Git passes over what stands there in silence. We
    /// do not.
    fn submodule(&mut self, path: &RepoPath) {
        let here = path.beneath(self.root);
        let is_dir = std::fs::symlink_metadata(&here).is_ok_and(|meta| meta.is_dir());
        if !is_dir || self.is_behind_link(path) {
            return;
        }
        if std::fs::symlink_metadata(here.join(".git")).is_ok() {
            return self.report(TreeReport::Submodule { path: path.clone() });
        }
        match list_dir(&here) {
            Ok(entries) if entries.is_empty() => {}
            Ok(_) => self.report(TreeReport::InSubmodule { path: path.clone() }),
            Err(_) => self.report(TreeReport::Unreadable { path: path.clone() }),
        }
    }

    fn report(&mut self, report: TreeReport) {
        self.out.reports.insert(report);
    }

    fn file(&mut self, path: &RepoPath, (here, meta): (&Path, &Metadata), suspect: &Suspect) {
        if meta.len() > self.limits.file_bytes {
            if self.is_as_tracked(path, meta) {
                self.out.believed += 1;
            } else {
                self.report(TreeReport::TooBig {
                    path: path.clone(),
                    bytes: meta.len(),
                });
            }
            self.out.keep(path, suspect);
        } else if rustix::fs::access(here, rustix::fs::Access::READ_OK).is_err() {
            self.report(TreeReport::Unreadable { path: path.clone() });
            self.out.keep(path, suspect);
        } else {
            self.out.take(path, suspect);
            self.bulk.add(path, meta);
        }
    }

    /// Leaves the largest files as they are tracked, where all together are too many bytes to be hashed.
    fn lighten(&mut self, (listed, suspects): (&ListedPaths, &Suspects)) {
        if self.bulk.bytes() <= self.limits.all_bytes {
            return;
        }
        // What the own Git has seen as it is stands in a commit or in its index.
        let mut bulk = std::mem::take(&mut self.bulk);
        let mut kept: BTreeSet<RepoPath> = BTreeSet::new();
        for path in bulk.take_where(|path, meta| self.is_as_tracked(path, meta)) {
            self.out.believed += 1;
            kept.insert(path);
        }
        let is_tracked = |dir: &[u8]| {
            listed.tracks_beneath(dir) || self.own.is_some_and(|own| own.tracks_beneath(dir))
        };
        for (path, bytes, files) in bulk.heaviest(self.limits.all_bytes, is_tracked) {
            self.out.reports.insert(TreeReport::TooBig { path, bytes });
            kept.extend(files);
        }
        self.out.update.retain(|path| !kept.contains(path));
        for path in &kept {
            if let Some(suspect) = suspects.paths.get(path) {
                self.out.keep(path, suspect);
            }
        }
    }

    /// True where the own Git has seen this very file and tracks it: its word is good enough for
    /// what cannot be compared.
    fn is_as_tracked(&self, path: &RepoPath, meta: &Metadata) -> bool {
        let entry = self.own.and_then(|own| own.entries.get(path));
        entry.is_some_and(|entry| entry.tracked.is_some() && entry.knows(meta))
    }

    fn link(&mut self, path: &RepoPath, here: &Path, suspect: &Suspect) {
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
        self.out.take(path, suspect);
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

    fn special(&mut self, path: &RepoPath, file_type: FileType) {
        self.report(TreeReport::Special {
            path: path.clone(),
            kind: kind_of(file_type),
        });
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

    /// Finds pipes and the like in a directory in which there is nothing else. None where there is: it is
    /// ignored, or a repository of its own.
    fn specials_alone(
        &self,
        dir: &[u8],
        found: &mut BTreeMap<RepoPath, &'static str>,
        deeper: usize,
    ) -> Option<()> {
        let deeper = deeper.checked_sub(1)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the entry types of the directory are needed, without a stat for each"
        )]
        let entries = std::fs::read_dir(self.root.join(std::ffi::OsStr::from_bytes(dir))).ok()?;
        for entry in entries.flatten() {
            let file_type = entry.file_type().ok()?;
            let path = join(dir, entry.file_name().as_bytes());
            if file_type.is_dir() && entry.file_name().as_bytes() != b".git" {
                self.specials_alone(&path, found, deeper)?;
            } else if is_special(file_type) {
                found.insert(RepoPath::new(path), kind_of(file_type));
            } else {
                return None;
            }
        }
        Some(())
    }

    /// Git passes over pipes and sockets in silence, and over a `.git` inside a tracked directory. We
    /// do not.
    fn directory(&mut self, dir: &[u8], is_known: &dyn Fn(&[u8]) -> bool) {
        if !dir.is_empty() && self.dir_is_link(dir) {
            return;
        }
        let here = self.root.join(std::ffi::OsStr::from_bytes(dir));
        #[expect(
            clippy::disallowed_methods,
            reason = "the entry types of the directory are needed, without a stat for each"
        )]
        let entries = match std::fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(e) => {
                if e.kind() == ErrorKind::PermissionDenied {
                    self.report(TreeReport::Unreadable {
                        path: RepoPath::new(dir),
                    });
                }
                return;
            }
        };
        for entry in entries.flatten() {
            let Ok(file_type) = entry.file_type() else {
                continue;
            };
            if entry.file_name().as_bytes() == b".git" {
                if !dir.is_empty() {
                    self.report(TreeReport::Nested {
                        path: RepoPath::new(dir),
                        files_taken: true,
                    });
                }
            } else if file_type.is_dir() {
                let inner = join(dir, entry.file_name().as_bytes());
                let mut found = BTreeMap::new();
                if !is_known(&inner) && self.specials_alone(&inner, &mut found, DEEPEST).is_some() {
                    self.out.specials.extend(found);
                }
            } else if is_special(file_type) {
                self.special(
                    &RepoPath::new(join(dir, entry.file_name().as_bytes())),
                    file_type,
                );
            }
        }
    }
}

/// Directories that hold nothing but directories are looked through so far.
const DEEPEST: usize = 64;

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
