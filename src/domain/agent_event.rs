//! What an agent's CLI said, in one vocabulary for all of them, and what a connector concludes from
//! it.
//!
//! Events are for people, logs and metering. The outcome is judged from the CLI's own machine
//! fields together with how the process ended; the words of the model never enter it. Whether the
//! work is any good is not known here: only checks say that.

use serde::{Deserialize, Serialize};

/// One normalized event of an agent's stream; one line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The CLI is up and has a session.
    SessionStarted {
        /// The CLI's own session id, for resuming.
        session_id: Option<String>,
        /// Model name as the CLI reports it.
        model: Option<String>,
        /// Version of the CLI.
        version: Option<String>,
    },
    /// Text for the reader.
    Message {
        /// The text, cut when very long.
        text: String,
    },
    /// Reasoning text.
    Thinking {
        /// The text, cut when very long.
        text: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Matches the later result.
        id: String,
        /// Tool name in the CLI's own vocabulary.
        name: String,
        /// Arguments, with long strings cut.
        input: serde_json::Value,
    },
    /// A tool has answered.
    ToolResult {
        /// The call that it answers.
        id: String,
        /// The tool failed or was refused.
        is_error: bool,
        /// Start of the answer.
        summary: String,
    },
    /// A file tool changed a file. Shell commands change files without this event.
    FileChange {
        /// Path as the CLI names it.
        path: String,
        /// The change of the file.
        kind: FileChangeKind,
    },
    /// The agent's to-do list, whole.
    Plan {
        /// Steps in order.
        steps: Vec<PlanStep>,
    },
    /// Tokens and money used by the session so far.
    Usage(Usage),
    /// A tool call was not allowed.
    PermissionDenied(Denial),
    /// The CLI repeats a request to its model.
    Retry {
        /// 1 for the first repetition.
        attempt: u32,
        /// HTTP status that caused it.
        status: Option<u16>,
        /// Pause before the repetition.
        delay_ms: Option<u64>,
    },
    /// The CLI reports an error; not final.
    Error {
        /// The class of the failure.
        class: FailureClass,
        /// The CLI's words.
        message: String,
    },
    /// `ai` itself suspects that the CLI has stalled, or has ended it for that.
    Stall {
        /// True where it was ended.
        ended: bool,
        /// The signs.
        signs: Vec<String>,
    },
    /// The CLI reports the end of its work.
    Result {
        /// The CLI calls it an error.
        is_error: bool,
        /// The CLI's own reason word, such as `completed` or `max_turns`.
        reason: String,
        /// Model turns.
        turns: Option<u32>,
        /// Last text of the model, cut when very long.
        text: String,
    },
}

impl AgentEvent {
    /// True for what only a model that answers brings about.
    pub fn is_of_the_model(&self) -> bool {
        matches!(
            self,
            Self::Message { .. }
                | Self::Thinking { .. }
                | Self::ToolCall { .. }
                | Self::ToolResult { .. }
                | Self::FileChange { .. }
                | Self::Plan { .. }
        )
    }
}

/// The change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChangeKind {
    /// New file.
    Add,
    /// Changed file.
    Update,
    /// Removed file.
    Delete,
}

/// One step of an agent's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlanStep {
    /// The work to be done.
    pub text: String,
    /// The CLI's own word, such as `pending` or `completed`.
    pub status: String,
}

/// Tokens and money. Some CLIs count from the start of the session, also over resumes: see the
/// connector's metering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Tokens sent, those from the cache not included.
    pub input_tokens: u64,
    /// Tokens produced.
    pub output_tokens: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// Price in US dollars as the CLI computed it; `None` where it does not know the model's price.
    pub cost_usd: Option<f64>,
    /// True where the CLI leaves something out that was used, such as by agents in the background: the
    /// numbers are a lower bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// A tool call that was not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Denial {
    /// Tool name.
    pub tool: String,
    /// The CLI's reason, or a short form of what was asked for.
    pub reason: String,
}

/// The party to blame for a failure, as far as the stream tells; drives retry, not the verdict on
/// the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The model's service failed: server error, overload, broken connection.
    Provider,
    /// The service refused the request as such: unknown model, bad request, prompt too long.
    Request,
    /// A limit of turns or money was reached.
    Limit,
    /// The CLI was interrupted.
    Interrupted,
    /// The CLI itself failed.
    Agent,
    /// The process ended badly and the stream does not say why.
    Exit,
}

