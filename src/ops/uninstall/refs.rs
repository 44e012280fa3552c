//! The branches and refs that `ai` made: found by their exact form, bundled, and removed one by one
//! if they still are what was bundled.

use std::path::Path;

use crate::base::fs;
use crate::domain::ids::{RunId, TaskId};
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;

/// Branches `ai/<task>/<epoch>` and everything below `refs/ai/`. A branch of a person that only
/// begins like that is not ours.
pub fn ours(repo: &Repo) -> Result<Vec<(String, Oid)>, OpError> {
    let mut found = repo.list_refs("refs/heads/ai/")?;
    found.retain(|(name, _)| {
        name.strip_prefix("refs/heads/ai/")
            .is_some_and(is_run_branch)
    });
    found.extend(repo.list_refs("refs/ai/")?);
    Ok(found)
}

/// True for `<task>/<epoch>`, as `ai` names what belongs to a run.
pub fn is_run_branch(rest: &str) -> bool {
    let Some((task, epoch)) = rest.split_once('/') else {
        return false;
    };
    let id = task.strip_prefix("t-").unwrap_or_default();
    let run = RunId(format!("{task}.{epoch}"));
    let plain = !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    plain && run.epoch() > 0 && run == TaskId(task.to_owned()).run(run.epoch())
}

/// Writes a bundle of these refs to a file that must not exist.
pub(super) fn bundle(repo: &Repo, refs: &[(String, Oid)], file: &Path) -> Result<(), OpError> {
    if std::fs::symlink_metadata(file).is_ok() {
        return Err(Refusal::Conflict {
            why: format!("{} exists already", file.display()),
            hint: "name a new file for the bundle".into(),
        }
        .into());
    }
    let names: String = refs.iter().map(|(name, _)| format!("{name}\n")).collect();
    let command = repo
        .git()
        .command(["bundle", "create", "--quiet"])
        .arg(file)
        .arg("--stdin")
        .input(names);
    command.git_dir(repo.common_dir()).run()?;
    let verify = repo
        .git()
        .command(["bundle", "verify", "--quiet"])
        .arg(file)
        .git_dir(repo.common_dir());
    verify.run()?;
    Ok(())
}

/// Removes these refs where they still are what they were; says which were left, and why.
pub(super) fn remove(
    repo: &Repo,
    refs: &[(String, Oid)],
) -> Result<Vec<(String, String)>, OpError> {
    let mut left = Vec::new();
    for (name, oid) in refs {
        if is_checked_out(repo, name)? {
            left.push((name.clone(), "it is checked out".to_owned()));
        } else if let Err(error) = repo.delete_ref(name, oid, "ai: uninstall") {
            left.push((name.clone(), error.to_string()));
        }
    }
    Ok(left)
}

/// True for a branch that some worktree stands on.
pub fn is_checked_out(repo: &Repo, name: &str) -> Result<bool, OpError> {
    if !name.starts_with("refs/heads/") {
        return Ok(false);
    }
    let mut git_dirs = fs::list_dir(&repo.common_dir().join("worktrees"))?;
    git_dirs.push(repo.common_dir().to_owned());
    Ok(git_dirs.iter().any(|dir| {
        repo.head_of(dir)
            .is_ok_and(|head| head.branch() == Some(name))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_branches_of_runs_are_ours() {
        for ours in ["t-7k3fq2mx/1", "t-a/12"] {
            assert!(is_run_branch(ours), "{ours}");
        }
        for theirs in [
            "feature",
            "t-7k3fq2mx",
            "t-7k3fq2mx/x",
            "t-7k3fq2mx/0",
            "t-7k3fq2mx/01",
            "t-/1",
            "T-a/1",
            "t-a/1/b",
        ] {
            assert!(!is_run_branch(theirs), "{theirs}");
        }
    }
}
