//! Filters and line ends: which attributes apply to what is to be hashed, and what is not to be
//! hashed at all.
//!
//! A filter is a program, so only those of the user's own configuration run, and only where the
//! trusted attributes ask for them. A file for which another filter is set (git-crypt and LFS
//! configure theirs in the repository) would land as it stands on the disk, in clear: it keeps what
//! is tracked of it where its own Git holds the file for unchanged, and is left behind otherwise.
//! Attributes that are data count as the tree has them now, as in a commit of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitCommand, NulFields};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;
use crate::git::snapshot::candidates::SortedOut;
use crate::git::snapshot::listing::{ListedPaths, Suspects};
use crate::git::snapshot::own_index::OwnIndex;
use crate::git::snapshot::record::nul_list;

/// Larger rule files are taken to speak of filters.
const RULES_CAP: u64 = 1 << 20;

/// The rules in a tree, as far as they matter for what is to be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RulesInForce {
    /// The rules of the trusted tree, and nothing in them speaks of filters.
    Trusted,
    /// The rules of the trusted tree, with filters.
    Filtered,
    /// Somebody who is not trusted has changed them.
    Changed,
}

/// A file whose content goes through a filter that is not run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilteredFile {
    /// The file.
    pub path: RepoPath,
    /// The filter.
    pub filter: String,
}

/// The files that are to be hashed, by the attributes that apply, and those that are kept as they
/// are tracked.
#[derive(Debug, Default)]
pub(super) struct Filtered {
    /// Paths to be hashed with the attributes of the tree itself, and without any filter.
    pub(super) plain: Vec<RepoPath>,
    /// Files that are as they were tracked, under other rules perhaps than those that hold now.
    pub(super) tracked: Vec<RepoPath>,
    /// Files that stand on the disk in another form than they are tracked.
    pub(super) kept: Vec<FilteredFile>,
}

impl RulesInForce {
    /// Looks at rule files only; no process is started.
    pub(super) fn of(
        shadow: &ShadowRepo,
        root: &Path,
        (listed, sorted): (&ListedPaths, &SortedOut),
    ) -> RulesInForce {
        let to_be_changed = [&sorted.update, &sorted.drop, &sorted.forgotten];
        let changed = shadow.has_other_rules()
            || to_be_changed
                .into_iter()
                .flatten()
                .any(RepoPath::is_rule_file)
            || sorted.stage.keys().any(RepoPath::is_rule_file);
        if changed {
            // Git would wait at a pipe of this name.
            let is_trap = sorted.reports.iter().any(
                |report| matches!(report, TreeReport::Special { path, .. } if path.is_rule_file()),
            );
            return if is_trap {
                RulesInForce::Filtered
            } else {
                RulesInForce::Changed
            };
        }
        let speaks = listed
            .all_paths()
            .filter(|path| path.is_rule_file())
            .map(|path| path.beneath(root))
            .chain([shadow.dir().join("info/attributes")])
            .chain(shadow.users_attributes())
            .any(|file| speaks_of_filters(&file, root));
        if speaks {
            RulesInForce::Filtered
        } else {
            RulesInForce::Trusted
        }
    }
}

fn speaks_of_filters(file: &PathBuf, root: &Path) -> bool {
    match std::fs::symlink_metadata(file) {
        Ok(meta) if meta.is_file() => {}
        // A rule file that is left out of the disk still holds.
        Err(_) => return file.starts_with(root),
        Ok(meta) if meta.is_symlink() => {}
        Ok(_) => return true,
    }
    fs::read_capped(file, RULES_CAP)
        .map_or(true, |text| text.windows(6).any(|word| word == b"filter"))
}

