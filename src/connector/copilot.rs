//! The event lines of `copilot --output-format json`.
//!
//! A good run ends with `assistant.idle` that was not aborted and a `result` with exit code 0,
//! both: on SIGTERM the CLI prints such a `result` as well and exits 0. Tokens are not in this
//! stream.

use serde_json::Value;

use crate::connector::json::{
    field, is_true, list, owned_at, owned_in, small_at, status_at, text_at,
};
use crate::connector::judge::{
    JudgeInput, LastEvent, NO_ANSWER, ReportedFailure, RequestRetry, judge,
};
use crate::connector::stream::{Dialect, MAX_ITEMS, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{AgentEvent, Denial, FailureClass, FileChangeKind, StreamOutcome};

/// Understands copilot.
#[derive(Default)]
pub(super) struct Copilot {
    last: LastEvent,
    idle: CopilotIdle,
    error: Option<ReportedFailure>,
    turns: u32,
    /// The last word is a tool's, or the model's was empty: its service has left it in the middle.
    owes_answer: bool,
}

/// The way in which the CLI came to rest.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum CopilotIdle {
    #[default]
    No,
    ByItself,
    Aborted,
}

impl Copilot {
    fn result(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        seen.session_id = owned_at(event, "sessionId").or(seen.session_id.take());
        let changed = list(event.pointer("/usage/codeChanges/filesModified"));
        seen.files_changed |= !changed.is_empty();
        let code = event.get("exitCode").and_then(Value::as_i64);
        self.last = match (self.idle, self.error.take(), code) {
            (CopilotIdle::Aborted, ..) => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Interrupted,
                "the session was aborted",
            )),
            (_, Some(trouble), _) => LastEvent::Bad(trouble),
            (CopilotIdle::ByItself, None, Some(0)) if self.owes_answer => {
                LastEvent::Bad(ReportedFailure::other(FailureClass::Provider, NO_ANSWER))
            }
            (CopilotIdle::ByItself, None, Some(0)) => LastEvent::Good,
            (CopilotIdle::No, None, Some(0)) => LastEvent::Open,
            (_, None, _) => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Agent,
                "the session ended with an error",
            )),
        };
        let reason = code.map_or_else(
            || "no exit code".to_owned(),
            |code| format!("exit code {code}"),
        );
        vec![seen.ended(&self.last, reason, Some(self.turns))]
    }

    fn session_error(&mut self, data: &Value) -> AgentEvent {
        let message = owned_at(data, "message").unwrap_or_default();
        let trouble = ReportedFailure::told(status_at(data, "statusCode"), message);
        let event = error_event(&trouble);
        self.error = Some(trouble);
        event
    }

    fn message(&mut self, data: &Value, seen: &mut StreamState) -> Option<AgentEvent> {
        self.error = None;
        seen.model = owned_at(data, "model").or(seen.model.take());
        let text = text_at(data, "content").unwrap_or_default();
        self.owes_answer = text.trim().is_empty();
        seen.said(text)
    }
}

impl Dialect for Copilot {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let data = field(event, "data");
        match text_at(event, "type") {
            Some("session.tools_updated") => {
                vec![seen.started(None, owned_at(data, "model"), None)]
            }
            Some("assistant.turn_start") => {
                (self.idle, self.last) = (CopilotIdle::No, LastEvent::Open);
                self.turns = self.turns.saturating_add(1);
                Vec::new()
            }
            Some("model.call_failure") => vec![retry(data, seen)],
            Some("assistant.message") => self.message(data, seen).into_iter().collect(),
            Some("tool.execution_start") => {
                let (id, name) = (owned_at(data, "toolCallId"), owned_at(data, "toolName"));
                vec![seen.called(
                    id.unwrap_or_default(),
                    name.unwrap_or_default(),
                    field(data, "arguments"),
                    None,
                )]
            }
            Some("tool.execution_complete") => {
                // One that was refused ends the run in its own way.
                self.owes_answer = is_true(data, "success");
                answer(data, seen)
            }
            Some("session.error") => vec![self.session_error(data)],
            Some("assistant.idle") => {
                self.idle = if is_true(data, "aborted") {
                    CopilotIdle::Aborted
                } else {
                    CopilotIdle::ByItself
                };
                Vec::new()
            }
            Some("result") => self.result(event, seen),
            _ => Vec::new(),
        }
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        judge(&self.last, view)
    }

    fn repeats(&self, line: &[u8]) -> bool {
        [
            b"{\"type\":\"assistant.tool_call_delta\"".as_slice(),
            b"{\"type\":\"assistant.message_delta\"",
        ]
        .iter()
        .any(|head| line.starts_with(head))
    }
}

fn retry(data: &Value, seen: &mut StreamState) -> AgentEvent {
    let attempt = small_at(data, "retryAttempt")
        .unwrap_or(0)
        .saturating_add(1);
    let status = status_at(data, "statusCode");
    seen.retried(
        attempt,
        RequestRetry {
            status,
            word: owned_at(data, "failureKind"),
            delay_ms: None,
        },
    )
}

fn answer(data: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let end = ToolEnd::of(is_true(data, "success"));
    let words = owned_in(data, "/error/message")
        .or_else(|| owned_in(data, "/result/content"))
        .unwrap_or_default();
    let id = owned_at(data, "toolCallId").unwrap_or_default();
    let mut events = seen.answered(id, end, &words, FileChangeKind::Update);
    if data.pointer("/error/code").and_then(Value::as_str) == Some("denied") {
        let tool = owned_at(data, "toolName").unwrap_or_else(|| "unknown".to_owned());
        events.push(seen.denied(Denial {
            tool,
            reason: words,
        }));
    }
    if end == ToolEnd::Done {
        events.extend(
            list(data.get("fileEdits"))
                .iter()
                .take(MAX_ITEMS)
                .map(|edit| change(edit, seen)),
        );
    }
    events
}

fn change(edit: &Value, seen: &mut StreamState) -> AgentEvent {
    let kind = match text_at(edit, "kind") {
        Some("create") => FileChangeKind::Add,
        Some("delete") => FileChangeKind::Delete,
        _ => FileChangeKind::Update,
    };
    seen.changed(owned_at(edit, "path").unwrap_or_default(), kind)
}

#[cfg(test)]
#[path = "copilot_tests.rs"]
mod tests;
