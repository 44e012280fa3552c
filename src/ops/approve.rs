//! A person's yes to one decision, bound to the exact thing that was asked about.

use crate::base::text;
use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::decision::{DecisionRecord, Effect, Override};
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::task::{BlockReason, Hold};
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::store::Tx;

/// The decision that an id or a unique prefix names.
pub fn find(tx: &mut dyn Tx, typed: &str) -> Result<DecisionRecord, OpError> {
    let prefix = if typed.starts_with("d-") {
        typed.to_owned()
    } else {
        format!("d-{typed}")
    };
    let mut found: Vec<DecisionRecord> = tx
        .decisions(None, None)?
        .into_iter()
        .filter(|record| record.id.starts_with(&prefix))
        .collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Refusal::NotFound {
            what: Thing::Decision,
            id: text::one_line(typed),
        }
        .into()),
        _ => {
            let candidates = found.into_iter().take(6).map(|record| record.id).collect();
            Err(Refusal::Ambiguous {
                prefix: typed.to_owned(),
                candidates,
            }
            .into())
        }
    }
}

/// Gives the task back to the queue that was waiting for this very answer.
fn release(tx: &mut dyn Tx, cx: &Cx, record: &DecisionRecord) -> Result<(), OpError> {
    let Some(task) = record.resource.task.clone().map(TaskId) else {
        return Ok(());
    };
    let hold = tx.task(&task)?.and_then(|task| task.hold);
    let waits = |hold: &Hold| {
        hold.kind == BlockReason::Approval && decision_in(&hold.reason) == Some(&record.id)
    };
    if hold.as_ref().is_some_and(waits) {
        cx.record(tx, &Event::TaskUnheld { task })
    } else {
        Ok(())
    }
}

/// The decision that a task waits for, by the reason of its hold.
pub fn decision_in(reason: &str) -> Option<&str> {
    let at = reason.find("d-")?;
    let id = &reason[at..];
    Some(
        &id[..id
            .find(|c: char| c != '-' && !c.is_ascii_alphanumeric())
            .unwrap_or(id.len())],
    )
}

/// Records a person's yes. The question must be one that waits for it.
pub fn approve(
    tx: &mut dyn Tx,
    cx: &Cx,
    typed: &str,
    reason: &str,
) -> Result<DecisionRecord, OpError> {
    let record = find(tx, typed)?;
    if cx.actor.kind != ActorKind::Human {
        return Err(Refusal::Conflict(format!(
            "only a person can approve, and {} is none",
            cx.actor
        ))
        .into());
    }
    if record.effect != Effect::RequireApproval {
        let text = format!(
            "decision {} is `{}`: it does not wait for a yes",
            record.id, record.effect
        );
        return Err(Refusal::Conflict(text).into());
    }
    let mut question = Question::about(Action::ApprovalGrant);
    question.resource.task = record.resource.task.clone();
    ask::or_refuse(tx, cx, question)?;
    // A second yes adds nothing, and must not take the place of the first one's reason.
    if record.overridden.is_some() {
        release(tx, cx, &record)?;
        return Ok(record);
    }
    let word = Override {
        by: cx.actor.clone(),
        reason: reason.to_owned(),
        at_ms: cx.now.wall_ms,
    };
    cx.record(
        tx,
        &Event::Approved {
            decision: record.id.clone(),
            word: word.clone(),
        },
    )?;
    release(tx, cx, &record)?;
    Ok(DecisionRecord {
        overridden: Some(word),
        ..record
    })
}
