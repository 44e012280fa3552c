//! Who asks, and where: one session a server, one workspace a call, since a workspace keeps what it has
//! read.

use rmcp::model::Implementation;

use crate::app::doors::McpOrder;
use crate::app::error::AppError;
use crate::app::workspace::{Workspace, parse_actor};
use crate::base::{env, id};
use crate::domain::actor::{Actor, ActorKind, Incarnation};
use crate::domain::error_class::ErrorClass;

/// The name of an agent whose client does not say one that could be used.
const NAMELESS: &str = "mcp";
/// Longest name that is taken from a client.
const LONGEST: usize = 40;

/// A session.
pub(super) struct Session {
    order: McpOrder,
    incarnation: Incarnation,
}

impl Session {
    /// A new one, under which no earlier lease counts.
    pub(super) fn new(order: McpOrder) -> Result<Session, AppError> {
        let incarnation = Incarnation::new(id::random_text(6))
            .map_err(|error| AppError::new(ErrorClass::Failed, error.to_string()))?;
        Ok(Session { order, incarnation })
    }

    pub(super) fn order(&self) -> &McpOrder {
        &self.order
    }

    /// The workspace of one call, in the name of the session's agent.
    pub(super) fn workspace(&self, client: Option<&Implementation>) -> Result<Workspace, AppError> {
        let actor = self.actor(client)?;
        Ok(Workspace::new(
            self.order.directory.clone(),
            Some(actor.to_string()),
        ))
    }

    /// The agent: the one named, else `AI_ACTOR`, else the client by its own name.
    fn actor(&self, client: Option<&Implementation>) -> Result<Actor, AppError> {
        let named = self
            .order
            .named
            .clone()
            .or_else(|| env::text(env::AI_ACTOR));
        let actor = match named {
            Some(text) => parse_actor(&text)?,
            None => by_client(client)?,
        };
        let other = match actor.kind {
            ActorKind::Agent => None,
            ActorKind::Human => Some("person"),
            ActorKind::Hook => Some("hook"),
            ActorKind::Daemon => Some("daemon"),
        };
        if let Some(other) = other {
            return Err(AppError::usage(format!(
                "`{actor}` is a {other}, and who asks here is an agent"
            ))
            .hint(format!("start it as `ai mcp --as agent:{}`", actor.name)));
        }
        Ok(match actor.incarnation {
            Some(_) => actor,
            None => actor.with_incarnation(self.incarnation.clone()),
        })
    }
}

fn by_client(client: Option<&Implementation>) -> Result<Actor, AppError> {
    let name = client.map_or("", |client| client.name.as_str());
    let plain: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(LONGEST)
        .collect();
    let plain = plain.trim_matches('-');
    let plain = if plain.is_empty() { NAMELESS } else { plain };
    Actor::new(ActorKind::Agent, plain).map_err(|e| AppError::usage(e.to_string()))
}
