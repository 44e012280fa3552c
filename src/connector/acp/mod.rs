//! The Agent Client Protocol, version 1: JSON-RPC 2.0 over standard input and output, one message a
//! line.
//!
//! [`AcpSession`] talks; [`Acp`] reads what the agent says into events and an outcome. They see the
//! same lines and share no state, since the session needs them as they are and the events are made
//! from what has been redacted. Deliberately absent: files and terminals offered to the agent,
//! logging in, and loading an old session.

mod call;
mod dialect;
mod protocol;
mod session;

pub(super) use dialect::Acp;
pub(super) use session::AcpSession;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
