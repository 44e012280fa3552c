//! What holds for every CLI that prints events, on recorded streams, on streams cut anywhere, and
//! on garbage.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::manifest::OutputFormat;
use super::registry::ConnectorRegistry;
use crate::domain::agent_event::{
    AgentEvent, AgentResult, FailureClass, FileChangeKind, StreamOutcome,
};
use crate::domain::process_end::ProcessEnd;

pub(super) const EXIT_0: ProcessEnd = ProcessEnd::Exited { code: 0 };
pub(super) const EXIT_1: ProcessEnd = ProcessEnd::Exited { code: 1 };
static REGISTRY: LazyLock<ConnectorRegistry> = LazyLock::new(ConnectorRegistry::shipped);

/// Connector, a good stream, what marks its deciding line (the last one with it), a stream of a
/// refused key.
struct Recorded {
    connector: &'static str,
    ok: &'static str,
    decides: &'static str,
    error_401: &'static str,
}

macro_rules! recorded {
    ($connector:literal, $name:literal, $decides:literal) => {
        Recorded {
            connector: $connector,
            ok: include_str!(concat!("../../tests/data/transcripts/", $name, ".ok.jsonl")),
            decides: $decides,
            error_401: include_str!(concat!(
                "../../tests/data/transcripts/",
                $name,
                ".error-401.jsonl"
            )),
        }
    };
}

const RECORDED: [Recorded; 8] = [
    recorded!("claude-code", "claude", "\"type\":\"result\""),
    recorded!("codex", "codex", "\"type\":\"turn.completed\""),
    recorded!("gemini", "gemini", "\"type\":\"result\""),
    recorded!("qwen", "qwen", "\"type\":\"result\""),
    recorded!("opencode", "opencode", "\"type\":\"step_finish\""),
    recorded!("copilot", "copilot", "\"type\":\"result\""),
    recorded!("cline", "cline", "\"type\":\"run_result\""),
    recorded!("pi", "pi", "\"type\":\"turn_end\""),
];

/// Runs a stream through the parser of a shipped connector.
pub(super) fn parse(
    connector: &str,
    stream: &str,
    stderr: &str,
    end: &ProcessEnd,
) -> (Vec<AgentEvent>, AgentResult) {
    let mut parser = REGISTRY.get(connector).unwrap().parser();
    let events = stream
        .lines()
        .flat_map(|line| parser.line(line.as_bytes()))
        .collect();
    stderr
        .lines()
        .for_each(|line| parser.error_line(line.as_bytes()));
    (events, parser.finish(end))
}

pub(super) fn outcome(connector: &str, stream: &str, end: &ProcessEnd) -> StreamOutcome {
    parse(connector, stream, "", end).1.outcome
}

/// Events, one a line.
pub(super) fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

pub(super) fn failed(class: FailureClass, message: &str) -> StreamOutcome {
    StreamOutcome::Failed {
        class,
        message: message.into(),
    }
}

/// An event in a few words.
pub(super) fn brief(event: &AgentEvent) -> String {
    match event {
        AgentEvent::SessionStarted {
            session_id,
            model,
            version,
        } => {
            let word = |text: &Option<String>| text.clone().unwrap_or("-".into());
            format!(
                "session {} {} {}",
                word(session_id),
                word(model),
                word(version)
            )
        }
        AgentEvent::Message { text } => format!("says {text}"),
        AgentEvent::Thinking { text } => format!("thinks {text}"),
        AgentEvent::ToolCall { name, .. } => format!("calls {name}"),
        AgentEvent::ToolResult { is_error, .. } => {
            if *is_error { "fails" } else { "works" }.to_owned()
        }
        AgentEvent::FileChange { path, kind } => match kind {
            FileChangeKind::Add => format!("adds {path}"),
            FileChangeKind::Update => format!("updates {path}"),
            FileChangeKind::Delete => format!("deletes {path}"),
        },
        AgentEvent::Plan { steps } => format!("plans {}", steps.len()),
        AgentEvent::Usage(usage) => format!("used {} {}", usage.input_tokens, usage.output_tokens),
        AgentEvent::PermissionDenied(denial) => {
            format!("denied {}: {}", denial.tool, denial.reason)
        }
        AgentEvent::Retry {
            attempt,
            status,
            delay_ms,
        } => format!("retry {attempt} {status:?} {delay_ms:?}"),
        AgentEvent::Error { class, message } => format!("error {class:?}: {message}"),
        AgentEvent::Stall { signs, .. } => format!("stalls: {}", signs.join(", ")),
        AgentEvent::Result {
            is_error,
            reason,
            turns,
            text,
        } => format!("ends {is_error} {reason} {turns:?} {text}"),
    }
}

