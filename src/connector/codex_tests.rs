use super::*;
use crate::connector::stream_tests::{EXIT_0, comes_to, failed, lines, outcome, parse};
use crate::domain::process_end::ProcessEnd;
use serde_json::json;

const OK: &str = include_str!("../../tests/data/transcripts/codex.ok.jsonl");
const ERROR_401: &str = include_str!("../../tests/data/transcripts/codex.error-401.jsonl");

fn good_end() -> Value {
    json!({"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2}})
}

fn begun(more: &[Value]) -> String {
    let head = [
        json!({"type": "thread.started", "thread_id": "t"}),
        json!({"type": "turn.started"}),
    ];
    lines(&[&head, more].concat())
}

#[test]
fn a_good_run() {
    comes_to(
        "codex",
        OK,
        &[
            "session 5e55105e-0000-4000-8000-000000000001 - -",
            "calls apply_patch",
            "works",
            "adds /tree/hello.txt",
            "calls shell",
            "works",
            "calls apply_patch",
            "works",
            "updates /tree/README.md",
            "calls shell",
            "works",
            "says all done",
            "used 5000 250",
            "ends false completed Some(1) all done",
        ],
    );
}

#[test]
fn a_refused_key_shows_five_retries_and_is_told_in_the_words_of_the_cli() {
    let (events, result) = parse("codex", ERROR_401, "", &EXIT_0);
    let retries: Vec<u32> = events
        .iter()
        .filter_map(|e| match e {
            AgentEvent::Retry {
                attempt,
                status: Some(401),
                ..
            } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(retries, [1, 2, 3, 4, 5]);
    let StreamOutcome::Auth { message } = result.outcome else {
        panic!("{:?}", result.outcome)
    };
    assert!(
        message.starts_with("unexpected status 401 Unauthorized: invalid api key"),
        "{message}"
    );
}

#[test]
fn a_notice_is_not_final() {
    let notice = |status: u16| json!({"type": "error", "message": format!("Reconnecting... 1/5 (unexpected status {status} x)")});
    let answer = json!({"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": "hi"}});
    assert_eq!(
        outcome(
            "codex",
            &begun(&[notice(500), answer.clone(), good_end()]),
            &EXIT_0
        ),
        StreamOutcome::Completed
    );
    let quota = StreamOutcome::Quota {
        retry_at_ms: None,
        after_ms: None,
    };
    assert_eq!(
        outcome(
            "codex",
            &begun(&[notice(429)]),
            &ProcessEnd::Silent { after_ms: 1 }
        ),
        quota
    );
    assert_eq!(
        outcome("codex", &begun(&[notice(429), answer]), &EXIT_0),
        StreamOutcome::Truncated
    );
}

#[test]
fn a_failed_turn_is_judged_by_its_message() {
    let of = |message: &str| {
        outcome(
            "codex",
            &begun(&[json!({"type": "turn.failed", "error": {"message": message}})]),
            &EXIT_0,
        )
    };
    let quota = StreamOutcome::Quota {
        retry_at_ms: None,
        after_ms: None,
    };
    assert_eq!(of("You've hit your usage limit."), quota);
    assert_eq!(of("unexpected status 429 Too Many Requests"), quota);
    assert_eq!(
        of("exceeded retry limit, last status: 429 Too Many Requests"),
        quota
    );
    assert_eq!(
        of("unexpected status 400 Bad"),
        failed(FailureClass::Request, "unexpected status 400 Bad")
    );
    assert_eq!(
        of("stream disconnected"),
        failed(FailureClass::Provider, "stream disconnected")
    );
}

#[test]
fn a_sandbox_that_cannot_start_is_a_refusal_although_the_exit_code_is_0() {
    let change = |status: &str| {
        let changes = json!([{"path": "/tree/a", "kind": "delete"}]);
        json!({"type": "item.completed", "item": {"id": "i", "type": "file_change", "changes": changes, "status": status}})
    };
    let refused = outcome("codex", &begun(&[change("failed"), good_end()]), &EXIT_0);
    assert!(
        matches!(&refused, StreamOutcome::Refused { denials } if denials[0].reason.contains("/tree/a")),
        "{refused:?}"
    );
    let both = begun(&[change("failed"), change("completed"), good_end()]);
    assert_eq!(outcome("codex", &both, &EXIT_0), StreamOutcome::Completed);
}

#[test]
fn a_new_turn_opens_the_run_again() {
    let again = begun(&[good_end(), json!({"type": "turn.started"})]);
    assert_eq!(outcome("codex", &again, &EXIT_0), StreamOutcome::Truncated);
    let (_, result) = parse("codex", &begun(&[good_end()]), "", &EXIT_0);
    let usage = Usage {
        input_tokens: 6,
        output_tokens: 2,
        cache_read: 4,
        cache_write: 0,
        cost_usd: None,
        at_least: false,
    };
    assert_eq!(result.usage, Some(usage));
}

#[test]
fn what_it_used_is_a_lower_bound_once_it_has_handed_work_to_another_agent() {
    let collab = |kind: &str| {
        let item = json!({
            "id": "i", "type": "collab_tool_call", "tool": "spawn_agent", "status": "in_progress",
            "sender_thread_id": "t", "receiver_thread_ids": [], "agents_states": {},
        });
        json!({"type": kind, "item": item})
    };
    let is_floor = |stream: &str| {
        let (_, result) = parse("codex", stream, "", &EXIT_0);
        result.usage.map(|usage| usage.at_least)
    };
    assert_eq!(is_floor(&begun(&[good_end()])), Some(false));
    for kind in ["item.started", "item.completed"] {
        assert_eq!(
            is_floor(&begun(&[collab(kind), good_end()])),
            Some(true),
            "{kind}"
        );
    }
}

#[test]
fn other_items_are_told() {
    let item = |kind: &str, item: Value| {
        let mut item = item;
        item["id"] = json!("i");
        json!({"type": kind, "item": item})
    };
    let stream = begun(&[
        item(
            "item.started",
            json!({"type": "todo_list", "items": [{"text": "a", "completed": true}, {"text": "b"}]}),
        ),
        item("item.completed", json!({"type": "reasoning", "text": "hm"})),
        item(
            "item.started",
            json!({"type": "mcp_tool_call", "server": "s", "tool": "t", "arguments": {}}),
        ),
        item(
            "item.completed",
            json!({"type": "mcp_tool_call", "status": "failed", "error": {"message": "no"}}),
        ),
        item(
            "item.completed",
            json!({"type": "error", "message": "no metadata for this model"}),
        ),
        item("item.completed", json!({"type": "item_of_tomorrow"})),
        good_end(),
    ]);
    comes_to(
        "codex",
        &stream,
        &[
            "session t - -",
            "plans 2",
            "thinks hm",
            "calls s.t",
            "fails",
            "error Agent: no metadata for this model",
            "used 6 2",
            "ends false completed Some(1) ",
        ],
    );
}
