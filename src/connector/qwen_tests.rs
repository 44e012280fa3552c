use crate::connector::stream_tests::{EXIT_0, EXIT_1, comes_to, failed, lines, outcome};
use crate::domain::agent_event::{FailureClass, StreamOutcome};
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/qwen.ok.jsonl");
const ERROR_401: &str = include_str!("../../tests/data/transcripts/qwen.error-401.jsonl");
/// Of 0.15.10, the last version for Node 20: it shows the error as the model's answer, calls it a
/// success, and exits with 0.
const ERROR_401_OLD: &str = include_str!("../../tests/data/transcripts/qwen-0.15.error-401.jsonl");

#[test]
fn a_good_run_of_qwen() {
    let version = OK
        .split("\"qwen_code_version\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let session = OK
        .split("\"session_id\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    comes_to(
        "qwen",
        OK,
        &[
            &format!("session {session} some-model {version}"),
            "calls write_file",
            "used 1000 50",
            "works",
            "updates /tree/hello.txt",
            "calls read_file",
            "used 2000 100",
            "works",
            "calls edit",
            "used 3000 150",
            "works",
            "updates /tree/README.md",
            "calls run_shell_command",
            "used 4000 200",
            "works",
            "says all done",
            "used 5000 250",
            "used 5000 250",
            "ends false success Some(5) all done",
        ],
    );
}

#[test]
fn the_status_stands_in_the_message_of_the_error() {
    let message = "[API Error: 401 invalid api key]".to_owned();
    assert_eq!(
        outcome("qwen", ERROR_401, &EXIT_1),
        StreamOutcome::Auth { message }
    );
    let of = |message: &str| {
        let result = json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "error": {"message": message}});
        outcome("qwen", &lines(&[result]), &EXIT_1)
    };
    assert!(matches!(
        of("[API Error: 429 slow down]"),
        StreamOutcome::Quota { .. }
    ));
    assert_eq!(
        of("[API Error: 500 boom]"),
        failed(FailureClass::Provider, "[API Error: 500 boom]")
    );
    assert_eq!(
        of("cancelled"),
        failed(FailureClass::Interrupted, "cancelled")
    );
}

/// An answer with this text and this many tokens, then a result that calls it a success.
fn answered(text: &str, tokens: u32) -> String {
    let usage = json!({"input_tokens": tokens, "output_tokens": tokens});
    let message = json!({"content": [{"type": "text", "text": text}], "usage": usage});
    let result = json!({"type": "result", "subtype": "success", "is_error": false, "result": text});
    lines(&[json!({"type": "assistant", "message": message}), result])
}

#[test]
fn an_error_in_the_shape_of_an_answer_is_no_success() {
    let of = |text: &str| outcome("qwen", &answered(text, 0), &EXIT_0);
    let message = "[API Error: 401 scripted: invalid api key]".to_owned();
    assert_eq!(
        outcome("qwen", ERROR_401_OLD, &EXIT_0),
        StreamOutcome::Auth { message }
    );
    assert!(matches!(
        of("[API Error: 429 slow down]\nPlease wait and try again later."),
        StreamOutcome::Quota { .. }
    ));
    let broken = "[API Error: Model stream ended without a finish reason.]";
    assert_eq!(of(broken), failed(FailureClass::Provider, broken));
    comes_to(
        "qwen",
        &answered(broken, 0),
        &[
            &format!("error Provider: {broken}"),
            &format!("ends true success None {broken}"),
        ],
    );
}

#[test]
fn what_the_model_says_about_errors_is_its_answer() {
    let quoted = "The server says [API Error: 401 invalid api key]";
    assert_eq!(
        outcome("qwen", &answered(quoted, 0), &EXIT_0),
        StreamOutcome::Completed
    );
    assert_eq!(
        outcome(
            "qwen",
            &answered("[API Error: 401 is what it says]", 7),
            &EXIT_0
        ),
        StreamOutcome::Completed
    );
    let both = answered("[API Error: 500 boom]", 0) + &answered("All done.", 7);
    assert_eq!(outcome("qwen", &both, &EXIT_0), StreamOutcome::Completed);
}
