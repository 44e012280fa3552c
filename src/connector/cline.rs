//! The event lines of `cline --json`. The last one, `run_result`, decides.

use serde_json::Value;

use crate::connector::json::{
    count_at, field, is_true, list, owned_at, owned_in, price_at, small_at, status_after,
    status_at, text_at,
};
use crate::connector::judge::{
    FailureCause, JudgeInput, LastEvent, ReportedFailure, RequestRetry, judge,
};
use crate::connector::stream::{Dialect, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{AgentEvent, FailureClass, FileChangeKind, StreamOutcome, Usage};

/// Understands cline.
#[derive(Default)]
pub(super) struct Cline {
    last: LastEvent,
    error: Option<ReportedFailure>,
    errors: u32,
}

impl Cline {
    fn agent_event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let is_tool = text_at(event, "contentType") == Some("tool");
        match text_at(event, "type") {
            Some("content_start") if is_tool => vec![call(event, seen)],
            Some("content_end") if is_tool => answer(event, seen),
            Some("content_end") if text_at(event, "contentType") == Some("text") => seen
                .said(text_at(event, "text").unwrap_or_default())
                .into_iter()
                .collect(),
            Some("usage") => vec![seen.used_in_all(Usage {
                input_tokens: count_at(event, "totalInputTokens"),
                output_tokens: count_at(event, "totalOutputTokens"),
                cache_read: 0,
                cache_write: 0,
                cost_usd: price_at(event, "totalCost"),
                at_least: false,
            })],
            Some("error") => vec![self.error(event, seen)],
            _ => Vec::new(),
        }
    }

    fn error(&mut self, event: &Value, seen: &mut StreamState) -> AgentEvent {
        let message = owned_in(event, "/error/message").unwrap_or_default();
        let status = status_at(field(event, "error"), "statusCode");
        let trouble = match status {
            Some(status) => ReportedFailure::told(Some(status), message),
            None => trouble(text_at(event, "errorClass"), message),
        };
        if is_true(event, "recoverable") {
            self.errors = self.errors.saturating_add(1);
            return seen.retried(
                self.errors,
                RequestRetry {
                    status: status_of(&trouble),
                    word: word(&trouble),
                    delay_ms: None,
                },
            );
        }
        let event = error_event(&trouble);
        self.error = Some(trouble);
        event
    }

    fn run_result(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let usage = field(event, "usage");
        let cache_read = count_at(usage, "cacheReadTokens");
        let cache_write = count_at(usage, "cacheWriteTokens");
        let used = seen.used_in_all(Usage {
            input_tokens: without_cached(
                count_at(usage, "inputTokens"),
                cache_read.saturating_add(cache_write),
            ),
            output_tokens: count_at(usage, "outputTokens"),
            cache_read,
            cache_write,
            cost_usd: price_at(usage, "totalCost"),
            at_least: false,
        });
        seen.model = owned_in(event, "/model/id").or(seen.model.take());
        let reason = owned_at(event, "finishReason").unwrap_or_default();
        self.last = match (reason.as_str(), self.error.take()) {
            ("completed", _) => LastEvent::Good,
            (_, Some(trouble)) => LastEvent::Bad(trouble),
            ("error", None) => {
                LastEvent::Bad(trouble(None, owned_at(event, "text").unwrap_or_default()))
            }
            // The text of such a result is the model's, and says nothing.
            _ => LastEvent::Bad(ReportedFailure::other(
                FailureClass::Agent,
                format!("the run ended with `{reason}`"),
            )),
        };
        vec![
            used,
            seen.ended(&self.last, reason, small_at(event, "iterations")),
        ]
    }
}

impl Dialect for Cline {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        match text_at(event, "type") {
            Some("hook_event") if text_at(event, "hookEventName") == Some("agent_start") => {
                vec![seen.started(owned_at(event, "taskId"), None, None)]
            }
            Some("agent_event") => self.agent_event(field(event, "event"), seen),
            Some("run_result") => self.run_result(event, seen),
            _ => Vec::new(),
        }
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        judge(&self.last, view)
    }
}

fn call(event: &Value, seen: &mut StreamState) -> AgentEvent {
    let name = owned_at(event, "toolName").unwrap_or_default();
    let input = field(event, "input");
    let path = if name == "editor" {
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

/// A tool answers with one outcome, or with a list of them.
fn answer(event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let output = field(event, "output");
    let one = std::slice::from_ref(output);
    let parts = output.as_array().map_or(one, Vec::as_slice);
    let end = ToolEnd::of(!list(Some(output)).is_empty() || output.is_object());
    let end = if parts
        .iter()
        .any(|part| part.get("success") == Some(&Value::Bool(false)))
    {
        ToolEnd::Failed
    } else {
        end
    };
    let words: Vec<&str> = parts
        .iter()
        .filter_map(|part| text_at(part, "result"))
        .collect();
    seen.files_changed |= text_at(event, "toolName") == Some("apply_patch") && end == ToolEnd::Done;
    let id = owned_at(event, "toolCallId").unwrap_or_default();
    seen.answered(id, end, &words.join("\n"), FileChangeKind::Update)
}

/// The sent tokens without those of the cache, which are among them. Where they cannot be, the number
/// stands.
fn without_cached(sent: u64, cached: u64) -> u64 {
    sent.checked_sub(cached).unwrap_or(sent)
}

fn trouble(class: Option<&str>, message: String) -> ReportedFailure {
    match class {
        Some("auth") => ReportedFailure {
            cause: FailureCause::Auth,
            message,
        },
        Some("rate_limit") => ReportedFailure {
            cause: FailureCause::Status(429),
            message,
        },
        // It has no status, and for some services not even a class: its words are all there is.
        _ => ReportedFailure::told(status_in(&message), message),
    }
}

/// The status of the service, which some of its libraries write before their words or behind a mark.
fn status_in(message: &str) -> Option<u16> {
    ["", "status code ", "status: ", "HTTP "]
        .iter()
        .find_map(|mark| status_after(message, mark))
}

fn status_of(trouble: &ReportedFailure) -> Option<u16> {
    match trouble.cause {
        FailureCause::Status(status) => Some(status),
        _ => None,
    }
}

fn word(trouble: &ReportedFailure) -> Option<String> {
    match trouble.cause {
        FailureCause::Auth => Some("authentication_failed".to_owned()),
        FailureCause::Status(429) => Some("rate_limit".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "cline_tests.rs"]
mod tests;