/// Asserts what a stream comes to, event by event.
#[track_caller]
pub(super) fn comes_to(connector: &str, stream: &str, expected: &[&str]) {
    let (events, result) = parse(connector, stream, "", &EXIT_0);
    assert_eq!(events.iter().map(brief).collect::<Vec<_>>(), expected);
    assert_eq!(result.bad_lines, 0);
}

/// A parser that stands in no row would be held to nothing.
#[test]
fn every_format_of_a_shipped_cli_is_recorded() {
    let own = REGISTRY.all().map(|connector| connector.describe());
    let unrecorded: Vec<&str> = own
        .filter(|manifest| !matches!(manifest.output, OutputFormat::Text | OutputFormat::Acp))
        .filter(|manifest| {
            let same = |one: &Recorded| REGISTRY.get(one.connector).unwrap().describe().output;
            !RECORDED.iter().any(|one| same(one) == manifest.output)
        })
        .map(|manifest| manifest.name.as_str())
        .collect();
    assert_eq!(unrecorded, [""; 0]);
}

#[test]
fn a_recorded_good_run_is_complete_and_changed_two_files() {
    for one in &RECORDED {
        let (events, result) = parse(one.connector, one.ok, "", &EXIT_0);
        assert_eq!(
            result.outcome,
            StreamOutcome::Completed,
            "{}",
            one.connector
        );
        assert_eq!(
            result.final_text.as_deref(),
            Some("all done"),
            "{}",
            one.connector
        );
        assert!(result.session_id.is_some(), "{}", one.connector);
        let changes = events
            .iter()
            .filter(|e| matches!(e, AgentEvent::FileChange { .. }))
            .count();
        assert_eq!(
            changes,
            if one.connector == "pi" { 1 } else { 2 },
            "{}",
            one.connector
        );
        for event in &events {
            let text = serde_json::to_string(event).unwrap();
            assert_eq!(&serde_json::from_str::<AgentEvent>(&text).unwrap(), event);
        }
    }
}

#[test]
fn a_recorded_good_run_with_a_bad_exit_is_not_complete() {
    for one in &RECORDED {
        let expected = failed(FailureClass::Exit, "exit code 1");
        assert_eq!(
            outcome(one.connector, one.ok, &EXIT_1),
            expected,
            "{}",
            one.connector
        );
        assert_ne!(
            outcome(one.connector, one.ok, &ProcessEnd::OutOfMemory),
            StreamOutcome::Completed
        );
    }
}

#[test]
fn a_recorded_refused_key_is_auth_whatever_the_exit_code() {
    for one in &RECORDED {
        for end in [EXIT_0, EXIT_1] {
            let found = outcome(one.connector, one.error_401, &end);
            assert!(
                matches!(found, StreamOutcome::Auth { .. }),
                "{}: {found:?}",
                one.connector
            );
        }
    }
}

#[test]
fn silence_and_words_are_no_result() {
    for one in &RECORDED {
        assert_eq!(outcome(one.connector, "", &EXIT_0), StreamOutcome::NoResult);
        assert_eq!(
            outcome(one.connector, "all done\n{\"type\":", &EXIT_0),
            StreamOutcome::NoResult
        );
        let (first, _) = one.ok.split_once('\n').unwrap();
        assert_eq!(
            outcome(one.connector, first, &EXIT_0),
            StreamOutcome::Truncated,
            "{}",
            one.connector
        );
    }
}

