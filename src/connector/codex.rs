//! The event lines of `codex exec --json`.
//!
//! `error` is a notice of a retry and never final; `turn.completed` and `turn.failed` are. A patch
//! that the sandbox refused is not in the stream at all, and one that failed in it shows as a
//! `file_change` with status `failed` while the exit code stays 0. Of agents to which it hands work
//! (`collab_tool_call`) nothing is in the stream, nor are their tokens in `usage`, which is a lower
//! bound then.

use serde_json::Value;

use crate::connector::clip;
use crate::connector::json::{
    count_at, field, is_true, list, owned_at, owned_in, status_after, text_at,
};
use crate::connector::judge::{JudgeInput, LastEvent, ReportedFailure, RequestRetry, judge};
use crate::connector::stream::{Dialect, MAX_ITEMS, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{
    AgentEvent, Denial, FailureClass, FileChangeKind, PlanStep, StreamOutcome, Usage,
};

/// The tool behind an item of the type `file_change`.
const PATCH_TOOL: &str = "apply_patch";

/// Understands codex.
#[derive(Default)]
pub(super) struct Codex {
    last: LastEvent,
    turns: u32,
    /// The notices in a row that it waits for a network.
    waits: u32,
    /// Other agents were given work, of which the stream tells nothing more.
    has_delegated: bool,
}

impl Codex {
    fn completed(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let usage = field(event, "usage");
        let cache_read = count_at(usage, "cached_input_tokens");
        let used = seen.used_in_all(Usage {
            input_tokens: count_at(usage, "input_tokens").saturating_sub(cache_read),
            output_tokens: count_at(usage, "output_tokens"),
            cache_read,
            cache_write: count_at(usage, "cache_write_input_tokens"),
            cost_usd: None,
            at_least: self.has_delegated,
        });
        seen.retry = None;
        self.last = LastEvent::Good;
        vec![used, seen.ended(&self.last, "completed", Some(self.turns))]
    }

    fn failed(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let trouble = trouble(owned_in(event, "/error/message").unwrap_or_default());
        let error = error_event(&trouble);
        self.last = LastEvent::Bad(trouble);
        vec![error, seen.ended(&self.last, "failed", Some(self.turns))]
    }

    /// `Reconnecting... 2/5 (unexpected status 429 …)`, `Reconnecting... waiting for network (…)`
    /// without end, or words of another kind.
    fn notice(&mut self, message: String, seen: &mut StreamState) -> AgentEvent {
        let Some(rest) = message.strip_prefix("Reconnecting... ") else {
            return error_event(&trouble(message));
        };
        let counted = rest.split('/').next().and_then(|n| n.parse().ok());
        self.waits = if seen.retry.is_some() {
            self.waits.saturating_add(1)
        } else {
            1
        };
        seen.retried(
            counted.unwrap_or(self.waits),
            RequestRetry {
                status: status_in(&message),
                word: None,
                delay_ms: None,
            },
        )
    }
}

impl Dialect for Codex {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let item = field(event, "item");
        self.has_delegated |= text_at(item, "type") == Some("collab_tool_call");
        match text_at(event, "type") {
            Some("thread.started") => vec![seen.started(owned_at(event, "thread_id"), None, None)],
            Some("turn.started") => {
                self.last = LastEvent::Open;
                self.turns = self.turns.saturating_add(1);
                Vec::new()
            }
            Some("item.started") => started(item, seen),
            Some("item.updated") => plan(item),
            Some("item.completed") => done(item, seen),
            Some("error") => {
                vec![self.notice(owned_at(event, "message").unwrap_or_default(), seen)]
            }
            Some("turn.completed") => self.completed(event, seen),
            Some("turn.failed") => self.failed(event, seen),
            _ => Vec::new(),
        }
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        judge(&self.last, view)
    }
}

fn started(item: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let id = owned_at(item, "id").unwrap_or_default();
    match text_at(item, "type") {
        Some("command_execution") => {
            let input = serde_json::json!({ "command": field(item, "command") });
            vec![seen.called(id, "shell".to_owned(), &input, None)]
        }
        Some("mcp_tool_call") => {
            let name = format!(
                "{}.{}",
                text_at(item, "server").unwrap_or(""),
                text_at(item, "tool").unwrap_or("")
            );
            vec![seen.called(
                id,
                clip::text(&name, clip::SUMMARY),
                field(item, "arguments"),
                None,
            )]
        }
        Some("file_change") => {
            let input = serde_json::json!({ "changes": field(item, "changes") });
            vec![seen.called(id, PATCH_TOOL.to_owned(), &input, None)]
        }
        _ => plan(item),
    }
}

fn done(item: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let id = || owned_at(item, "id").unwrap_or_default();
    let end = ToolEnd::of(text_at(item, "status") != Some("failed"));
    match text_at(item, "type") {
        Some("agent_message") => seen
            .said(text_at(item, "text").unwrap_or_default())
            .into_iter()
            .collect(),
        Some("reasoning") => {
            vec![AgentEvent::Thinking {
                text: clip::text(text_at(item, "text").unwrap_or_default(), clip::TEXT),
            }]
        }
        Some("command_execution") => {
            let output = text_at(item, "aggregated_output").unwrap_or_default();
            seen.answered(id(), end, output, FileChangeKind::Update)
        }
        Some("mcp_tool_call") => {
            let words = owned_in(item, "/error/message").unwrap_or_default();
            seen.answered(id(), end, &words, FileChangeKind::Update)
        }
        Some("file_change") => {
            let result = seen.answered(id(), end, "", FileChangeKind::Update);
            let changes = list(item.get("changes"))
                .iter()
                .take(MAX_ITEMS)
                .map(|c| change(c, end, seen));
            result.into_iter().chain(changes).collect()
        }
        Some("error") => {
            vec![error_event(&ReportedFailure::other(
                FailureClass::Agent,
                owned_at(item, "message").unwrap_or_default(),
            ))]
        }
        _ => plan(item),
    }
}

fn change(change: &Value, end: ToolEnd, seen: &mut StreamState) -> AgentEvent {
    let path = owned_at(change, "path").unwrap_or_default();
    if end == ToolEnd::Failed {
        let reason = clip::text(&format!("the change of {path} failed"), clip::SUMMARY);
        return seen.denied(Denial {
            tool: "file_change".to_owned(),
            reason,
        });
    }
    let kind = match text_at(change, "kind") {
        Some("add") => FileChangeKind::Add,
        Some("delete") => FileChangeKind::Delete,
        _ => FileChangeKind::Update,
    };
    seen.changed(path, kind)
}

fn plan(item: &Value) -> Vec<AgentEvent> {
    if text_at(item, "type") != Some("todo_list") {
        return Vec::new();
    }
    let step = |todo: &Value| PlanStep {
        text: owned_at(todo, "text").unwrap_or_default(),
        status: if is_true(todo, "completed") {
            "completed"
        } else {
            "pending"
        }
        .to_owned(),
    };
    vec![AgentEvent::Plan {
        steps: list(item.get("items"))
            .iter()
            .take(MAX_ITEMS)
            .map(step)
            .collect(),
    }]
}

/// Words before a status: of an answer that is not repeated, and of the last one of several.
const MARKERS: [&str; 2] = ["unexpected status ", "last status: "];

fn status_in(message: &str) -> Option<u16> {
    MARKERS
        .iter()
        .find_map(|marker| status_after(message, marker))
}

fn trouble(message: String) -> ReportedFailure {
    ReportedFailure::told(status_in(&message), message)
}

#[cfg(test)]
#[path = "codex_tests.rs"]
mod tests;
