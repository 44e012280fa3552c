//! The event lines of `gemini -o stream-json`. The status of the final `result` decides: the exit
//! code is 0 also on an empty stream and on a signal.

use serde_json::Value;

use crate::connector::clip;
use crate::connector::json::{count_at, field, owned_at, owned_in, status_after, text_at};
use crate::connector::judge::{JudgeInput, LastEvent, NO_ANSWER, ReportedFailure, judge};
use crate::connector::stream::{Dialect, StreamState, ToolEnd, error_event};
use crate::domain::agent_event::{AgentEvent, FailureClass, FileChangeKind, StreamOutcome, Usage};

/// Understands gemini.
#[derive(Default)]
pub(super) struct Gemini {
    last: LastEvent,
    /// Pieces of a message that is still being said.
    saying: String,
    /// The CLI has stopped a model that repeats itself, and calls that a success.
    looped: Option<String>,
    /// A tool has answered and the model has not said a word since. A run that ends so was left by
    /// its service in the middle.
    owes_answer: bool,
    /// The last trouble that the CLI told of by itself; where it ends without a result, or the result
    /// names no reason, this is the reason.
    trouble: Option<ReportedFailure>,
}

impl Gemini {
    /// Ends the message that was being said.
    fn said(&mut self, seen: &mut StreamState) -> Option<AgentEvent> {
        seen.said(&std::mem::take(&mut self.saying))
    }

    fn message(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        if text_at(event, "role") != Some("assistant") {
            return Vec::new();
        }
        let piece = text_at(event, "content").unwrap_or_default();
        self.owes_answer &= piece.is_empty();
        if self.saying.len() < clip::TEXT {
            self.saying.push_str(piece);
        }
        let whole = event.get("delta") != Some(&Value::Bool(true));
        whole
            .then(|| self.said(seen))
            .flatten()
            .into_iter()
            .collect()
    }

    fn error(&mut self, event_of: &Value) -> AgentEvent {
        let message = owned_at(event_of, "message").unwrap_or_default();
        if message.starts_with("Loop detected") {
            self.looped = Some(message.clone());
        }
        let trouble = trouble(message);
        let event = error_event(&trouble);
        if text_at(event_of, "severity") != Some("warning") {
            self.trouble = Some(trouble);
        }
        event
    }

    fn result(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let stats = field(event, "stats");
        let cache_read = count_at(stats, "cached");
        let used = seen.used_in_all(Usage {
            input_tokens: count_at(stats, "input_tokens").saturating_sub(cache_read),
            output_tokens: count_at(stats, "output_tokens"),
            cache_read,
            cache_write: 0,
            cost_usd: None,
            at_least: false,
        });
        let status = owned_at(event, "status").unwrap_or_default();
        self.last = match (status.as_str(), &self.looped) {
            ("success", None) if self.owes_answer => {
                LastEvent::Bad(ReportedFailure::other(FailureClass::Provider, NO_ANSWER))
            }
            ("success", None) => LastEvent::Good,
            ("success", Some(message)) => {
                LastEvent::Bad(ReportedFailure::other(FailureClass::Limit, message.clone()))
            }
            _ => LastEvent::Bad(self.reason(event)),
        };
        vec![used, seen.ended(&self.last, status, None)]
    }
}

impl Gemini {
    /// The reason of a failure: the words of the result, else what the CLI has told before, else the
    /// kind of the error.
    fn reason(&mut self, event: &Value) -> ReportedFailure {
        let told = owned_in(event, "/error/message").filter(|text| !text.trim().is_empty());
        match (told, self.trouble.take()) {
            (Some(message), _) => trouble(message),
            (None, Some(before)) => before,
            (None, None) => trouble(owned_in(event, "/error/type").unwrap_or_default()),
        }
    }
}

impl Dialect for Gemini {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let kind = text_at(event, "type");
        if kind == Some("message") {
            return self.message(event, seen);
        }
        let mut events: Vec<AgentEvent> = self.said(seen).into_iter().collect();
        match kind {
            Some("init") => events.push(seen.started(
                owned_at(event, "session_id"),
                owned_at(event, "model"),
                None,
            )),
            Some("tool_use") => events.push(call(event, seen)),
            Some("tool_result") => {
                self.owes_answer = true;
                events.extend(answer(event, seen));
            }
            Some("error") => events.push(self.error(event)),
            Some("result") => events.extend(self.result(event, seen)),
            _ => {}
        }
        events
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        match (&self.last, &self.trouble) {
            (LastEvent::Open, Some(trouble)) if !view.end.is_zero() => {
                judge(&LastEvent::Bad(trouble.clone()), view)
            }
            (last, _) => judge(last, view),
        }
    }
}

fn call(event: &Value, seen: &mut StreamState) -> AgentEvent {
    let name = owned_at(event, "tool_name").unwrap_or_default();
    let input = field(event, "parameters");
    let path = if matches!(name.as_str(), "write_file" | "replace") {
        owned_at(input, "file_path")
    } else {
        None
    };
    seen.called(
        owned_at(event, "tool_id").unwrap_or_default(),
        name,
        input,
        path,
    )
}

fn answer(event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let words = owned_in(event, "/error/message")
        .or_else(|| owned_at(event, "output"))
        .unwrap_or_default();
    let end = ToolEnd::of(text_at(event, "status") == Some("success"));
    seen.answered(
        owned_at(event, "tool_id").unwrap_or_default(),
        end,
        &words,
        FileChangeKind::Update,
    )
}

/// The CLI quotes the service's own error object.
fn trouble(message: String) -> ReportedFailure {
    ReportedFailure::told(status_after(&message, "\"code\":"), message)
}

#[cfg(test)]
#[path = "gemini_tests.rs"]
mod tests;
