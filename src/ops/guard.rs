//! The answer to a CLI that asks by its own hook before it calls a tool: whether others hold what the
//! call changes, whether that is Git's own or lies elsewhere, and what the rules of the policy say of it.
//!
//! Invariants: only rules answer, never the default of a policy, which is about what is asked where work
//! is judged (ADR 0059). A refusal leaves a record; what is let through leaves none, since it is asked for
//! each call of a tool. Deliberately absent: the payloads of CLIs, and what a hook does when it cannot ask.

use std::time::Duration;

use crate::connector::dialogue::AskedCall;
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::decision::{DecisionRecord, Effect, MatchedRule, PolicyLayer};
use crate::domain::event::Event;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::ShownToken;
use crate::domain::repo_path::RepoPath;
use crate::domain::task::{LockRequest, Task};
use crate::domain::tool_kind::ToolKind;
use crate::ops::agent_imports::ImportPlace;
use crate::ops::ask::{self, Question};
use crate::ops::called_files::{CalledFiles, CalledPlace, PartOfCall};
use crate::ops::cx::Cx;
use crate::ops::error::{OpError, Refused};
use crate::ops::held_paths::{Touching, TryAgain};
use crate::ops::hooks::commit::held_or_not;
use crate::ops::refusal::Refusal;
use crate::ops::whereabouts::{SessionPlace, Whereabouts};
use crate::ops::{lock, patterns};
use crate::policy::UNREADABLE_RULE;
use crate::store::{Store, Tx, waiting_at_most};

/// The time for which a refusal waits for its turn to be recorded.
const PATIENCE: Duration = Duration::from_secs(1);
/// The rule in the record of a call that would change Git's own files.
const GITS_RULE: &str = "built-in.git-files";
/// The rule in the record of a call that would change files beyond the tree of its session.
const INSIDE_RULE: &str = "built-in.inside-worktree";

/// A tool call that is about to be made.
#[derive(Clone, Copy)]
pub struct GuardAsked<'a> {
    /// The call.
    pub call: &'a AskedCall,
    /// The trees of the session.
    pub place: &'a SessionPlace,
    /// The one whose locks keep nothing out: the agent, or the person for whom it works.
    pub holder: &'a Actor,
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
    /// The run, where the session is one.
    pub run: Option<&'a RunId>,
    /// The tree in which imports of instructions are looked up; none where there is none.
    pub imports: Option<&'a ImportPlace>,
}

/// The record of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalRecord {
    /// It is kept.
    Kept,
    /// There have been so many that no more are.
    Dropped,
}

/// The refusal of a call.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct GuardRefusal {
    /// The reason.
    #[source]
    pub why: Box<OpError>,
    /// The reason why no record of it could be kept.
    pub unrecorded: Option<Box<OpError>>,
}

impl<E: Into<OpError>> From<E> for GuardRefusal {
    fn from(why: E) -> GuardRefusal {
        GuardRefusal {
            why: Box::new(why.into()),
            unrecorded: None,
        }
    }
}

/// Refuses a call that may not be made. A model waits for the answer: where others write for longer than a
/// moment, it is refused without a record.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    asked: GuardAsked<'_>,
    keep: RefusalRecord,
) -> Result<(), GuardRefusal> {
    // The policy is read, and links are followed, before the store is held.
    cx.policy.state();
    let found = CalledFiles::find(asked.call, asked.place)?;
    let imported = match asked.imports.filter(|_| may_change(asked.call)) {
        Some(place) => place.among(cx.policy.state(), &found.inside())?,
        None => Vec::new(),
    };
    let looked = store.read(|tx| {
        let cx = cx.at(tx.now()?);
        look(tx, &cx, &asked, (&found, imported.as_slice()))
    });
    match looked {
        Err(OpError::Refused(refused))
            if keep == RefusalRecord::Kept && !refused.record.is_empty() =>
        {
            let Refused { why, record } = *refused;
            let kept = waiting_at_most(PATIENCE, || {
                store.write(|tx| -> Result<(), OpError> {
                    let cx = cx.at(tx.now()?);
                    record.iter().try_for_each(|event| cx.record(tx, event))
                })
            });
            Err(GuardRefusal {
                why: Box::new(why.into()),
                unrecorded: kept.err().map(Box::new),
            })
        }
        other => Ok(other?),
    }
}

