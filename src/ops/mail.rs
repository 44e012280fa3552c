//! Messages: those of a reader, and the records that they were given and seen.
//!
//! They are read from the log each time, by the index over kinds of events. Deliberately absent: any act that reads a message as
//! a yes.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::base::text::listed;
use crate::domain::actor::ActorKind;
use crate::domain::event::Event;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::message::{Addressee, Message, MessageReader, MessageWay, Messages, Sighting};
use crate::ops::by_id;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Thing;
use crate::store::{EventFilter, Flow, StoreError, Tx};

/// The kinds of the events, as the log has them.
const SENT: &str = "message.sent";
const GIVEN: &str = "message.given";
const SEEN: &str = "message.seen";
/// So many messages that were seen are shown besides those that wait.
const SEEN_SHOWN: usize = 10;

/// The messages that are to be marked as seen.
#[derive(Clone, Copy, Debug)]
pub enum MessagesMeant<'a> {
    /// Every one that waits for the reader.
    Waiting,
    /// The messages with these ids, or beginnings of ids.
    Named(&'a [String]),
}

/// Every message, in the order in which they were sent.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<Message>, OpError> {
    let mut messages = Messages::default();
    for kind in [SENT, GIVEN, SEEN] {
        each(tx, kind, &mut |body| {
            take_in(&mut messages, serde_json::from_str(body)?);
            Ok(())
        })?;
    }
    Ok(messages.in_order())
}

/// The messages that nobody has seen, oldest first. Of the others, which are nearly all in a log of some age, no more is read than
/// their ids.
fn unread(tx: &mut dyn Tx) -> Result<Vec<Message>, OpError> {
    let mut seen = HashSet::new();
    each(tx, SEEN, &mut |body| {
        let record: MovedMessage = serde_json::from_str(body)?;
        seen.insert(record.message);
        Ok(())
    })?;
    let (mut messages, mut waiting) = (Messages::default(), HashSet::new());
    each(tx, SENT, &mut |body| {
        let record: SentMessage = serde_json::from_str(body)?;
        if !seen.contains(&record.message.id) {
            take_in(&mut messages, serde_json::from_str(body)?);
            waiting.insert(record.message.id);
        }
        Ok(())
    })?;
    if !waiting.is_empty() {
        each(tx, GIVEN, &mut |body| {
            let record: MovedMessage = serde_json::from_str(body)?;
            if waiting.contains(&record.message) {
                take_in(&mut messages, serde_json::from_str(body)?);
            }
            Ok(())
        })?;
    }
    Ok(messages.in_order())
}

fn take_in(messages: &mut Messages, event: Event) {
    match event {
        Event::MessageSent { message } => messages.sent(*message),
        Event::MessageGiven { message, run } => messages.given(&message, run),
        Event::MessageSeen {
            message, sighting, ..
        } => messages.seen(&message, *sighting),
        _ => {}
    }
}

/// As much of a record that a message was given or seen as tells which.
#[derive(Deserialize)]
struct MovedMessage {
    message: String,
}

/// As much of a record that a message was sent as tells which.
#[derive(Deserialize)]
struct SentMessage {
    message: NamedMessage,
}

/// The id of a message.
#[derive(Deserialize)]
struct NamedMessage {
    id: String,
}

/// Reads the records of one kind, oldest first.
fn each(
    tx: &mut dyn Tx,
    kind: &'static str,
    read: &mut dyn FnMut(&str) -> Result<(), serde_json::Error>,
) -> Result<(), StoreError> {
    let filter = EventFilter {
        kind: Some(kind),
        ..EventFilter::default()
    };
    tx.events(&filter, &mut |stored| {
        read(&stored.body).map_err(|source| StoreError::Row {
            row: format!("event {}", stored.seq),
            source: source.into(),
        })?;
        Ok(Flow::More)
    })
}

/// The unread messages that are a reader's to take: none that another run has which is at work.
pub fn waiting_for(tx: &mut dyn Tx, reader: &MessageReader<'_>) -> Result<Vec<Message>, OpError> {
    let mut unread = unread(tx)?;
    unread.retain(|message| message.reaches(reader));
    without_those_of_others(tx, reader, unread)
}

/// Leaves out the unread messages that another run has which is at work: a message is one run's at a time, whatever else the same
/// agent works on. People see every one.
fn without_those_of_others(
    tx: &mut dyn Tx,
    reader: &MessageReader<'_>,
    messages: Vec<Message>,
) -> Result<Vec<Message>, OpError> {
    let mut free = Vec::new();
    for message in messages {
        let may_be_taken = message.seen.is_none() && reader.actor.kind != ActorKind::Human;
        let other = message.given_to_another(reader).filter(|_| may_be_taken);
        let is_free = match other {
            Some(run) => tx.run(run)?.is_none_or(|run| run.end.is_some()),
            None => true,
        };
        if is_free {
            free.push(message);
        }
    }
    Ok(free)
}

/// Records that a run is given these messages.
pub fn give(tx: &mut dyn Tx, cx: &Cx, messages: &[Message], run: &RunId) -> Result<(), OpError> {
    for message in messages {
        let event = Event::MessageGiven {
            message: message.id.clone(),
            run: run.clone(),
        };
        cx.record(tx, &event)?;
    }
    Ok(())
}

/// The unread messages to a task.
pub fn of_task(tx: &mut dyn Tx, task: &TaskId) -> Result<Vec<Message>, OpError> {
    let mut unread = unread(tx)?;
    unread.retain(|message| message.to == Addressee::Task(task.clone()));
    Ok(unread)
}

