//! The judgement over a finished claude stream: a pure function of the machine fields that were seen and of the process end.
//!
//! The order matters: `is_error`, `terminal_reason` and the API status come before `subtype`, which says `success` for API errors.
//! The model's text is never looked at; the text of an error result is the CLI's own.

use crate::domain::agent_event::{Denial, FailureClass, StreamOutcome};
use crate::domain::process_end::ProcessEnd;

use super::clip;
use super::signs::{Signs, Tail};
use super::text::failed;

/// What the stream has told so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The last `result`.
    pub(super) last: Option<Final>,
    /// The last retry, unless the model has answered since.
    pub(super) retry: Option<Retry>,
    /// Error word of the last API error message.
    pub(super) error_word: Option<String>,
    /// Denied tool calls.
    pub(super) denials: Vec<Denial>,
    /// A file tool has succeeded.
    pub(super) files_changed: bool,
    /// When a used-up quota opens again, in milliseconds since the epoch.
    pub(super) resets_at_ms: Option<i64>,
    /// Lines that were JSON objects.
    pub(super) understood: u64,
}

/// The machine fields of a `result`, with its text for people.
#[derive(Debug)]
pub(super) struct Final {
    pub(super) is_error: bool,
    pub(super) terminal_reason: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) subtype: String,
    pub(super) text: String,
}

/// A repeated request.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) status: Option<u16>,
    pub(super) word: Option<String>,
    pub(super) delay_ms: Option<u64>,
}

/// What the stream and the end of the process amount to.
pub(super) fn judge(facts: &Facts, end: &ProcessEnd, signs: &Signs, stderr: &Tail) -> StreamOutcome {
    match &facts.last {
        None => without_result(facts, end, signs, stderr),
        Some(last) if errored(last) => of_error(facts, last, signs),
        Some(_) => of_success(facts, end, stderr),
    }
}

/// What kind of failure an API status or error word stands for.
pub(super) fn class_of(status: Option<u16>, word: Option<&str>) -> FailureClass {
    match (status, word) {
        (Some(408 | 409 | 429), _) => FailureClass::Provider,
        (Some(400..=499), _) | (None, Some("invalid_request")) => FailureClass::Request,
        _ => FailureClass::Provider,
    }
}

fn errored(last: &Final) -> bool {
    let reason_is_bad = last.terminal_reason.as_deref().is_some_and(|reason| reason != "completed");
    last.is_error || reason_is_bad || last.status.is_some() || last.subtype != "success"
}

fn of_error(facts: &Facts, last: &Final, signs: &Signs) -> StreamOutcome {
    let word = facts.error_word.as_deref();
    if let Some(known) = of_service(facts, last.status, word, &last.text) {
        return known;
    }
    let message = if last.text.is_empty() { last.subtype.clone() } else { clip::text(&last.text, clip::SUMMARY) };
    let reason = last.terminal_reason.as_deref().unwrap_or_default();
    let class = match (reason, last.subtype.as_str()) {
        ("max_turns" | "budget_exhausted", _) | (_, "error_max_turns" | "error_max_budget_usd") => FailureClass::Limit,
        ("api_error", _) => class_of(last.status, word),
        _ if last.status.is_some() || word.is_some() => class_of(last.status, word),
        // Only here may a pattern speak: an error without any machine field, whose text is the CLI's own.
        _ if last.is_error && signs.in_text(&last.text).is_some() => {
            return signs
                .in_text(&last.text)
                .map_or(StreamOutcome::NoResult, |sign| with_time(sign, facts, &last.text));
        }
        (_, "error_during_execution") => FailureClass::Interrupted,
        _ => FailureClass::Agent,
    };
    StreamOutcome::Failed { class, message }
}

/// Quota and login, which are no failures of the work; `None` for everything else.
fn of_service(facts: &Facts, status: Option<u16>, word: Option<&str>, text: &str) -> Option<StreamOutcome> {
    match (status, word) {
        (Some(401..=403), _) | (None, Some("authentication_failed" | "billing_error" | "oauth_org_not_allowed")) => {
            Some(StreamOutcome::Auth { message: clip::text(text, clip::SUMMARY) })
        }
        (Some(429), _) | (None, Some("rate_limit")) => Some(quota(facts, text)),
        _ => None,
    }
}

fn quota(facts: &Facts, text: &str) -> StreamOutcome {
    let after_ms = facts.retry.as_ref().and_then(|retry| retry.delay_ms);
    StreamOutcome::Quota { retry_at_ms: facts.resets_at_ms.or_else(|| reset_in(text)), after_ms }
}

fn with_time(sign: StreamOutcome, facts: &Facts, text: &str) -> StreamOutcome {
    match sign {
        StreamOutcome::Quota { .. } => quota(facts, text),
        other => other,
    }
}

/// Older versions end the message with `|` and the second at which the window opens again.
fn reset_in(text: &str) -> Option<i64> {
    let seconds: i64 = text.rsplit_once('|')?.1.trim().parse().ok()?;
    (1_000_000_000..100_000_000_000).contains(&seconds).then_some(seconds * 1000)
}

fn of_success(facts: &Facts, end: &ProcessEnd, stderr: &Tail) -> StreamOutcome {
    let stopped_by_us = matches!(end, ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. } | ProcessEnd::Stopped);
    // After its result the CLI may linger on a background command; that `ai` stopped it then says nothing about the result.
    if !end.is_zero() && !stopped_by_us {
        return failed(end, stderr.last());
    }
    match facts.denials.is_empty() || facts.files_changed {
        true => StreamOutcome::Completed,
        false => StreamOutcome::Refused { denials: facts.denials.clone() },
    }
}

fn without_result(facts: &Facts, end: &ProcessEnd, signs: &Signs, stderr: &Tail) -> StreamOutcome {
    if let Some(retry) = &facts.retry
        && let Some(known) = of_service(facts, retry.status, retry.word.as_deref(), "the service kept refusing")
    {
        return known;
    }
    if !end.is_zero()
        && let Some(sign) = signs.in_lines(stderr)
    {
        return sign;
    }
    match facts.understood {
        0 if end.is_zero() => StreamOutcome::NoResult,
        0 => failed(end, stderr.last()),
        _ => StreamOutcome::Truncated,
    }
}
