//! Reads what the agent says into events and an outcome. The answer to the prompt decides.

use serde_json::Value;

use crate::connector::acp::call::{AcpCall, AcpCalls};
use crate::connector::acp::protocol::{INITIALIZE, NEW_SESSION, PROMPT, VERSION, answered};
use crate::connector::clip;
use crate::connector::dialogue::CallKind;
use crate::connector::json::{
    count_at, field, list, owned_at, owned_in, status_after, status_at, text_at,
};
use crate::connector::judge::{FailureCause, JudgeInput, LastEvent, ReportedFailure, judge};
use crate::connector::stream::{Dialect, MAX_ITEMS, StreamState, ToolEnd};
use crate::domain::agent_event::{
    AgentEvent, FailureClass, FileChangeKind, PlanStep, StreamOutcome, Usage,
};

/// The protocol's own error for an agent that wants somebody to log in.
const AUTH_REQUIRED: i64 = -32000;
const NO_ANSWER: &str = "the model gave no answer, or none after its last tool call";
/// The one agent that tells of its own failure as if the model said it, in one piece, and then of a
/// good end of the turn.
const TELLS_IN_WORDS: &str = "Copilot";
/// Beginnings of such a piece.
const TOLD: [&str; 2] = [
    "Error: Failed to get response from the AI model",
    "Error: Authentication failed with provider",
];

/// Understands an agent that speaks the protocol.
#[derive(Default)]
pub(in crate::connector) struct Acp {
    last: LastEvent,
    version: Option<String>,
    /// The agent tells of its failures in words.
    tells_in_words: bool,
    /// Such words, unless something came after them.
    told: Option<String>,
    /// Pieces of a message or thought that is still being said.
    saying: String,
    thinking: String,
    calls: AcpCalls,
    /// The model has said something since its last tool answered. A turn that ends without was left
    /// by the service in the middle.
    has_answered: bool,
    /// Prompts that were given besides the first.
    more_prompts: u64,
    /// Id of the last prompt that was answered. An answer and the prompt after it are told of in either order.
    answered: u64,
}

impl Acp {
    /// Ends what was being said.
    fn said(&mut self, seen: &mut StreamState) -> Vec<AgentEvent> {
        let text = clip::text(&std::mem::take(&mut self.thinking), clip::TEXT);
        let thought = (!text.is_empty()).then_some(AgentEvent::Thinking { text });
        let message = seen.said(&std::mem::take(&mut self.saying));
        thought.into_iter().chain(message).collect()
    }

    fn update(&mut self, update: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        match text_at(update, "sessionUpdate") {
            Some("agent_message_chunk") => self.chunk(update, seen),
            Some("agent_thought_chunk") => {
                let ended = if self.saying.is_empty() {
                    Vec::new()
                } else {
                    self.said(seen)
                };
                gather(&mut self.thinking, update);
                ended
            }
            Some("tool_call" | "tool_call_update") => self.tool_call(update, seen),
            Some("plan") => {
                let mut events = self.said(seen);
                events.push(AgentEvent::Plan {
                    steps: list(update.get("entries"))
                        .iter()
                        .take(MAX_ITEMS)
                        .map(step)
                        .collect(),
                });
                events
            }
            _ => Vec::new(),
        }
    }

    fn chunk(&mut self, update: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let mut events = if self.thinking.is_empty() {
            Vec::new()
        } else {
            self.said(seen)
        };
        gather(&mut self.saying, update);
        self.has_answered |= !self.saying.is_empty();
        let piece = update
            .pointer("/content/text")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_told = self.tells_in_words && TOLD.iter().any(|start| piece.starts_with(start));
        self.told = is_told.then(|| clip::text(piece, clip::SUMMARY));
        // One agent tells with an empty piece what the step has used.
        if let Some(usage) = update.pointer("/_meta/usage") {
            events.push(seen.used(tokens(usage)));
        }
        events
    }

