//! The event lines of `claude -p --output-format stream-json --verbose`, and of qwen, whose
//! vocabulary is nearly the same.
//!
//! The order of judging matters: `is_error`, `terminal_reason` and the API status come before
//! `subtype`, which says `success` for claude's API errors. Token counts of single messages are too
//! low in this stream (they are those at the start of a reply), and repeated with each part of a
//! message: each message counts once until the final `result`, which tells the truth.

use std::collections::HashMap;

use serde_json::Value;

use crate::connector::claude_usage::{at_least, minus, of_all_models, plus, price};
use crate::connector::clip;
use crate::connector::json::{
    content_text, count_at, field, is_true, list, owned_at, owned_in, small_at, status_after,
    status_at, text_at, whole,
};
use crate::connector::judge::{
    JudgeInput, RequestRetry, class_of, of_service, of_success, quota, without_final,
};
use crate::connector::stream::{Dialect, MAX_ITEMS, StreamState, ToolEnd};
use crate::domain::agent_event::{
    AgentEvent, Denial, FailureClass, FileChangeKind, PlanStep, StreamOutcome, Usage,
};

/// The differences between the CLIs that speak this way.
pub(super) struct ClaudeVariant {
    /// Field of the first event with the version of the CLI.
    version: &'static str,
    /// Tools that change a file, each with the argument that names it.
    file_tools: &'static [(&'static str, &'static str)],
    /// The number of input tokens includes those from the cache.
    cached_in_input: bool,
    /// Beginning of an error of the service, where the CLI shows it as an answer of the model, and
    /// calls the run a success.
    error_as_answer: Option<&'static str>,
}

/// Claude Code.
pub(super) const CLAUDE: ClaudeVariant = ClaudeVariant {
    version: "claude_code_version",
    file_tools: &[
        ("Write", "file_path"),
        ("Edit", "file_path"),
        ("MultiEdit", "file_path"),
        ("NotebookEdit", "notebook_path"),
    ],
    cached_in_input: false,
    error_as_answer: None,
};

/// Qwen Code. It has no status in its result; its own error message begins with one.
pub(super) const QWEN: ClaudeVariant = ClaudeVariant {
    version: "qwen_code_version",
    file_tools: &[
        ("write_file", "file_path"),
        ("edit", "file_path"),
        ("notebook_edit", "notebook_path"),
    ],
    cached_in_input: true,
    error_as_answer: Some(ERROR_OF_QWEN),
};

/// So many messages are told apart; older ones are taken for complete.
const MAX_MESSAGES: usize = 1024;

/// Tools by which the model starts other agents.
const DELEGATES: [&str; 3] = ["Task", "Agent", "Workflow"];

const ERROR_OF_QWEN: &str = "[API Error: ";

/// Understands the vocabulary of claude and its relatives.
pub(super) struct Claude {
    variant: ClaudeVariant,
    last: Option<ClaudeResult>,
    error_word: Option<String>,
    /// The last answer was an error of the service in disguise.
    disguised: bool,
    /// Use that the last `result` has told.
    told: Usage,
    /// Use that each message since then has told.
    messages: HashMap<String, Usage>,
    /// The model has handed work on: what its agents use stands in no `usage`.
    delegated: bool,
    /// What the sums over all models held before this run, by the first result.
    earlier: Option<Usage>,
}

/// The machine fields of a `result`, with its text for people.
struct ClaudeResult {
    is_error: bool,
    terminal_reason: Option<String>,
    status: Option<u16>,
    subtype: String,
    text: String,
}

impl Claude {
    /// One of the CLIs that speak this way.
    pub(super) fn new(variant: ClaudeVariant) -> Self {
        Self {
            variant,
            last: None,
            error_word: None,
            disguised: false,
            told: Usage::default(),
            messages: HashMap::new(),
            delegated: false,
            earlier: None,
        }
    }

