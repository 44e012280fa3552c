//! Changing tasks that exist: fields, dependencies, holds, ends and new beginnings.

use std::collections::{HashMap, HashSet};

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::event::{Event, TaskEdit};
use crate::domain::ids::TaskId;
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Hold, Note, Task, TaskState};
use crate::domain::task_rules::{Misfit, TaskAct};
use crate::domain::task_text::{check_priority, check_text, check_word};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::{fit, patterns};
use crate::store::Tx;

/// Changes fields of a task.
pub fn edit(tx: &mut dyn Tx, cx: &Cx, typed: &str, edit: TaskEdit) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    for request in edit.paths.iter().flatten() {
        patterns::expand(&cx.rules, &request.pattern)?;
    }
    if edit.paths.is_some() {
        fit::require(TaskAct::ChangePaths, &task)?;
    }
    check_text(edit.title.as_deref(), edit.body.as_deref())?;
    check_priority(edit.priority)?;
    let named = edit.agent.iter().filter(|agent| !agent.is_empty());
    let words = edit
        .add_labels
        .iter()
        .chain(&edit.kind)
        .chain(edit.checks.iter().flatten())
        .chain(named);
    words.into_iter().try_for_each(|word| check_word(word))?;
    if let Some(parent) = edit
        .parent
        .as_ref()
        .filter(|parent| !parent.as_str().is_empty())
    {
        refuse_own_parent(tx, &task.id, parent)?;
        if !task.state.is_final() {
            fit::require_open_whole(tx, Some(parent))?;
        }
    }
    cx.record(
        tx,
        &Event::TaskEdited {
            task: task.id.clone(),
            edit: Box::new(edit),
        },
    )?;
    cx::load(tx, &task.id)
}

/// A task cannot be a part of itself, nor of one of its own parts.
fn refuse_own_parent(tx: &mut dyn Tx, task: &TaskId, parent: &TaskId) -> Result<(), OpError> {
    let (mut way, mut above) = (vec![task.to_string()], Some(parent.clone()));
    while let Some(id) = above {
        way.push(id.to_string());
        if &id == task {
            return Err(Refusal::Cycle(way).into());
        }
        above = cx::load(tx, &id)?.parent;
    }
    Ok(())
}

/// Makes `task` wait for `on`.
pub fn add_dep(tx: &mut dyn Tx, cx: &Cx, typed: &str, typed_on: &str) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    let on = cx::resolve(tx, typed_on)?;
    if let Some(circle) = path_back(tx, &on, &task.id)? {
        return Err(
            Refusal::Cycle(std::iter::once(task.id.to_string()).chain(circle).collect()).into(),
        );
    }
    fit::require(TaskAct::AddDependency, &task)?;
    if !tx.deps(&task.id)?.contains(&on) {
        cx.record(
            tx,
            &Event::DepAdded {
                task: task.id.clone(),
                on,
            },
        )?;
    }
    cx::load(tx, &task.id)
}

/// Ends the waiting of `task` for `on`.
pub fn remove_dep(tx: &mut dyn Tx, cx: &Cx, typed: &str, typed_on: &str) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    let on = cx::resolve(tx, typed_on)?;
    if !tx.deps(&task.id)?.contains(&on) {
        let why = format!("it does not wait for {on}");
        let next = format!("`ai task dep tree {}`", task.id);
        return Err(fit::refusal(&task, Misfit { why, next }));
    }
    cx.record(
        tx,
        &Event::DepRemoved {
            task: task.id.clone(),
            on,
        },
    )?;
    cx::load(tx, &task.id)
}

/// The way along dependencies from `from` to `to`, ends included; walked without recursion, so that
/// long chains are no danger.
fn path_back(tx: &mut dyn Tx, from: &TaskId, to: &TaskId) -> Result<Option<Vec<String>>, OpError> {
    let mut came_from: HashMap<TaskId, TaskId> = HashMap::new();
    let mut seen = HashSet::from([from.clone()]);
    let mut open = vec![from.clone()];
    while let Some(at) = open.pop() {
        if &at == to {
            let mut way = vec![at.to_string()];
            let mut step = &at;
            while let Some(before) = came_from.get(step) {
                way.push(before.to_string());
                step = before;
            }
            way.reverse();
            return Ok(Some(way));
        }
        for next in tx.deps(&at)? {
            if seen.insert(next.clone()) {
                came_from.insert(next.clone(), at.clone());
                open.push(next);
            }
        }
    }
    Ok(None)
}

