//! References that an agent may have moved although they are not its own, and putting them back.
//!
//! Nothing but a sandbox keeps a process from moving a reference, and Git does not say who did. What
//! it does say is where: a commit, a switch or a merge in another checkout stands in the log of that
//! checkout's HEAD, a landing and a fetch in the log of the branch. What has no such trace was moved
//! by a process that stood nowhere else. New branches are no harm, and agents like to make them; a
//! new tag or stash is the agent's where it is made of its own commits or names its branch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::merge::{ACCEPT_LOG, UNDO_LOG};
use crate::git::oid::Oid;
use crate::git::repo::{ExpectedRef, RefError, Repo};

/// References that move all the time, by `ai` itself, by a fetch in the background, or that belong
/// to one worktree alone.
const RESTLESS: [&str; 7] = [
    "refs/heads/ai/",
    "refs/ai/",
    "refs/remotes/",
    "refs/prefetch/",
    "refs/bisect/",
    "refs/worktree/",
    "refs/rewritten/",
];
const STASH: &str = "refs/stash";
/// The most stashes of one run that are taken away again.
const MAX_STASHES: usize = 100;
/// Longest log that is looked at.
const CAP: u64 = 64 << 20;

/// Where all references stood, and how long the logs of HEAD were.
#[derive(Debug)]
pub struct RefsBefore {
    refs: BTreeMap<String, Oid>,
    logs: BTreeMap<PathBuf, usize>,
}

/// A reference that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefMove {
    /// Its full name.
    pub name: String,
    was: Option<Oid>,
    now: Option<Oid>,
}

/// The worktree of a run, by which its moves are told from those of others.
#[derive(Debug)]
pub struct MoverPlace<'a> {
    /// The worktree.
    pub worktree: &'a Path,
    /// The short name of the run's branch.
    pub branch: &'a str,
    /// The commit that the work started from.
    pub base: Option<&'a Oid>,
    /// The newest commit of the agent.
    pub tip: Option<&'a Oid>,
}

impl RefsBefore {
    pub(super) fn look(repo: &Repo) -> Result<RefsBefore, GitError> {
        let logs = logs_of_heads(repo, None).into_iter();
        Ok(RefsBefore {
            refs: refs(repo)?,
            logs: logs.map(|log| (log.clone(), read(&log).len())).collect(),
        })
    }

    /// True where a checkout other than `worktree` was brought to this commit since then, or where Git
    /// keeps no log that could tell.
    fn is_of_others(&self, repo: &Repo, commit: &Oid, worktree: &Path) -> bool {
        if fs::is_missing(&repo.common_dir().join("logs/HEAD")) {
            return true;
        }
        logs_of_heads(repo, Some(worktree)).into_iter().any(|log| {
            let from = self.logs.get(&log).copied().unwrap_or(0);
            let text = read(&log);
            // A log that was shortened meanwhile is looked at as a whole.
            let new = text.get(from..).unwrap_or(&text);
            new.split(|byte| *byte == b'\n').any(|line| {
                line.split(|byte| *byte == b' ').nth(1) == Some(commit.as_str().as_bytes())
            })
        })
    }

    /// The moves since then, but for those of `own`, of `ai accept` and of `ai undo`: other tasks go on meanwhile.
    pub(super) fn moves(&self, repo: &Repo, own: &str) -> Result<Vec<RefMove>, GitError> {
        let after = refs(repo)?;
        let names: BTreeSet<&String> = self.refs.keys().chain(after.keys()).collect();
        let moves = names
            .into_iter()
            .filter(|name| *name != own)
            .map(|name| RefMove {
                name: name.clone(),
                was: self.refs.get(name).cloned(),
                now: after.get(name).cloned(),
            });
        Ok(moves
            .filter(|one| one.was != one.now && !one.is_logged_as(repo, &[ACCEPT_LOG, UNDO_LOG]))
            .collect())
    }

    /// True where the move can only be the agent's, by all that Git says of it.
    pub(super) fn is_of_agent(
        &self,
        repo: &Repo,
        one: &RefMove,
        place: &MoverPlace<'_>,
    ) -> Result<bool, GitError> {
        if one.name == STASH {
            return Ok(one.is_stash_of(repo, place.branch));
        }
        if one.name.starts_with("refs/replace/") {
            return Ok(true);
        }
        let holds_work = one.holds_work(repo, place)?;
        Ok(match (&one.was, &one.now) {
            (None, _) => holds_work && one.name.starts_with("refs/tags/"),
            (Some(_), None) => true,
            (Some(_), Some(now)) => {
                let elsewhere = self.is_of_others(repo, now, place.worktree)
                    || one.is_logged_as(repo, &["fetch", "pull", "push"]);
                holds_work || !elsewhere
            }
        })
    }

    /// Puts a reference of somebody else back to where it was, unless it is not any more where this
    /// look found it, or a checkout has followed it. What it was moved to is kept on `rescue`, or on
    /// that name with a number. Says what was done.
    pub(super) fn put_back(
        &self,
        repo: &Repo,
        one: &RefMove,
        place: &MoverPlace<'_>,
        rescue: &str,
    ) -> Result<String, RefError> {
        let followed = one
            .now
            .as_ref()
            .is_some_and(|now| self.is_of_others(repo, now, place.worktree));
        if followed && one.name.starts_with("refs/heads/") {
            return Ok(format!(
                "{one}; a checkout has followed it, so it was left there: `git reset --keep` to the commit before takes it back"
            ));
        }
        let kept = if one.name == STASH {
            unstash(repo, one, rescue)?
        } else {
            let kept = one.now.as_ref().map(|now| keep(repo, rescue, now));
            let kept: Vec<String> = kept.transpose()?.into_iter().collect();
            let expected = one.now.clone().map_or(ExpectedRef::Absent, ExpectedRef::At);
            let log = "ai: put back, it is no branch of the run";
            repo.swap_ref(&one.name, one.was.as_ref(), &expected, log)?;
            kept
        };
        let kept = match kept.as_slice() {
            [] => String::new(),
            names => format!(", what it was moved to is kept on {}", names.join(", ")),
        };
        let back = match &one.was {
            Some(was) => format!("it is back at {}", was.short()),
            None => "it was taken away again".to_owned(),
        };
        Ok(format!("{one}; {back}{kept}"))
    }
}

