//! The messages of commits, measured as the content of a change is: where the policy speaks of them.

use std::path::Path;

use crate::domain::commit_message::{LeftOut, MessageParts, cleaned, subject};
use crate::domain::run::Run;
use crate::domain::trailer;
use crate::git::history::CommitLine;
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::findings::LookAt;

/// A tree at which the work of a run has come to an end.
#[derive(Clone, Copy)]
pub struct WorkTip<'a> {
    /// The run.
    pub run: &'a Run,
    /// The last commit of its work; none where nothing was changed.
    pub commit: Option<&'a str>,
}

/// The messages of the commits that the agent of a run has made itself: not those of merges, nor of what came
/// from the target meanwhile, nor of the commit by which `ai` has taken up what was left. None where nobody asks.
pub fn of_work(look: &LookAt<'_>, work: WorkTip<'_>) -> Result<Option<Vec<String>>, OpError> {
    if !look.policy.looks_at_messages() {
        return Ok(None);
    }
    let commits = commits_of(look, work)?;
    let messages = of_commits(look.repo, &commits)?.into_iter();
    let is_tip = |id: &Oid| work.commit == Some(id.as_str());
    let own = messages.filter(|(id, text)| !is_tip(id) || !is_of_run(text, work.run));
    Ok(Some(own.map(|(_, text)| text).collect()))
}

/// The commits of the work of a run that its target does not have: all that would land with it. Newest first.
pub fn commits_of(look: &LookAt<'_>, work: WorkTip<'_>) -> Result<Vec<CommitLine>, OpError> {
    let Some(tip) = work.commit.and_then(|commit| Oid::parse(commit).ok()) else {
        return Ok(Vec::new());
    };
    let target = match &work.run.target {
        Some(target) => look.repo.find_ref(target)?,
        None => None,
    };
    // Most work is one commit on its base, which no process is needed to see.
    let one = look.repo.commit_line(&tip)?;
    let is_alone = one.parents.iter().map(Oid::as_str).eq(look.base);
    let is_landed = match &target {
        Some(target) => look.repo.is_ancestor(&tip, target)?,
        None => false,
    };
    if is_alone && !is_landed {
        return Ok(vec![one]);
    }
    let mut known: Vec<Oid> = look.base.iter().flat_map(|base| Oid::parse(base)).collect();
    known.extend(target);
    Ok(look.repo.commits_beyond(&tip, &known)?)
}

/// The message of this commit, where `ai` has made it of what the agent of the run had left in its worktree.
pub fn taken_up(repo: &Repo, run: &Run, commit: &Oid) -> Result<Option<String>, OpError> {
    let texts = repo.messages(std::slice::from_ref(commit))?.into_iter();
    let mut texts = texts.map(|text| cleaned(&text, &LeftOut::Nothing));
    Ok(texts.next().filter(|text| is_of_run(text, run)))
}

/// True for a message that `ai` itself has written for a run. Agents can write such a one, and evade no more by it
/// than a rule about the form of a text.
fn is_of_run(message: &str, run: &Run) -> bool {
    let parts = MessageParts::of(message);
    let wanted = [
        (trailer::TASK, run.id.task().to_string()),
        (trailer::RUN, run.id.to_string()),
        (trailer::AGENT, run.agent.clone()),
    ];
    parts.body.is_empty()
        && parts.trailers.len() == wanted.len()
        && wanted.iter().all(|(key, value)| {
            let mut all = parts.trailers.iter();
            all.any(|(own, said)| own == key && said == value)
        })
}

/// The cleaned messages of these commits, merges aside.
pub fn of_commits(repo: &Repo, commits: &[CommitLine]) -> Result<Vec<(Oid, String)>, OpError> {
    let plain = commits.iter().filter(|one| one.parents.len() < 2);
    let names: Vec<Oid> = plain.map(|one| one.id.clone()).collect();
    let texts = repo.messages(&names)?.into_iter();
    let texts = texts.map(|text| cleaned(&text, &LeftOut::Nothing));
    Ok(names.into_iter().zip(texts).collect())
}

/// True for a cleaned message that begins as that of the merge at HEAD: whoever amends a merge keeps its subject. A
/// commit after it that takes the same subject is looked at where it goes.
pub fn is_of_merge_at_head(repo: &Repo, git_dir: &Path, message: &str) -> Result<bool, OpError> {
    let Some(head) = repo.head_of(git_dir)?.commit().cloned() else {
        return Ok(false);
    };
    let lines = repo.commits_named(std::slice::from_ref(&head))?;
    if lines.iter().all(|line| line.parents.len() < 2) {
        return Ok(false);
    }
    let texts = repo.messages(&[head])?.into_iter();
    let mut texts = texts.map(|text| cleaned(&text, &LeftOut::Nothing));
    Ok(texts.any(|text| subject(&text) == subject(message)))
}
