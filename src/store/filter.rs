//! What lists ask for, and what they get a row at a time.

use crate::domain::actor::{Actor, ActorName};
use crate::domain::event::Event;
use crate::domain::event_chain::record_hash;
use crate::domain::time::WallMs;
use crate::store::StoreError;
use crate::store::json::encode;

/// The filter of a list of tasks. Empty fields ask for nothing.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Any of these states.
    pub statuses: Vec<String>,
    /// All of these labels.
    pub labels: Vec<String>,
    /// Any of these types.
    pub kinds: Vec<String>,
    /// The agent.
    pub agent: Option<String>,
    /// Children of this task.
    pub parent: Option<String>,
    /// Title or body contains this, ignoring ASCII case.
    pub text: Option<String>,
    /// Only tasks that can be claimed at this time: queued, and not to be started later.
    pub ready_at: Option<WallMs>,
    /// Order.
    pub sort: TaskSort,
    /// At most so many, however large the number; without one, whoever asks means to read them all,
    /// and the store reads them in whatever way is cheapest to the end.
    pub limit: Option<u64>,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskSort {
    /// As created.
    #[default]
    Created,
    /// Newest first.
    Newest,
    /// Most urgent first.
    Priority,
    /// Last changed first.
    Updated,
}

/// One task of a list: the columns that a line shows, and the whole task as stored JSON.
#[derive(Clone, Copy, Debug)]
pub struct TaskLine<'a> {
    /// Id.
    pub id: &'a str,
    /// Stored state.
    pub status: &'a str,
    /// Priority.
    pub priority: u8,
    /// Title.
    pub title: &'a str,
    /// The task object.
    pub json: &'a str,
}

/// The filter of a log.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only about this task or lock.
    pub subject: Option<String>,
    /// Only of this kind.
    pub kind: Option<&'static str>,
    /// Only after this position.
    pub after: u64,
    /// Only the last so many.
    pub last: Option<u64>,
}

/// One event as stored: text first, so that records of any version can be shown and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Position.
    pub seq: u64,
    /// Time of the event, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// JSON of the actor.
    pub actor: String,
    /// Stable kind name.
    pub kind: String,
    /// JSON of the event.
    pub body: String,
    /// Hash of the record before.
    pub prev: String,
    /// Hash of this record.
    pub hash: String,
}

/// The event as it is stored, with the login of the person in whose name it was recorded. Readers
/// that do not know the field pass it by.
#[derive(serde::Serialize)]
struct EventBody<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a ActorName>,
}

impl StoredEvent {
    /// Makes the record that follows the one at `last` with the hash `prev`.
    pub fn after(
        last: u64,
        prev: String,
        (at_ms, actor, event): (WallMs, &Actor, &Event),
    ) -> Result<StoredEvent, StoreError> {
        let mut record = StoredEvent {
            seq: last + 1,
            at_ms,
            actor: encode("event", actor)?,
            kind: event.kind().into(),
            body: encode(
                "event",
                &EventBody {
                    event,
                    login: actor.login.as_ref(),
                },
            )?,
            prev,
            hash: String::new(),
        };
        record.hash = record.expected_hash();
        Ok(record)
    }

    /// The hash that the record must have by its content.
    pub fn expected_hash(&self) -> String {
        record_hash(&self.prev, self.seq, self.at_ms, &self.actor, &self.body)
    }
}
