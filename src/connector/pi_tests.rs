use super::*;
use crate::connector::stream_tests::{EXIT_0, comes_to, failed, lines, outcome, parse};
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/pi.ok.jsonl");
const ERROR_401: &str = include_str!("../../tests/data/transcripts/pi.error-401.jsonl");

fn turn_end(reason: &str, error: &str) -> Value {
    let usage = json!({"input": 10, "output": 2, "cost": {"total": 0.25}});
    let content = json!([{"type": "text", "text": "x"}]);
    json!({"type": "turn_end", "message": {"role": "assistant", "content": content, "usage": usage, "stopReason": reason,
        "errorMessage": error}})
}

fn of(events: &[Value]) -> StreamOutcome {
    outcome("pi", &lines(events), &EXIT_0)
}

#[test]
fn a_good_run() {
    comes_to(
        "pi",
        OK,
        &[
            "session 5e55105e-0000-4000-8000-000000000001 - -",
            "calls write",
            "works",
            "updates /tree/hello.txt",
            "used 1000 50",
            "calls read",
            "works",
            "used 2000 100",
            "calls bash",
            "works",
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
fn a_refused_key_is_told_although_the_exit_code_is_0() {
    comes_to(
        "pi",
        ERROR_401,
        &[
            "session 5e55105e-0000-4000-8000-000000000001 - -",
            "used 0 0",
            "error Request: 401 invalid api key",
            "ends true error Some(1) ",
        ],
    );
}

#[test]
fn the_stop_reason_of_the_last_turn_decides() {
    assert_eq!(of(&[turn_end("stop", "")]), StreamOutcome::Completed);
    assert_eq!(of(&[turn_end("toolUse", "")]), StreamOutcome::Truncated);
    assert_eq!(
        of(&[turn_end("stop", ""), json!({"type": "turn_start"})]),
        StreamOutcome::Truncated
    );
    assert_eq!(
        of(&[turn_end("error", "500 boom")]),
        failed(FailureClass::Provider, "500 boom")
    );
    assert!(matches!(
        of(&[turn_end("error", "429 slow down")]),
        StreamOutcome::Quota { .. }
    ));
    assert_eq!(
        of(&[turn_end("aborted", "stopped")]),
        failed(FailureClass::Interrupted, "stopped")
    );
    assert!(matches!(
        of(&[turn_end("length", "")]),
        StreamOutcome::Failed {
            class: FailureClass::Limit,
            ..
        }
    ));
}

#[test]
fn an_answer_of_nothing_is_no_success() {
    let empty = json!({"type": "turn_end", "message": {"content": [], "usage": {"output": 0}, "stopReason": "stop"}});
    assert_eq!(
        of(&[empty]),
        failed(FailureClass::Provider, "the model answered nothing")
    );
}

#[test]
fn a_retry_opens_the_run_again() {
    let retry = json!({"type": "auto_retry_start", "attempt": 2, "delayMs": 2000, "errorMessage": "429 slow down"});
    let again = [
        turn_end("error", "429 slow down"),
        retry,
        json!({"type": "agent_start"}),
    ];
    let quota = StreamOutcome::Quota {
        retry_at_ms: None,
        after_ms: None,
    };
    assert_eq!(of(&again), quota);
    assert_eq!(
        of(&[&again[..], &[turn_end("stop", "")]].concat()),
        StreamOutcome::Completed
    );
}

#[test]
fn repeated_messages_cost_nothing_and_turns_are_added_up() {
    let update = format!("{{\"type\":\"message_update\",{}", "x".repeat(1 << 20));
    let stream = format!(
        "{update}\n{}",
        lines(&[turn_end("toolUse", ""), turn_end("stop", "")])
    );
    let (events, result) = parse("pi", &stream, "", &EXIT_0);
    assert_eq!((events.len(), result.bad_lines), (3, 0));
    let usage = Usage {
        input_tokens: 20,
        output_tokens: 4,
        cache_read: 0,
        cache_write: 0,
        cost_usd: Some(0.5),
        at_least: false,
    };
    assert_eq!(result.usage, Some(usage));
}