    fn tool_call(&mut self, update: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        self.told = None;
        let is_new = self
            .calls
            .is_new(text_at(update, "toolCallId").unwrap_or_default());
        let (id, call) = self.calls.learn(update);
        let mut events = self.said(seen);
        if is_new {
            let name = if call.title.is_empty() {
                call.kind.word().to_owned()
            } else {
                call.title.clone()
            };
            events.push(seen.called(id.clone(), name, field(update, "rawInput"), None));
        }
        let end = match text_at(update, "status") {
            Some("completed") => ToolEnd::Done,
            Some("failed") => ToolEnd::Failed,
            _ => return events,
        };
        self.calls.forget(&id);
        self.has_answered = false;
        events.extend(seen.answered(id, end, &summary(update), FileChangeKind::Update));
        if end == ToolEnd::Done {
            events.extend(
                changes(&call)
                    .into_iter()
                    .map(|(path, kind)| seen.changed(path, kind)),
            );
        }
        events
    }

    fn answer(&mut self, id: u64, message: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let mut events = self.said(seen);
        let result = field(message, "result");
        if let Some(error) = message.get("error") {
            self.last = LastEvent::Bad(trouble(error));
            events.push(seen.ended(&self.last, "error", None));
            return events;
        }
        match id {
            INITIALIZE => {
                self.version = owned_in(result, "/agentInfo/version");
                self.tells_in_words =
                    owned_in(result, "/agentInfo/name").as_deref() == Some(TELLS_IN_WORDS);
                if result.get("protocolVersion").and_then(Value::as_u64) != Some(VERSION) {
                    let why = format!("the agent does not speak version {VERSION} of the protocol");
                    self.last = LastEvent::Bad(ReportedFailure::other(FailureClass::Agent, why));
                }
            }
            NEW_SESSION => {
                let model = owned_in(result, "/models/currentModelId");
                events.push(seen.started(
                    owned_at(result, "sessionId"),
                    model,
                    self.version.take(),
                ));
            }
            PROMPT.. => {
                self.answered = self.answered.max(id);
                events.extend(self.stopped(result, seen));
            }
            _ => {}
        }
        events
    }

    fn stopped(&mut self, result: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let used = usage_of(result).map(|usage| seen.used_by_now(usage));
        let reason = owned_at(result, "stopReason").unwrap_or_default();
        let bad = |class, words: &str| LastEvent::Bad(ReportedFailure::other(class, words));
        self.last = match reason.as_str() {
            "end_turn" if self.told.is_some() => {
                LastEvent::Bad(told(self.told.take().unwrap_or_default()))
            }
            "end_turn" if !self.has_answered => bad(FailureClass::Provider, NO_ANSWER),
            "end_turn" => LastEvent::Good,
            "max_tokens" => bad(
                FailureClass::Limit,
                "the model ran out of tokens for its answer",
            ),
            "max_turn_requests" => bad(
                FailureClass::Limit,
                "the agent used up its requests for one turn",
            ),
            "refusal" => bad(FailureClass::Request, "the model refused the prompt"),
            "cancelled" => bad(FailureClass::Interrupted, "the turn was cancelled"),
            other => bad(
                FailureClass::Agent,
                &format!("it stopped for a reason that is not known: {other}"),
            ),
        };
        used.into_iter()
            .chain([seen.ended(&self.last, reason, None)])
            .collect()
    }
}

impl Dialect for Acp {
    fn event(&mut self, message: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        match (text_at(message, "method"), answered(message)) {
            (Some("session/update"), _) => {
                self.update(field(field(message, "params"), "update"), seen)
            }
            // For some agents this is the first word of a call.
            (Some("session/request_permission"), _) => {
                self.tool_call(field(field(message, "params"), "toolCall"), seen)
            }
            (None, Some(id)) => self.answer(id, message, seen),
            _ => Vec::new(),
        }
    }

