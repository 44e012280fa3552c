use super::*;
use crate::connector::stream_tests::{EXIT_0, EXIT_1, comes_to, failed, lines, outcome};
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/copilot.ok.jsonl");
const ERROR_401: &str = include_str!("../../tests/data/transcripts/copilot.error-401.jsonl");

fn idle(data: Value) -> Value {
    json!({"type": "assistant.idle", "data": data})
}

fn result(code: i64) -> Value {
    json!({"type": "result", "sessionId": "s", "exitCode": code, "usage": {}})
}

fn of(events: &[Value]) -> StreamOutcome {
    outcome("copilot", &lines(events), &EXIT_0)
}

#[test]
fn a_good_run() {
    comes_to(
        "copilot",
        OK,
        &[
            "session - some-model -",
            "calls create",
            "works",
            "adds /tree/hello.txt",
            "calls view",
            "works",
            "calls edit",
            "works",
            "updates /tree/README.md",
            "calls bash",
            "works",
            "says all done",
            "ends false exit code 0 Some(5) all done",
        ],
    );
}

#[test]
fn a_refused_key_is_retried_and_told() {
    comes_to(
        "copilot",
        ERROR_401,
        &[
            "session - some-model -",
            "retry 1 Some(401) None",
            "retry 2 Some(401) None",
            "retry 3 Some(401) None",
            "error Request: Authentication failed with provider (HTTP 401).",
            "ends true exit code 1 Some(1) ",
        ],
    );
}

#[test]
fn a_result_of_0_needs_a_rest_that_nobody_forced() {
    assert_eq!(of(&[idle(json!({})), result(0)]), StreamOutcome::Completed);
    assert_eq!(
        of(&[idle(json!({"aborted": true})), result(0)]),
        failed(FailureClass::Interrupted, "the session was aborted")
    );
    assert_eq!(of(&[result(0)]), StreamOutcome::Truncated);
    assert_eq!(of(&[idle(json!({}))]), StreamOutcome::Truncated);
    assert_eq!(
        of(&[idle(json!({})), result(1)]),
        failed(FailureClass::Agent, "the session ended with an error")
    );
    let turn = json!({"type": "assistant.turn_start", "data": {}});
    assert_eq!(
        of(&[idle(json!({})), turn, result(0)]),
        StreamOutcome::Truncated,
        "it went on after its rest"
    );
}

#[test]
fn an_error_that_no_answer_followed_outweighs_the_exit_code() {
    let error = json!({"type": "session.error", "data": {"errorType": "x", "message": "m", "statusCode": 500}});
    let answer = json!({"type": "assistant.message", "data": {"content": "hi", "model": "m"}});
    assert_eq!(
        of(&[error.clone(), idle(json!({})), result(0)]),
        failed(FailureClass::Provider, "m")
    );
    assert_eq!(
        of(&[error, answer, idle(json!({})), result(0)]),
        StreamOutcome::Completed
    );
    let quota =
        json!({"type": "model.call_failure", "data": {"statusCode": 429, "retryAttempt": 0}});
    assert!(matches!(
        outcome("copilot", &lines(&[quota]), &EXIT_1),
        StreamOutcome::Quota { .. }
    ));
}

#[test]
fn denied_tools_refuse_a_run_that_changed_nothing() {
    let denied = json!({"type": "tool.execution_complete", "data": {"toolCallId": "c", "success": false,
        "error": {"code": "denied", "message": "outside of the allowed paths"}}});
    let refused = of(&[denied.clone(), idle(json!({})), result(0)]);
    assert!(
        matches!(&refused, StreamOutcome::Refused { denials } if denials[0].reason.contains("outside")),
        "{refused:?}"
    );
    let changed = json!({"type": "result", "exitCode": 0, "usage": {"codeChanges": {"filesModified": ["/tree/a"]}}});
    assert_eq!(
        of(&[denied, idle(json!({})), changed]),
        StreamOutcome::Completed
    );
}

#[test]
fn an_empty_last_answer_is_no_end() {
    let said = |text: &str| json!({"type": "assistant.message", "data": {"content": text, "toolRequests": []}});
    let tool = json!({"type": "tool.execution_complete", "data": {"toolCallId": "1", "success": true, "result": {"content": "ok"}}});
    let ended = |before: &[Value]| of(&[before, &[idle(json!({})), result(0)]].concat());
    let cut = failed(FailureClass::Provider, NO_ANSWER);
    assert_eq!(ended(&[said("")]), cut);
    assert_eq!(ended(&[said("I write"), tool.clone()]), cut);
    assert_eq!(ended(&[said("I write"), tool.clone(), said(" \n")]), cut);
    assert_eq!(ended(&[tool, said("done")]), StreamOutcome::Completed);
}
