//! Takes a snapshot: lists what changed, sorts out what cannot be recorded, records the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::base::onlooker::Onlooker;
use crate::base::text::{counted, path_bytes};
use crate::domain::repo_path::RepoPath;
use crate::git::diff::ChangedPath;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::{OwnLook, ShadowRepo};
use crate::git::snapshot::filters::{Filtered, FilteredFile, RulesInForce, settle};
use crate::git::snapshot::listing::Suspects;
use crate::git::snapshot::own_index::{self, News, OwnBytes, OwnIndex, OwnState, TrackedAs};
use crate::git::snapshot::staged::StagedChanges;
use crate::git::snapshot::{
    SnapshotError, SnapshotLimits, TreeReport, candidates, listing, record,
};

/// A tree to look at.
#[derive(Debug, Clone, Copy)]
pub struct TreeLook<'a> {
    /// The directory.
    pub root: &'a Path,
    /// The tree with which it is compared; it may be an agent's.
    pub base: &'a Oid,
    /// The tree whose attributes apply where a filter could run; it must not be an agent's.
    pub attributes: &'a Oid,
    /// What the directory's own Git knows; none where only `ai` has worked there.
    pub own: Option<OwnState<'a>>,
    /// The limits.
    pub limits: SnapshotLimits,
}

/// A tree as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The tree, in the repository's object store.
    pub tree: Oid,
    /// Paths that differ from the base, sorted.
    pub changed: Vec<ChangedPath>,
    /// Remarks about paths that are not in the tree, or worth a look; sorted, without duplicates.
    pub reports: Vec<TreeReport>,
    /// Paths in conflict, of which the tree has what stands on the disk.
    pub unmerged: Vec<RepoPath>,
    /// Files that stand on the disk in another form than in the tree, by a filter that is not run.
    pub filtered: Vec<FilteredFile>,
    /// The number of other files of which the directory's own Git alone knows what is tracked.
    pub believed: usize,
    /// The index of the directory's own Git as a tree, where something stands in it alone.
    pub index: Option<Oid>,
}

impl Snapshot {
    /// Lists paths that the snapshot could not take: this would be lost if the directory were
    /// reset.
    pub fn left_behind(&self) -> impl Iterator<Item = &TreeReport> {
        self.reports.iter().filter(|report| report.is_left_behind())
    }
}

/// Number of times that a tree may change under our hands before we give up.
const ATTEMPTS: usize = 3;

impl ShadowRepo {
    /// Takes the state of a tree.
    pub fn snapshot(&self, look: &TreeLook<'_>) -> Result<Snapshot, SnapshotError> {
        self.snapshot_watched(look, None)
    }

    /// Takes the state of a tree; `onlooker` hears of it before that takes long, and may end it.
    pub fn snapshot_watched(
        &self,
        look: &TreeLook<'_>,
        onlooker: Option<Onlooker<'_>>,
    ) -> Result<Snapshot, SnapshotError> {
        check_root(look.root)?;
        if !self.is_primed() {
            return Err(SnapshotError::NotPrimed(self.dir().display().to_string()));
        }
        let _guard = self.guard()?;
        if let Some(found) = self.snapshot_in_process(look)? {
            return Ok(found);
        }
        let mut recorded = self.record_changes(look, onlooker)?;
        let tree = self.index_tree(look.root, look.attributes)?;
        let changed = self.changed_paths(look.base, &tree)?;
        let believed = recorded.sorted.believed;
        let (alone, index) = recorded.staged.alone(self, (&tree, &changed))?;
        let is_staged = !alone.is_empty();
        let told = alone.into_iter().map(|path| TreeReport::Staged { path });
        recorded.sorted.reports.extend(told);
        let passed_over = passed_over(&recorded.marked, &changed);
        let is_passed_over = !passed_over.is_empty();
        recorded.sorted.reports.extend(passed_over);
        // What rests on its word alone has to be asked again.
        let is_settled = recorded.unmerged.is_empty()
            && believed == 0
            && recorded.filtered.kept.is_empty()
            && !(is_staged || is_passed_over);
        if let Some(bytes) = recorded.bytes.filter(|_| is_settled) {
            bytes.note(self)?;
        }
        Ok(Snapshot {
            tree,
            changed,
            reports: recorded.sorted.reports.into_iter().collect(),
            unmerged: recorded.unmerged,
            filtered: recorded.filtered.kept,
            believed,
            index,
        })
    }

    /// The paths that the directory's own Git tracks now, or is to track.
    pub fn tracked_by_own(
        &self,
        root: &Path,
        attributes: &Oid,
        own: &OwnState<'_>,
    ) -> Result<BTreeSet<RepoPath>, GitError> {
        let _guard = self.guard()?;
        let bytes = OwnBytes::read(self, own)?;
        let found = own_index::read(self, root, attributes, (own, bytes.as_ref()))?;
        Ok(found.unwrap_or_default().entries.into_keys().collect())
    }

