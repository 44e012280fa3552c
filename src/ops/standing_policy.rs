//! The policy of a checkout from which its file has gone: moved away, or left out by the commit at which
//! the checkout stands.
//!
//! A policy that goes without a word would allow what it denied a moment ago. So the file in HEAD counts
//! where the checkout has none. Where HEAD has none either, the last commit counts of which the state
//! directory remembers that its policy was in force, unless HEAD comes after it: then a commit took the
//! policy away, which somebody was asked about.
//!
//! Commands that write remember; those that look do not. Deliberately absent: older policies that are
//! there. A checkout that stands on an old commit has the policy of that commit.

use std::path::Path;

use crate::base::fs;
use crate::config::Trees;
use crate::domain::repo_path::RepoPath;
use crate::git::discover::{RepoLocation, discover};
use crate::git::{Git, GitError, Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::{policy_files, project};
use crate::policy::{self, BadFile, PolicyState};

/// The file in the state directory with the last commit whose policy was in force, behind the digest of
/// that policy.
const MARK: &str = "policy-commit";

/// The policy that is in force in the checkout at `root`.
pub fn in_force(root: &Path, trees: &Trees) -> PolicyState {
    if !is_gone(root) {
        return policy_files::of_checkout(root, trees);
    }
    let standing = stand_in(root).and_then(|found| match found {
        Some((repo, commit)) => policy_files::of_commit(root, trees, (&repo, &commit)),
        None => Ok(None),
    });
    match standing {
        Ok(Some(state)) => state,
        Ok(None) => policy_files::of_checkout(root, trees),
        Err(why) => policy_files::unreadable(&BadFile::of_read_error(
            &format!("it is not in the checkout, and the commit that had it cannot be read: {why}"),
            policy::FILE,
        )),
    }
}

/// The commit whose policy is in force in the checkout at `root`, which has none; nothing where the
/// checkout's own counts, or none.
pub fn commit_in_force(root: &Path) -> Option<Oid> {
    if !is_gone(root) {
        return None;
    }
    stand_in(root).ok().flatten().map(|(_, commit)| commit)
}

/// Remembers the commit at which the checkout stands, where the policy in force is that commit's.
pub fn remember(root: &Path, location: &RepoLocation, state: &PolicyState) {
    let files = state.files_of_project();
    if files.is_empty() {
        return;
    }
    let state_dir = project::state_dir(&location.common_dir);
    // A clone that was not set up yet has no directory of `ai`, and must not get one by the way.
    if !state_dir.join(project::STORE_FILE).exists() {
        return;
    }
    let mark = state_dir.join(MARK);
    let digest = state.digest(None);
    let known = fs::read_capped(&mark, 1 << 10).unwrap_or_default();
    if known.starts_with(digest.as_bytes()) {
        return;
    }
    if let Some(commit) = policy_files::commit_with(root, &files) {
        // Whoever cannot write here is remembered for by the next one who can.
        let _ = fs::write_atomic(&mark, format!("{digest} {commit}\n").as_bytes());
    }
}

/// True where the checkout has no policy file, and no link to one.
fn is_gone(root: &Path) -> bool {
    let file = root.join(policy::FILE);
    fs::is_missing(&file) && !fs::leads_nowhere(&file)
}

/// The commit whose policy counts for a checkout that has none.
fn stand_in(root: &Path) -> Result<Option<(Repo, Oid)>, OpError> {
    let Ok(location) = discover(root) else {
        return Ok(None);
    };
    let repo = Repo::open(&location, Git::system()?)?;
    let head = Head::commit(&repo.head_of(&location.git_dir)?).cloned();
    if let Some(head) = &head
        && has_policy(&repo, head)?
    {
        return Ok(Some((repo, head.clone())));
    }
    let Some(commit) = remembered(&location) else {
        return Ok(None);
    };
    // Where HEAD comes after that commit, a commit has taken the policy away.
    if let Some(head) = &head
        && repo.has_object(&commit)?
        && repo.is_ancestor(&commit, head)?
    {
        return Ok(None);
    }
    Ok(Some((repo, commit)))
}

fn has_policy(repo: &Repo, commit: &Oid) -> Result<bool, GitError> {
    let file = RepoPath::new(policy::FILE);
    Ok(repo.read_blob(commit, &file)?.is_some())
}

fn remembered(location: &RepoLocation) -> Option<Oid> {
    let mark = project::state_dir(&location.common_dir).join(MARK);
    let text = String::from_utf8(fs::read_capped(&mark, 1 << 10).ok()?).ok()?;
    let (_, commit) = text.trim_end().split_once(' ')?;
    Oid::parse(commit).ok()
}