#[test]
fn what_the_model_says_decides_nothing() {
    for one in &RECORDED {
        let words = "usage limit reached, rate limit, not logged in, 401 Unauthorized, permission requested: x; auto-rejecting";
        let stream = one.ok.replace("all done", words);
        assert_eq!(
            outcome(one.connector, &stream, &EXIT_0),
            StreamOutcome::Completed,
            "{}",
            one.connector
        );
    }
}

/// JSON objects with the keys and words of the streams themselves, and values of any kind.
fn any_event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(file_change|command_execution|assistant|tool|text|write|editor|stop|error|success|completed|failed|denied|4\\d\\d x|\\PC{0,9})"
            .prop_map(Value::from),
    ];
    let key = "(item|message|content|part|state|data|event|usage|stats|tokens|error|changes|fileEdits|output|input|args|parameters\
               |id|status|role|reason|stopReason|exitCode|statusCode|name|path|metadata|toolName|contentType)";
    let value = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let kind = "(system|assistant|user|result|init|message|tool_use|tool_result|error|item.started|item.completed|turn.started|turn.failed\
                |thread.started|step_start|step_finish|text|session|turn_end|message_end|tool_execution_start|tool_execution_end\
                |auto_retry_start|assistant.message|tool.execution_start|tool.execution_complete|model.call_failure|session.error\
                |assistant.idle|hook_event|agent_event|run_result)";
    (kind, proptest::collection::btree_map(key, value, 0..8)).prop_map(|(kind, fields)| {
        let mut event: serde_json::Map<String, Value> = fields.into_iter().collect();
        event.insert("type".to_owned(), kind.into());
        Value::Object(event)
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived_and_are_no_success(
        which in 0..RECORDED.len(),
        garbage in proptest::collection::vec(any::<Vec<u8>>(), 0..20),
    ) {
        let mut parser = REGISTRY.get(RECORDED[which].connector).unwrap().parser();
        for line in &garbage {
            prop_assert_eq!(parser.line(line), vec![]);
            parser.error_line(line);
        }
        prop_assert_ne!(parser.finish(&EXIT_0).outcome, StreamOutcome::Completed);
    }

    #[test]
    fn events_of_any_shape_are_survived(
        which in 0..RECORDED.len(),
        stream in proptest::collection::vec(any_event(), 0..12),
    ) {
        let (events, _) = parse(RECORDED[which].connector, &lines(&stream), "", &EXIT_0);
        for event in &events {
            let text = serde_json::to_string(event).unwrap();
            let _back: AgentEvent = serde_json::from_str(&text).unwrap();
        }
    }

    #[test]
    fn a_stream_cut_before_its_deciding_line_ends_is_never_complete(which in 0..RECORDED.len(), cut in any::<prop::sample::Index>()) {
        let one = &RECORDED[which];
        let begin = one.ok.rfind(one.decides).unwrap();
        let end = begin + one.ok[begin..].find('\n').unwrap();
        let stream = String::from_utf8_lossy(&one.ok.as_bytes()[..cut.index(end)]).into_owned();
        let found = outcome(one.connector, &stream, &EXIT_0);
        prop_assert!(matches!(found, StreamOutcome::Truncated | StreamOutcome::NoResult), "{}: {:?}", one.connector, found);
    }

    #[test]
    fn a_refused_key_is_no_success_wherever_the_stream_is_cut(which in 0..RECORDED.len(), cut in any::<prop::sample::Index>()) {
        let one = &RECORDED[which];
        let stream = String::from_utf8_lossy(&one.error_401.as_bytes()[..cut.index(one.error_401.len())]).into_owned();
        prop_assert_ne!(outcome(one.connector, &stream, &EXIT_0), StreamOutcome::Completed);
    }

    #[test]
    fn a_lost_line_makes_no_success_of_a_failure(which in 0..RECORDED.len(), lost in any::<prop::sample::Index>()) {
        let one = &RECORDED[which];
        let all: Vec<&str> = one.error_401.lines().collect();
        let lost = lost.index(all.len());
        let kept = all.iter().enumerate().filter(|(at, _)| *at != lost);
        let rest: String = kept.map(|(_, line)| format!("{line}\n")).collect();
        prop_assert_ne!(outcome(one.connector, &rest, &EXIT_0), StreamOutcome::Completed, "{}", one.connector);
    }
}

/// A service that answers every request with 500, as each CLI has told it: recorded, but for the
/// events of gemini, opencode and copilot, which are in the shape of their other errors.
#[test]
fn a_service_that_fails_is_the_provider_s_failure_whatever_the_exit_code() {
    let one = |event: Value| lines(&[event]);
    let api_error = json!({"type": "error", "sessionID": "s", "error":
        {"name": "APIError", "data": {"message": "scripted: internal error", "statusCode": 500, "isRetryable": true}}});
    let object = "[API Error: {\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}]";
    let session_error = json!({"type": "session.error", "data":
        {"errorType": "query", "message": "scripted: internal error", "statusCode": 500}});
    let end = json!({"type": "result", "exitCode": 1});
    for (connector, stream) in [
        (
            "claude-code",
            include_str!("../../tests/data/transcripts/claude.error-500.jsonl").to_owned(),
        ),
        (
            "codex",
            include_str!("../../tests/data/transcripts/codex.error-500.jsonl").to_owned(),
        ),
        (
            "pi",
            include_str!("../../tests/data/transcripts/pi.error-500.jsonl").to_owned(),
        ),
        (
            "cline",
            include_str!("../../tests/data/transcripts/cline.error-500.jsonl").to_owned(),
        ),
        (
            "qwen",
            one(
                json!({"type": "result", "subtype": "error_during_execution", "is_error": true,
                "error": {"message": "[API Error: 500 scripted: internal error]"}}),
            ),
        ),
        (
            "gemini",
            one(
                json!({"type": "result", "status": "error", "error": {"type": "unknown", "message": object}}),
            ),
        ),
        ("opencode", one(api_error)),
        ("copilot", lines(&[session_error, end])),
    ] {
        for exit in [EXIT_0, EXIT_1] {
            let found = outcome(connector, &stream, &exit);
            assert!(is_of_the_provider(&found), "{connector}: {found:?}");
        }
    }
}

/// A service that cannot be reached, as CLIs have told it.
#[test]
fn a_service_out_of_reach_is_the_provider_s_failure() {
    let waiting = "Reconnecting... waiting for network (Connection failed: error sending request)";
    let unreachable = "[API Error: Connection error. (cause: fetch failed)]";
    let cannot = "Cannot connect to API: Unable to connect. Is the computer able to access the url? (ConnectionRefused)";
    let refused = json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": null,
        "result": "API Error: Unable to connect to API (ConnectionRefused)", "terminal_reason": "completed"});
    let synthetic = json!({"type": "assistant", "error": "server_error", "message": {"content":
        [{"type": "text", "text": "API Error: Unable to connect to API (ConnectionRefused)"}]}});
    let answer = json!({"type": "assistant", "message": {"content": [{"type": "text", "text": unreachable}],
        "usage": {"input_tokens": 0, "output_tokens": 0}}});
    for (connector, events) in [
        ("claude-code", vec![synthetic, refused]),
        (
            "codex",
            vec![
                json!({"type": "turn.started"}),
                json!({"type": "error", "message": waiting}),
            ],
        ),
        (
            "qwen",
            vec![
                answer,
                json!({"type": "result", "subtype": "success", "is_error": false, "result": unreachable}),
            ],
        ),
        (
            "copilot",
            vec![
                json!({"type": "session.error", "data": {"errorType": "query",
                    "message": "Could not connect to local model provider at http://localhost/v1."}}),
                json!({"type": "result", "exitCode": 1}),
            ],
        ),
        (
            "gemini",
            vec![
                json!({"type": "result", "status": "error", "error": {"type": "unknown",
                "message": "[API Error: exception TypeError: fetch failed sending request]"}}),
            ],
        ),
        (
            "opencode",
            vec![
                json!({"type": "error", "sessionID": "s", "error": {"name": "APIError", "data": {"isRetryable": true,
                "message": "Cannot connect to API: Unable to connect. Is the computer able to access the url?"}}}),
            ],
        ),
        (
            "cline",
            vec![
                json!({"type": "agent_event", "event": {"type": "error", "error": {"name": "Error", "message": cannot},
                    "errorClass": "unknown", "recoverable": false}}),
                json!({"type": "run_result", "finishReason": "error", "text": cannot}),
            ],
        ),
    ] {
        // codex asks for a network without end: its limit of time ends it.
        for end in [EXIT_1, ProcessEnd::TimedOut { after_ms: 1 }] {
            let found = outcome(connector, &lines(&events), &end);
            assert!(is_of_the_provider(&found), "{connector}: {found:?}");
        }
    }
}

