//! Writing the chosen paths into the shadow's index and the object store.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::onlooker::Onlooker;
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitOutput, NulFields};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::candidates::SortedOut;
use crate::git::snapshot::{SnapshotError, TreeReport};

/// As many files are stored before somebody who waits is asked whether to go on.
const BATCH: usize = 1_000;

/// Brings the index in line; nothing runs where nothing changed. `plain` are the paths that are
/// hashed with the attributes of the tree itself.
pub(super) fn record(
    shadow: &ShadowRepo,
    (root, attributes): (&Path, &Oid),
    (sorted, plain): (&SortedOut, &[RepoPath]),
    onlooker: Option<Onlooker<'_>>,
) -> Result<(), SnapshotError> {
    let is_quiet = [&sorted.update, &sorted.drop, &sorted.left_out]
        .into_iter()
        .all(Vec::is_empty);
    if is_quiet && plain.is_empty() && sorted.stage.is_empty() {
        return Ok(());
    }
    shadow.forget()?;
    // First the ones that go: a link or pipe in their place must not be looked through.
    if !sorted.drop.is_empty() || !sorted.stage.is_empty() {
        shadow
            .in_tree(
                root,
                attributes,
                ["update-index", "-z", "--replace", "--index-info"],
            )?
            .input(index_info(shadow, sorted))
            .run()?;
    }
    if !sorted.left_out.is_empty() {
        shadow.leave_out_of_disk(root, nul_list(&sorted.left_out))?;
    }
    let args = [
        "update-index",
        "-z",
        "--add",
        "--remove",
        "--replace",
        "--stdin",
    ];
    in_batches(&sorted.update, onlooker, |paths| {
        shadow
            .in_tree(root, attributes, args)?
            .input(nul_list(paths))
            .run()
    })?;
    in_batches(plain, onlooker, |paths| {
        shadow
            .in_tree_as_it_is(root, args)
            .input(nul_list(paths))
            .run()
    })
}

/// Stores the files at once where nobody waits, else in batches, as long as somebody does. What is
/// stored when it ends is found again by the next look.
fn in_batches(
    paths: &[RepoPath],
    onlooker: Option<Onlooker<'_>>,
    store: impl Fn(&[RepoPath]) -> Result<GitOutput, GitError>,
) -> Result<(), SnapshotError> {
    let size = onlooker.map_or(paths.len(), |_| BATCH);
    for batch in paths.chunks(size.max(1)) {
        onlooker.map_or(Ok(()), |onlooker| onlooker.check())?;
        store(batch)?;
    }
    Ok(())
}

/// Takes paths out of the index without looking at the disk.
pub(super) fn remove(shadow: &ShadowRepo, root: &Path, paths: &[RepoPath]) -> Result<(), GitError> {
    shadow.forget()?;
    shadow
        .in_tree_as_it_is(root, ["update-index", "-z", "--force-remove", "--stdin"])
        .input(nul_list(paths))
        .run()
        .map(drop)
}

/// Mode 0 removes an entry.
fn index_info(shadow: &ShadowRepo, sorted: &SortedOut) -> Vec<u8> {
    let nothing = format!("0 {}\t", shadow.format().zero());
    let mut lines = Vec::new();
    for path in &sorted.drop {
        lines.extend_from_slice(nothing.as_bytes());
        lines.extend_from_slice(path.as_bytes());
        lines.push(0);
    }
    for (path, tracked) in &sorted.stage {
        lines.extend_from_slice(tracked.as_bytes());
        lines.push(b'\t');
        lines.extend_from_slice(path.as_bytes());
        lines.push(0);
    }
    lines
}

/// Decides about what is there and not tracked any more: what no rule of the tree ignores is taken
/// like any other file, the rest goes.
pub(super) fn settle_forgotten(
    shadow: &ShadowRepo,
    root: &Path,
    sorted: &mut SortedOut,
) -> Result<(), GitError> {
    let ignored = ignored_among(shadow, root, &sorted.forgotten)?;
    for path in std::mem::take(&mut sorted.forgotten) {
        if ignored.contains(&path) {
            sorted.drop.push(path);
        } else {
            sorted.update.push(path);
        }
    }
    Ok(())
}

/// Tells of what stands in directories that hold nothing else, unless a rule of the tree ignores it: Git
/// passes over such directories.
pub(super) fn settle_specials(
    shadow: &ShadowRepo,
    root: &Path,
    sorted: &mut SortedOut,
) -> Result<(), GitError> {
    let paths: Vec<RepoPath> = sorted.specials.keys().cloned().collect();
    let ignored = ignored_among(shadow, root, &paths)?;
    for (path, kind) in std::mem::take(&mut sorted.specials) {
        if !ignored.contains(&path) {
            sorted.reports.insert(TreeReport::Special { path, kind });
        }
    }
    Ok(())
}

/// The paths among these that a rule of the tree ignores.
fn ignored_among(
    shadow: &ShadowRepo,
    root: &Path,
    paths: &[RepoPath],
) -> Result<BTreeSet<RepoPath>, GitError> {
    if paths.is_empty() {
        return Ok(BTreeSet::new());
    }
    let args = ["check-ignore", "-z", "--no-index", "--stdin"];
    let out = shadow
        .in_tree_as_it_is(root, args)
        .env("GIT_LITERAL_PATHSPECS", "0")
        .input(nul_list(paths))
        .run_any()?;
    // Exit code 1 says that none is ignored.
    if out.code > 1 {
        return Err(out.failure());
    }
    Ok(NulFields::of(&out).map(RepoPath::new).collect())
}

/// Takes back what would be put into the index although its object is not here: an agent can name
/// objects that only its own store has. Returns those paths.
pub(super) fn settle_staged(
    shadow: &ShadowRepo,
    sorted: &mut SortedOut,
) -> Result<Vec<RepoPath>, GitError> {
    let replaced: BTreeSet<&RepoPath> = sorted.update.iter().collect();
    let asked: Vec<RepoPath> = sorted
        .stage
        .iter()
        .filter(|(path, tracked)| !tracked.is_gitlink() && !replaced.contains(path))
        .map(|(path, _)| path.clone())
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for tracked in asked.iter().filter_map(|path| sorted.stage.get(path)) {
        names.extend_from_slice(tracked.name());
        names.push(b'\n');
    }
    let out = shadow
        .objects(["cat-file", "--batch-check=%(objecttype)"])
        .input(names)
        .run()?;
    let mut missing = Vec::new();
    for (path, kind) in asked.iter().zip(out.stdout.split(|byte| *byte == b'\n')) {
        if kind != b"blob" {
            sorted.stage.remove(path);
            missing.push(path.clone());
        }
    }
    Ok(missing)
}

/// Paths as Git reads them with `-z --stdin`.
pub(super) fn nul_list(paths: &[RepoPath]) -> Vec<u8> {
    let mut list = Vec::new();
    for path in paths {
        list.extend_from_slice(path.as_bytes());
        list.push(0);
    }
    list
}
