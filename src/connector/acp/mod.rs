//! The Agent Client Protocol, version 1: JSON-RPC 2.0 over standard input and output, one message a
//! line.
//!
//! [`AcpSession`] talks; [`Acp`] reads what the agent says into events and an outcome. They see the
//! same lines and share no state, since the session needs them as they are and the events are made
//! from what has been redacted. Deliberately absent: files and terminals offered to the agent,
//! logging in, and loading an old session.

mod call;
mod dialect;
mod session;

pub(super) use dialect::Acp;
pub(super) use session::AcpSession;

/// The version of the protocol that is spoken.
const VERSION: u64 = 1;
/// Ids of our requests.
const INITIALIZE: u64 = 1;
const NEW_SESSION: u64 = 2;
const SET_MODEL: u64 = 3;
const PROMPT: u64 = 4;

/// The id of our request that a message answers.
fn answered(message: &serde_json::Value) -> Option<u64> {
    if message.get("method").is_some() {
        return None;
    }
    message.get("id")?.as_u64()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
