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
        failed(FailureClass::Agent, "boom"),
        "nothing tells of the service"
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
fn a_quota_is_one_in_whatever_words_a_service_tells_it() {
    let error = |message: &str, more: Value| {
        let mut error = json!({"message": message});
        if let (Some(error), Some(more)) = (error.as_object_mut(), more.as_object()) {
            error.extend(more.clone());
        }
        event(
            json!({"type": "error", "error": error, "errorClass": "unknown", "recoverable": false}),
        )
    };
    for (message, more) in [
        ("429 slow down", json!({})),
        ("Too Many Requests", json!({})),
        (
            "Failed after 3 attempts. Last error: Too Many Requests",
            json!({}),
        ),
        ("Request failed with status code 429", json!({})),
        ("slow down", json!({"statusCode": 429})),
    ] {
        let found = of(&[error(message, more.clone()), result("error", message)]);
        assert!(
            matches!(found, StreamOutcome::Quota { .. }),
            "{message} {more}: {found:?}"
        );
    }
    let down = of(&[
        error("Internal Server Error", json!({})),
        result("error", "x"),
    ]);
    assert_eq!(
        down,
        failed(FailureClass::Provider, "Internal Server Error")
    );
}

#[test]
fn tokens_of_the_cache_are_among_those_that_were_sent() {
    let used = |input: u64, read: u64, write: u64| {
        let end = json!({"type": "run_result", "finishReason": "completed", "usage":
            {"inputTokens": input, "outputTokens": 5, "cacheReadTokens": read, "cacheWriteTokens": write}});
        let usage = parse("cline", &lines(&[end]), "", &EXIT_0).1.usage.unwrap();
        (usage.input_tokens, usage.cache_read, usage.cache_write)
    };
    assert_eq!(used(1000, 700, 100), (200, 700, 100));
    assert_eq!(used(10, 700, 0), (10, 700, 0), "counted apart");
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
