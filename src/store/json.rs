//! Objects of the domain as backends store them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Reads a stored object, naming the row where this version cannot.
pub(super) fn decode<T: DeserializeOwned>(
    table: &str,
    id: &str,
    json: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|source| StoreError::Row {
        row: format!("{table} {id}"),
        source: source.into(),
    })
}

/// Writes an object as it is stored.
pub(super) fn encode<T: Serialize>(table: &str, object: &T) -> Result<String, StoreError> {
    serde_json::to_string(object).map_err(|source| StoreError::Row {
        row: table.to_owned(),
        source: source.into(),
    })
}

/// The id in a stored task, which begins with it.
pub fn id_of(task: &str) -> Option<&str> {
    task.strip_prefix("{\"id\":\"")?
        .split_once('"')
        .map(|(id, _)| id)
}