#[test]
fn a_stream_that_stops_while_the_service_is_asked_again_tells_of_the_service() {
    let retry = |status: Value| json!({"type": "system", "subtype": "api_retry", "attempt": 3, "error_status": status, "error": "server_error"});
    let began = json!({"type": "system", "subtype": "init", "session_id": "s"});
    for status in [json!(529), json!(503), json!(null)] {
        let found = outcome(
            "claude-code",
            &lines(&[began.clone(), retry(status)]),
            &EXIT_1,
        );
        assert!(is_of_the_provider(&found), "{found:?}");
    }
    let found = outcome("claude-code", &lines(&[began, retry(json!(400))]), &EXIT_1);
    assert_eq!(found, StreamOutcome::Truncated, "the request was wrong");
}

fn is_of_the_provider(outcome: &StreamOutcome) -> bool {
    matches!(
        outcome,
        StreamOutcome::Failed {
            class: FailureClass::Provider,
            ..
        }
    )
}

/// Last words of a program tell of its sandbox only where no service has answered.
#[test]
fn what_a_service_says_is_told_from_what_a_sandbox_refuses() {
    macro_rules! recording {
        ($name:literal) => {
            include_str!(concat!("../../tests/data/transcripts/", $name, ".jsonl"))
        };
    }
    for (connector, stream) in [
        ("claude-code", recording!("claude.error-500")),
        ("codex", recording!("codex.error-500")),
        ("cline", recording!("cline.error-500")),
        ("cline", recording!("cline.error-429")),
        ("pi", recording!("pi.error-500")),
    ] {
        let found = outcome(connector, stream, &EXIT_1);
        assert!(found.is_of_the_service(), "{connector}: {found:?}");
    }
    let of_claude = |status: Value, text: &str| {
        lines(&[
            json!({"type": "system", "subtype": "init", "session_id": "s"}),
            json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": status, "result": text,
                "permission_denials": []}),
        ])
    };
    for (status, text) in [
        (json!(500), "API Error: 500 internal error"),
        (json!(529), "API Error: 529 Overloaded"),
        (json!(429), "API Error: 429 rate limit"),
        (json!(400), "the prompt is too long"),
    ] {
        let found = outcome("claude-code", &of_claude(status, text), &EXIT_1);
        assert!(found.is_of_the_service(), "{text}: {found:?}");
    }
    for text in ["overloaded_error", "503 Service Unavailable"] {
        let stream = lines(&[json!({"type": "turn.failed", "error": {"message": text}})]);
        let found = outcome("codex", &stream, &EXIT_1);
        assert!(found.is_of_the_service(), "{text}: {found:?}");
    }
    for text in [
        "EACCES: permission denied, open '/home/user/.config/tool/settings.json'",
        "ENOENT: no such file or directory, open '/home/user/opt/tool/main.js'",
        "EROFS: read-only file system, mkdir '/home/user/.cache/tool'",
        "cannot read line 500 of /home/user/tool.js",
    ] {
        let streams = [
            ("claude-code", of_claude(json!(null), text), ""),
            ("claude-code", String::new(), text),
            (
                "codex",
                lines(&[json!({"type": "turn.failed", "error": {"message": text}})]),
                "",
            ),
            ("codex", String::new(), text),
        ];
        for (connector, stream, stderr) in streams {
            let found = parse(connector, &stream, stderr, &EXIT_1).1.outcome;
            assert!(!found.is_of_the_service(), "{connector}, {text}: {found:?}");
        }
    }
}