    fn system(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        match text_at(event, "subtype") {
            Some("init") => {
                let version = owned_at(event, self.variant.version);
                vec![seen.started(
                    owned_at(event, "session_id"),
                    owned_at(event, "model"),
                    version,
                )]
            }
            Some("api_retry" | "retry") => {
                let status = status_at(event, "error_status");
                let delay_ms = event.get("retry_delay_ms").and_then(whole);
                let retry = RequestRetry {
                    status,
                    word: owned_at(event, "error"),
                    delay_ms,
                };
                vec![seen.retried(small_at(event, "attempt").unwrap_or(0), retry)]
            }
            Some("permission_denied") => {
                let tool = owned_at(event, "tool_name").unwrap_or_default();
                let reason = owned_at(event, "decision_reason").unwrap_or_default();
                vec![seen.denied(Denial { tool, reason })]
            }
            _ => Vec::new(),
        }
    }

    fn assistant(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let word = text_at(event, "error");
        if word.is_some() || is_true(event, "is_api_error_message") {
            return self.api_error(event, word);
        }
        self.disguised = self.is_disguised(event);
        if self.disguised {
            return self.api_error(event, None);
        }
        // The model answers: whatever was retried before is over.
        seen.retry = None;
        self.error_word = None;
        let mut events = Vec::new();
        for block in blocks(event) {
            events.extend(self.block(block, seen));
        }
        events.extend(self.count(event, seen));
        events
    }

    /// Sums up what all messages together have used by now, at least, where this one has added to
    /// it.
    fn count(&mut self, event: &Value, seen: &mut StreamState) -> Option<AgentEvent> {
        let message = event.get("message")?;
        let id = owned_at(message, "id").or_else(|| owned_at(event, "uuid"))?;
        let new = self.tokens(message.get("usage")?);
        if self.messages.len() >= MAX_MESSAGES {
            let sum = self
                .messages
                .drain()
                .map(|(_, usage)| usage)
                .fold(self.told, plus);
            self.told = sum;
        }
        let old = self.messages.insert(id, new);
        let more = old.is_none_or(|old| old != new) && new != Usage::default();
        more.then(|| seen.used_in_all(self.messages.values().copied().fold(self.told, plus)))
    }

    fn tokens(&self, usage: &Value) -> Usage {
        let cache_read = count_at(usage, "cache_read_input_tokens");
        let counted_twice = if self.variant.cached_in_input {
            cache_read
        } else {
            0
        };
        Usage {
            input_tokens: count_at(usage, "input_tokens").saturating_sub(counted_twice),
            output_tokens: count_at(usage, "output_tokens"),
            cache_read,
            cache_write: count_at(usage, "cache_creation_input_tokens"),
            cost_usd: None,
            at_least: false,
        }
    }

    /// An answer that nobody gave: no token was used for it, and it is a single text of the CLI's
    /// form for errors.
    fn is_disguised(&self, event: &Value) -> bool {
        let Some(mark) = self.variant.error_as_answer else {
            return false;
        };
        let usage = event.pointer("/message/usage").unwrap_or(&Value::Null);
        let free = count_at(usage, "input_tokens") == 0 && count_at(usage, "output_tokens") == 0;
        let told =
            |block: &Value| text_at(block, "text").is_some_and(|text| text.starts_with(mark));
        free && matches!(blocks(event), [only] if told(only))
    }

    /// The CLI reports an API error in the shape of a message of its own making.
    fn api_error(&mut self, event: &Value, word: Option<&str>) -> Vec<AgentEvent> {
        self.error_word = word.map(str::to_owned);
        let message = blocks(event)
            .iter()
            .find_map(|b| text_at(b, "text"))
            .unwrap_or_default();
        let class = class_of(status_at(event, "api_error_status"), word);
        vec![AgentEvent::Error {
            class,
            message: clip::text(message, clip::SUMMARY),
        }]
    }