/// The conclusion that a connector draws from stream and process end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StreamOutcome {
    /// The CLI finished its turn normally. Not a statement on the work.
    Completed,
    /// The CLI failed.
    Failed {
        /// The class of the failure.
        class: FailureClass,
        /// The CLI's words, for people.
        message: String,
    },
    /// The provider asks to come back later; counts no attempt.
    Quota {
        /// Time at which the provider says it opens again, in milliseconds since the epoch.
        retry_at_ms: Option<i64>,
        /// Time that the provider asks to wait, in milliseconds.
        after_ms: Option<u64>,
    },
    /// The CLI is not logged in, or its key is refused; a person must act.
    Auth {
        /// The CLI's words, for people.
        message: String,
    },
    /// Tool calls were denied and no file tool changed anything. With a non-empty diff, treat it as
    /// completed.
    Refused {
        /// Denied tool calls.
        denials: Vec<Denial>,
    },
    /// The stream stops without a final event.
    Truncated,
    /// Nothing in the output was understood.
    NoResult,
}

impl StreamOutcome {
    /// True where it is the model's service that has answered, or did not: then the program had started, whatever else
    /// it complained about. A login that is refused may be one that cannot be read.
    pub fn is_of_the_service(&self) -> bool {
        match self {
            StreamOutcome::Failed { class, .. } => match class {
                FailureClass::Provider | FailureClass::Request | FailureClass::Limit => true,
                FailureClass::Interrupted | FailureClass::Agent | FailureClass::Exit => false,
            },
            StreamOutcome::Quota { .. } => true,
            StreamOutcome::Completed
            | StreamOutcome::Auth { .. }
            | StreamOutcome::Refused { .. }
            | StreamOutcome::Truncated
            | StreamOutcome::NoResult => false,
        }
    }
}

/// The end of one agent run as its connector sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentResult {
    /// The conclusion.
    #[serde(flatten)]
    pub outcome: StreamOutcome,
    /// For resuming.
    pub session_id: Option<String>,
    /// Model that answered.
    pub model: Option<String>,
    /// Use of the session, where the CLI tells.
    pub usage: Option<Usage>,
    /// Every denied tool call (the first 100), also when the run completed.
    pub denials: Vec<Denial>,
    /// Last text of the model; for people only.
    pub final_text: Option<String>,
    /// Lines that were not understood: no UTF-8, no JSON, too long.
    pub bad_lines: u64,
}

impl AgentResult {
    /// A conclusion without anything else.
    pub fn of(outcome: StreamOutcome) -> AgentResult {
        AgentResult {
            outcome,
            session_id: None,
            model: None,
            usage: None,
            denials: Vec::new(),
            final_text: None,
            bad_lines: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rules::rules;

    fn failed(class: FailureClass) -> bool {
        let message = String::new();
        StreamOutcome::Failed { class, message }.is_of_the_service()
    }

    rules! {
        a_service_that_is_down_has_been_asked: failed(FailureClass::Provider) => true;
        one_that_refuses_the_request_has_been_asked: failed(FailureClass::Request) => true;
        so_has_one_at_whose_limit_it_ended: failed(FailureClass::Limit) => true;
        one_that_asks_for_patience_has_been_asked:
            StreamOutcome::Quota { retry_at_ms: None, after_ms: Some(1) }.is_of_the_service() => true;
        a_program_that_failed_need_not_have_started: failed(FailureClass::Agent) => false;
        nor_one_that_was_interrupted: failed(FailureClass::Interrupted) => false;
        nor_one_of_which_only_the_exit_is_known: failed(FailureClass::Exit) => false;
        a_login_may_be_one_that_cannot_be_read:
            StreamOutcome::Auth { message: String::new() }.is_of_the_service() => false;
        nothing_that_was_understood_is_nobodys_word: StreamOutcome::NoResult.is_of_the_service() => false;
        nor_is_a_stream_that_stops: StreamOutcome::Truncated.is_of_the_service() => false;
        nor_are_tools_that_were_denied:
            StreamOutcome::Refused { denials: Vec::new() }.is_of_the_service() => false;
        who_came_to_the_end_has_nothing_to_blame: StreamOutcome::Completed.is_of_the_service() => false;
    }
}
