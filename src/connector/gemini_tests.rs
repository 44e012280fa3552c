use super::*;
use crate::connector::stream_tests::{EXIT_0, comes_to, failed, lines, outcome};
use crate::domain::process_end::ProcessEnd;
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/gemini.ok.jsonl");
/// The service ended the stream after the tool call without a word; the CLI calls that a success.
const EMPTY: &str = include_str!("../../tests/data/transcripts/gemini.empty.jsonl");

fn ended_with(more: &[Value]) -> String {
    lines(
        &[
            &[json!({"type": "init", "session_id": "s", "model": "m"})],
            more,
        ]
        .concat(),
    )
}

#[test]
fn a_good_run_with_its_message_in_one_piece() {
    comes_to(
        "gemini",
        OK,
        &[
            "session 5e55105e-0000-4000-8000-000000000001 gemini-2.5-pro -",
            "calls write_file",
            "works",
            "updates /tree/hello.txt",
            "calls read_file",
            "works",
            "calls replace",
            "works",
            "updates /tree/README.md",
            "calls run_shell_command",
            "works",
            "says all done",
            "used 5000 250",
            "ends false success None all done",
        ],
    );
}

#[test]
fn the_status_of_the_result_decides_and_not_the_exit_code() {
    let of = |message: &str| {
        let result = json!({"type": "result", "status": "error", "error": {"type": "unknown", "message": message}});
        outcome("gemini", &ended_with(&[result]), &EXIT_0)
    };
    assert_eq!(
        of("empty stream"),
        failed(FailureClass::Provider, "empty stream")
    );
    let object = "[API Error: {\"error\":{\"code\":400,\"message\":\"x\"}}]";
    assert_eq!(of(object), failed(FailureClass::Request, object));
    let quota = StreamOutcome::Quota {
        retry_at_ms: None,
        after_ms: None,
    };
    assert_eq!(of("[API Error: {\"error\":{\"code\": 429}}]"), quota);
    assert_eq!(of("RESOURCE_EXHAUSTED"), quota);
    let strange = ended_with(&[json!({"type": "result", "status": "new_word"})]);
    assert_eq!(
        outcome("gemini", &strange, &EXIT_0),
        failed(FailureClass::Agent, "")
    );
}

#[test]
fn a_loop_is_no_success() {
    let warning = json!({"type": "error", "severity": "warning", "message": "Loop detected, stopping execution"});
    let stream = ended_with(&[
        warning,
        json!({"type": "result", "status": "success", "stats": {"input_tokens": 3, "cached": 1}}),
    ]);
    assert_eq!(
        outcome("gemini", &stream, &EXIT_0),
        failed(FailureClass::Limit, "Loop detected, stopping execution")
    );
}

#[test]
fn a_model_that_says_nothing_after_its_tools_was_cut_off() {
    let call = json!({"type": "tool_use", "tool_id": "1", "tool_name": "write_file", "parameters": {"file_path": "/tree/a"}});
    let answer = json!({"type": "tool_result", "tool_id": "1", "status": "success"});
    let end = json!({"type": "result", "status": "success"});
    let said = |text: &str| json!({"type": "message", "role": "assistant", "content": text, "delta": true});
    let of = |more: &[Value]| outcome("gemini", &ended_with(more), &EXIT_0);
    let cut = failed(FailureClass::Provider, NO_ANSWER);
    assert_eq!(outcome("gemini", EMPTY, &EXIT_0), cut);
    assert_eq!(
        of(&[call.clone(), answer.clone(), said(""), end.clone()]),
        cut
    );
    assert_eq!(
        of(&[call, answer, said("done"), end.clone()]),
        StreamOutcome::Completed
    );
    assert_eq!(of(&[said("nothing to do"), end]), StreamOutcome::Completed);
}

#[test]
fn a_failed_tool_changes_no_file_and_a_missing_login_has_an_exit_code() {
    let stream = ended_with(&[
        json!({"type": "tool_use", "tool_id": "1", "tool_name": "write_file", "parameters": {"file_path": "/tree/a"}}),
        json!({"type": "tool_result", "tool_id": "1", "status": "error", "error": {"type": "x", "message": "no"}}),
    ]);
    comes_to(
        "gemini",
        &stream,
        &["session s m -", "calls write_file", "fails"],
    );
    let login = outcome("gemini", "", &ProcessEnd::Exited { code: 41 });
    assert!(matches!(login, StreamOutcome::Auth { .. }), "{login:?}");
}

#[test]
fn the_reason_of_a_failure_is_kept_wherever_it_was_told() {
    let error = |severity: &str, message: &str| json!({"type": "error", "severity": severity, "message": message});
    let result =
        |error: serde_json::Value| json!({"type": "result", "status": "error", "error": error});
    let of =
        |more: &[Value], code| outcome("gemini", &ended_with(more), &ProcessEnd::Exited { code });
    let maximum = error("error", "Maximum session turns exceeded");
    let kept = failed(FailureClass::Agent, "Maximum session turns exceeded");
    assert_eq!(of(std::slice::from_ref(&maximum), 53), kept);
    assert_eq!(
        of(
            &[maximum.clone(), result(json!({"type": "x", "message": ""}))],
            1
        ),
        kept
    );
    assert_eq!(
        of(&[result(json!({"type": "FatalTurnLimitedError"}))], 1),
        failed(FailureClass::Agent, "FatalTurnLimitedError")
    );
    let named = result(json!({"type": "x", "message": "named here"}));
    assert_eq!(
        of(&[maximum, named], 1),
        failed(FailureClass::Agent, "named here")
    );
    let warned = of(&[error("warning", "careful")], 1);
    assert_ne!(warned, failed(FailureClass::Agent, "careful"));
}
