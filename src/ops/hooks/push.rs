//! The question before a push: each commit that the other side does not have is looked at, not the tips
//! alone. Policy is asked about each reference with all paths that its commits change; others' locks are
//! held against what was made here and went nowhere yet, since a lock is about what changes now.
//!
//! Commits that no hook was asked about are found here: told, recorded once, and asked about as commits
//! are, at each push until the other side has them. A no that was given once would hold for nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::base::hash;
use crate::config::Trees;
use crate::domain::action::Action;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::bypass::{Bypass, NAMED};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::git_hook::{HookName, PushedRef};
use crate::domain::guards::GuardFinding;
use crate::domain::lease::ShownToken;
use crate::domain::repo_path::RepoPath;
use crate::domain::run::Run;
use crate::domain::verdict::{Lifecycle, PolicyVerdict};
use crate::git::history::CommitLine;
use crate::git::{GitError, Oid, Repo};
use crate::ops::agent_imports;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::findings::LookAt;
use crate::ops::held_paths::{Touching, TryAgain};
use crate::ops::hooks::bypass;
use crate::ops::hooks::commit::held_or_not;
use crate::ops::hooks::doors::{self, DoorMemory};
use crate::ops::hooks::message;
use crate::ops::moves::moves;
use crate::ops::policy_files;
use crate::policy::{self, PolicyState};
use crate::store::{EventFilter, Flow, Store, Tx};

/// The references of notes.
const NOTES: &str = "refs/notes/";

/// A push that is about to be made.
#[derive(Clone, Copy)]
pub struct PushAsked<'a> {
    /// The name of the other repository, or its address.
    pub remote: &'a str,
    /// The address to which Git sends.
    pub address: &'a str,
    /// The references.
    pub refs: &'a [PushedRef],
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
    /// The checkout, whose agents there are.
    pub root: &'a Path,
}

/// The answers to a push.
#[derive(Debug)]
pub struct PushJudged {
    /// The records of the policy's answers, or the refusal.
    pub answer: Result<Vec<DecisionRecord>, OpError>,
    /// Commits that passed no hook, to be told whatever the answer is.
    pub bypasses: Vec<Bypass>,
}

/// One reference with what goes there.
struct Sent<'a> {
    to: &'a PushedRef,
    paths: BTreeSet<RepoPath>,
    /// Those of commits that came from no other repository, and are younger than the hooks.
    made_here: BTreeSet<RepoPath>,
    unasked: Vec<CommitLine>,
    /// All that were made here, newest first, but for those of runs and of notes.
    rest: Vec<CommitLine>,
    /// Those of the unasked of which there is no record yet.
    untold: Vec<Oid>,
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
    if sent.iter().any(|one| !one.unasked.is_empty()) {
        // A run keeps its last landing; the log has those that were taken back before.
        let landed = store.read(landings)?;
        for one in &mut sent {
            one.unasked
                .retain(|commit| !landed.contains(commit.id.as_str()));
            one.untold
                .retain(|commit| !landed.contains(commit.as_str()));
        }
    }
    let mut bypasses = Vec::new();
    for one in sent.iter().filter(|one| !one.unasked.is_empty()) {
        if !one.untold.is_empty() {
            bypass::record(store, cx, &passed_by(one, one.untold.iter()))?;
            doors::told(state_dir, &one.untold)?;
        }
        bypasses.push(passed_by(one, one.unasked.iter().map(|commit| &commit.id)));
    }
    Ok(PushJudged {
        answer: answers(store, cx, repo, (&sent, asked)),
        bypasses,
    })
}

/// The commits that `ai` has made to land work and to take it back, ever.
fn landings(tx: &mut dyn Tx) -> Result<BTreeSet<String>, OpError> {
    let mut made = BTreeSet::new();
    for kind in ["accept.started", "undo.started"] {
        let filter = EventFilter {
            kind: Some(kind),
            ..EventFilter::default()
        };
        tx.events(&filter, &mut |stored| {
            if let Ok(
                Event::AcceptStarted {
                    accepting: landing, ..
                }
                | Event::UndoStarted {
                    undoing: landing, ..
                },
            ) = serde_json::from_str(&stored.body)
            {
                made.insert(landing.commit);
                made.extend(landing.reworded);
            }
            Ok(Flow::More)
        })?;
    }
    Ok(made)
}

