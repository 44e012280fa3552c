//! References that an agent may have moved although they are not its own, and putting them back.
//!
//! Nothing but a sandbox keeps a process from moving a reference. The Git of an agent writes down what it
//! moves ([`crate::git::ref_trace`]), and what stands there is the agent's, wherever it stood. Of the
//! rest Git does not say who it was, but where: a commit, a switch or a merge in another checkout stands
//! in the log of that checkout's HEAD, a landing and a fetch in the log of the branch. What has no such
//! trace was moved by a process that stood nowhere else. New branches are no harm, and agents like to
//! make them; a new tag is the agent's where it is made of its own commits. A reference goes back to
//! where the last one stood who was not the agent, and only from where the agent has left it. The stash
//! is [`crate::git::moved_stash`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::merge::{ACCEPT_LOG, UNDO_LOG};
use crate::git::oid::Oid;
use crate::git::ref_trace::RefTrace;
use crate::git::repo::{ExpectedRef, RefError, Repo, StashEntry};

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
/// Those among them that no agent has any business with, but for its own branch.
const OURS: [&str; 2] = ["refs/heads/ai/", "refs/ai/"];
/// The most moves of one reference that are followed back.
const MAX_MOVES: usize = 10_000;
/// Longest log that is looked at.
const CAP: u64 = 64 << 20;

/// Where all references stood, and how long the logs of HEAD were.
#[derive(Debug)]
pub struct RefsBefore {
    refs: BTreeMap<String, Oid>,
    logs: BTreeMap<PathBuf, usize>,
    /// The entries of the stash, the newest first.
    pub(super) stashes: Vec<StashEntry>,
}

/// A reference that is not where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefMove {
    /// Its full name.
    pub name: String,
    pub(super) was: Option<Oid>,
    pub(super) now: Option<Oid>,
}

/// By what a move is held to be the agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoverGrounds {
    /// By what its Git wrote down alone: it stands where a person does.
    Trace,
    /// By that, and by where every other mover would have left a trace.
    TraceAndPlace,
}

/// The end of one reference that was to be put back.
pub(super) struct PutBack {
    /// In words.
    pub(super) told: String,
    /// The commits that it was brought from and to, where the main checkout had followed it.
    pub(super) followed: Option<(Oid, Oid)>,
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
    /// The moves that its Git wrote down.
    pub trace: &'a RefTrace,
    /// By what a move is held to be its own.
    pub grounds: MoverGrounds,
}

impl RefsBefore {
    pub(super) fn look(repo: &Repo) -> Result<RefsBefore, GitError> {
        let logs = logs_of_heads(repo, None).into_iter();
        Ok(RefsBefore {
            refs: repo.list_refs("refs/")?.into_iter().collect(),
            logs: logs.map(|log| (log.clone(), read(&log).len())).collect(),
            stashes: repo.stashes(),
        })
    }

    /// The number of references.
    pub(super) fn len(&self) -> usize {
        self.refs.len()
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

    /// The moves since then, but for those of `own`, of `ai accept` and of `ai undo`: other tasks go on
    /// meanwhile. What `ai` itself moves counts only where the agent's Git wrote it down.
    pub(super) fn moves(
        &self,
        repo: &Repo,
        own: &str,
        trace: &RefTrace,
    ) -> Result<Vec<RefMove>, GitError> {
        let after: BTreeMap<String, Oid> = repo.list_refs("refs/")?.into_iter().collect();
        let names: BTreeSet<&String> = self.refs.keys().chain(after.keys()).collect();
        let moves = names
            .into_iter()
            .filter(|name| *name != own)
            .map(|name| RefMove {
                name: name.clone(),
                was: self.refs.get(name).cloned(),
                now: after.get(name).cloned(),
            });
        let is_told = |one: &RefMove| {
            let is_traced = trace.moved(&one.name, one.now.as_ref());
            if starts_with_one_of(&one.name, &RESTLESS) {
                return is_traced && one.was.is_some() && starts_with_one_of(&one.name, &OURS);
            }
            is_traced || !one.is_logged_as(repo, &[ACCEPT_LOG, UNDO_LOG])
        };
        Ok(moves
            .filter(|one| one.was != one.now && is_told(one))
            .collect())
    }

    /// True where the move can only be the agent's, by all that Git says of it.
    pub(super) fn is_of_agent(
        &self,
        repo: &Repo,
        one: &RefMove,
        place: &MoverPlace<'_>,
    ) -> Result<bool, GitError> {
        let is_traced = place.trace.moved(&one.name, one.now.as_ref());
        if place.grounds == MoverGrounds::Trace && !is_traced {
            return Ok(false);
        }
        if one.name.starts_with("refs/replace/") {
            return Ok(true);
        }
        let holds_work = one.holds_work(repo, place)?;
        Ok(match (&one.was, &one.now) {
            (None, _) => holds_work && one.name.starts_with("refs/tags/"),
            (Some(_), _) if is_traced => true,
            (Some(_), None) => true,
            (Some(_), Some(now)) => {
                let elsewhere = self.is_of_others(repo, now, place.worktree)
                    || one.is_logged_as(repo, &["fetch", "pull", "push"]);
                holds_work || !elsewhere
            }
        })
    }

    /// Puts a reference of somebody else back to where it was, unless it is not any more where this
    /// look found it, or a worktree has followed it. What it was moved to is kept on `rescue`, or on
    /// that name with a number.
    pub(super) fn put_back(
        &self,
        repo: &Repo,
        one: &RefMove,
        place: &MoverPlace<'_>,
        rescue: &str,
    ) -> Result<PutBack, RefError> {
        let left = |why: &str| PutBack {
            told: format!("{one}; {why}"),
            followed: None,
        };
        let is_traced = place.trace.moved(&one.name, one.now.as_ref());
        let is_followed = if is_traced {
            is_checked_out(repo, &one.name, place.worktree)
        } else {
            let now = one.now.as_ref();
            now.is_some_and(|now| self.is_of_others(repo, now, place.worktree))
        };
        if is_followed && one.name.starts_with("refs/heads/") {
            return Ok(left(
                "a checkout has followed it, so it was left there: `git reset --keep` to the commit before takes it back",
            ));
        }
        let back = if is_traced {
            origin(repo, one, place.trace)
        } else {
            Some(one.was.clone())
        };
        let Some(back) = back else {
            return Ok(left(
                "where it was before the agent moved it cannot be told, so it was left there",
            ));
        };
        let kept = one.now.as_ref().map(|now| keep(repo, rescue, now));
        let kept: Vec<String> = kept.transpose()?.into_iter().collect();
        let expected = one.now.clone().map_or(ExpectedRef::Absent, ExpectedRef::At);
        let log = "ai: put back, it is no branch of the run";
        repo.swap_ref(&one.name, back.as_ref(), &expected, log)?;
        let head = repo.head().ok();
        let is_of_main = head.is_some_and(|head| head.branch() == Some(one.name.as_str()));
        Ok(PutBack {
            told: format!("{one}; {}{}", is_back(back.as_ref()), kept_on(&kept)),
            followed: one.now.clone().zip(back).filter(|(now, _)| {
                is_traced && is_of_main && self.is_of_others(repo, now, place.worktree)
            }),
        })
    }
}

/// Says where a reference stands again.
pub(super) fn is_back(at: Option<&Oid>) -> String {
    match at {
        Some(at) => format!("it is back at {}", at.short()),
        None => "it was taken away again".to_owned(),
    }
}

/// Names the references on which that is kept which was not left.
pub(super) fn kept_on(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!(", what it was moved to is kept on {}", names.join(", ")),
    }
}

