//! Ending a task as done: by a passing verdict, or by a person's recorded override.

use crate::domain::action::Action;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::facts::CredentialPlace;
use crate::domain::guards::GuardFinding;
use crate::domain::ids::TaskId;
use crate::domain::lease::{LeaseLiveness, ShownToken, Token};
use crate::domain::moved_file::FileMove;
use crate::domain::parts::Ended;
use crate::domain::repo_path::RepoPath;
use crate::domain::task::{Proof, Task, TaskState};
use crate::domain::task_rules::TaskAct;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::held_paths::{Touching, TryAgain};
use crate::ops::refusal::Refusal;
use crate::ops::{findings, fit, judgement, lease, mutant, patterns};
use crate::store::{Store, Tx};

/// The command for this.
const DONE: &str = "ai task done";

/// Under what right a task is ended.
pub enum Right<'a> {
    /// The holder's token.
    Token(&'a Token),
    /// Nobody holds the task.
    Unclaimed,
}

/// The measured change of the work.
#[derive(Debug, Default)]
pub struct Changed {
    /// The paths.
    pub paths: Vec<Vec<u8>>,
    /// The change of each path, a letter for each.
    pub kinds: String,
    /// Lines, added plus removed.
    pub lines: u64,
    /// The places in which it brings the value of a credential.
    pub credentials: Vec<CredentialPlace>,
    /// Findings in it for guards; none where nobody asks.
    pub findings: Option<Vec<GuardFinding>>,
    /// The files that got another name.
    pub moves: Vec<FileMove>,
    /// The files that instructions of agents import.
    pub imported: Vec<ImportedFile>,
    /// The tokens at hand where the task is ended: locks that they open do not count.
    pub own: Vec<ShownToken>,
}

/// The order to end a task.
pub struct Ending<'a> {
    /// The right by which it is ended.
    pub right: &'a Right<'a>,
    /// The proof.
    pub proof: Proof,
    /// Evidence that was recorded on the way.
    pub evidence: &'a [Evidence],
    /// The change; nothing where it was not measured.
    pub changed: Option<&'a Changed>,
}

impl<'a> Ending<'a> {
    /// An ending whose work was not measured, and of which nothing was recorded.
    #[cfg(test)]
    pub(crate) fn plain(right: &'a Right<'a>, proof: Proof) -> Ending<'a> {
        Ending {
            right,
            proof,
            evidence: &[],
            changed: None,
        }
    }
}

/// Ends a task as done, with its evidence, in one transaction. What it changes is asked about like
/// the work of a run; under an override only whether others hold it. Returns the warnings of the
/// policy, too.
pub fn done(
    store: &mut dyn Store,
    cx: &Cx,
    id: &TaskId,
    ending: Ending<'_>,
) -> Result<(Task, Vec<String>), OpError> {
    let Ending {
        right,
        proof,
        evidence,
        changed,
    } = ending;
    if mutant::splits_done() {
        return Ok((done_in_two(store, cx, id, right, proof)?, Vec::new()));
    }
    commit(store, cx, |tx, cx| {
        entitled(tx, cx, id, right)?;
        let task = cx::load(tx, id)?;
        fit::require(TaskAct::Finish, &task)?;
        let (action, ended) = match proof {
            Proof::Verdict { .. } => (Action::TaskDone, Ended::Proven),
            Proof::Overridden { .. } => (Action::TaskOverride, Ended::Overridden),
        };
        fit::require_parts(tx, &task, ended, DONE)?;
        if let Some(changed) = changed {
            touching(id, changed).or_refuse(tx, cx)?;
        }
        let judged = judged(tx, cx, &task, ended)?;
        let mut warnings = ask::where_rules_speak(tx, cx, &judged)?;
        // An override stands in the place of a verdict, and policy has a question of its own for it.
        let question = match changed.filter(|_| ended == Ended::Proven) {
            Some(changed) => {
                let mut work = about(Action::RunFinish, &task, changed);
                let paths = changed.paths.iter().map(Vec::as_slice);
                work.facts.outside_paths = patterns::outside(&cx.rules, &task.paths, paths);
                let names = changed.credentials.iter().map(|place| place.name.clone());
                work.facts.credentials_added = names.collect();
                work.facts.credential_places = changed.credentials.clone();
                warnings.extend(ask::or_refuse(tx, cx, work)?);
                about(action, &task, changed)
            }
            None => Question::on_task(action, &task),
        };
        warnings.extend(ask::or_refuse(tx, cx, question)?);
        cx.record_evidence(tx, evidence)?;
        cx.record(
            tx,
            &Event::TaskDone {
                task: id.clone(),
                proof,
            },
        )?;
        Ok((cx::load(tx, id)?, warnings))
    })
}