    /// The state of a tree in which nothing was touched since the index was written, or so little that
    /// it can be taken without Git, and of which the directory's own Git knows nothing new either. None
    /// where Git has to be asked.
    fn snapshot_in_process(&self, look: &TreeLook<'_>) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(known) = self.known_tree()? else {
            return Ok(None);
        };
        // What is believed to be missing on purpose is not there to be compared; and under other
        // rules, other files differ.
        if self.has_left_out() || self.has_other_rules() {
            return Ok(None);
        }
        let own = match &look.own {
            None => None,
            Some(own) => match OwnBytes::read(self, own)? {
                Some(bytes) if bytes.news == News::None => Some(bytes),
                _ => return Ok(None),
            },
        };
        let taken = self.take_in_process(&OwnLook {
            root: look.root,
            known: &known,
            attributes: look.attributes,
            files: look.limits.files,
            file_bytes: look.limits.file_bytes,
        })?;
        let Some(tree) = taken else {
            return Ok(None);
        };
        let changed = self.changed_paths(look.base, &tree)?;
        if let Some(bytes) = own {
            bytes.note(self)?;
        }
        Ok(Some(Snapshot {
            tree,
            changed,
            reports: Vec::new(),
            unmerged: Vec::new(),
            filtered: Vec::new(),
            believed: 0,
            index: None,
        }))
    }

    /// Lists and records; looks again where a file vanished or grew in between, since the agent may
    /// be at work.
    fn record_changes(
        &self,
        look: &TreeLook<'_>,
        onlooker: Option<Onlooker<'_>>,
    ) -> Result<Recorded, SnapshotError> {
        let mut attempt = 1;
        let mut untold = onlooker;
        loop {
            let found = self.find_changes(look)?;
            let chosen = (&found.sorted, &found.filtered.plain[..]);
            if let Some(onlooker) = untold.take()
                && let Some(text) = long_work(look.root, &found.sorted.update)
            {
                onlooker.say(&text);
            }
            match record::record(self, (look.root, look.attributes), chosen, onlooker) {
                Ok(()) => return Ok(found),
                Err(SnapshotError::Git(GitError::Failed { .. })) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn find_changes(&self, look: &TreeLook<'_>) -> Result<Recorded, SnapshotError> {
        let (root, attributes) = (look.root, look.attributes);
        let bytes = look
            .own
            .map(|own| OwnBytes::read(self, &own))
            .transpose()?
            .flatten();
        let read = || -> Result<Option<OwnIndex>, GitError> {
            match &look.own {
                Some(own) => own_index::read(self, root, attributes, (own, bytes.as_ref())),
                None => Ok(None),
            }
        };
        let has_news = bytes
            .as_ref()
            .is_none_or(|bytes| bytes.news == News::Perhaps);
        let own = if has_news { read()? } else { None };
        let sort_out = |attributes: Option<&Oid>| -> Result<_, SnapshotError> {
            let mut listed = listing::list(self, root, attributes)?;
            let former = own
                .as_ref()
                .map_or_else(Vec::new, |own| listed.former_submodules(own));
            if !former.is_empty() {
                record::remove(self, root, &former)?;
                listed = listing::list(self, root, attributes)?;
            }
            let suspects = Suspects::of(&listed, own.as_ref());
            let mut sorted =
                candidates::sort_out(root, (&listed, &suspects), own.as_ref(), look.limits)?;
            record::settle_forgotten(self, root, &mut sorted)?;
            Ok((listed, suspects, sorted))
        };
        let (listed, mut suspects, mut sorted) = sort_out(Some(attributes))?;
        let rules = RulesInForce::of(self, root, (&listed, &sorted));
        if rules == RulesInForce::Changed {
            self.note_other_rules()?;
            // Under other rules, other files differ.
            (_, suspects, sorted) = sort_out(None)?;
        }
        let mut filtered = settle(
            self,
            root,
            attributes,
            (&mut sorted, &suspects),
            (rules, &read),
        )?;
        let missing = record::settle_staged(self, &mut sorted)?;
        filtered.settle_missing(&missing, &mut sorted);
        sorted.believed += filtered.tracked.len();
        record::settle_specials(self, root, &mut sorted)?;
        let own = own.unwrap_or_default();
        let marked = own.marked();
        Ok(Recorded {
            sorted,
            filtered,
            unmerged: own.unmerged.into_iter().collect(),
            marked,
            staged: own.staged,
            bytes,
        })
    }
}

/// The files among these that a commit of their own Git would hold as they are tracked.
fn passed_over(
    marked: &BTreeMap<RepoPath, (TrackedAs, &'static str)>,
    changed: &[ChangedPath],
) -> Vec<TreeReport> {
    let differs = |change: &&ChangedPath, tracked: &TrackedAs| {
        let taken = change.new.as_ref();
        taken.is_none_or(|side| side.oid.as_str().as_bytes() != tracked.name())
    };
    let told = changed.iter().filter_map(|change| {
        let (tracked, mark) = marked.get(&change.path)?;
        differs(&change, tracked).then(|| TreeReport::Marked {
            path: change.path.clone(),
            mark,
        })
    });
    told.collect()
}

/// More files, or more bytes, than are stored in a moment.
const MANY_FILES: usize = 2_000;
const MANY_BYTES: u64 = 100 << 20;

/// The sentence for files whose storing takes long; nothing where it does not.
fn long_work(root: &Path, files: &[RepoPath]) -> Option<String> {
    let size =
        |path: &RepoPath| std::fs::symlink_metadata(path.beneath(root)).map_or(0, |m| m.len());
    let is_long = files.len() > MANY_FILES || files.iter().map(size).sum::<u64>() > MANY_BYTES;
    is_long.then(|| {
        let root = path_bytes(root.as_os_str().as_encoded_bytes());
        let files = counted(files.len() as u64, "changed file");
        format!("storing {files} of {root}, which may take a while")
    })
}

/// What was found and recorded of a tree.
struct Recorded {
    sorted: candidates::SortedOut,
    filtered: Filtered,
    unmerged: Vec<RepoPath>,
    marked: BTreeMap<RepoPath, (TrackedAs, &'static str)>,
    staged: StagedChanges,
    bytes: Option<OwnBytes>,
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