/// Takes out of `sorted` what must not be hashed as it stands on the disk.
pub(super) fn settle(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    (sorted, suspects): (&mut SortedOut, &Suspects),
    (rules, own): (
        RulesInForce,
        &dyn Fn() -> Result<Option<OwnIndex>, GitError>,
    ),
) -> Result<Filtered, GitError> {
    let mut found = Filtered::default();
    if rules == RulesInForce::Trusted || sorted.update.is_empty() {
        return Ok(found);
    }
    let is_file = |path: &&RepoPath| {
        std::fs::symlink_metadata(path.beneath(root)).is_ok_and(|meta| meta.is_file())
    };
    let files: Vec<RepoPath> = sorted.update.iter().filter(is_file).cloned().collect();
    let args = ["check-attr", "-z", "--stdin", "filter"];
    let trusted = set_filters(shadow.in_tree(root, attributes, args)?, &files)?;
    let by_the_tree = if rules == RulesInForce::Changed {
        set_filters(shadow.in_tree_as_it_is(root, args), &files)?
    } else {
        BTreeMap::new()
    };
    let drivers = if trusted.is_empty() && by_the_tree.is_empty() {
        shadow.no_drivers()
    } else {
        shadow.filter_drivers()?
    };
    let mut untouched = BTreeSet::new();
    let mut own_index = None;
    for path in files {
        let is_agreed = |filter: &&String| {
            rules != RulesInForce::Changed || by_the_tree.get(&path) == Some(*filter)
        };
        let runs = trusted
            .get(&path)
            .filter(|filter| drivers.users.contains(*filter))
            .filter(is_agreed);
        let other = by_the_tree
            .get(&path)
            .or(trusted.get(&path))
            .filter(|filter| drivers.is_known(filter));
        if runs.is_some() || (other.is_none() && rules != RulesInForce::Changed) {
            continue;
        }
        if own_index.is_none() {
            own_index = Some(own()?.unwrap_or_default());
        }
        let entry = own_index.as_ref().and_then(|own| own.entries.get(&path));
        let meta = std::fs::symlink_metadata(path.beneath(root));
        let is_unchanged = entry.is_some_and(|entry| {
            // Without a filter a change of the mode alone can be taken.
            let is_same = |meta: std::fs::Metadata| {
                entry.knows(&meta) && (other.is_some() || entry.has_mode_of(&meta))
            };
            entry.tracked.is_some() && meta.is_ok_and(is_same)
        });
        if other.is_none() && !is_unchanged {
            found.plain.push(path);
            continue;
        }
        untouched.insert(path.clone());
        if let Some(suspect) = suspects.paths.get(&path) {
            sorted.keep(&path, suspect);
        }
        match other.cloned() {
            Some(filter) if is_unchanged => found.kept.push(FilteredFile { path, filter }),
            Some(filter) => _ = sorted.reports.insert(TreeReport::Filtered { path, filter }),
            // What it was tracked as was decided under the rules of that moment.
            None => found.tracked.push(path),
        }
    }
    let plain: BTreeSet<&RepoPath> = found.plain.iter().collect();
    sorted
        .update
        .retain(|path| !untouched.contains(path) && !plain.contains(path));
    sorted.drop.retain(|path| !untouched.contains(path));
    Ok(found)
}

impl Filtered {
    /// Finds another way for files of which what is tracked is not here: those behind a filter are
    /// left behind, others are hashed after all.
    pub(super) fn settle_missing(&mut self, missing: &[RepoPath], sorted: &mut SortedOut) {
        let is_missing = |path: &RepoPath| missing.contains(path);
        for file in self.kept.extract_if(.., |file| is_missing(&file.path)) {
            let FilteredFile { path, filter } = file;
            sorted.reports.insert(TreeReport::Filtered { path, filter });
        }
        self.plain
            .extend(self.tracked.extract_if(.., |path| is_missing(path)));
        for path in missing {
            let is_told = sorted
                .reports
                .iter()
                .any(|report| report.path() == Some(path));
            if !is_told && !self.plain.contains(path) {
                sorted
                    .reports
                    .insert(TreeReport::Staged { path: path.clone() });
            }
        }
    }
}

/// The filters that are set for these paths.
fn set_filters(
    command: GitCommand,
    paths: &[RepoPath],
) -> Result<BTreeMap<RepoPath, String>, GitError> {
    let out = command.input(nul_list(paths)).run()?;
    let mut fields = NulFields::of(&out);
    let mut found = BTreeMap::new();
    while let Some(path) = fields.next() {
        let (_, value) = (fields.expect("an attribute")?, fields.expect("a value")?);
        if !matches!(value, b"unspecified" | b"unset" | b"set") {
            found.insert(
                RepoPath::new(path),
                String::from_utf8_lossy(value).into_owned(),
            );
        }
    }
    Ok(found)
}
