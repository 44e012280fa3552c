//! The version of the protocol and the ids of the requests that `ai` sends.

use serde_json::Value;

/// The version of the protocol that is spoken.
pub(super) const VERSION: u64 = 1;
/// Id of the request `initialize`.
pub(super) const INITIALIZE: u64 = 1;
/// Id of the request `session/new`.
pub(super) const NEW_SESSION: u64 = 2;
/// Id of the request `session/set_config_option`.
pub(super) const SET_MODEL: u64 = 3;
/// Id of the first request `session/prompt`; those after it have the ids after it.
pub(super) const PROMPT: u64 = 4;

/// The id of our request that a message answers.
pub(super) fn answered(message: &Value) -> Option<u64> {
    if message.get("method").is_some() {
        return None;
    }
    message.get("id")?.as_u64()
}