/// Leaves a note on a task, whoever holds it and in whatever state it is. Whoever works on it next reads it.
pub fn note(tx: &mut dyn Tx, cx: &Cx, typed: &str, text: String) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    if text.trim().is_empty() {
        return Err(Refusal::Unclear {
            why: "a note without a text tells nobody anything".to_owned(),
            hint: format!("say it: `ai task note {} TEXT`", task.id),
        }
        .into());
    }
    check_text(None, Some(&text))?;
    let mut message = Question::on_task(Action::MessageSend, &task);
    message.resource.patterns.clear();
    // A yes is to this text, and to nothing else that is said there.
    message.resource.input = Some(hash::sha256_hex(text.as_bytes()));
    message.facts.note = Some(cx.scrub.beginning(&text));
    let lease = tx.lease(&task.id.subject())?;
    let holder = lease.filter(|lease| !lease.holder.same_session(&cx.actor));
    message.resource.recipient = holder.map(|lease| lease.holder.label());
    ask::where_rules_speak(tx, cx, &message)?;
    let note = Note {
        at_ms: cx.now.wall_ms,
        by: cx.actor.clone(),
        text,
    };
    cx.record(
        tx,
        &Event::TaskNoted {
            task: task.id.clone(),
            note,
        },
    )?;
    cx::load(tx, &task.id)
}

/// Keeps a task out of the queue.
pub fn hold(tx: &mut dyn Tx, cx: &Cx, typed: &str, reason: String) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    fit::require(TaskAct::Hold, &task)?;
    let hold = Hold {
        kind: BlockReason::Hold,
        reason,
        since_ms: cx.now.wall_ms,
    };
    cx.record(
        tx,
        &Event::TaskHeld {
            task: task.id.clone(),
            hold,
        },
    )?;
    cx::load(tx, &task.id)
}

/// Lifts a hold, also that of a parked task.
pub fn unhold(tx: &mut dyn Tx, cx: &Cx, typed: &str) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskEdit)?;
    fit::require(TaskAct::Unhold, &task)?;
    cx.record(
        tx,
        &Event::TaskUnheld {
            task: task.id.clone(),
        },
    )?;
    cx::load(tx, &task.id)
}

/// Before the words of whoever opens a task again, in the note that he leaves.
pub const REOPENED: &str = "reopened: ";

/// A task that was cancelled.
pub struct Cancelled {
    /// The task.
    pub task: Task,
    /// The run that was at work on it and has lost its lease; the caller ends its processes.
    pub run: Option<Run>,
}

/// Ends a task that nobody will do. Where somebody holds it, the lease ends with it, and the
/// holder's next word is refused.
pub fn cancel(tx: &mut dyn Tx, cx: &Cx, typed: &str, reason: String) -> Result<Cancelled, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskCancel)?;
    fit::require(TaskAct::Cancel, &task)?;
    let run = match &task.state {
        TaskState::Running { run } => tx.run(run)?,
        _ => None,
    };
    if let Some(run) = &run {
        let mut question = Question::on_task(Action::RunStop, &task);
        question.resource.run = Some(run.id.to_string());
        ask::or_refuse(tx, cx, question)?;
    }
    cx.record(
        tx,
        &Event::TaskCancelled {
            task: task.id.clone(),
            reason,
        },
    )?;
    Ok(Cancelled {
        task: cx::load(tx, &task.id)?,
        run,
    })
}

/// Queues a failed, parked or cancelled task again, with fresh attempts.
pub fn retry(tx: &mut dyn Tx, cx: &Cx, typed: &str) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskRetry)?;
    fit::require(TaskAct::Retry, &task)?;
    if task.state.is_final() {
        fit::require_open_whole(tx, task.parent.as_ref())?;
    }
    cx.record(
        tx,
        &Event::TaskRetried {
            task: task.id.clone(),
        },
    )?;
    cx::load(tx, &task.id)
}

/// Opens a finished task again.
pub fn reopen(tx: &mut dyn Tx, cx: &Cx, typed: &str, reason: String) -> Result<Task, OpError> {
    let task = guarded(tx, cx, typed, Action::TaskRetry)?;
    fit::require(TaskAct::Reopen, &task)?;
    fit::require_open_whole(tx, task.parent.as_ref())?;
    let note = Note {
        at_ms: cx.now.wall_ms,
        by: cx.actor.clone(),
        text: format!("{REOPENED}{reason}"),
    };
    cx.record(
        tx,
        &Event::TaskReopened {
            task: task.id.clone(),
            note,
        },
    )?;
    cx::load(tx, &task.id)
}

fn guarded(tx: &mut dyn Tx, cx: &Cx, typed: &str, action: Action) -> Result<Task, OpError> {
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    ask::or_refuse(tx, cx, Question::on_task(action, &task))?;
    Ok(task)
}