/// The object at which a reference stood before the agent moved it to where it is, with every move of
/// others before that; to none: it was not there. None where it cannot be told.
fn origin(repo: &Repo, one: &RefMove, trace: &RefTrace) -> Option<Option<Oid>> {
    let log = read(&repo.common_dir().join("logs").join(&one.name));
    let mut lines = log
        .split(|byte| *byte == b'\n')
        .rev()
        .filter_map(log_entry)
        .peekable();
    let mut at = one.now.clone();
    for _ in 0..MAX_MOVES {
        if !trace.moved(&one.name, at.as_ref()) {
            return Some(at);
        }
        at = match (lines.next_if(|(_, new)| *new == at), &at) {
            (Some((old, _)), _) => old,
            // With a reference goes its log.
            (None, None) => return Some(one.was.clone()),
            (None, Some(_)) => match trace.replaced(&one.name, at.as_ref()) {
                Some(old) => Some(old.clone()),
                None if one.was.is_none() => return Some(None),
                None => return None,
            },
        };
        if at == one.was {
            return Some(at);
        }
    }
    None
}

/// The two objects of a line of a log: the one before, and the one after.
fn log_entry(line: &[u8]) -> Option<(Option<Oid>, Option<Oid>)> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ');
    let mut object = || {
        let word = words.next()?;
        let oid = Oid::parse(word).ok()?;
        Some((!word.bytes().all(|byte| byte == b'0')).then_some(oid))
    };
    Some((object()?, object()?))
}

/// True where a worktree other than the main checkout and the one at `place` stands on this branch.
fn is_checked_out(repo: &Repo, name: &str, place: &Path) -> bool {
    let dirs = others(repo, Some(place));
    dirs.into_iter().any(|dir| {
        repo.head_of(&dir)
            .is_ok_and(|head| head.branch() == Some(name))
    })
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

fn starts_with_one_of(name: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| name.starts_with(start))
}

/// The logs of HEAD of the main checkout and of all worktrees but one.
fn logs_of_heads(repo: &Repo, without: Option<&Path>) -> Vec<PathBuf> {
    let dirs = others(repo, without).into_iter();
    dirs.chain([repo.common_dir().to_owned()])
        .map(|dir| dir.join("logs/HEAD"))
        .collect()
}

/// The git directories of all worktrees but one.
fn others(repo: &Repo, without: Option<&Path>) -> Vec<PathBuf> {
    let admins = fs::list_dir(&repo.common_dir().join("worktrees")).unwrap_or_default();
    let others = admins.into_iter().filter(|admin| {
        let place = fs::read_text(&admin.join("gitdir"), 16 << 10).unwrap_or_default();
        let place = PathBuf::from(place.trim_end());
        let at = place
            .parent()
            .map(|at| at.canonicalize().unwrap_or(at.to_owned()));
        without.is_none() || at.as_deref() != without
    });
    others.collect()
}

/// A log of Git; one that is not there is empty.
fn read(log: &Path) -> Vec<u8> {
    fs::read_capped(log, CAP).unwrap_or_default()
}

/// Keeps an object on the first of these names that is free.
pub(super) fn keep(repo: &Repo, name: &str, oid: &Oid) -> Result<String, RefError> {
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
