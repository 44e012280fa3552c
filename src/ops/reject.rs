//! Rejecting: the work of a run goes back, with a note for the next attempt. The task keeps its
//! branch and its evidence.

use crate::domain::action::Action;
use crate::domain::decision::Judgement;
use crate::domain::event::Event;
use crate::domain::task::{Note, Task};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::fit::in_review;
use crate::ops::judgement;
use crate::store::{Store, Tx};

/// Before the words of whoever sends work back, in the note that he leaves.
pub const SENT_BACK: &str = "rejected: ";

/// Sends work back, with a note for the next attempt.
pub fn reject(store: &mut dyn Store, cx: &Cx, typed: &str, note: &str) -> Result<Task, OpError> {
    commit(store, cx, |tx, cx| send_back(tx, cx, typed, note))
}

/// The same for somebody who asks nobody: a refusal leaves no record.
pub(super) fn reject_silently(
    store: &mut dyn Store,
    cx: &Cx,
    typed: &str,
    note: &str,
) -> Result<Task, OpError> {
    commit(store, cx, |tx, cx| {
        send_back(tx, cx, typed, note).map_err(OpError::unrecorded)
    })
}

fn send_back(tx: &mut dyn Tx, cx: &Cx, typed: &str, note: &str) -> Result<Task, OpError> {
    let (task, run) = in_review(tx, typed)?;
    ask::or_refuse(tx, cx, Question::on_task(Action::TaskReject, &task))?;
    let judged = judgement::question(&task, &run, Judgement::Rejected);
    ask::where_rules_speak(tx, cx, &judged)?;
    let note = Note {
        at_ms: cx.now.wall_ms,
        by: cx.actor.clone(),
        text: format!("{SENT_BACK}{note}"),
    };
    cx.record(
        tx,
        &Event::TaskRejected {
            task: task.id.clone(),
            note,
        },
    )?;
    cx::load(tx, &task.id)
}
