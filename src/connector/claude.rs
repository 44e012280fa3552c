//! Parser for the event lines of `claude -p --output-format stream-json --verbose`.
//!
//! Unknown events and fields are normal and ignored. Token counts of single messages are wrong in this stream (they are those at
//! the start of a reply), so usage is taken from the final `result` only.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::agent_event::{AgentEvent, AgentResult, Denial, FileChangeKind, PlanStep, Usage};
use crate::domain::process_end::ProcessEnd;

use super::api::StreamParser;
use super::claude_outcome::{Facts, Final, Retry, class_of, judge};
use super::clip;
use super::signs::{Signs, Tail};
use super::text::plain;

/// A longer line is counted as bad and not parsed.
const MAX_LINE: usize = 32 << 20;
const MAX_DENIALS: usize = 100;
const MAX_OPEN_CALLS: usize = 1024;

/// Parser of one claude stream.
pub(super) struct ClaudeParser {
    signs: Arc<Signs>,
    stderr: Tail,
    facts: Facts,
    session_id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    open_calls: BTreeMap<String, FileCall>,
    bad_lines: u64,
}

/// A call of a file tool that has no result yet.
struct FileCall {
    path: String,
}

impl ClaudeParser {
    /// A parser that looks on standard error for these signs of trouble.
    pub(super) fn new(signs: Arc<Signs>) -> Self {
        Self {
            signs,
            stderr: Tail::default(),
            facts: Facts::default(),
            session_id: None,
            model: None,
            usage: None,
            open_calls: BTreeMap::new(),
            bad_lines: 0,
        }
    }

    fn event(&mut self, event: &Value) -> Vec<AgentEvent> {
        match text_at(event, "type") {
            Some("system") => self.system(event),
            Some("assistant") => self.assistant(event),
            Some("user") => self.user(event),
            Some("result") => self.result(event),
            Some("rate_limit_event") => self.rate_limit(event),
            _ => Vec::new(),
        }
    }

    fn system(&mut self, event: &Value) -> Vec<AgentEvent> {
        match text_at(event, "subtype") {
            Some("init") => self.init(event),
            Some("api_retry") => {
                let status = status_at(event, "error_status");
                let delay_ms = event.get("retry_delay_ms").and_then(whole);
                self.facts.retry = Some(Retry { status, word: owned_at(event, "error"), delay_ms });
                let attempt = event.get("attempt").and_then(whole).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                vec![AgentEvent::Retry { attempt, status, delay_ms }]
            }
            Some("permission_denied") => {
                let tool = owned_at(event, "tool_name").unwrap_or_default();
                let reason = owned_at(event, "decision_reason").unwrap_or_default();
                self.deny(Denial { tool, reason })
            }
            _ => Vec::new(),
        }
    }

    fn init(&mut self, event: &Value) -> Vec<AgentEvent> {
        self.session_id = owned_at(event, "session_id").or(self.session_id.take());
        self.model = owned_at(event, "model").or(self.model.take());
        let version = owned_at(event, "claude_code_version");
        vec![AgentEvent::SessionStarted { session_id: self.session_id.clone(), model: self.model.clone(), version }]
    }

    fn deny(&mut self, denial: Denial) -> Vec<AgentEvent> {
        if self.facts.denials.len() < MAX_DENIALS {
            self.facts.denials.push(denial.clone());
        }
        vec![AgentEvent::PermissionDenied(denial)]
    }

    fn assistant(&mut self, event: &Value) -> Vec<AgentEvent> {
        let word = text_at(event, "error");
        if word.is_some() || event.get("is_api_error_message") == Some(&Value::Bool(true)) {
            return self.api_error(event, word);
        }
        // The model answers: whatever was retried before is over.
        self.facts.retry = None;
        self.facts.error_word = None;
        blocks(event).iter().flat_map(|block| self.block(block)).collect()
    }

