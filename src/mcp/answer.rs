//! Results as a model reads them: JSON as text, and the same as structured content, since some
//! clients show only the one and some only the other.

use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::error::AppError;
use crate::app::in_run::LeaseTold;
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::domain::message::Message;
use crate::domain::task::Task;
use crate::ops::gates::Gate;

/// A task that can be claimed.
#[derive(Serialize)]
pub(super) struct ReadyTask {
    pub(super) id: TaskId,
    pub(super) title: String,
    pub(super) priority: u8,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) paths: Vec<String>,
}

/// A task with its lease and what holds it.
#[derive(Serialize)]
pub(super) struct ShownTask {
    pub(super) task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<LeaseTold>,
    pub(super) needs: Vec<TaskId>,
    pub(super) gates: Vec<Gate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) messages: Vec<Message>,
}

/// A lease that was granted: its handle is shown this once.
#[derive(Serialize)]
pub(super) struct GrantedTask<T> {
    #[serde(flatten)]
    pub(super) what: T,
    /// The handle.
    pub(super) lease: String,
    pub(super) expires_ms: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
}

/// A result, or a refusal with its next step.
pub(super) fn result(told: Result<Value, AppError>, warnings: &[String]) -> CallToolResult {
    match told {
        Ok(mut value) => {
            if let (false, Some(object)) = (warnings.is_empty(), value.as_object_mut()) {
                object.insert("redacted".to_owned(), json!(warnings));
            }
            CallToolResult::structured(value)
        }
        Err(error) => {
            let next = error.hint.as_deref();
            let next = next.map_or(String::new(), |hint| format!("\nnext: {hint}"));
            let text = format!("{}: {}{next}", error.class.name(), error.message);
            let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
            result.structured_content = Some(json!({"error": {
                "kind": error.class.name(), "message": error.message, "next": error.hint,
            }}));
            result
        }
    }
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Value, AppError> {
    serde_json::to_value(value).map_err(|error| AppError::of(ErrorClass::Failed, error))
}
