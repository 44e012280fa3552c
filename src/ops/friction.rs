//! Frictions: telling of what got in the way, naming the task that mends it, and listing what is open.
//!
//! They are read from the log each time, which is asked for seldom. The policy is asked as about any message, where a
//! rule speaks of messages.

use crate::base::hash;
use crate::base::id;
use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::friction::{Friction, FrictionWord, Frictions, LONGEST};
use crate::domain::ids::TaskId;
use crate::domain::task::{Task, TaskState};
use crate::ops::ask::{self, Question};
use crate::ops::by_id;
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::store::{EventFilter, Flow, StoreError, Tx};

/// The kind of the event, as the log has it.
const KIND: &str = "friction.told";

/// Tells of a friction, met at this task where one is named.
pub fn add(tx: &mut dyn Tx, cx: &Cx, text: &str, task: Option<&str>) -> Result<Friction, OpError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(unclear("a friction without a text tells nobody anything"));
    }
    if text.len() > LONGEST {
        return Err(unclear(&format!(
            "a friction has at most {LONGEST} bytes, and this one {}",
            text.len()
        )));
    }
    let task = match task {
        Some(typed) => {
            let id = cx::resolve(tx, typed)?;
            Some(cx::load(tx, &id)?)
        }
        None => None,
    };
    may_say(tx, cx, (task.as_ref(), text))?;
    let friction = Friction {
        id: format!("f-{}", id::random_text(8)),
        text: text.to_owned(),
        by: cx.actor.clone(),
        at_ms: cx.now.wall_ms,
        task: task.map(|task| task.id),
        mended_by: None,
    };
    let friction = Friction {
        // As it is recorded: without the secrets that stand in it.
        text: cx.scrub.redactor().redact_text(&friction.text),
        ..friction
    };
    let said = FrictionWord::Met {
        friction: friction.clone(),
    };
    say(tx, cx, said)?;
    Ok(friction)
}

/// Names the task that mends a friction: with that it is closed.
pub fn mended_by(
    tx: &mut dyn Tx,
    cx: &Cx,
    (typed, task): (&str, &str),
) -> Result<Friction, OpError> {
    let friction = find(tx, typed)?;
    let task = cx::resolve(tx, task)?;
    let id = friction.id.clone();
    let mended_by = Some(task.clone());
    say(tx, cx, FrictionWord::MendedBy { id, task })?;
    Ok(Friction {
        mended_by,
        ..friction
    })
}

/// Closes a friction without a task.
pub fn drop(tx: &mut dyn Tx, cx: &Cx, (typed, reason): (&str, &str)) -> Result<Friction, OpError> {
    let friction = find(tx, typed)?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refusal::Unclear {
            why: "a friction is dropped for a reason".to_owned(),
            hint: format!("say why: `ai friction drop {} --reason TEXT`", friction.id),
        }
        .into());
    }
    let task = match &friction.task {
        Some(task) => tx.task(task)?,
        None => None,
    };
    may_say(tx, cx, (task.as_ref(), reason))?;
    let (id, reason) = (friction.id.clone(), reason.to_owned());
    say(tx, cx, FrictionWord::Dropped { id, reason })?;
    Ok(friction)
}

/// The frictions that nobody dropped and no task has mended, oldest first.
pub fn open(tx: &mut dyn Tx) -> Result<Vec<Friction>, OpError> {
    let mut open = Vec::new();
    for friction in known(tx)? {
        let is_mended = match &friction.mended_by {
            Some(task) => is_done(tx, task)?,
            None => false,
        };
        if !is_mended {
            open.push(friction);
        }
    }
    Ok(open)
}

fn is_done(tx: &mut dyn Tx, task: &TaskId) -> Result<bool, OpError> {
    let task = tx.task(task)?;
    Ok(task.is_some_and(|task| matches!(task.state, TaskState::Done { .. })))
}

/// Those that nobody dropped.
fn known(tx: &mut dyn Tx) -> Result<Vec<Friction>, OpError> {
    let mut all = Frictions::default();
    let filter = EventFilter {
        kind: Some(KIND),
        ..EventFilter::default()
    };
    tx.events(&filter, &mut |stored| {
        let event: Event =
            serde_json::from_str(&stored.body).map_err(|source| StoreError::Row {
                row: format!("event {}", stored.seq),
                source: source.into(),
            })?;
        if let Event::FrictionTold { said } = event {
            all.see(*said);
        }
        Ok(Flow::More)
    })?;
    Ok(all.in_order())
}

fn find(tx: &mut dyn Tx, typed: &str) -> Result<Friction, OpError> {
    by_id::one_of((Thing::Friction, "f-", typed), known(tx)?, |one| &one.id)
}

fn may_say(tx: &mut dyn Tx, cx: &Cx, (task, text): (Option<&Task>, &str)) -> Result<(), OpError> {
    let mut message = match task {
        Some(task) => Question::on_task(Action::MessageSend, task),
        None => Question::about(Action::MessageSend),
    };
    message.resource.patterns.clear();
    message.resource.input = Some(hash::sha256_hex(text.as_bytes()));
    message.facts.note = Some(cx.scrub.beginning(text));
    ask::where_rules_speak(tx, cx, &message)?;
    Ok(())
}

fn say(tx: &mut dyn Tx, cx: &Cx, word: FrictionWord) -> Result<(), OpError> {
    let said = Box::new(word);
    cx.record(tx, &Event::FrictionTold { said })
}

fn unclear(why: &str) -> OpError {
    Refusal::Unclear {
        why: why.to_owned(),
        hint: "say it in a sentence: `ai friction add TEXT`".to_owned(),
    }
    .into()
}
