//! The judgement over a finished stream of events: a pure function of the machine fields that were
//! seen and of the process end.
//!
//! Exit codes lie (several CLIs exit 0 after an API error or a signal) and so do words, so the last
//! event of the CLI comes first, the exit code can only make it worse, and the model's text is
//! never looked at. Error messages are the CLI's own words: there, and on standard error, the
//! patterns of the manifest may speak.

use crate::connector::clip;
use crate::connector::service_words::class_of_words;
use crate::connector::signs::{FailureSigns, LineTail};
use crate::connector::stream::StreamState;
use crate::connector::text::failed;
use crate::domain::agent_event::{FailureClass, StreamOutcome};
use crate::domain::process_end::ProcessEnd;

/// The words for a CLI that calls a run finished which its service has left in the middle.
pub(super) const NO_ANSWER: &str = "the model gave no answer after its last tool call";

/// Everything that a judgement looks at.
pub(super) struct JudgeInput<'a> {
    /// The state of the stream.
    pub(super) seen: &'a StreamState,
    /// The end of the process.
    pub(super) end: &'a ProcessEnd,
    /// Patterns and exit codes of the manifest.
    pub(super) signs: &'a FailureSigns,
    /// The last lines of standard error.
    pub(super) stderr: &'a LineTail,
}

/// The position of a stream: what its last telling event said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum LastEvent {
    /// The work is not over.
    #[default]
    Open,
    /// The CLI says that it has finished.
    Good,
    /// The model has finished; the CLI has no event for its own end, so that its exit code must be
    /// 0 as well.
    GoodIfExitZero,
    /// The CLI says that it has failed.
    Bad(ReportedFailure),
}

/// A failure as the CLI tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReportedFailure {
    /// The cause by the CLI's machine fields.
    pub(super) cause: FailureCause,
    /// The CLI's words.
    pub(super) message: String,
}

/// The cause of a failure by a CLI's machine fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureCause {
    /// The service answered with this HTTP status.
    Status(u16),
    /// The key or login was refused.
    Auth,
    /// Something else.
    Other(FailureClass),
}

impl ReportedFailure {
    /// A failure with the status of the service, where it is known.
    pub(super) fn of_status(status: Option<u16>, otherwise: FailureClass, message: String) -> Self {
        Self {
            cause: status.map_or(FailureCause::Other(otherwise), FailureCause::Status),
            message,
        }
    }

    /// A failure of which the CLI has a status of the service, where it is known, and else nothing
    /// but words.
    pub(super) fn told(status: Option<u16>, message: String) -> Self {
        let otherwise = class_of_words(&message);
        Self::of_status(status, otherwise, message)
    }

    /// A failure of one kind.
    pub(super) fn other(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            cause: FailureCause::Other(class),
            message: message.into(),
        }
    }

    /// The kind of the failure, for an event.
    pub(super) fn class(&self) -> FailureClass {
        match self.cause {
            FailureCause::Status(status) => class_of(Some(status), None),
            FailureCause::Auth => FailureClass::Request,
            FailureCause::Other(class) => class,
        }
    }
}

/// A repeated request.
#[derive(Debug)]
pub(super) struct RequestRetry {
    /// HTTP status that caused it.
    pub(super) status: Option<u16>,
    /// Error word that caused it.
    pub(super) word: Option<String>,
    /// Pause before it.
    pub(super) delay_ms: Option<u64>,
}

/// Judges the stream and the end of the process together.
pub(super) fn judge(last: &LastEvent, view: &JudgeInput<'_>) -> StreamOutcome {
    match last {
        LastEvent::Open => without_final(view),
        LastEvent::Good => of_success(view),
        LastEvent::GoodIfExitZero if view.end.is_zero() => of_success(view),
        LastEvent::GoodIfExitZero => failed(view.end, view.stderr.last()),
        LastEvent::Bad(trouble) => of_trouble(trouble, view),
    }
}

fn of_trouble(trouble: &ReportedFailure, view: &JudgeInput<'_>) -> StreamOutcome {
    let message = clip::text(&trouble.message, clip::SUMMARY);
    match trouble.cause {
        FailureCause::Auth => StreamOutcome::Auth { message },
        FailureCause::Status(status) => of_service(view.seen, Some(status), None, &message)
            .unwrap_or(StreamOutcome::Failed {
                class: class_of(Some(status), None),
                message,
            }),
        FailureCause::Other(class) => view
            .signs
            .in_text(&message)
            .unwrap_or(StreamOutcome::Failed { class, message }),
    }
}

