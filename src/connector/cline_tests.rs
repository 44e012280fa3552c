use super::*;
use crate::connector::stream_tests::{
    EXIT_0, EXIT_1, brief, comes_to, failed, lines, outcome, parse,
};
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/cline.ok.jsonl");
const QUOTA: &str = include_str!("../../tests/data/transcripts/cline.error-429.jsonl");

fn of(events: &[Value]) -> StreamOutcome {
    outcome("cline", &lines(events), &EXIT_0)
}

fn result(reason: &str, text: &str) -> Value {
    json!({"type": "run_result", "finishReason": reason, "text": text, "usage": {"inputTokens": 1, "totalCost": 0.5}})
}

fn event(event: Value) -> Value {
    json!({"type": "agent_event", "event": event})
}

#[test]
fn a_good_run() {
    comes_to(
        "cline",
        OK,
        &[
            "session conv_01 - -",
            "used 1000 50",
            "calls editor",
            "works",
            "updates hello.txt",
            "used 2000 100",
            "calls read_files",
            "works",
            "used 3000 150",
            "calls editor",
            "works",
            "updates README.md",
            "used 4000 200",
            "calls run_commands",
            "works",
            "used 5000 250",
            "says all done",
            "used 5000 250",
            "ends false completed Some(5) all done",
        ],
    );
}

#[test]
fn a_used_up_quota_after_the_work() {
    let (events, result) = parse("cline", QUOTA, "", &EXIT_1);
    assert!(
        matches!(result.outcome, StreamOutcome::Quota { .. }),
        "{:?}",
        result.outcome
    );
    let words: Vec<String> = events.iter().map(brief).collect();
    assert!(
        words.contains(&"calls run_commands".to_owned()),
        "{words:?}"
    );
    assert_eq!(
        result
            .usage
            .map(|used| (used.input_tokens, used.output_tokens)),
        Some((1000, 50))
    );
}

#[test]
fn the_last_result_decides() {
    assert_eq!(of(&[result("completed", "")]), StreamOutcome::Completed);
    assert_eq!(
        of(&[event(json!({"type": "done", "reason": "completed"}))]),
        StreamOutcome::Truncated
    );
    assert_eq!(
        of(&[result("error", "boom")]),
        failed(FailureClass::Provider, "boom")
    );
    assert!(matches!(
        of(&[result("error", "Rate limited: rate limit")]),
        StreamOutcome::Quota { .. }
    ));
    let word = failed(FailureClass::Agent, "the run ended with `aborted`");
    assert_eq!(of(&[result("aborted", "I hit the rate limit")]), word);
    assert_eq!(
        parse("cline", &lines(&[result("completed", "")]), "", &EXIT_0)
            .1
            .usage
            .unwrap()
            .cost_usd,
        Some(0.5)
    );
}

#[test]
fn an_error_has_a_class_of_its_own() {
    let error = |class: &str, recoverable: bool| {
        event(
            json!({"type": "error", "error": {"message": "m"}, "errorClass": class, "recoverable": recoverable}),
        )
    };
    assert_eq!(
        of(&[error("auth", false), result("error", "m")]),
        StreamOutcome::Auth {
            message: "m".into()
        }
    );
    assert!(matches!(
        of(&[error("rate_limit", false), result("error", "m")]),
        StreamOutcome::Quota { .. }
    ));
    assert!(
        matches!(
            of(&[error("rate_limit", true)]),
            StreamOutcome::Quota { .. }
        ),
        "cut while it tried again"
    );
    assert_eq!(
        of(&[error("auth", true), result("completed", "")]),
        StreamOutcome::Completed
    );
}

#[test]
fn a_tool_fails_where_one_of_its_answers_does() {
    let call = json!({"type": "content_start", "contentType": "tool", "toolName": "editor", "toolCallId": "c", "input": {"path": "a"}});
    let answer = json!({"type": "content_end", "contentType": "tool", "toolName": "editor", "toolCallId": "c",
        "output": [{"success": true}, {"success": false}]});
    comes_to(
        "cline",
        &lines(&[event(call), event(answer)]),
        &["calls editor", "fails"],
    );
}
