//! The question before a push: each commit that the other side does not have is looked at, not the tips
//! alone. Policy is asked about each reference with all paths that its commits change, and whether
//! others hold any of them.
//!
//! Commits that no hook was asked about are found here: told, recorded, and asked about as commits are.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::bypass::{Bypass, NAMED};
use crate::domain::decision::DecisionRecord;
use crate::domain::git_hook::{HookName, PushedRef};
use crate::domain::lease::ShownToken;
use crate::domain::repo_path::RepoPath;
use crate::domain::run::Run;
use crate::git::history::CommitLine;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::held_paths::Touching;
use crate::ops::hooks::bypass;
use crate::ops::hooks::commit::held_or_not;
use crate::ops::hooks::doors::{self, DoorMemory};
use crate::store::Store;

/// A push that is about to be made.
#[derive(Clone, Copy)]
pub struct PushAsked<'a> {
    /// The name of the other repository, or its address.
    pub remote: &'a str,
    /// The references.
    pub refs: &'a [PushedRef],
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
}

/// The answers to a push.
#[derive(Debug, Default)]
pub struct PushJudged {
    /// The records of the policy's answers.
    pub records: Vec<DecisionRecord>,
    /// Commits that passed no hook.
    pub bypasses: Vec<Bypass>,
}

/// One reference with what goes there.
struct Sent<'a> {
    to: &'a PushedRef,
    paths: BTreeSet<RepoPath>,
    unasked: Vec<CommitLine>,
}

/// Refuses a push that may not be made, and records what passed the hooks by in any case.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    (repo, state_dir): (&Repo, &Path),
    asked: PushAsked<'_>,
) -> Result<PushJudged, OpError> {
    let memory = DoorMemory::read(state_dir)?;
    let runs = store.read(|tx| tx.all_runs())?;
    let mut sent = Vec::new();
    for to in asked.refs {
        sent.push(measure(repo, asked.remote, to, (memory.as_ref(), &runs))?);
    }
    let mut judged = PushJudged::default();
    for one in sent.iter().filter(|one| !one.unasked.is_empty()) {
        let names = one.unasked.iter().map(|commit| commit.id.to_string());
        let bypass = Bypass::Unasked {
            hook: HookName::PrePush.to_string(),
            target: one.to.name.clone(),
            commits: names.take(NAMED).collect(),
            count: one.unasked.len() as u64,
        };
        bypass::record(store, cx, &bypass)?;
        let ids: Vec<Oid> = one.unasked.iter().map(|commit| commit.id.clone()).collect();
        doors::told(state_dir, &ids)?;
        judged.bypasses.push(bypass);
    }
    for one in &sent {
        if let Some(question) = of_unasked(repo, one)? {
            judged
                .records
                .push(answer(store, cx, one, (question, asked.kept))?);
        }
        let question = of_push(one);
        judged
            .records
            .push(answer(store, cx, one, (question, asked.kept))?);
    }
    Ok(judged)
}

fn answer(
    store: &mut dyn Store,
    cx: &Cx,
    sent: &Sent<'_>,
    (question, kept): (Question, &[ShownToken]),
) -> Result<DecisionRecord, OpError> {
    let paths: Vec<Vec<u8>> = sent
        .paths
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    commit(store, cx, |tx, cx| {
        let touching = Touching {
            what: "the push",
            command: "git push",
            task: None,
            paths: &paths,
            kept,
        };
        held_or_not(touching.or_refuse(tx, cx), cx, &question)?;
        ask::require(tx, cx, &question)
    })
}

fn of_push(sent: &Sent<'_>) -> Question {
    let mut question = Question::about(Action::Push);
    question.resource.branch = Some(sent.to.name.clone());
    question.resource.paths = sent.paths.iter().cloned().collect();
    question.resource.input = sent
        .to
        .new
        .as_ref()
        .map(|id| hash::sha256_hex(id.as_bytes()));
    question.facts.diff_files = Some(sent.paths.len() as u64);
    question
}

/// The question that nobody has asked about these commits.
fn of_unasked(repo: &Repo, sent: &Sent<'_>) -> Result<Option<Question>, OpError> {
    if sent.unasked.is_empty() {
        return Ok(None);
    }
    let mut paths = BTreeSet::new();
    let mut names = String::new();
    for one in &sent.unasked {
        paths.extend(repo.own_paths(one)?);
        names.push_str(one.id.as_str());
    }
    let mut question = Question::about(Action::Commit);
    question.resource.branch = Some(sent.to.name.clone());
    question.resource.input = Some(hash::sha256_hex(names.as_bytes()));
    question.facts.diff_files = Some(paths.len() as u64);
    question.facts.outside_paths = Some(Vec::new());
    question.resource.paths = paths.into_iter().collect();
    Ok(Some(question))
}

fn measure<'a>(
    repo: &Repo,
    remote: &str,
    to: &'a PushedRef,
    (memory, runs): (Option<&DoorMemory>, &[Run]),
) -> Result<Sent<'a>, OpError> {
    let mut sent = Sent {
        to,
        paths: BTreeSet::new(),
        unasked: Vec::new(),
    };
    let Some(tip) = &to.new else {
        return Ok(sent);
    };
    let tip = Oid::parse(tip).kept("the commit that is pushed")?;
    let mut known = repo.fetched_tips(Some(remote))?;
    known.extend(to.old.as_deref().and_then(|old| Oid::parse(old).ok()));
    for one in repo.commits_beyond(&tip, &known)? {
        sent.paths.extend(repo.own_paths(&one)?);
    }
    if let Some(memory) = memory {
        // What came from any other repository was made elsewhere.
        known.extend(repo.fetched_tips(None)?);
        known.extend(memory.base.iter().cloned());
        let made_here = repo.commits_beyond(&tip, &known)?;
        let own = of_runs(&made_here, runs);
        let is_own = |one: &CommitLine| own.contains(one.id.as_str());
        let rest: Vec<CommitLine> = made_here
            .iter()
            .filter(|one| !is_own(one))
            .cloned()
            .collect();
        let unasked = memory.unasked(&rest, |names| repo.commits_named(names))?;
        sent.unasked = rest;
        sent.unasked.retain(|one| unasked.contains(&one.id));
    }
    Ok(sent)
}

/// The commits that `ai` made, and those of agents that were judged when their run ended.
fn of_runs<'a>(commits: &'a [CommitLine], runs: &'a [Run]) -> BTreeSet<&'a str> {
    let mut own = BTreeSet::new();
    for run in runs {
        let mut of_run = BTreeSet::new();
        let mut open: Vec<&str> = run.commit.as_deref().into_iter().collect();
        while let Some(id) = open.pop() {
            if Some(id) == run.base.as_deref() || !of_run.insert(id) {
                continue;
            }
            let found = commits.iter().find(|one| one.id.as_str() == id);
            open.extend(
                found
                    .into_iter()
                    .flat_map(|one| one.parents.iter().map(Oid::as_str)),
            );
        }
        own.append(&mut of_run);
        let landings = [&run.accepting, &run.undoing, &run.undone];
        own.extend(
            landings
                .into_iter()
                .flatten()
                .map(|one| one.commit.as_str()),
        );
    }
    own
}
