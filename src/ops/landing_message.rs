//! The message of a commit that `ai` lands and has written itself, or a person has given: the policy is asked about it
//! before anything lands, as a server will be that gets the commit.
//!
//! It is asked of the agent whose work it is, whom the commit names. Deliberately absent: messages of merges, and those
//! of the agent's own commits, which are asked about with its work.

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::commit_message::{LeftOut, cleaned};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::trailer::{self, Trailers};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::hooks::message;
use crate::ops::refusal::Refusal;
use crate::ops::world::World;
use crate::store::{Store, Tx};

/// The trailers of the commits of a run.
pub(super) fn trailers(task: &Task, run: &Run) -> Trailers {
    Trailers {
        task: Some(task.id.to_string()),
        run: Some(run.id.to_string()),
        agent: Some(run.agent.clone()),
    }
}

/// The message of a commit of `ai` about a run: the words that were given, else this subject and body.
pub(super) fn worded(
    world: &World,
    (task, run): (&Task, &Run),
    given: Option<&str>,
    (subject, body): (&str, &str),
) -> String {
    let trailers = trailers(task, run);
    let text = match given {
        Some(words) => trailer::worded(words, &trailers),
        None => trailer::message(subject, body, &trailers),
    };
    world.redactor().redact_text(&text)
}

/// A message that is going to land.
pub(super) struct LandingMessage {
    question: Question,
    agent: Actor,
    /// The command that gives it another.
    again: String,
}

impl LandingMessage {
    /// The message of a commit about this run, which `command` lands.
    pub(super) fn of(text: &str, run: &Run, command: &str) -> Result<LandingMessage, OpError> {
        Ok(LandingMessage {
            question: message::question(&[cleaned(text, &LeftOut::Nothing)]),
            agent: Actor::new(ActorKind::Agent, run.agent.as_str()).kept("the agent of the run")?,
            again: format!("{command} {} --message TEXT", run.id.task()),
        })
    }

    /// Refuses it before minutes of checks are spent.
    pub(super) fn ask_early(&self, cx: &Cx, store: &mut dyn Store) -> Result<(), OpError> {
        if !cx.policy.state().looks_at_messages() {
            return Ok(());
        }
        commit(store, cx, |tx, cx| self.look_ahead(tx, cx))
    }

    /// Refuses it where the policy does, and records nothing where it does not.
    pub(super) fn look_ahead(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
        if !cx.policy.state().looks_at_messages() {
            return Ok(());
        }
        let asked = ask::look_ahead(tx, &self.as_agent(cx), &self.question);
        asked.map_err(|error| self.with_next(error))
    }

    /// The same with a record. Returns the warnings.
    pub(super) fn ask(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<Vec<String>, OpError> {
        if !cx.policy.state().looks_at_messages() {
            return Ok(Vec::new());
        }
        let asked = ask::require(tx, &self.as_agent(cx), &self.question);
        let record = asked.map_err(|error| self.with_next(error))?;
        Ok(ask::warning(&record))
    }

    fn as_agent(&self, cx: &Cx) -> Cx {
        Cx {
            actor: self.agent.clone(),
            ..cx.clone()
        }
    }

    fn with_next(&self, error: OpError) -> OpError {
        let OpError::Refused(mut refused) = error else {
            return error;
        };
        if let Refusal::Denied(record) = refused.why {
            refused.why = Refusal::LandingMessage {
                record,
                again: self.again.clone(),
            };
        }
        OpError::Refused(refused)
    }
}