fn look(
    tx: &mut dyn Tx,
    cx: &Cx,
    asked: &GuardAsked<'_>,
    (found, imported): (&CalledFiles<'_>, &[ImportedFile]),
) -> Result<(), OpError> {
    let tasks = tasks_at_hand(tx, cx, asked)?;
    let call = asked.call;
    let changes = may_change(call);
    let all = |action| questions(asked, (&tasks, found), action);
    let mut asks = Vec::new();
    if changes {
        for part in found.parts() {
            let mut edits = edits(cx, asked, &tasks, &part);
            for edit in &mut edits {
                edit.facts.imported_paths = imported.to_vec();
            }
            if let Some(edit) = edits.first() {
                is_free(tx, cx, asked, (edit, &found.places))?;
            }
            asks.extend(edits);
        }
    }
    if !call.kind.changes_files() || !changes {
        asks.extend(all(Action::ToolCall));
    }
    if call.kind == ToolKind::Execute {
        asks.extend(all(Action::CommandExec));
    }
    if call.kind == ToolKind::Read && !call.paths.is_empty() {
        asks.extend(all(Action::FileRead));
    }
    // Whoever is to mend a policy that cannot be read has to look at it, and to ask a person.
    let is_here = |(_, place): &CalledPlace<'_>| matches!(place, Whereabouts::Inside(_));
    let changes_nothing = call.kind.only_looks() && found.places.iter().all(is_here);
    let policy = if changes_nothing {
        Blindness::LetsThrough
    } else {
        Blindness::Refuses
    };
    asks.iter()
        .try_for_each(|question| rules_let_it(tx, cx, policy, question))
}

/// True for a call that may write to the files that it names: what nobody knows does.
fn may_change(call: &AskedCall) -> bool {
    !call.paths.is_empty() && !call.kind.only_looks()
}

/// Refuses a change of what is not this session's to change, or of what others hold.
fn is_free(
    tx: &mut dyn Tx,
    cx: &Cx,
    asked: &GuardAsked<'_>,
    (edit, found): (&Question, &[CalledPlace<'_>]),
) -> Result<(), OpError> {
    stays_inside(cx, asked, edit, found)?;
    let paths: Vec<Vec<u8>> = edit
        .resource
        .paths
        .iter()
        .map(|p| p.as_bytes().to_vec())
        .collect();
    let run_task = asked.run.map(RunId::task);
    let touching = Touching {
        what: &format!("the call of `{}`", asked.call.title),
        again: TryAgain::SameCall,
        task: run_task.as_ref(),
        paths: &paths,
        kept: asked.kept,
    };
    let holder = Cx {
        actor: asked.holder.clone(),
        ..cx.clone()
    };
    held_or_not(touching.or_refuse(tx, &holder), cx, edit)
}

/// The part of a policy that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blindness {
    /// It keeps nobody from looking.
    LetsThrough,
    /// It refuses.
    Refuses,
}

/// Refuses a call by the answer of the policy's rules.
fn rules_let_it(
    tx: &mut dyn Tx,
    cx: &Cx,
    blindness: Blindness,
    question: &Question,
) -> Result<(), OpError> {
    let record = ask::by_rules(ask::answer_here(tx, cx, question)?);
    let is_blind = record.rule == UNREADABLE_RULE && blindness == Blindness::LetsThrough;
    if record.effect.lets_through() || is_blind || ask::approved(tx, cx.now.wall_ms, &record)? {
        return Ok(());
    }
    let record = Box::new(record);
    let why = ask::refused(tx, cx.now.wall_ms, record.clone())?;
    Err(OpError::recorded(why, vec![Event::Decided { record }]))
}

/// Refuses a change of Git's own files, of the trees of runs, and, within a run, of anything beyond its
/// worktree. Elsewhere an interactive session has its person beside it.
fn stays_inside(
    cx: &Cx,
    asked: &GuardAsked<'_>,
    question: &Question,
    found: &[CalledPlace<'_>],
) -> Result<(), OpError> {
    for (word, place) in found {
        let shown = word.escape_debug();
        let (rule, reason) = match place {
            Whereabouts::Inside(_) => continue,
            Whereabouts::Beyond if asked.run.is_none() => continue,
            Whereabouts::OfGit => (
                GITS_RULE,
                format!(
                    "`{shown}` is Git's own, by which programs are run; use `git` for what it does"
                ),
            ),
            Whereabouts::OfRuns => (
                INSIDE_RULE,
                format!("`{shown}` lies in the worktree of a run, in which another agent works"),
            ),
            Whereabouts::Beyond => (
                INSIDE_RULE,
                format!(
                    "`{shown}` is not in the worktree of the run; work below {}",
                    asked.place.tree.display()
                ),
            ),
            Whereabouts::Nowhere => (
                INSIDE_RULE,
                format!(
                    "it cannot be told where `{shown}` leads; name the file without links and `..`"
                ),
            ),
        };
        return Err(denied(ask::answer(cx, question), rule, reason));
    }
    Ok(())
}

/// A refusal by `ai` itself, with its record.
fn denied(mut record: DecisionRecord, rule: &str, reason: String) -> OpError {
    record.effect = Effect::Deny;
    record.layer = PolicyLayer::BuiltIn;
    record.rule = rule.to_owned();
    record.matched.push(MatchedRule {
        layer: PolicyLayer::BuiltIn,
        rule: rule.to_owned(),
        effect: Effect::Deny,
        reason: reason.clone(),
        path: None,
        needs: None,
        when: None,
    });
    record.reason = reason;
    let record = Box::new(record);
    OpError::recorded(
        Refusal::Denied(record.clone()),
        vec![Event::Decided { record }],
    )
}

/// The tasks for which the session works: that of its run, or those that it holds here.
fn tasks_at_hand(tx: &mut dyn Tx, cx: &Cx, asked: &GuardAsked<'_>) -> Result<Vec<Task>, OpError> {
    let ids: Vec<TaskId> = match asked.run {
        Some(run) => vec![run.task()],
        None => {
            let holder = Cx {
                actor: asked.holder.clone(),
                ..cx.clone()
            };
            let opened = lock::opened_by(tx, &holder, asked.kept)?;
            opened.iter().filter_map(|subject| subject.task()).collect()
        }
    };
    let mut tasks = Vec::new();
    for id in ids {
        tasks.extend(tx.task(&id)?);
    }
    Ok(tasks)
}

/// A question for each task at hand, or one about none.
fn questions(
    asked: &GuardAsked<'_>,
    (tasks, found): (&[Task], &CalledFiles<'_>),
    action: Action,
) -> Vec<Question> {
    let mut questions = ask::for_each(action, tasks);
    for question in &mut questions {
        complete(question, asked);
        question.facts.command.clone_from(&asked.call.command);
        if action == Action::FileRead {
            question.resource.paths = found.inside();
        }
    }
    questions
}

/// The questions about what is done to a part of the files.
fn edits(cx: &Cx, asked: &GuardAsked<'_>, tasks: &[Task], part: &PartOfCall) -> Vec<Question> {
    let mut questions = ask::for_each(Action::Edit, tasks);
    for question in &mut questions {
        complete(question, asked);
        question.resource.kind = Some(part.kind);
        question.resource.paths.clone_from(&part.paths);
        let facts = &mut question.facts;
        // Where the paths of the task cannot be read, none of these is known to be among them.
        let outside = outside(cx, tasks, &part.paths);
        facts.outside_paths = outside.or_else(|| Some(part.paths.clone()));
        facts.change_kinds.clone_from(&part.change_kinds);
        facts.moves.clone_from(&part.moves);
    }
    questions
}

fn complete(question: &mut Question, asked: &GuardAsked<'_>) {
    let call = asked.call;
    let resource = &mut question.resource;
    resource.patterns.clear();
    resource.run = asked.run.map(ToString::to_string);
    resource.tool = Some(call.title.clone());
    resource.kind = Some(call.kind);
    resource.input.clone_from(&call.digest);
}

/// The paths beyond those of every task at hand; none where one of them names none.
fn outside(cx: &Cx, tasks: &[Task], changed: &[RepoPath]) -> Option<Vec<RepoPath>> {
    if tasks.iter().any(|task| task.paths.is_empty()) {
        return Some(Vec::new());
    }
    let own: Vec<LockRequest> = tasks.iter().flat_map(|task| task.paths.clone()).collect();
    patterns::outside(&cx.rules, &own, changed.iter().map(RepoPath::as_bytes))
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