    /// The CLI reports an API error in the shape of a message of its own making.
    fn api_error(&mut self, event: &Value, word: Option<&str>) -> Vec<AgentEvent> {
        self.facts.error_word = word.map(str::to_owned);
        let message = blocks(event).iter().find_map(|b| text_at(b, "text")).unwrap_or_default();
        let class = class_of(status_at(event, "api_error_status"), word);
        vec![AgentEvent::Error { class, message: clip::text(message, clip::SUMMARY) }]
    }

    fn block(&mut self, block: &Value) -> Vec<AgentEvent> {
        let clipped = |key| clip::text(text_at(block, key).unwrap_or_default(), clip::TEXT);
        match text_at(block, "type") {
            Some("text") => vec![AgentEvent::Message { text: clipped("text") }],
            Some("thinking") => vec![AgentEvent::Thinking { text: clipped("thinking") }],
            Some("tool_use") => self.tool_use(block),
            _ => Vec::new(),
        }
    }

    fn tool_use(&mut self, block: &Value) -> Vec<AgentEvent> {
        let id = owned_at(block, "id").unwrap_or_default();
        let name = owned_at(block, "name").unwrap_or_default();
        let input = block.get("input").unwrap_or(&Value::Null);
        if let Some(path) = changed_path(&name, input)
            && self.open_calls.len() < MAX_OPEN_CALLS
        {
            self.open_calls.insert(id.clone(), FileCall { path });
        }
        let plan = (name == "TodoWrite").then(|| AgentEvent::Plan { steps: steps(input) });
        let call = AgentEvent::ToolCall { id, name, input: clip::value(input) };
        std::iter::once(call).chain(plan).collect()
    }

    fn user(&mut self, event: &Value) -> Vec<AgentEvent> {
        let results = blocks(event).iter().filter(|b| text_at(b, "type") == Some("tool_result"));
        results.flat_map(|block| self.tool_result(event, block)).collect()
    }

    fn tool_result(&mut self, event: &Value, block: &Value) -> Vec<AgentEvent> {
        let id = owned_at(block, "tool_use_id").unwrap_or_default();
        let is_error = block.get("is_error") == Some(&Value::Bool(true));
        let call = self.open_calls.remove(&id);
        let mut events = vec![AgentEvent::ToolResult { id, is_error, summary: summary(block) }];
        if let Some(call) = call.filter(|_| !is_error) {
            self.facts.files_changed = true;
            let created = event.pointer("/tool_use_result/type").and_then(Value::as_str) == Some("create");
            let kind = if created { FileChangeKind::Add } else { FileChangeKind::Update };
            events.push(AgentEvent::FileChange { path: call.path, kind });
        }
        events
    }

    /// Tells when a subscription's window opens again.
    fn rate_limit(&mut self, event: &Value) -> Vec<AgentEvent> {
        let info = event.get("rate_limit_info").unwrap_or(&Value::Null);
        if text_at(info, "status") == Some("rejected") {
            let seconds = info.get("resetsAt").and_then(Value::as_i64).filter(|s| *s > 0);
            self.facts.resets_at_ms = seconds.and_then(|s| s.checked_mul(1000));
        }
        Vec::new()
    }

    /// With background work there may be several results; the last one counts.
    fn result(&mut self, event: &Value) -> Vec<AgentEvent> {
        self.session_id = owned_at(event, "session_id").or(self.session_id.take());
        let mut events = Vec::new();
        if self.facts.denials.is_empty() {
            let denials = list(event.get("permission_denials"));
            events.extend(denials.iter().take(MAX_DENIALS).flat_map(|d| self.deny(denial(d))));
        }
        if let Some(usage) = usage(event) {
            self.usage = Some(usage);
            events.push(AgentEvent::Usage(usage));
        }
        let last = Final {
            is_error: event.get("is_error") == Some(&Value::Bool(true)),
            terminal_reason: owned_at(event, "terminal_reason"),
            status: status_at(event, "api_error_status"),
            subtype: owned_at(event, "subtype").unwrap_or_default(),
            text: clip::text(text_at(event, "result").unwrap_or_default(), clip::TEXT),
        };
        events.push(AgentEvent::Result {
            is_error: last.is_error,
            reason: last.terminal_reason.clone().unwrap_or_else(|| last.subtype.clone()),
            turns: event.get("num_turns").and_then(whole).and_then(|n| u32::try_from(n).ok()),
            text: last.text.clone(),
        });
        self.facts.last = Some(last);
        events
    }
}

