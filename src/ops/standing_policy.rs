//! The policy of a checkout from which its file has gone: moved away, or left out by the commit at which
//! the checkout stands.
//!
//! A policy that goes without a word would allow what it denied a moment ago. So the file in HEAD counts
//! where the checkout has none. Where HEAD has none either, the branch counts on which one was in force
//! last, as it stands now, unless HEAD comes after that: then a commit took the policy away, which somebody
//! was asked about. A branch that is gone binds nobody any more, and neither does a commit that was written
//! anew.
//!
//! Commands that write remember the branch; those that look do not. Deliberately absent: older policies that
//! are there. A checkout that stands on an old commit has the policy of that commit.

use std::path::Path;

use crate::base::fs;
use crate::config::Trees;
use crate::domain::repo_path::RepoPath;
use crate::git::discover::{RepoLocation, discover};
use crate::git::repo::{is_valid_ref_name, loose_tip};
use crate::git::{Git, GitError, Head, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::policy_files::CommitTree;
use crate::ops::{policy_files, project};
use crate::policy::{self, BadFile, PolicyState};

/// The file in the state directory with the digest of the policy that was in force last, and the branch on
/// which it was.
pub(super) const MARK: &str = "policy-branch";
/// The file in the state directory with the digest of a policy, and the commit in HEAD that does not have it. As
/// long as both are what they were, which is until somebody commits, nobody has to look again.
const UNCOMMITTED: &str = "policy-uncommitted";

/// The policy that is in force in the checkout at `root`.
pub fn in_force(root: &Path, trees: &Trees) -> PolicyState {
    if !is_gone(root) {
        let (at, trees_there) = (root.to_owned(), trees.clone());
        let beneath = move || committed(&at, &trees_there);
        return policy_files::of_checkout(root, trees).beside_committed(beneath);
    }
    match of_stand_in(root, trees) {
        Ok(Some(state)) => state,
        Ok(None) => policy_files::of_checkout(root, trees),
        Err(why) => policy_files::unreadable(&BadFile::of_read_error(
            &format!("it is not in the checkout, and the commit that had it cannot be read: {why}"),
            policy::FILE,
        )),
    }
}

/// The policy that was committed last: that of HEAD, or where HEAD has none, of the branch on which one was in
/// force, since a file that nobody has committed takes the place of neither. One that cannot be looked at
/// denies: nobody knows what it says.
fn committed(root: &Path, trees: &Trees) -> Option<PolicyState> {
    of_stand_in(root, trees).unwrap_or_else(|why| {
        Some(policy_files::unreadable(&BadFile::of_read_error(
            &format!("the commit that has it cannot be read: {why}"),
            policy::FILE,
        )))
    })
}

/// The policy of the commit that stands in for a checkout's; where there is none, the bounds that HEAD has in files
/// of agents.
fn of_stand_in(root: &Path, trees: &Trees) -> Result<Option<PolicyState>, OpError> {
    let Some(opened) = OpenedRepo::around(root)? else {
        return Ok(None);
    };
    let found = match opened.stand_in()? {
        Some(found) => Some(found),
        None => opened.head_with_agents()?,
    };
    let read = |found: StandIn| {
        let tree = CommitTree::at(&found.name, &opened.repo, &found.commit);
        policy_files::all_of_commit(root, trees, &tree)
    };
    found.map(read).transpose()
}

/// The commit whose policy is in force in the checkout at `root`, which has none; nothing where the
/// checkout's own counts, or none.
pub fn commit_in_force(root: &Path) -> Option<Oid> {
    if !is_gone(root) {
        return None;
    }
    let opened = OpenedRepo::around(root).ok().flatten()?;
    opened.stand_in().ok().flatten().map(|found| found.commit)
}

/// Remembers the branch of the main checkout, where the policy in force is that of its commit.
pub fn remember(root: &Path, location: &RepoLocation, state: &PolicyState) {
    let files = state.files_of_project();
    if files.is_empty() {
        return;
    }
    let state_dir = project::state_dir(&location.common_dir);
    // A clone that was not set up yet has no directory of `ai`, and must not get one by the way.
    if !project::has_store(&state_dir) {
        return;
    }
    let head = fs::read_capped(&location.common_dir.join("HEAD"), 1 << 10).unwrap_or_default();
    let Some(branch) = branch_in(&head) else {
        return;
    };
    let digest = state.digest(None);
    let mark = state_dir.join(MARK);
    let line = format!("{digest} {branch}\n");
    if is_in(&mark, &line) {
        return;
    }
    let note = state_dir.join(UNCOMMITTED);
    // A linked worktree has a HEAD of its own, and is not the checkout that is looked at.
    let tip = || (!location.is_linked).then(|| loose_tip(&location.common_dir, branch))?;
    let seen = tip();
    let missed = seen.as_ref().map(|commit| format!("{digest} {commit}\n"));
    if missed.as_ref().is_some_and(|line| is_in(&note, line)) {
        return;
    }
    // Whoever cannot write here is remembered for by the next one who can; what cannot be looked at, somebody
    // else may be able to.
    let Ok(around) = discover(root) else {
        return;
    };
    let _ = match (policy_files::head_with(&around, &files), missed) {
        (Ok(Some(_)), _) => fs::write_atomic(&mark, line.as_bytes()),
        (Ok(None), Some(line)) if tip() == seen => fs::write_atomic(&note, line.as_bytes()),
        _ => Ok(()),
    };
}

/// True where a file of the state directory says exactly this.
fn is_in(file: &Path, line: &str) -> bool {
    fs::read_capped(file, 1 << 10).is_ok_and(|known| known == line.as_bytes())
}

/// The branch that the file `HEAD` names.
fn branch_in(head: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(head).ok()?.strip_prefix("ref: ")?;
    Some(name.trim_end()).filter(|name| is_valid_ref_name(name))
}

/// True where the checkout has no policy file, and no link to one.
fn is_gone(root: &Path) -> bool {
    let file = root.join(policy::FILE);
    fs::is_missing(&file) && !fs::leads_nowhere(&file)
}

/// The repository around a checkout, opened once for all that is asked of it.
struct OpenedRepo {
    location: RepoLocation,
    repo: Repo,
    head: Option<Oid>,
}

/// A commit whose policy counts, and the name by which somebody finds it.
struct StandIn {
    name: String,
    commit: Oid,
}

impl OpenedRepo {
    /// The repository around the checkout at `root`; nothing where there is none.
    fn around(root: &Path) -> Result<Option<Self>, OpError> {
        let Ok(location) = discover(root) else {
            return Ok(None);
        };
        let repo = Repo::open(&location, Git::system()?)?;
        let head = Head::commit(&repo.head_of(&location.git_dir)?).cloned();
        Ok(Some(Self {
            location,
            repo,
            head,
        }))
    }

    fn at_head(&self) -> Option<StandIn> {
        let name = "HEAD".to_owned();
        let commit = self.head.clone()?;
        Some(StandIn { name, commit })
    }

    /// HEAD, where it has files of agents.
    fn head_with_agents(&self) -> Result<Option<StandIn>, OpError> {
        Ok(match self.at_head() {
            Some(head) if policy_files::has_agents(&self.repo, &head.commit)? => Some(head),
            _ => None,
        })
    }

    /// The commit whose policy counts for a checkout that has none.
    fn stand_in(&self) -> Result<Option<StandIn>, OpError> {
        if let Some(head) = self.at_head()
            && has_policy(&self.repo, &head.commit)?
        {
            return Ok(Some(head));
        }
        let Some(name) = remembered(&self.location) else {
            return Ok(None);
        };
        let Some(commit) = self.repo.find_ref(&name)? else {
            return Ok(None);
        };
        // Where HEAD comes after it, a commit has taken the policy away.
        let is_behind = match &self.head {
            Some(head) => self.repo.is_ancestor(&commit, head)?,
            None => false,
        };
        if is_behind || !has_policy(&self.repo, &commit)? {
            return Ok(None);
        }
        Ok(Some(StandIn { name, commit }))
    }
}

fn has_policy(repo: &Repo, commit: &Oid) -> Result<bool, GitError> {
    let file = RepoPath::new(policy::FILE);
    Ok(repo.read_blob(commit, &file)?.is_some())
}

fn remembered(location: &RepoLocation) -> Option<String> {
    let mark = project::state_dir(&location.common_dir).join(MARK);
    let text = String::from_utf8(fs::read_capped(&mark, 1 << 10).ok()?).ok()?;
    let (_, branch) = text.trim_end().split_once(' ')?;
    is_valid_ref_name(branch).then(|| branch.to_owned())
}
