//! Parser for CLIs that print one JSON object a line. What the objects mean is the business of a
//! [`Dialect`]; everything that is the same for all of them stands here: lines, bounds, sessions,
//! usage, open tool calls.
//!
//! Unknown events and fields are normal and ignored.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::connector::api::StreamParser;
use crate::connector::clip;
use crate::connector::judge::{JudgeInput, LastEvent, ReportedFailure, RequestRetry};
use crate::connector::signs::{FailureSigns, LineTail};
use crate::connector::text::plain;
use crate::domain::agent_event::{
    AgentEvent, AgentResult, Denial, FileChangeKind, StreamOutcome, Usage,
};
use crate::domain::process_end::ProcessEnd;

/// A longer line is counted as bad and not parsed.
pub(super) const MAX_LINE: usize = 32 << 20;
/// Most denials and plan steps that are kept.
pub(super) const MAX_ITEMS: usize = 100;
const MAX_OPEN_CALLS: usize = 1024;

/// The vocabulary of one CLI.
pub(super) trait Dialect: Send {
    /// Understands one event.
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent>;

    /// The conclusion.
    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome;

    /// Another prompt was given, the answer to which decides from here on.
    fn prompted_again(&mut self) {}

    /// True for a line that only repeats what other lines tell. It is not even parsed: one CLI
    /// repeats its whole message with every word of it.
    fn repeats(&self, _line: &[u8]) -> bool {
        false
    }
}

/// The state of a stream: what it has told so far, in words that all CLIs share.
#[derive(Debug, Default)]
pub(super) struct StreamState {
    /// Lines that were JSON objects.
    pub(super) understood: u64,
    /// For resuming.
    pub(super) session_id: Option<String>,
    /// Model that answers.
    pub(super) model: Option<String>,
    /// Tokens and money so far.
    pub(super) usage: Option<Usage>,
    /// Denied tool calls.
    pub(super) denials: Vec<Denial>,
    /// A file tool has succeeded.
    pub(super) files_changed: bool,
    /// The last retry, unless the model has answered since.
    pub(super) retry: Option<RequestRetry>,
    /// Time at which a used-up quota opens again, in milliseconds since the epoch.
    pub(super) resets_at_ms: Option<i64>,
    /// Last text of the model; for people only.
    pub(super) text: Option<String>,
    open_calls: BTreeMap<String, String>,
}

/// The end of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolEnd {
    /// The tool did what it was asked.
    Done,
    /// The tool failed or was refused.
    Failed,
}

impl ToolEnd {
    /// `Done` where the CLI calls it a success.
    pub(super) fn of(success: bool) -> Self {
        if success { Self::Done } else { Self::Failed }
    }
}

impl StreamState {
    /// The CLI is up.
    pub(super) fn started(
        &mut self,
        session: Option<String>,
        model: Option<String>,
        version: Option<String>,
    ) -> AgentEvent {
        self.session_id = session.or(self.session_id.take());
        self.model = model.or(self.model.take());
        AgentEvent::SessionStarted {
            session_id: self.session_id.clone(),
            model: self.model.clone(),
            version,
        }
    }

    /// The model says something; whatever was retried before is over.
    pub(super) fn said(&mut self, text: &str) -> Option<AgentEvent> {
        self.retry = None;
        let text = clip::text(text, clip::TEXT);
        (!text.is_empty()).then(|| {
            self.text = Some(text.clone());
            AgentEvent::Message { text }
        })
    }

    /// The model calls a tool. `path` is the file that the call would change.
    pub(super) fn called(
        &mut self,
        id: String,
        name: String,
        input: &Value,
        path: Option<String>,
    ) -> AgentEvent {
        self.retry = None;
        if let Some(path) = path
            && self.open_calls.len() < MAX_OPEN_CALLS
        {
            self.open_calls.insert(id.clone(), path);
        }
        AgentEvent::ToolCall {
            id,
            name,
            input: clip::value(input),
        }
    }

    /// A tool has answered. A file tool that succeeded has changed the file of its call, in the way
    /// of `kind`.
    pub(super) fn answered(
        &mut self,
        id: String,
        end: ToolEnd,
        summary: &str,
        kind: FileChangeKind,
    ) -> Vec<AgentEvent> {
        let path = self.open_calls.remove(&id).filter(|_| end == ToolEnd::Done);
        let result = AgentEvent::ToolResult {
            id,
            is_error: end == ToolEnd::Failed,
            summary: clip::text(summary, clip::SUMMARY),
        };
        let change = path.map(|path| self.changed(path, kind));
        std::iter::once(result).chain(change).collect()
    }

    /// A file tool has changed a file.
    pub(super) fn changed(&mut self, path: String, kind: FileChangeKind) -> AgentEvent {
        self.files_changed = true;
        AgentEvent::FileChange { path, kind }
    }

