//! Takes a snapshot: lists what changed, sorts out what cannot be recorded, records the rest.

use std::path::Path;

use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{SnapshotError, SnapshotLimits, TreeReport, candidates, record};

/// A tree as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The tree, in the repository's object store.
    pub tree: Oid,
    /// Paths that differ from the base, sorted.
    pub changed: Vec<ChangedPath>,
    /// Remarks about paths that are not in the tree, or worth a look; sorted, without duplicates.
    pub reports: Vec<TreeReport>,
}

impl Snapshot {
    /// Lists paths that the snapshot could not take: this would be lost if the directory were
    /// reset.
    pub fn left_behind(&self) -> impl Iterator<Item = &TreeReport> {
        self.reports.iter().filter(|report| report.is_left_behind())
    }
}

impl ShadowRepo {
    /// Takes the state of the tree at `root` relative to the trusted tree `base`, whose attributes
    /// apply.
    pub fn snapshot(
        &self,
        root: &Path,
        base: &Oid,
        limits: SnapshotLimits,
    ) -> Result<Snapshot, SnapshotError> {
        self.snapshot_against(root, base, base, limits)
    }

    /// Takes the state of the tree at `root` relative to the tree `base`, which may be an agent's;
    /// the attributes are those of `attributes`, which must not be.
    pub fn snapshot_against(
        &self,
        root: &Path,
        base: &Oid,
        attributes: &Oid,
        limits: SnapshotLimits,
    ) -> Result<Snapshot, SnapshotError> {
        check_root(root)?;
        if !self.is_primed() {
            return Err(SnapshotError::NotPrimed(self.dir().display().to_string()));
        }
        let _guard = self.guard()?;
        let sorted = self.record_changes(root, attributes, limits)?;
        let tree = self.index_tree(root, attributes)?;
        let changed = self.changed_paths(base, &tree)?;
        Ok(Snapshot {
            tree,
            changed,
            reports: sorted.reports.into_iter().collect(),
        })
    }
}

/// Number of times that a tree may change under our hands before we give up.
const ATTEMPTS: usize = 3;

impl ShadowRepo {
    /// Lists and records; looks again where a file vanished or grew in between, since the agent may
    /// be at work.
    fn record_changes(
        &self,
        root: &Path,
        attributes: &Oid,
        limits: SnapshotLimits,
    ) -> Result<candidates::SortedOut, SnapshotError> {
        let mut attempt = 1;
        loop {
            let listed = candidates::list(self, root, attributes)?;
            let sorted = candidates::sort_out(self, root, attributes, listed, limits)?;
            match record::record(self, root, attributes, &sorted) {
                Ok(()) => return Ok(sorted),
                Err(GitError::Failed { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

fn check_root(root: &Path) -> Result<(), SnapshotError> {
    let what = match std::fs::symlink_metadata(root) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(meta) if meta.is_symlink() => "a symbolic link now",
        Ok(_) => "a file now",
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "gone",
        Err(_) => "unreadable",
    };
    Err(SnapshotError::TreeGone {
        path: root.display().to_string(),
        what,
    })
}