/// The unread messages to people.
pub fn for_people(tx: &mut dyn Tx) -> Result<Vec<Message>, OpError> {
    let mut unread = unread(tx)?;
    unread.retain(Message::is_for_people);
    Ok(unread)
}

/// The tasks that an actor holds now.
pub fn held_by(tx: &mut dyn Tx, cx: &Cx) -> Result<Vec<TaskId>, OpError> {
    let leases = tx.leases()?.into_iter();
    let own = leases.filter(|lease| lease.binds(&cx.now) && cx.actor.goes_on_for(&lease.holder));
    Ok(own.filter_map(|lease| lease.subject.task()).collect())
}

/// The messages of a reader, or of everybody where none is named: those that wait, oldest first, then a few that were seen, newest first.
pub fn inbox(tx: &mut dyn Tx, reader: Option<&MessageReader<'_>>) -> Result<Vec<Message>, OpError> {
    let mut messages = all(tx)?;
    if let Some(reader) = reader {
        messages.retain(|message| message.reaches(reader));
        messages = without_those_of_others(tx, reader, messages)?;
    }
    let (mut waiting, others): (Vec<Message>, Vec<Message>) = messages
        .into_iter()
        .partition(|message| message.seen.is_none());
    waiting.extend(others.into_iter().rev().take(SEEN_SHOWN));
    Ok(waiting)
}

/// Records that messages were seen, and returns those that were meant. One that was seen before stays as it is.
pub fn mark(
    tx: &mut dyn Tx,
    cx: &Cx,
    (reader, meant): (&MessageReader<'_>, MessagesMeant<'_>),
    way: &MessageWay,
) -> Result<Vec<Message>, OpError> {
    let mut meant = match meant {
        MessagesMeant::Waiting => waiting_for(tx, reader)?,
        MessagesMeant::Named(ids) => {
            let all = all(tx)?;
            these(without_those_of_others(tx, reader, all)?, reader, ids)?
        }
    };
    for message in &mut meant {
        if message.seen.is_some() {
            continue;
        }
        let sighting = Sighting {
            by: cx.actor.clone(),
            at_ms: cx.now.wall_ms,
            way: way.clone(),
        };
        let task = match (&message.to, way) {
            (Addressee::Task(task), _) => Some(task.clone()),
            (_, MessageWay::Prompt { run } | MessageWay::Turn { run, .. }) => Some(run.task()),
            (_, MessageWay::Inbox) => None,
        };
        let event = Event::MessageSeen {
            message: message.id.clone(),
            task,
            sighting: Box::new(sighting.clone()),
        };
        cx.record(tx, &event)?;
        message.seen = Some(sighting);
    }
    Ok(meant)
}

/// The messages with these ids, each once. What is not the reader's is as if it were not there.
fn these(
    mut all: Vec<Message>,
    reader: &MessageReader<'_>,
    ids: &[String],
) -> Result<Vec<Message>, OpError> {
    all.retain(|message| message.may_be_marked_by(reader));
    let mut found = BTreeMap::new();
    for typed in ids {
        let candidates: Vec<&Message> = all.iter().collect();
        let one = by_id::one_of((Thing::Message, "m-", typed), candidates, |one| &one.id)?;
        found.insert(one.id.clone(), one.clone());
    }
    Ok(found.into_values().collect())
}

/// The ids of messages in a row, for a sentence.
pub fn ids(messages: &[Message]) -> String {
    listed(messages.iter().map(|message| message.id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::domain::actor::Actor;
    use crate::ops::testing::World;

    fn message(n: usize) -> Message {
        Message {
            id: format!("m-{n}"),
            from: Actor::new(ActorKind::Human, "ann").unwrap(),
            to: Addressee::Task(TaskId("t-7k3f".into())),
            text: "look".into(),
            at_ms: 0,
            given: None,
            seen: None,
        }
    }

    #[test]
    fn what_is_read_of_unread_messages_is_what_all_of_the_log_says() {
        let given = |n: usize, run: &str| Event::MessageGiven {
            message: format!("m-{n}"),
            run: RunId(run.into()),
        };
        let seen = |n: usize| Event::MessageSeen {
            message: format!("m-{n}"),
            task: None,
            sighting: Box::new(Sighting {
                by: Actor::new(ActorKind::Agent, "codex").unwrap(),
                at_ms: 0,
                way: MessageWay::Inbox,
            }),
        };
        let sent = |n: usize| Event::MessageSent {
            message: Box::new(message(n)),
        };
        let log = [
            sent(1),
            given(1, "t-7k3f.1"),
            sent(2),
            seen(1),
            given(2, "t-7k3f.1"),
            given(2, "t-7k3f.2"),
            sent(3),
            seen(9),
            sent(4),
            seen(4),
        ];
        let mut world = World::new();
        let mut counts = Vec::new();
        for event in &log {
            world.run(|tx, cx| cx.record(tx, event)).unwrap();
            let (some, all) = world.read(|tx| Ok((unread(tx)?, all(tx)?)));
            let expected: Vec<_> = all.into_iter().filter(|one| one.seen.is_none()).collect();
            assert_eq!(some, expected);
            counts.push(some.len());
        }
        assert_eq!(counts, [1, 1, 2, 1, 1, 1, 2, 2, 3, 2]);
    }
}
