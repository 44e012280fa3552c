//! The event lines of `pi --mode json`. The exit code is always 0: the stop reason of the last turn
//! decides.
//!
//! An answer of nothing at all (an empty stream of the service) ends with `stop` like a good one,
//! so that it is told by its emptiness. The CLI repeats the whole message with every word of it;
//! such lines are not parsed.

use serde_json::Value;

use crate::connector::clip;
use crate::connector::json::{
    content_text, count_at, field, is_true, list, owned_at, owned_in, price_at, small_at,
    status_after, text_at, whole,
};
use crate::connector::judge::{JudgeInput, LastEvent, ReportedFailure, RequestRetry, judge};
use crate::connector::stream::{Dialect, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{AgentEvent, FailureClass, FileChangeKind, StreamOutcome, Usage};

/// Understands pi.
#[derive(Default)]
pub(super) struct Pi {
    last: LastEvent,
    turns: u32,
}

impl Pi {
    fn turn_end(&mut self, message: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let usage = usage(field(message, "usage"));
        let empty = list(message.get("content")).is_empty() && usage.output_tokens == 0;
        seen.model = owned_at(message, "model").or(seen.model.take());
        self.turns = self.turns.saturating_add(1);
        let reason = owned_at(message, "stopReason").unwrap_or_default();
        let told = owned_at(message, "errorMessage").unwrap_or_default();
        let mut events = vec![seen.used(usage)];
        self.last = match reason.as_str() {
            "stop" if empty => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Provider,
                "the model answered nothing",
            )),
            "stop" => LastEvent::Good,
            "toolUse" => return events,
            "length" => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Limit,
                "the answer of the model was cut off: length",
            )),
            "aborted" => LastEvent::Bad(ReportedFailure::other(FailureClass::Interrupted, told)),
            _ => LastEvent::Bad(ReportedFailure::told(status_after(&told, ""), told)),
        };
        if let LastEvent::Bad(trouble) = &self.last {
            events.push(error_event(trouble));
        }
        events.push(seen.ended(&self.last, reason, Some(self.turns)));
        events
    }
}

impl Dialect for Pi {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let message = field(event, "message");
        match text_at(event, "type") {
            Some("session") => vec![seen.started(owned_at(event, "id"), None, None)],
            Some("agent_start" | "turn_start") => {
                self.last = LastEvent::Open;
                Vec::new()
            }
            Some("message_end") if text_at(message, "role") == Some("assistant") => {
                said(message, seen)
            }
            Some("tool_execution_start") => vec![call(event, seen)],
            Some("tool_execution_end") => answer(event, seen),
            Some("turn_end") => self.turn_end(message, seen),
            Some("auto_retry_start") => vec![retry(event, seen)],
            _ => Vec::new(),
        }
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        judge(&self.last, view)
    }

    fn repeats(&self, line: &[u8]) -> bool {
        const HEADS: [&[u8]; 3] = [
            b"{\"type\":\"message_update\"",
            b"{\"type\":\"tool_execution_update\"",
            b"{\"type\":\"agent_end\"",
        ];
        HEADS.iter().any(|head| line.starts_with(head))
    }
}

fn said(message: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let part = |block: &Value| match text_at(block, "type") {
        Some("text") => seen.said(text_at(block, "text").unwrap_or_default()),
        Some("thinking") => Some(AgentEvent::Thinking {
            text: clip::text(text_at(block, "thinking").unwrap_or_default(), clip::TEXT),
        }),
        _ => None,
    };
    list(message.get("content"))
        .iter()
        .filter_map(part)
        .collect()
}

fn call(event: &Value, seen: &mut StreamState) -> AgentEvent {
    let name = owned_at(event, "toolName").unwrap_or_default();
    let input = field(event, "args");
    let path = if matches!(name.as_str(), "write" | "edit") {
        owned_at(input, "path")
    } else {
        None
    };
    seen.called(
        owned_at(event, "toolCallId").unwrap_or_default(),
        name,
        input,
        path,
    )
}

fn answer(event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let words = event
        .pointer("/result/content")
        .map(content_text)
        .unwrap_or_default();
    let end = ToolEnd::of(!is_true(event, "isError"));
    seen.answered(
        owned_at(event, "toolCallId").unwrap_or_default(),
        end,
        &words,
        FileChangeKind::Update,
    )
}

fn retry(event: &Value, seen: &mut StreamState) -> AgentEvent {
    let status = owned_in(event, "/errorMessage").and_then(|message| status_after(&message, ""));
    let retry = RequestRetry {
        status,
        word: None,
        delay_ms: event.get("delayMs").and_then(whole),
    };
    seen.retried(small_at(event, "attempt").unwrap_or(0), retry)
}

fn usage(usage: &Value) -> Usage {
    Usage {
        input_tokens: count_at(usage, "input"),
        output_tokens: count_at(usage, "output"),
        cache_read: count_at(usage, "cacheRead"),
        cache_write: count_at(usage, "cacheWrite"),
        cost_usd: price_at(field(usage, "cost"), "total"),
        at_least: false,
    }
}

#[cfg(test)]
#[path = "pi_tests.rs"]
mod tests;