fn passed_by<'a>(sent: &Sent<'_>, commits: impl ExactSizeIterator<Item = &'a Oid>) -> Bypass {
    Bypass::Unasked {
        hook: HookName::PrePush.to_string(),
        target: sent.to.name.clone(),
        count: commits.len() as u64,
        commits: commits.take(NAMED).map(Oid::to_string).collect(),
    }
}

fn answers(
    store: &mut dyn Store,
    cx: &Cx,
    repo: &Repo,
    (sent, asked): (&[Sent<'_>], PushAsked<'_>),
) -> Result<Vec<DecisionRecord>, OpError> {
    let mut records = Vec::new();
    for one in sent {
        let to = Some(one.to.name.as_str());
        // A commit that asked nobody may have changed the policy by which those after it were let
        // through, and by which this push is: what stood before it answers, too.
        if let Some(before) = before_unasked(cx, repo, (one, asked.root))? {
            let question = of_commits((repo, before.policy.state()), to, &one.rest)?;
            records.push(answer(store, &before, one, (question, asked.kept))?);
            let mut question = of_push((one.to, &one.paths), asked.address);
            question.facts.imported_paths =
                imported_in((repo, before.policy.state()), one.to, &one.paths)?;
            records.push(answer(store, &before, one, (question, asked.kept))?);
        }
        if !one.unasked.is_empty() {
            let question = of_commits((repo, cx.policy.state()), to, &one.unasked)?;
            records.push(answer(store, cx, one, (question, asked.kept))?);
        }
    }
    // A commit that one hook let through and the next refused looks like one that passed both.
    let mut seen = BTreeSet::new();
    let rest = sent.iter().flat_map(|one| &one.rest);
    let rest: Vec<CommitLine> = rest.filter(|one| seen.insert(&one.id)).cloned().collect();
    records.extend(message::judge_all(store, cx, (repo, &rest))?);
    for one in sent {
        let mut question = of_push((one.to, &one.paths), asked.address);
        question.facts.imported_paths = imported_in((repo, cx.policy.state()), one.to, &one.paths)?;
        records.push(answer(store, cx, one, (question, asked.kept))?);
    }
    Ok(records)
}

/// The same surroundings with the policy of the commit before the first that asked nobody; nothing where
/// that is the policy at hand, and for people, whose word a policy is.
fn before_unasked(
    cx: &Cx,
    repo: &Repo,
    (sent, root): (&Sent<'_>, &Path),
) -> Result<Option<Cx>, OpError> {
    let Some(agent) = policy::agent_of(&cx.actor) else {
        return Ok(None);
    };
    if sent.unasked.is_empty() {
        return Ok(None);
    }
    let begins: BTreeSet<&str> = sent.unasked.iter().map(|one| one.id.as_str()).collect();
    let outer = sent.unasked.iter().flat_map(|one| &one.parents);
    let mut outer = outer.filter(|parent| !begins.contains(parent.as_str()));
    // Commits that hang on nothing that was asked about have no policy before them but that of what they
    // take the place of.
    let old = sent.to.old.as_deref().map(|old| repo.resolve_commit(old));
    let old = old.and_then(Result::ok);
    let Some(commit) = outer.next_back().or(old.as_ref()) else {
        return Ok(None);
    };
    let Some(state) = policy_files::of_commit(root, &Trees::of_user(), (repo, commit))? else {
        return Ok(None);
    };
    let is_same = state.digest(Some(agent)) == cx.policy.state().digest(Some(agent));
    Ok((!is_same).then(|| Cx {
        policy: state.into(),
        ..cx.clone()
    }))
}

fn answer(
    store: &mut dyn Store,
    cx: &Cx,
    sent: &Sent<'_>,
    (question, kept): (Question, &[ShownToken]),
) -> Result<DecisionRecord, OpError> {
    let paths: Vec<Vec<u8>> = sent
        .made_here
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    commit(store, cx, |tx, cx| {
        let touching = Touching {
            what: "the push",
            again: TryAgain::Command("git push"),
            task: None,
            paths: &paths,
            kept,
        };
        held_or_not(touching.or_refuse(tx, cx), cx, &question)?;
        ask::require(tx, cx, &question)
    })
}

/// The question about a push. A yes is for these commits, and for this other repository.
pub(super) fn of_push((to, paths): (&PushedRef, &BTreeSet<RepoPath>), address: &str) -> Question {
    let mut question = Question::about(Action::Push);
    question.resource.branch = Some(to.name.clone());
    question.resource.paths = paths.iter().cloned().collect();
    let new = to.new.as_deref().unwrap_or_default();
    question.resource.input = Some(hash::sha256_hex(format!("{new}\n{address}").as_bytes()));
    question.facts.diff_files = Some(paths.len() as u64);
    question
}

/// The pushed paths that instructions of agents import, in the reference as it is or as it will be.
pub(super) fn imported_in(
    (repo, policy): (&Repo, &PolicyState),
    to: &PushedRef,
    paths: &BTreeSet<RepoPath>,
) -> Result<Vec<ImportedFile>, OpError> {
    let ends = [&to.old, &to.new].into_iter().flatten();
    // One whose commit is not here is of another repository.
    let ends: Vec<Oid> = ends
        .filter_map(|end| repo.resolve_commit(end).ok())
        .collect();
    let paths: Vec<RepoPath> = paths.iter().cloned().collect();
    agent_imports::among(repo, policy, (ends.as_slice(), paths.as_slice()))
}

/// The question about commits that were made already, on their way to a reference. What became of each path
/// is known of one commit; several may have done this and that.
pub(super) fn of_commits(
    (repo, policy): (&Repo, &PolicyState),
    branch: Option<&str>,
    commits: &[CommitLine],
) -> Result<Question, OpError> {
    let mut changes: BTreeMap<RepoPath, char> = BTreeMap::new();
    let mut names = String::new();
    let mut findings: Option<Vec<GuardFinding>> = None;
    let (mut moved, mut imported) = (Vec::new(), Vec::new());
    for one in commits {
        let changed = repo.own_changes(one)?;
        let look = LookAt {
            repo,
            policy,
            base: one.parents.first().map(Oid::as_str),
        };
        if let Some(found) = look.findings(&changed)? {
            findings.get_or_insert_default().extend(found);
        }
        imported.extend(look.imported(&changed)?);
        if commits.len() == 1 {
            moved = moves(repo, &changed)?;
        }
        let letters = changed
            .into_iter()
            .map(|one| (one.path, one.change.letter()));
        changes.extend(letters);
        names.push_str(one.id.as_str());
    }
    let mut question = Question::about(Action::Commit);
    question.resource.branch = branch.map(str::to_owned);
    question.resource.input = Some(hash::sha256_hex(names.as_bytes()));
    question.facts.diff_files = Some(changes.len() as u64);
    question.facts.outside_paths = Some(Vec::new());
    question.facts.findings = findings;
    question.facts.moves = moved;
    imported.sort();
    imported.dedup_by(|one, before| one.path == before.path);
    question.facts.imported_paths = imported;
    question.facts.change_kinds = (commits.len() == 1).then(|| changes.values().collect());
    question.resource.paths = changes.into_keys().collect();
    Ok(question)
}

/// The paths that differ between a reference as it is and as it will be, whatever of it was pushed under
/// another name before; nothing for a new one, one that goes, and one whose commit is not here.
pub(super) fn changed_in(repo: &Repo, to: &PushedRef) -> Result<BTreeSet<RepoPath>, OpError> {
    let mut ends = Vec::new();
    for end in [&to.old, &to.new] {
        match end.as_deref().map(|end| repo.resolve_commit(end)) {
            Some(Ok(commit)) => ends.push(commit),
            None | Some(Err(GitError::NoCommit { .. })) => return Ok(BTreeSet::new()),
            Some(Err(error)) => return Err(error.into()),
        }
    }
    let changed = match ends.as_slice() {
        [old, new] => repo.changed_between(old, new)?,
        _ => Vec::new(),
    };
    Ok(changed.into_iter().map(|one| one.path).collect())
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
        made_here: BTreeSet::new(),
        unasked: Vec::new(),
        rest: Vec::new(),
        untold: Vec::new(),
    };
    let Some(tip) = &to.new else {
        return Ok(sent);
    };
    let tip = Oid::parse(tip).kept("the commit that is pushed")?;
    let mut known = repo.fetched_tips(Some(remote))?;
    known.extend(to.old.as_deref().and_then(|old| Oid::parse(old).ok()));
    // What came from any other repository was made elsewhere, unless the logs say that it was made here: a
    // reference that says where something came from is made by hand in a moment.
    let mut older = known.clone();
    older.extend(memory.iter().flat_map(|memory| memory.base.iter().cloned()));
    let mut elsewhere = older.clone();
    elsewhere.extend(repo.fetched_tips(None)?);
    let all = repo.commits_beyond(&tip, &known)?;
    let knows_more = elsewhere.iter().any(|one| !known.contains(one));
    let made_here = if knows_more && !all.is_empty() {
        repo.commits_beyond(&tip, &elsewhere)?
    } else {
        all.clone()
    };
    let is_new: BTreeSet<&str> = made_here.iter().map(|one| one.id.as_str()).collect();
    for one in &all {
        let paths = repo.own_paths(one)?;
        if is_new.contains(one.id.as_str()) {
            sent.made_here.extend(paths.iter().cloned());
        }
        sent.paths.extend(paths);
    }
    sent.paths.extend(changed_in(repo, to)?);
    let mut judged = made_here.clone();
    if all.len() > made_here.len() {
        let logged = repo.made_here()?;
        let is_new = |one: &CommitLine| is_new.contains(one.id.as_str());
        // Walked once more only where the logs know of one of them.
        if all
            .iter()
            .any(|one| !is_new(one) && logged.contains(&one.id))
        {
            judged = repo.commits_beyond(&tip, &older)?;
            judged.retain(|one| is_new(one) || logged.contains(&one.id));
        }
    }
    if let Some(memory) = memory {
        let own = of_runs(&judged, runs);
        let is_own = |one: &CommitLine| own.contains(one.id.as_str());
        let mut rest = Vec::new();
        for one in judged.iter().filter(|one| !is_own(one)) {
            // Git makes commits of notes by itself, and asks no hook.
            let is_note = to.name.starts_with(NOTES) && is_of_notes(&repo.own_paths(one)?);
            if !is_note {
                rest.push(one.clone());
            }
        }
        let unasked = memory.unasked(&rest, |names| repo.commits_named(names))?;
        sent.unasked = rest.clone();
        sent.unasked.retain(|one| unasked.contains(&one.id));
        for one in &sent.unasked {
            sent.made_here.extend(repo.own_paths(one)?);
        }
        sent.rest = rest;
        sent.untold = unasked;
        sent.untold.retain(|id| !memory.is_told(id));
    }
    Ok(sent)
}

/// True for the change of a commit of `git notes`, all of whose files are named by an object each. Any
/// commit can go under a reference of any name, and have files of any name, so neither says enough alone.
fn is_of_notes(changed: &BTreeSet<RepoPath>) -> bool {
    let is_name = |path: &RepoPath| {
        let digits = path.as_bytes().iter().filter(|byte| **byte != b'/');
        let (hex, all) = digits.fold((0, 0), |(hex, all), byte| {
            (hex + usize::from(byte.is_ascii_hexdigit()), all + 1)
        });
        hex == all && matches!(all, 40 | 64)
    };
    !changed.is_empty() && changed.iter().all(is_name)
}

/// The commits that `ai` made by accept, and those of agents whose run the policy let through at its end.
fn of_runs<'a>(commits: &'a [CommitLine], runs: &'a [Run]) -> BTreeSet<&'a str> {
    let mut own = BTreeSet::new();
    for run in runs {
        let mut of_run = BTreeSet::new();
        let landings = [&run.accepting, &run.undoing, &run.undone];
        let landings = landings.into_iter().flatten();
        let mut open: Vec<&str> = Vec::new();
        if was_let_through(run) {
            open.extend(run.commit.as_deref());
            open.extend(landings.clone().filter_map(|one| one.reworded.as_deref()));
        }
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
        own.extend(landings.map(|one| one.commit.as_str()));
    }
    own
}

/// True where policy has let the work of a run through: in its verdict, or at an accept. A run that did
/// not come to its end was judged by nobody.
fn was_let_through(run: &Run) -> bool {
    let landed = [&run.accepting, &run.undoing, &run.undone];
    landed.into_iter().any(Option::is_some)
        || run.end.as_ref().is_some_and(|end| {
            end.cell.lifecycle == Lifecycle::Finished && end.cell.policy == PolicyVerdict::Allow
        })
}
