use super::*;
use crate::connector::stream_tests::{EXIT_0, comes_to, failed, lines, outcome, parse};
use crate::domain::process_end::ProcessEnd;
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/opencode.ok.jsonl");

fn finish(reason: &str) -> Value {
    let tokens =
        json!({"input": 10, "output": 2, "reasoning": 1, "cache": {"read": 3, "write": 4}});
    json!({"type": "step_finish", "sessionID": "s", "part": {"reason": reason, "tokens": tokens, "cost": 0.25}})
}

fn start() -> Value {
    json!({"type": "step_start", "sessionID": "s", "part": {}})
}

#[test]
fn a_good_run() {
    comes_to(
        "opencode",
        OK,
        &[
            "session ses_01 - -",
            "calls write",
            "works",
            "adds /tree/hello.txt",
            "used 1000 50",
            "calls read",
            "works",
            "used 2000 100",
            "calls edit",
            "works",
            "updates /tree/README.md",
            "used 3000 150",
            "calls bash",
            "works",
            "used 4000 200",
            "says all done",
            "used 5000 250",
            "ends false stop Some(5) all done",
        ],
    );
}

#[test]
fn only_a_last_step_that_stopped_is_complete() {
    let of = |events: &[Value]| outcome("opencode", &lines(events), &EXIT_0);
    assert_eq!(of(&[start(), finish("stop")]), StreamOutcome::Completed);
    assert_eq!(
        of(&[start(), finish("tool-calls")]),
        StreamOutcome::Truncated
    );
    assert_eq!(
        of(&[start(), finish("stop"), start()]),
        StreamOutcome::Truncated
    );
    assert!(matches!(
        of(&[start(), finish("length")]),
        StreamOutcome::Failed {
            class: FailureClass::Limit,
            ..
        }
    ));
    assert_eq!(
        of(&[start(), finish("unknown")]),
        failed(
            FailureClass::Provider,
            "a step of the model ended with `unknown`"
        )
    );
    let killed = outcome(
        "opencode",
        &lines(&[start(), finish("stop")]),
        &ProcessEnd::TimedOut { after_ms: 1 },
    );
    assert!(
        matches!(
            killed,
            StreamOutcome::Failed {
                class: FailureClass::Interrupted,
                ..
            }
        ),
        "{killed:?}"
    );
}

#[test]
fn a_question_that_nobody_answers_is_a_refusal() {
    let tool = json!({"type": "tool_use", "sessionID": "s", "part": {"tool": "write", "callID": "c", "state":
        {"status": "error", "input": {"filePath": "/elsewhere"}, "error": "The user rejected permission to use this tool."}}});
    let stream = lines(&[start(), tool, finish("tool-calls")]);
    let stderr = "! permission requested: external_directory (/elsewhere); auto-rejecting";
    let (events, result) = parse("opencode", &stream, stderr, &EXIT_0);
    assert!(
        matches!(result.outcome, StreamOutcome::Refused { .. }),
        "{:?}",
        result.outcome
    );
    assert_eq!(result.denials.len(), 1);
    assert!(
        !events
            .iter()
            .any(|e| matches!(e, AgentEvent::FileChange { .. }))
    );
}

#[test]
fn errors_are_told_by_their_status_then_by_their_name() {
    let of = |name: &str, data: Value| {
        let error =
            json!({"type": "error", "sessionID": "s", "error": {"name": name, "data": data}});
        outcome("opencode", &lines(&[error]), &EXIT_0)
    };
    let quota = StreamOutcome::Quota {
        retry_at_ms: None,
        after_ms: None,
    };
    assert_eq!(
        of("APIError", json!({"message": "m", "statusCode": 429})),
        quota
    );
    assert_eq!(
        of("APIError", json!({"message": "m", "statusCode": 500})),
        failed(FailureClass::Provider, "m")
    );
    assert_eq!(
        of("ProviderAuthError", json!({"message": "m"})),
        StreamOutcome::Auth {
            message: "m".into()
        }
    );
    assert_eq!(
        of("MessageAbortedError", json!({})),
        failed(FailureClass::Interrupted, "MessageAbortedError")
    );
    assert_eq!(
        of("UnknownError", json!({"message": "m"})),
        failed(FailureClass::Agent, "m")
    );
}

#[test]
fn steps_are_added_up() {
    let (_, result) = parse(
        "opencode",
        &lines(&[start(), finish("tool-calls"), start(), finish("stop")]),
        "",
        &EXIT_0,
    );
    let usage = Usage {
        input_tokens: 20,
        output_tokens: 6,
        cache_read: 6,
        cache_write: 8,
        cost_usd: Some(0.5),
        at_least: false,
    };
    assert_eq!(result.usage, Some(usage));
}