/// The question whether the task may be judged as it ends: the work is that of whoever holds it.
fn judged(tx: &mut dyn Tx, cx: &Cx, task: &Task, ended: Ended) -> Result<Question, OpError> {
    let lease = tx.lease(&task.id.subject())?;
    let worker = lease.map_or_else(|| cx.actor.clone(), |lease| lease.holder);
    Ok(judgement::of_done(task, &worker, ended))
}

/// The question about an action on a task whose work is known: it is about the paths that are
/// changed, not about those that were meant.
fn about(action: Action, task: &Task, changed: &Changed) -> Question {
    let mut question = Question::on_task(action, task);
    question.resource.patterns.clear();
    question.resource.paths = changed.paths.iter().cloned().map(RepoPath::new).collect();
    question.facts.diff_files = Some(changed.paths.len() as u64);
    question.facts.diff_lines = Some(changed.lines);
    question.facts.change_kinds = Some(changed.kinds.clone());
    question.facts.findings = changed.findings.clone();
    question.facts.moves = changed.moves.clone();
    question.facts.imported_paths = changed.imported.clone();
    // No run is named here, so that a yes has to be bound to what was found.
    question.resource.input =
        findings::digest_of(changed.findings.as_deref(), &changed.credentials);
    question
}

/// The question whether somebody else holds what the work changes.
fn touching<'a>(task: &'a TaskId, changed: &'a Changed) -> Touching<'a> {
    Touching {
        what: "the work",
        again: TryAgain::OnTask(DONE),
        task: Some(task),
        paths: &changed.paths,
        kept: &changed.own,
    }
}

/// The task, where it may be ended under this right as things stand: asked before checks are run
/// for it.
pub fn may_end(tx: &mut dyn Tx, cx: &Cx, id: &TaskId, right: &Right<'_>) -> Result<Task, OpError> {
    entitled(tx, cx, id, right)?;
    let task = cx::load(tx, id)?;
    fit::require(TaskAct::Finish, &task)?;
    fit::require_parts(tx, &task, Ended::Proven, DONE)?;
    Ok(task)
}

/// Refuses where a rule keeps the actor from judging the work by its checks: asked before they are run, too.
pub fn may_judge(store: &mut dyn Store, cx: &Cx, task: &Task) -> Result<(), OpError> {
    // What nobody asks about takes no lock on the store.
    if !cx
        .policy
        .state()
        .speaks_of(Action::EvidenceJudge, &cx.actor)
    {
        return Ok(());
    }
    commit(store, cx, |tx, cx| {
        let judged = judged(tx, cx, task, Ended::Proven)?;
        ask::refused_where_rules_speak(tx, cx, &judged)
    })
}

/// The token opens the task, or nobody holds it.
pub fn entitled(tx: &mut dyn Tx, cx: &Cx, id: &TaskId, right: &Right<'_>) -> Result<(), OpError> {
    match right {
        Right::Token(token) if token.subject == id.subject() => {
            lease::fenced(tx, cx, token, "done").map(drop)
        }
        Right::Token(token) => Err(Refusal::Unclear {
            why: format!("the token is for {}, not for {id}", token.subject),
            hint: format!(
                "give that of {id}, or none in the worktree that keeps it; `ai why {id}` says who holds it"
            ),
        }
        .into()),
        Right::Unclaimed => match tx.lease(&id.subject())? {
            Some(lease) => match lease.liveness(&cx.now) {
                LeaseLiveness::Live(left_ms) => Err(Refusal::Taken {
                    task: id.clone(),
                    holder: lease.holder.to_string(),
                    left_ms,
                }
                .into()),
                LeaseLiveness::Unknown => Err(Refusal::OtherClock(id.to_string()).into()),
                LeaseLiveness::Lapsed => Ok(()),
            },
            None => Ok(()),
        },
    }
}

/// The planted fault: state first, log in a transaction of its own.
fn done_in_two(
    store: &mut dyn Store,
    cx: &Cx,
    id: &TaskId,
    right: &Right<'_>,
    proof: Proof,
) -> Result<Task, OpError> {
    let done = TaskState::Done {
        proof: proof.clone(),
        done_ms: cx.now.wall_ms,
    };
    commit(store, cx, |tx, cx| {
        entitled(tx, cx, id, right)?;
        let task = cx::load(tx, id)?;
        ask::or_refuse(tx, cx, Question::on_task(Action::TaskOverride, &task))?;
        tx.put_task(&Task {
            state: done,
            ..task
        })?;
        Ok(tx.remove_lease(&id.subject())?)
    })?;
    commit(store, cx, |tx, cx| {
        cx.record(
            tx,
            &Event::TaskDone {
                task: id.clone(),
                proof,
            },
        )?;
        cx::load(tx, id)
    })
}
