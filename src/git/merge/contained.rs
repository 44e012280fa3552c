//! Finds out whether a branch holds a commit's change already, however it got there.
//!
//! Only what is shown counts: a comparison that cannot be made (binary files, too large a patch)
//! says [`Containment::No`].

use std::collections::BTreeMap;
use std::path::Path;

use crate::git::merge::MergeError;
use crate::git::merge::prepare::merged_tree;
use crate::git::oid::Oid;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;

/// Most paths by which the history of the target is narrowed; beyond, it is compared whole.
const PATHS: usize = 1_000;

/// The way in which a branch contains a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containment {
    /// The commit is in its history.
    Ancestor,
    /// Each of its commits is there under another name: rebased or cherry-picked.
    PatchEquivalent,
    /// Merging it would change nothing: squashed, or done again by somebody.
    Absorbed,
    /// One commit of the branch makes the same change as all of its commits together: squashed, and
    /// worked on since.
    Squashed,
    /// The work is not there.
    No,
}

impl Containment {
    /// Tells the way, as the end of `merged into main: …`; nothing where it did not.
    pub fn how(self) -> Option<&'static str> {
        Some(match self {
            Self::Ancestor => "its commit is in the history",
            Self::PatchEquivalent => "each of its commits is there under another name",
            Self::Absorbed => "merging it would change nothing",
            Self::Squashed => "one commit there makes the same change",
            Self::No => return None,
        })
    }
}

/// Looks whether `target` holds what `commit` brings.
pub fn containment(
    repo: &Repo,
    shadow: &ShadowRepo,
    target: &Oid,
    commit: &Oid,
) -> Result<Containment, MergeError> {
    if repo.is_ancestor(commit, target)? {
        return Ok(Containment::Ancestor);
    }
    let Some(base) = repo.merge_base(target, commit)? else {
        return Ok(Containment::No);
    };
    if is_cherry_picked(shadow, target, commit)? {
        return Ok(Containment::PatchEquivalent);
    }
    match merged_tree(shadow, target, commit) {
        Ok(tree) if tree == repo.tree_of(target)? => return Ok(Containment::Absorbed),
        Ok(_) | Err(MergeError::Conflicts { .. }) => {}
        Err(e) => return Err(e),
    }
    if is_squashed(shadow, &base, target, commit)? {
        Ok(Containment::Squashed)
    } else {
        Ok(Containment::No)
    }
}

/// True where each commit is there under another name. A merge commit among them may hold work of
/// its own, which no patch shows.
fn is_cherry_picked(shadow: &ShadowRepo, target: &Oid, commit: &Oid) -> Result<bool, MergeError> {
    let merges = shadow
        .objects(["rev-list", "--min-parents=2", "--max-count=1"])
        .arg(format!("{target}..{commit}"));
    if !merges.run()?.stdout.is_empty() {
        return Ok(false);
    }
    let out = shadow.objects(["cherry"]).arg(target).arg(commit).run()?;
    let mut signs = out
        .stdout
        .split(|b| *b == b'\n')
        .filter_map(|line| line.first().copied())
        .peekable();
    Ok(signs.peek().is_some() && signs.all(|sign| sign == b'-'))
}

const PATCH: [&str; 7] = [
    "-p",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--full-index",
    "--ignore-submodules=none",
];

/// True where a commit of the target since the base makes, on the paths that the work changes, the
/// very change that the work makes.
fn is_squashed(
    shadow: &ShadowRepo,
    base: &Oid,
    target: &Oid,
    commit: &Oid,
) -> Result<bool, MergeError> {
    let patch = shadow
        .objects(["diff-tree"])
        .args(PATCH)
        .arg(base)
        .arg(commit)
        .run()?
        .stdout;
    // Patch ids of some versions of Git do not tell one binary file from another.
    let is_binary = patch
        .split(|b| *b == b'\n')
        .any(|line| line.starts_with(b"Binary files "));
    if patch.is_empty() || is_binary {
        return Ok(false);
    }
    let ours = patch_ids(shadow, patch)?;
    let [ours] = ours.keys().collect::<Vec<_>>()[..] else {
        return Ok(false);
    };
    let changed = shadow.changed_paths(base, commit)?;
    let mut log = shadow
        .objects(["log", "--no-merges", "--format=commit %H"])
        .args(PATCH);
    log = log
        .env("GIT_LITERAL_PATHSPECS", "1")
        .arg(format!("{base}..{target}"));
    if changed.len() <= PATHS {
        log = log.arg("--").args(
            changed
                .iter()
                .map(|change| change.path.beneath(Path::new(""))),
        );
    }
    Ok(patch_ids(shadow, log.run()?.stdout)?.contains_key(ours))
}

/// The ids of the patches in a stream, with their commits where they have some.
fn patch_ids(
    shadow: &ShadowRepo,
    patches: Vec<u8>,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, MergeError> {
    let out = shadow
        .objects(["patch-id", "--stable"])
        .input(patches)
        .run()?;
    let pair = |line: &[u8]| {
        let mut words = line.split(|b| *b == b' ').map(<[u8]>::to_vec);
        Some((words.next().filter(|id| !id.is_empty())?, words.next()?))
    };
    Ok(out.stdout.split(|b| *b == b'\n').filter_map(pair).collect())
}