/// The CLI says that all went well, which a bad end of its process outweighs.
pub(super) fn of_success(view: &JudgeInput<'_>) -> StreamOutcome {
    let stopped_by_us = matches!(
        view.end,
        ProcessEnd::TimedOut { .. }
            | ProcessEnd::Silent { .. }
            | ProcessEnd::Stopped
            | ProcessEnd::Dismissed
    );
    // After its last event a CLI may linger on a background command; that `ai` stopped it then says
    // nothing about the result.
    if !view.end.is_zero() && !stopped_by_us {
        return failed(view.end, view.stderr.last());
    }
    if view.seen.denials.is_empty() || view.seen.files_changed {
        StreamOutcome::Completed
    } else {
        StreamOutcome::Refused {
            denials: view.seen.denials.clone(),
        }
    }
}

/// The stream stops in the middle: what was last in the way, else what standard error says, else
/// nothing but that.
pub(super) fn without_final(view: &JudgeInput<'_>) -> StreamOutcome {
    if let Some(retry) = &view.seen.retry
        && let Some(known) = of_service(
            view.seen,
            retry.status,
            retry.word.as_deref(),
            "the service kept refusing",
        )
    {
        return known;
    }
    if let Some(known) = view.end.code().and_then(|code| view.signs.of_code(code)) {
        return known;
    }
    if let Some(sign) = view.signs.in_lines(view.stderr) {
        return sign;
    }
    if let Some(down) = view.seen.retry.as_ref().and_then(of_retry) {
        return down;
    }
    match view.seen.understood {
        0 if view.end.is_zero() => StreamOutcome::NoResult,
        0 => failed(view.end, view.stderr.last()),
        _ => StreamOutcome::Truncated,
    }
}

/// The failure of a service that was still asked again when the stream stopped.
fn of_retry(retry: &RequestRetry) -> Option<StreamOutcome> {
    let class = class_of(retry.status, retry.word.as_deref());
    let message = match (retry.status, &retry.word) {
        (Some(status), _) => format!("the service kept failing: HTTP {status}"),
        (None, Some(word)) => format!("the service kept failing: {word}"),
        (None, None) => "the service kept failing".to_owned(),
    };
    (class == FailureClass::Provider).then_some(StreamOutcome::Failed { class, message })
}

/// Maps an API status or error word onto a class of failure.
pub(super) fn class_of(status: Option<u16>, word: Option<&str>) -> FailureClass {
    match (status, word) {
        (Some(408 | 409 | 429), _) => FailureClass::Provider,
        (Some(400..=499), _) | (None, Some("invalid_request")) => FailureClass::Request,
        _ => FailureClass::Provider,
    }
}

/// Quota and login, which are no failures of the work; `None` for everything else.
pub(super) fn of_service(
    seen: &StreamState,
    status: Option<u16>,
    word: Option<&str>,
    text: &str,
) -> Option<StreamOutcome> {
    match (status, word) {
        (Some(401..=403), _)
        | (None, Some("authentication_failed" | "billing_error" | "oauth_org_not_allowed")) => {
            Some(StreamOutcome::Auth {
                message: clip::text(text, clip::SUMMARY),
            })
        }
        (Some(429), _) | (None, Some("rate_limit")) => Some(quota(seen, text)),
        _ => None,
    }
}

/// The longest pause of a CLI's own between two tries; a longer one is what its provider asked for.
const OWN_PAUSE_MS: u64 = 60_000;

/// A used-up quota, with the time to come back where the stream has told it. A short pause between
/// the CLI's own tries tells nothing: it was kept, and the next try was refused like the one
/// before.
pub(super) fn quota(seen: &StreamState, text: &str) -> StreamOutcome {
    let after_ms = seen
        .retry
        .as_ref()
        .and_then(|retry| retry.delay_ms)
        .filter(|ms| *ms > OWN_PAUSE_MS);
    StreamOutcome::Quota {
        retry_at_ms: seen.resets_at_ms.or_else(|| reset_in(text)),
        after_ms,
    }
}

/// Older versions of claude end the message with `|` and the second at which the window opens
/// again.
fn reset_in(text: &str) -> Option<i64> {
    let seconds: i64 = text.rsplit_once('|')?.1.trim().parse().ok()?;
    (1_000_000_000..100_000_000_000)
        .contains(&seconds)
        .then_some(seconds * 1000)
}
