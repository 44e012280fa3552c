//! The event lines of `opencode run --format json`.
//!
//! There is no final event: the run went well where the last step finished with `stop` and the exit
//! code is 0. A question that nobody can answer ends the run after `tool-calls`, with exit code 0
//! and a line on standard error.

use serde_json::Value;

use crate::connector::clip;
use crate::connector::json::{count_at, field, owned_at, owned_in, price_at, status_at, text_at};
use crate::connector::judge::{FailureCause, JudgeInput, LastEvent, ReportedFailure, judge};
use crate::connector::stream::{Dialect, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{
    AgentEvent, Denial, FailureClass, FileChangeKind, StreamOutcome, Usage,
};

/// Understands opencode.
#[derive(Default)]
pub(super) struct Opencode {
    last: LastEvent,
    steps: u32,
}

impl Opencode {
    fn step_finish(&mut self, part: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let tokens = field(part, "tokens");
        let cache = field(tokens, "cache");
        let used = seen.used(Usage {
            input_tokens: count_at(tokens, "input"),
            output_tokens: count_at(tokens, "output").saturating_add(count_at(tokens, "reasoning")),
            cache_read: count_at(cache, "read"),
            cache_write: count_at(cache, "write"),
            cost_usd: price_at(part, "cost"),
            at_least: false,
        });
        self.steps = self.steps.saturating_add(1);
        let reason = owned_at(part, "reason").unwrap_or_default();
        self.last = match reason.as_str() {
            "stop" => LastEvent::GoodIfExitZero,
            "tool-calls" => return vec![used],
            "length" => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Limit,
                "the answer of the model was cut off: length",
            )),
            _ => {
                let message = format!("a step of the model ended with `{reason}`");
                LastEvent::Bad(ReportedFailure::other(FailureClass::Provider, message))
            }
        };
        vec![used, seen.ended(&self.last, reason, Some(self.steps))]
    }

    fn error(&mut self, error: &Value) -> AgentEvent {
        let name = owned_at(error, "name").unwrap_or_default();
        let message = owned_in(error, "/data/message").unwrap_or_else(|| name.clone());
        let status = error
            .get("data")
            .and_then(|data| status_at(data, "statusCode"));
        let trouble = match (status, name.as_str()) {
            (Some(status), _) => ReportedFailure {
                cause: FailureCause::Status(status),
                message,
            },
            (None, "ProviderAuthError") => ReportedFailure {
                cause: FailureCause::Auth,
                message,
            },
            (None, "MessageAbortedError") => {
                ReportedFailure::other(FailureClass::Interrupted, message)
            }
            (None, "MessageOutputLengthError") => {
                ReportedFailure::other(FailureClass::Limit, message)
            }
            (None, _) => ReportedFailure::told(None, message),
        };
        let event = error_event(&trouble);
        self.last = LastEvent::Bad(trouble);
        event
    }
}

impl Dialect for Opencode {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        if seen.session_id.is_none()
            && let Some(id) = owned_at(event, "sessionID")
        {
            events.push(seen.started(Some(id), None, None));
        }
        let part = field(event, "part");
        match text_at(event, "type") {
            Some("step_start") => self.last = LastEvent::Open,
            Some("tool_use") => {
                self.last = LastEvent::Open;
                events.extend(tool(part, seen));
            }
            Some("text") => events.extend(seen.said(text_at(part, "text").unwrap_or_default())),
            Some("reasoning") => {
                let text = clip::text(text_at(part, "text").unwrap_or_default(), clip::TEXT);
                events.push(AgentEvent::Thinking { text });
            }
            Some("step_finish") => events.extend(self.step_finish(part, seen)),
            Some("error") => events.push(self.error(field(event, "error"))),
            _ => {}
        }
        events
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        judge(&self.last, view)
    }
}

/// A tool call is told only once it is over.
fn tool(part: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let (id, name) = (
        owned_at(part, "callID").unwrap_or_default(),
        owned_at(part, "tool").unwrap_or_default(),
    );
    let state = field(part, "state");
    let input = field(state, "input");
    let path = if matches!(name.as_str(), "write" | "edit") {
        owned_at(input, "filePath")
    } else {
        None
    };
    let end = ToolEnd::of(text_at(state, "status") == Some("completed"));
    seen.files_changed |= name == "apply_patch" && end == ToolEnd::Done;
    let new = state.pointer("/metadata/exists") == Some(&Value::Bool(false));
    let kind = if new {
        FileChangeKind::Add
    } else {
        FileChangeKind::Update
    };
    let words = owned_at(state, "error")
        .or_else(|| owned_at(state, "output"))
        .unwrap_or_default();
    let mut events = vec![seen.called(id.clone(), name.clone(), input, path)];
    events.extend(seen.answered(id, end, &words, kind));
    if end == ToolEnd::Failed && words.contains("rejected permission") {
        events.push(seen.denied(Denial {
            tool: name,
            reason: words,
        }));
    }
    events
}

#[cfg(test)]
#[path = "opencode_tests.rs"]
mod tests;