    /// A tool call was not allowed.
    pub(super) fn denied(&mut self, denial: Denial) -> AgentEvent {
        if self.denials.len() < MAX_ITEMS {
            self.denials.push(denial.clone());
        }
        AgentEvent::PermissionDenied(denial)
    }

    /// The CLI asks its service again, for the `attempt`-th time.
    pub(super) fn retried(&mut self, attempt: u32, retry: RequestRetry) -> AgentEvent {
        let event = AgentEvent::Retry {
            attempt,
            status: retry.status,
            delay_ms: retry.delay_ms,
        };
        self.retry = Some(retry);
        event
    }

    /// Adds the use of one more step.
    pub(super) fn used(&mut self, step: Usage) -> AgentEvent {
        let old = self.usage.unwrap_or_default();
        let cost = old.cost_usd.unwrap_or(0.0) + step.cost_usd.unwrap_or(0.0);
        self.used_in_all(Usage {
            input_tokens: old.input_tokens.saturating_add(step.input_tokens),
            output_tokens: old.output_tokens.saturating_add(step.output_tokens),
            cache_read: old.cache_read.saturating_add(step.cache_read),
            cache_write: old.cache_write.saturating_add(step.cache_write),
            cost_usd: old.cost_usd.or(step.cost_usd).map(|_| cost),
            at_least: old.at_least || step.at_least,
        })
    }

    /// Sets the use of the session so far.
    pub(super) fn used_in_all(&mut self, usage: Usage) -> AgentEvent {
        self.usage = Some(usage);
        AgentEvent::Usage(usage)
    }

    /// Takes in the use that a CLI tells at the end of a turn: of the session so far or, where it is less than what was told
    /// before, of that turn.
    pub(super) fn used_by_now(&mut self, usage: Usage) -> AgentEvent {
        let tokens = |usage: Usage| usage.input_tokens.saturating_add(usage.output_tokens);
        if tokens(usage) < tokens(self.usage.unwrap_or_default()) {
            self.used(usage)
        } else {
            self.used_in_all(usage)
        }
    }

    /// The CLI tells that it has come to an end.
    pub(super) fn ended(
        &self,
        last: &LastEvent,
        reason: impl Into<String>,
        turns: Option<u32>,
    ) -> AgentEvent {
        let is_error = matches!(last, LastEvent::Bad(_));
        AgentEvent::Result {
            is_error,
            reason: reason.into(),
            turns,
            text: self.text.clone().unwrap_or_default(),
        }
    }
}

/// The event of a trouble that may still be overcome.
pub(super) fn error_event(trouble: &ReportedFailure) -> AgentEvent {
    AgentEvent::Error {
        class: trouble.class(),
        message: clip::text(&trouble.message, clip::SUMMARY),
    }
}

/// Parser of one stream in one dialect.
pub(super) struct JsonParser<D> {
    dialect: D,
    signs: Arc<FailureSigns>,
    seen: StreamState,
    stderr: LineTail,
    bad_lines: u64,
}

impl<D: Dialect> JsonParser<D> {
    /// A parser that looks on standard error for these signs of trouble.
    pub(super) fn new(dialect: D, signs: Arc<FailureSigns>) -> Self {
        Self {
            dialect,
            signs,
            seen: StreamState::default(),
            stderr: LineTail::default(),
            bad_lines: 0,
        }
    }
}

impl<D: Dialect> StreamParser for JsonParser<D> {
    fn named(&mut self, session: &str) {
        self.seen.session_id = Some(session.to_owned());
    }

    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let line = line.trim_ascii();
        if line.is_empty() || self.dialect.repeats(line) {
            return Vec::new();
        }
        let parsed = if line.len() > MAX_LINE {
            None
        } else {
            serde_json::from_slice::<Value>(line).ok()
        };
        match parsed {
            Some(event) if event.is_object() => {
                self.seen.understood += 1;
                self.dialect.event(&event, &mut self.seen)
            }
            _ => {
                self.bad_lines += 1;
                Vec::new()
            }
        }
    }

    fn error_line(&mut self, line: &[u8]) {
        self.stderr.push(&plain(line));
    }

    fn denied(&mut self, denial: Denial) -> AgentEvent {
        self.seen.denied(denial)
    }

    fn prompted_again(&mut self) {
        self.dialect.prompted_again();
    }

    fn finish(self: Box<Self>, end: &ProcessEnd) -> AgentResult {
        let view = JudgeInput {
            seen: &self.seen,
            end,
            signs: &self.signs,
            stderr: &self.stderr,
        };
        AgentResult {
            outcome: self.dialect.outcome(&view),
            session_id: self.seen.session_id,
            model: self.seen.model,
            usage: self.seen.usage,
            denials: self.seen.denials,
            final_text: self.seen.text,
            bad_lines: self.bad_lines,
        }
    }
}