impl RefMove {
    /// True where the reference's own log says that its last move was made by one of these.
    fn is_logged_as(&self, repo: &Repo, actions: &[&str]) -> bool {
        let Some(now) = &self.now else { return false };
        let log = repo.common_dir().join("logs").join(&self.name);
        let log = read(&log);
        let last = log.trim_ascii_end().rsplit(|b| *b == b'\n').next();
        let last = String::from_utf8_lossy(last.unwrap_or_default()).into_owned();
        let said = last.split_once('\t').map_or("", |(_, said)| said);
        last.split(' ').nth(1) == Some(now.as_str())
            && actions.iter().any(|action| said.starts_with(action))
    }

    /// True for a stash that was made on the branch of the run, by the words that Git gives it.
    fn is_stash_of(&self, repo: &Repo, branch: &str) -> bool {
        let Some(now) = &self.now else { return false };
        let last = branch.rsplit('/').next().unwrap_or(branch);
        let said = repo.subject_of(now).unwrap_or_default();
        let on = said.strip_prefix("WIP on ").or(said.strip_prefix("On "));
        let on = on.and_then(|rest| rest.split_once(": ")).map(|(on, _)| on);
        on.is_some_and(|on| on == branch || on == last)
    }

    /// True where it holds commits of the agent that it did not hold before.
    fn holds_work(&self, repo: &Repo, place: &MoverPlace<'_>) -> Result<bool, GitError> {
        let (Some(now), Some(tip)) = (&self.now, place.tip) else {
            return Ok(false);
        };
        if Some(tip) == place.base {
            return Ok(false);
        }
        let Ok(now) = repo.resolve_commit(now.as_str()) else {
            return Ok(false);
        };
        let Some(common) = repo.merge_base(tip, &now)? else {
            return Ok(false);
        };
        let is_old = match place.base {
            Some(base) => repo.is_ancestor(&common, base)?,
            None => false,
        };
        Ok(!is_old)
    }
}

impl fmt::Display for RefMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.was, &self.now) {
            (None, Some(now)) => write!(f, "{name} was made during the run, at {}", now.short()),
            (Some(was), None) => write!(
                f,
                "{name} was deleted during the run; it was at {}",
                was.short()
            ),
            (Some(was), Some(now)) => write!(
                f,
                "{name} moved during the run, from {} to {}",
                was.short(),
                now.short()
            ),
            (None, None) => write!(f, "{name} is where it was"),
        }
    }
}

fn refs(repo: &Repo) -> Result<BTreeMap<String, Oid>, GitError> {
    let all = repo.list_refs("refs/")?;
    let is_restless = |name: &str| RESTLESS.iter().any(|start| name.starts_with(start));
    Ok(all
        .into_iter()
        .filter(|(name, _)| !is_restless(name))
        .collect())
}

/// The logs of HEAD of the main checkout and of all worktrees but one.
fn logs_of_heads(repo: &Repo, without: Option<&Path>) -> Vec<PathBuf> {
    let admins = fs::list_dir(&repo.common_dir().join("worktrees")).unwrap_or_default();
    let others = admins.into_iter().filter(|admin| {
        let place = fs::read_text(&admin.join("gitdir"), 16 << 10).unwrap_or_default();
        let place = PathBuf::from(place.trim_end());
        let at = place
            .parent()
            .map(|at| at.canonicalize().unwrap_or(at.to_owned()));
        without.is_none() || at.as_deref() != without
    });
    let dirs = others.chain([repo.common_dir().to_owned()]);
    dirs.map(|dir| dir.join("logs/HEAD")).collect()
}

/// A log of Git; one that is not there is empty.
fn read(log: &Path) -> Vec<u8> {
    fs::read_capped(log, CAP).unwrap_or_default()
}

/// Keeps an object on the first of these names that is free, or that has it already.
fn keep(repo: &Repo, name: &str, oid: &Oid) -> Result<String, RefError> {
    let mut number = 1;
    loop {
        let name = if number == 1 {
            name.to_owned()
        } else {
            format!("{name}-{number}")
        };
        match repo.create_ref(&name, oid, "ai: kept before a reference was put back") {
            Ok(()) => return Ok(name),
            Err(RefError::Conflict { .. }) if number < 1000 => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Takes stashes away again until the one is on top that was: they are entries of a log, and each is
/// kept.
fn unstash(repo: &Repo, one: &RefMove, rescue: &str) -> Result<Vec<String>, RefError> {
    let mut kept = Vec::new();
    while kept.len() < MAX_STASHES {
        let Some(top) = repo
            .find_ref(STASH)?
            .filter(|top| Some(top) != one.was.as_ref())
        else {
            break;
        };
        kept.push(keep(repo, rescue, &top)?);
        repo.drop_newest_stash()?;
    }
    Ok(kept)
}