    fn block(&mut self, block: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let clipped = |key| clip::text(text_at(block, key).unwrap_or_default(), clip::TEXT);
        match text_at(block, "type") {
            Some("text") => vec![AgentEvent::Message {
                text: clipped("text"),
            }],
            Some("thinking") => vec![AgentEvent::Thinking {
                text: clipped("thinking"),
            }],
            Some("tool_use") => self.tool_use(block, seen),
            _ => Vec::new(),
        }
    }

    fn tool_use(&mut self, block: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        let name = owned_at(block, "name").unwrap_or_default();
        self.delegated |= DELEGATES.contains(&name.as_str());
        let input = field(block, "input");
        let argument = self
            .variant
            .file_tools
            .iter()
            .find(|(tool, _)| *tool == name)
            .map(|(_, argument)| argument);
        let path = argument.and_then(|argument| owned_at(input, argument));
        let plan = (name == "TodoWrite").then(|| AgentEvent::Plan {
            steps: steps(input),
        });
        let call = seen.called(owned_at(block, "id").unwrap_or_default(), name, input, path);
        std::iter::once(call).chain(plan).collect()
    }

    /// With background work there may be several results; the last one counts.
    fn result(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        seen.session_id = owned_at(event, "session_id").or(seen.session_id.take());
        let mut events = Vec::new();
        if seen.denials.is_empty() {
            let denials = list(event.get("permission_denials"));
            events.extend(
                denials
                    .iter()
                    .take(MAX_ITEMS)
                    .map(|d| seen.denied(denial(d))),
            );
        }
        if let Some(usage) = self.usage(event) {
            self.told = usage;
            self.messages.clear();
            events.push(seen.used_in_all(usage));
        }
        let last = ClaudeResult {
            is_error: is_true(event, "is_error") || self.disguised,
            terminal_reason: owned_at(event, "terminal_reason"),
            status: status_at(event, "api_error_status"),
            subtype: owned_at(event, "subtype").unwrap_or_default(),
            text: last_text(event),
        };
        events.push(AgentEvent::Result {
            is_error: last.is_error,
            reason: last
                .terminal_reason
                .clone()
                .unwrap_or_else(|| last.subtype.clone()),
            turns: small_at(event, "num_turns"),
            text: last.text.clone(),
        });
        seen.text = Some(last.text.clone());
        self.last = Some(last);
        events
    }

    /// The use that a result tells. With background agents there are several results, and `usage` is
    /// that of one turn of the main conversation; the sums over all models hold everything, in some
    /// versions also what a continued session had used before.
    fn usage(&mut self, event: &Value) -> Option<Usage> {
        let own = self.tokens(event.get("usage")?);
        let tokens = match of_all_models(event) {
            None => own,
            Some(all) => {
                let before = if self.delegated {
                    Usage::default()
                } else {
                    minus(all, own)
                };
                at_least(own, minus(all, *self.earlier.get_or_insert(before)))
            }
        };
        Some(Usage {
            cost_usd: price(event),
            ..tokens
        })
    }

    fn of_error(&self, last: &ClaudeResult, view: &JudgeInput<'_>) -> StreamOutcome {
        let word = self.error_word.as_deref();
        let status = last.status.or_else(|| {
            last.is_error
                .then(|| status_after(&last.text, ERROR_OF_QWEN))
                .flatten()
        });
        if let Some(known) = of_service(view.seen, status, word, &last.text) {
            return known;
        }
        let message = if last.text.is_empty() {
            last.subtype.clone()
        } else {
            clip::text(&last.text, clip::SUMMARY)
        };
        let reason = last.terminal_reason.as_deref().unwrap_or_default();
        let class = match (reason, last.subtype.as_str()) {
            ("max_turns" | "budget_exhausted", _)
            | (_, "error_max_turns" | "error_max_budget_usd") => FailureClass::Limit,
            ("api_error", _) => class_of(status, word),
            _ if self.disguised => class_of(status, word),
            _ if status.is_some() || word.is_some() => class_of(status, word),
            // Only here may a pattern speak: an error without any machine field, whose text is the
            // CLI's own.
            _ if last.is_error && view.signs.in_text(&last.text).is_some() => {
                return self.by_sign(last, view);
            }
            (_, "error_during_execution") => FailureClass::Interrupted,
            _ => FailureClass::Agent,
        };
        StreamOutcome::Failed { class, message }
    }

