//! Ending a task as done: by a passing verdict, or by a person's recorded override.

use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::ids::TaskId;
use crate::domain::lease::{Liveness, Token};
use crate::domain::task::{Proof, Task, TaskState};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::{lease, mutant};
use crate::store::{Store, Tx};

/// Under what right a task is ended.
pub enum Right<'a> {
    /// The holder's token.
    Token(&'a Token),
    /// Nobody holds the task.
    Unclaimed,
}

/// Ends a task as done, with its evidence, in one transaction.
pub fn done<S: Store>(
    store: &mut S,
    cx: &Cx,
    id: &TaskId,
    right: &Right<'_>,
    proof: Proof,
    evidence: &[Evidence],
) -> Result<Task, OpError> {
    if mutant::splits_done() {
        return done_in_two(store, cx, id, right, proof);
    }
    commit(store, cx, |tx, cx| {
        entitled(tx, cx, id, right)?;
        let task = cx::load(tx, id)?;
        refuse_state(&task)?;
        let action = match proof {
            Proof::Verdict { .. } => Action::TaskDone,
            Proof::Overridden { .. } => Action::TaskOverride,
        };
        ask::or_refuse(tx, cx, Question::on_task(action, &task))?;
        for piece in evidence {
            cx.record(tx, &Event::EvidenceRecorded { evidence: Box::new(piece.clone()) })?;
        }
        cx.record(tx, &Event::TaskDone { task: id.clone(), proof })?;
        cx::load(tx, id)
    })
}

/// The task, where it may be ended under this right as things stand: asked before checks are run for it.
pub fn may_end(tx: &mut dyn Tx, cx: &Cx, id: &TaskId, right: &Right<'_>) -> Result<Task, OpError> {
    entitled(tx, cx, id, right)?;
    let task = cx::load(tx, id)?;
    refuse_state(&task)?;
    Ok(task)
}

/// The token opens the task, or nobody holds it.
pub fn entitled(tx: &mut dyn Tx, cx: &Cx, id: &TaskId, right: &Right<'_>) -> Result<(), OpError> {
    match right {
        Right::Token(token) if token.subject == id.subject() => lease::fenced(tx, cx, token, "done").map(drop),
        Right::Token(token) => {
            Err(Refusal::Invalid(format!("the token is for {}, not for {id}", token.subject)).into())
        }
        Right::Unclaimed => match tx.lease(&id.subject())? {
            Some(lease) => match lease.liveness(&cx.now) {
                Liveness::Live(left_ms) => {
                    Err(Refusal::Taken { task: id.clone(), holder: lease.holder.to_string(), left_ms }.into())
                }
                Liveness::Unknown => Err(Refusal::OtherClock(id.to_string()).into()),
                Liveness::Lapsed => Ok(()),
            },
            None => Ok(()),
        },
    }
}

fn refuse_state(task: &Task) -> Result<(), OpError> {
    let (why, next) = match &task.state {
        TaskState::Running { run } => (format!("run {run} is at work on it"), format!("ai why {}", task.id)),
        TaskState::Review { .. } => {
            ("its work waits for a review".into(), format!("`ai accept {0}` or `ai reject {0}`", task.id))
        }
        TaskState::Done { .. } | TaskState::Cancelled { .. } => {
            ("it has ended".into(), format!("`ai task reopen {}` opens it again", task.id))
        }
        _ => return Ok(()),
    };
    Err(Refusal::WrongState { task: task.id.clone(), state: task.status_text().into(), why, next }.into())
}

/// The planted fault: state first, log in a transaction of its own.
fn done_in_two<S: Store>(
    store: &mut S,
    cx: &Cx,
    id: &TaskId,
    right: &Right<'_>,
    proof: Proof,
) -> Result<Task, OpError> {
    let done = TaskState::Done { proof: proof.clone(), done_ms: cx.now.wall_ms };
    commit(store, cx, |tx, cx| {
        entitled(tx, cx, id, right)?;
        let task = cx::load(tx, id)?;
        ask::or_refuse(tx, cx, Question::on_task(Action::TaskOverride, &task))?;
        tx.put_task(&Task { state: done, ..task })?;
        Ok(tx.remove_lease(&id.subject())?)
    })?;
    commit(store, cx, |tx, cx| {
        cx.record(tx, &Event::TaskDone { task: id.clone(), proof })?;
        cx::load(tx, id)
    })
}
