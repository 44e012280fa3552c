//! The messages of one run: which go into its prompt or into a further turn, and that its agent has them.
//!
//! Before a message is handed over it is recorded as given to this run, so that no other run at work is given it, too. It is recorded as
//! seen once the agent has shown that it works with the prompt it stood in, and not before: of a run that ends
//! in between, whatever ends it, the next one is given it again, under the same id. No run is given one twice.

use std::collections::BTreeSet;

use crate::domain::ids::TaskId;
use crate::domain::message::{
    MOST_IN_A_PROMPT, MOST_TURNS, Message, MessageReader, MessageWay, for_one_prompt,
};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::mail::{self, MessagesMeant};
use crate::ops::run::model::RunCx;
use crate::ops::{failpoint, lease};
use crate::store::{Store, Tx};

/// The messages of a run, as far as they were given.
#[derive(Default)]
pub(crate) struct RunMail {
    /// The messages that were given last, and of which it is not known that the agent has them.
    given: Vec<Message>,
    /// Ids of all that were given.
    known: BTreeSet<String>,
    /// Turns that there were for messages.
    turns: u32,
}

impl RunMail {
    /// Takes the messages that go into the prompt of a run, in which there is room for so many bytes of them.
    pub(crate) fn for_prompt(
        live: &RunCx<'_>,
        store: &mut dyn Store,
        room: usize,
    ) -> Result<RunMail, OpError> {
        let mut mail = RunMail::default();
        mail.take(live, store, room)?;
        Ok(mail)
    }

    /// The messages that were given last.
    pub(crate) fn last(&self) -> &[Message] {
        &self.given
    }

    /// Gives what has come since; empty where nothing has, or an end was put to it. The turn before has ended well, so that the agent
    /// has what it was given for it, also where it has said nothing.
    pub(crate) fn at_turn(&mut self, live: &RunCx<'_>, store: &mut dyn Store) -> &[Message] {
        self.taken(live, store);
        if self.turns < MOST_TURNS && live.cancel.reason().is_none() {
            if let Err(error) = self.take(live, store, usize::MAX) {
                tell(live, &error);
            }
            self.turns += u32::from(!self.given.is_empty());
        }
        &self.given
    }

    /// Takes what waits. The store is held only where something does.
    fn take(
        &mut self,
        live: &RunCx<'_>,
        store: &mut dyn Store,
        room: usize,
    ) -> Result<(), OpError> {
        let known = std::mem::take(&mut self.known);
        let look = |tx: &mut dyn Tx| waiting(live, tx, &known);
        let mut given = Vec::new();
        if !store.read(look)?.is_empty() {
            given = commit(store, &live.cx()?, |tx, cx| {
                lease::fenced(tx, cx, &live.started.token, "read messages")?;
                let given = for_one_prompt(waiting(live, tx, &known)?, room);
                mail::give(tx, cx, &given, &live.started.run.id)?;
                Ok(given)
            })?;
            if given.is_empty() && room < MOST_IN_A_PROMPT {
                live.world.say(&format!(
                    "warning: run {}: its messages wait on: its prompt is one argument of a command, and leaves no room for them",
                    live.started.run.id
                ));
            }
        }
        let ids = given.iter().map(|message| message.id.clone());
        self.known = known.into_iter().chain(ids).collect();
        self.given = given;
        Ok(())
    }

    /// Records that the agent has what it was given last.
    pub(crate) fn taken(&mut self, live: &RunCx<'_>, store: &mut dyn Store) {
        let given = std::mem::take(&mut self.given);
        if given.is_empty() {
            return;
        }
        if let Err(error) = record(live, store, &given, self.turns) {
            tell(live, &error);
        }
    }
}

fn own(live: &RunCx<'_>) -> [TaskId; 1] {
    [live.started.run.task.clone()]
}

fn waiting(
    live: &RunCx<'_>,
    tx: &mut dyn Tx,
    known: &BTreeSet<String>,
) -> Result<Vec<Message>, OpError> {
    let held = own(live);
    let reader = MessageReader {
        actor: &live.actor,
        held: &held,
        run: Some(&live.started.run.id),
    };
    let mut messages = mail::waiting_for(tx, &reader)?;
    messages.retain(|message| !known.contains(&message.id));
    Ok(messages)
}

fn record(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    given: &[Message],
    turn: u32,
) -> Result<(), OpError> {
    failpoint::hit("message")?;
    let run = live.started.run.id.clone();
    let way = match turn {
        0 => MessageWay::Prompt { run },
        turn => MessageWay::Turn { run, turn },
    };
    let ids: Vec<String> = given.iter().map(|message| message.id.clone()).collect();
    let held = own(live);
    commit(store, &live.cx()?, |tx, cx| {
        lease::fenced(tx, cx, &live.started.token, "read messages")?;
        let reader = MessageReader {
            actor: &cx.actor,
            held: &held,
            run: Some(&live.started.run.id),
        };
        mail::mark(tx, cx, (&reader, MessagesMeant::Named(&ids)), &way)
    })?;
    live.world.say(&format!(
        "run {}: its agent has {}",
        live.started.run.id,
        mail::ids(given)
    ));
    Ok(())
}

/// What could not be recorded waits on, and the next run is given it once more.
fn tell(live: &RunCx<'_>, error: &OpError) {
    live.world.say(&format!(
        "warning: run {}: its messages wait on: {error}",
        live.started.run.id
    ));
}