    fn by_sign(&self, last: &ClaudeResult, view: &JudgeInput<'_>) -> StreamOutcome {
        match view.signs.in_text(&last.text) {
            Some(StreamOutcome::Quota { .. }) => quota(view.seen, &last.text),
            Some(other) => other,
            None => StreamOutcome::NoResult,
        }
    }
}

impl Dialect for Claude {
    fn event(&mut self, event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
        match text_at(event, "type") {
            Some("system") => self.system(event, seen),
            Some("assistant") => self.assistant(event, seen),
            Some("user") => user(event, seen),
            Some("result") => self.result(event, seen),
            Some("rate_limit_event") => {
                rate_limit(event, seen);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn outcome(&self, view: &JudgeInput<'_>) -> StreamOutcome {
        match &self.last {
            None => without_final(view),
            Some(last) if errored(last) => self.of_error(last, view),
            Some(_) => of_success(view),
        }
    }
}

fn errored(last: &ClaudeResult) -> bool {
    let reason_is_bad = last
        .terminal_reason
        .as_deref()
        .is_some_and(|reason| reason != "completed");
    last.is_error || reason_is_bad || last.status.is_some() || last.subtype != "success"
}

fn user(event: &Value, seen: &mut StreamState) -> Vec<AgentEvent> {
    let created = event
        .pointer("/tool_use_result/type")
        .and_then(Value::as_str)
        == Some("create");
    let kind = if created {
        FileChangeKind::Add
    } else {
        FileChangeKind::Update
    };
    let results = blocks(event)
        .iter()
        .filter(|b| text_at(b, "type") == Some("tool_result"));
    let answers = results.map(|block| {
        let id = owned_at(block, "tool_use_id").unwrap_or_default();
        seen.answered(
            id,
            ToolEnd::of(!is_true(block, "is_error")),
            &content_text(field(block, "content")),
            kind,
        )
    });
    answers.flatten().collect()
}

/// Tells when a subscription's window opens again.
fn rate_limit(event: &Value, seen: &mut StreamState) {
    let info = field(event, "rate_limit_info");
    if text_at(info, "status") == Some("rejected") {
        let seconds = info
            .get("resetsAt")
            .and_then(Value::as_i64)
            .filter(|s| *s > 0);
        seen.resets_at_ms = seconds.and_then(|s| s.checked_mul(1000));
    }
}

/// The text of a result: the model's where it went well, else what the CLI says of the error.
fn last_text(event: &Value) -> String {
    let told = text_at(event, "result").map(|text| clip::text(text, clip::TEXT));
    told.or_else(|| owned_in(event, "/error/message"))
        .unwrap_or_default()
}

fn blocks(event: &Value) -> &[Value] {
    list(event.pointer("/message/content"))
}

fn steps(input: &Value) -> Vec<PlanStep> {
    let step = |todo: &Value| PlanStep {
        text: owned_at(todo, "content").unwrap_or_default(),
        status: owned_at(todo, "status").unwrap_or_default(),
    };
    list(input.get("todos"))
        .iter()
        .take(MAX_ITEMS)
        .map(step)
        .collect()
}

fn denial(value: &Value) -> Denial {
    let input = field(value, "tool_input");
    let asked = ["command", "file_path", "url"]
        .iter()
        .find_map(|key| owned_at(input, key));
    Denial {
        tool: owned_at(value, "tool_name").unwrap_or_default(),
        reason: asked.unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "claude_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "qwen_tests.rs"]
mod qwen_tests;