impl StreamParser for ClaudeParser {
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Vec::new();
        }
        let parsed = if line.len() > MAX_LINE { None } else { serde_json::from_slice::<Value>(line).ok() };
        match parsed {
            Some(event) if event.is_object() => {
                self.facts.understood += 1;
                self.event(&event)
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

    fn finish(self: Box<Self>, end: &ProcessEnd) -> AgentResult {
        let outcome = judge(&self.facts, end, &self.signs, &self.stderr);
        AgentResult {
            outcome,
            session_id: self.session_id,
            model: self.model,
            usage: self.usage,
            denials: self.facts.denials,
            final_text: self.facts.last.map(|last| last.text),
            bad_lines: self.bad_lines,
        }
    }
}

fn text_at<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn owned_at(value: &Value, key: &str) -> Option<String> {
    text_at(value, key).map(|text| clip::text(text, clip::SUMMARY))
}

fn status_at(value: &Value, key: &str) -> Option<u16> {
    value.get(key)?.as_u64()?.try_into().ok()
}

/// A count or a duration; some are written as fractions.
fn whole(value: &Value) -> Option<u64> {
    let fraction = || value.as_f64().filter(|f| *f >= 0.0 && *f < 1e15).map(|f| f as u64);
    value.as_u64().or_else(fraction)
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn blocks(event: &Value) -> &[Value] {
    list(event.pointer("/message/content"))
}

/// The file that a call of a file tool would change.
fn changed_path(tool: &str, input: &Value) -> Option<String> {
    match tool {
        "Write" | "Edit" | "MultiEdit" => owned_at(input, "file_path"),
        "NotebookEdit" => owned_at(input, "notebook_path"),
        _ => None,
    }
}

fn steps(input: &Value) -> Vec<PlanStep> {
    let step = |todo: &Value| PlanStep {
        text: owned_at(todo, "content").unwrap_or_default(),
        status: owned_at(todo, "status").unwrap_or_default(),
    };
    list(input.get("todos")).iter().take(MAX_DENIALS).map(step).collect()
}

fn summary(block: &Value) -> String {
    let content = block.get("content").unwrap_or(&Value::Null);
    let parts = list(Some(content)).iter().filter_map(|part| text_at(part, "text"));
    let text = content.as_str().map_or_else(|| parts.collect::<Vec<_>>().join("\n"), str::to_owned);
    clip::text(&text, clip::SUMMARY)
}

fn denial(value: &Value) -> Denial {
    let input = value.get("tool_input").unwrap_or(&Value::Null);
    let asked = ["command", "file_path", "url"].iter().find_map(|key| owned_at(input, key));
    Denial { tool: owned_at(value, "tool_name").unwrap_or_default(), reason: asked.unwrap_or_default() }
}

fn usage(event: &Value) -> Option<Usage> {
    let usage = event.get("usage")?;
    let count = |key| usage.get(key).and_then(whole).unwrap_or(0);
    Some(Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
        cost_usd: cost(event),
    })
}

/// The price; for a model without a known price the CLI makes one up, which is worse than none.
fn cost(event: &Value) -> Option<f64> {
    let models = event.get("modelUsage").and_then(Value::as_object);
    let made_up = models.is_some_and(|m| m.values().any(|model| text_at(model, "costBasis") == Some("unknown")));
    let cost = event.get("total_cost_usd")?.as_f64()?;
    (!made_up && cost.is_finite() && cost >= 0.0).then_some(cost)
}

#[cfg(test)]
#[path = "claude_tests.rs"]
mod tests;