    fn prompted_again(&mut self) {
        self.more_prompts += 1;
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        // One that was given another prompt and has not answered it is not at its end.
        let last = match &self.last {
            LastEvent::Good if self.answered < PROMPT + self.more_prompts => &LastEvent::Open,
            last => last,
        };
        let found = judge(last, view);
        match (last, found) {
            (LastEvent::Open, StreamOutcome::Truncated | StreamOutcome::NoResult) => {
                StreamOutcome::Failed {
                    class: FailureClass::Exit,
                    message: "the agent ended before it had answered the prompt".to_owned(),
                }
            }
            (_, found) => found,
        }
    }
}

/// Adds a piece of text, within the bound of what an event may carry.
fn gather(text: &mut String, update: &Value) {
    if text.len() < clip::TEXT {
        text.push_str(
            update
                .pointer("/content/text")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
    }
}

fn step(entry: &Value) -> PlanStep {
    PlanStep {
        text: owned_at(entry, "content").unwrap_or_default(),
        status: owned_at(entry, "status").unwrap_or_default(),
    }
}

fn summary(update: &Value) -> String {
    let texts = list(update.get("content"))
        .iter()
        .filter_map(|part| part.pointer("/content/text")?.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// The files that a finished call has changed.
fn changes(call: &AcpCall) -> Vec<(String, FileChangeKind)> {
    let kind = |is_new: bool| {
        if is_new {
            FileChangeKind::Add
        } else {
            FileChangeKind::Update
        }
    };
    match call.kind {
        _ if !call.diffs.is_empty() => call
            .diffs
            .iter()
            .map(|(path, is_new)| (path.clone(), kind(*is_new)))
            .collect(),
        CallKind::Edit | CallKind::Move => call
            .paths
            .iter()
            .map(|path| (path.clone(), FileChangeKind::Update))
            .collect(),
        CallKind::Delete => call
            .paths
            .iter()
            .map(|path| (path.clone(), FileChangeKind::Delete))
            .collect(),
        _ => Vec::new(),
    }
}

/// Reads the use of the whole prompt, where the agent tells.
fn usage_of(result: &Value) -> Option<Usage> {
    if let Some(usage) = result.get("usage").filter(|usage| usage.is_object()) {
        return Some(tokens(usage));
    }
    let counts = result.pointer("/_meta/quota/token_count")?;
    Some(Usage {
        input_tokens: count_at(counts, "input_tokens"),
        output_tokens: count_at(counts, "output_tokens"),
        ..Usage::default()
    })
}

fn tokens(usage: &Value) -> Usage {
    Usage {
        input_tokens: count_at(usage, "inputTokens"),
        output_tokens: count_at(usage, "outputTokens"),
        cache_read: count_at(usage, "cachedReadTokens"),
        cache_write: count_at(usage, "cachedWriteTokens"),
        cost_usd: None,
        at_least: false,
    }
}

/// The status of the service stands behind one of these marks.
fn told(message: String) -> ReportedFailure {
    let status = ["Last error: ", "(HTTP "]
        .iter()
        .find_map(|mark| status_after(&message, mark));
    ReportedFailure::told(status, message)
}

/// Agents put the status of the service into the code, into the data, or at the beginning of their
/// words.
fn trouble(error: &Value) -> ReportedFailure {
    let code = error.get("code").and_then(Value::as_i64);
    let words = owned_at(error, "message").unwrap_or_default();
    let details = owned_in(error, "/data/details")
        .or_else(|| owned_in(error, "/data/message"))
        .or_else(|| owned_at(error, "data"));
    let message = match &details {
        Some(details) => format!("{words}: {details}"),
        None => words.clone(),
    };
    // The number is also that of any error of a server.
    if code == Some(AUTH_REQUIRED) && words.to_ascii_lowercase().contains("auth") {
        return ReportedFailure {
            cause: FailureCause::Auth,
            message,
        };
    }
    let status = code
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code));
    let in_data = || status_at(field(error, "data"), "statusCode");
    let in_words = || {
        details
            .as_deref()
            .into_iter()
            .chain([words.as_str()])
            .find_map(|text| status_after(text, ""))
    };
    ReportedFailure::told(status.or_else(in_data).or_else(in_words), message)
}
