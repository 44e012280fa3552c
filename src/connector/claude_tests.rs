use super::*;
use crate::connector::api::StreamParser;
use crate::connector::registry::ConnectorRegistry;
use crate::connector::stream::{JsonParser, MAX_LINE};
use crate::domain::agent_event::AgentResult;
use crate::domain::process_end::ProcessEnd;
use proptest::prelude::*;
use serde_json::json;
use std::sync::{Arc, LazyLock};

const OK: &str = include_str!("../../tests/data/transcripts/claude.ok.jsonl");
const ERROR_401: &str = include_str!("../../tests/data/transcripts/claude.error-401.jsonl");
static REGISTRY: LazyLock<ConnectorRegistry> = LazyLock::new(ConnectorRegistry::shipped);
const EXIT_0: ProcessEnd = ProcessEnd::Exited { code: 0 };
const EXIT_1: ProcessEnd = ProcessEnd::Exited { code: 1 };

fn parse(stream: &str, stderr: &str, end: &ProcessEnd) -> (Vec<AgentEvent>, AgentResult) {
    let mut parser = REGISTRY.get("claude").unwrap().parser();
    let events = stream
        .lines()
        .flat_map(|line| parser.line(line.as_bytes()))
        .collect();
    stderr
        .lines()
        .for_each(|line| parser.error_line(line.as_bytes()));
    (events, parser.finish(end))
}

fn parser() -> JsonParser<Claude> {
    JsonParser::new(Claude::new(CLAUDE), Arc::default())
}

fn outcome(stream: &str, end: &ProcessEnd) -> StreamOutcome {
    parse(stream, "", end).1.outcome
}

/// A stream of one event and a result with these fields instead of those of a good one.
fn ended_with(fields: serde_json::Value) -> String {
    let mut last = json!({"type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed",
        "api_error_status": null, "result": "text", "permission_denials": []});
    last.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    format!(
        "{}\n{last}\n",
        json!({"type": "system", "subtype": "init", "session_id": "s"})
    )
}

fn failed(class: FailureClass, message: &str) -> StreamOutcome {
    StreamOutcome::Failed {
        class,
        message: message.into(),
    }
}

#[test]
fn a_good_run() {
    let (events, result) = parse(OK, "", &EXIT_0);
    let lines: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    {"type":"session_started","session_id":"5e55105e-0000-4000-8000-000000000001","model":"some-model","version":"2.1.329"}
    {"type":"tool_call","id":"toolu_01","name":"Write","input":{"file_path":"/tree/hello.txt","content":"hello from the plan\n"}}
    {"type":"usage","input_tokens":1000,"output_tokens":1,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"tool_result","id":"toolu_01","is_error":false,"summary":"File created successfully at: /tree/hello.txt (file state is current in your context — no need to Read it back)"}
    {"type":"file_change","path":"/tree/hello.txt","kind":"add"}
    {"type":"tool_call","id":"toolu_03","name":"Read","input":{"file_path":"/tree/README.md"}}
    {"type":"usage","input_tokens":2000,"output_tokens":2,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"tool_result","id":"toolu_03","is_error":false,"summary":"1\t# test\n2\told line\n3\t"}
    {"type":"tool_call","id":"toolu_05","name":"Edit","input":{"replace_all":false,"file_path":"/tree/README.md","old_string":"old line","new_string":"new line"}}
    {"type":"usage","input_tokens":3000,"output_tokens":3,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"tool_result","id":"toolu_05","is_error":false,"summary":"The file /tree/README.md has been updated successfully. (file state is current in your context — no need to Read it back)"}
    {"type":"file_change","path":"/tree/README.md","kind":"update"}
    {"type":"tool_call","id":"toolu_07","name":"Bash","input":{"command":"echo ran > ran.txt"}}
    {"type":"usage","input_tokens":4000,"output_tokens":4,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"tool_result","id":"toolu_07","is_error":false,"summary":"(Bash completed with no output)"}
    {"type":"message","text":"all done"}
    {"type":"usage","input_tokens":5000,"output_tokens":5,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"usage","input_tokens":5000,"output_tokens":250,"cache_read":0,"cache_write":0,"cost_usd":null}
    {"type":"result","is_error":false,"reason":"completed","turns":5,"text":"all done"}
    "##);
    insta::assert_snapshot!(serde_json::to_string(&result).unwrap(), @r#"{"outcome":"completed","session_id":"5e55105e-0000-4000-8000-000000000001","model":"some-model","usage":{"input_tokens":5000,"output_tokens":250,"cache_read":0,"cache_write":0,"cost_usd":null},"denials":[],"final_text":"all done","bad_lines":0}"#);
    let again: AgentResult =
        serde_json::from_str(&serde_json::to_string(&result).unwrap()).unwrap();
    assert_eq!(again, result);
    let back: Vec<AgentEvent> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(back, events);
}

#[test]
fn a_message_in_parts_counts_once_and_the_result_has_the_last_word() {
    let part = |id: &str, input: u64, output: u64| {
        let usage = json!({"input_tokens": input, "output_tokens": output, "cache_creation_input_tokens": 5});
        json!({"type": "assistant", "message": {"id": id, "content": [{"type": "text", "text": "x"}], "usage": usage}})
    };
    let result = json!({"type": "result", "subtype": "success", "usage": {"input_tokens": 100, "output_tokens": 40}});
    let stream = [
        part("a", 10, 1),
        part("a", 10, 1),
        part("a", 10, 3),
        part("b", 20, 1),
        result,
        part("c", 7, 1),
    ];
    let text: String = stream.iter().map(|line| format!("{line}\n")).collect();
    let (events, end) = parse(&text, "", &ProcessEnd::Stopped);
    let used = events.iter().filter_map(|event| match event {
        AgentEvent::Usage(usage) => {
            Some((usage.input_tokens, usage.output_tokens, usage.cache_write))
        }
        _ => None,
    });
    let expected = [
        (10, 1, 5),
        (10, 3, 5),
        (30, 4, 10),
        (100, 40, 0),
        (107, 41, 5),
    ];
    assert_eq!(used.collect::<Vec<_>>(), expected);
    assert_eq!(end.usage.map(|usage| usage.input_tokens), Some(107));
}

#[test]
fn a_refused_key_is_auth_although_the_subtype_says_success() {
    let (events, result) = parse(ERROR_401, "", &EXIT_1);
    let message = "Failed to authenticate. API Error: 401 invalid x-api-key".to_owned();
    assert_eq!(
        result.outcome,
        StreamOutcome::Auth {
            message: message.clone()
        }
    );
    let retries = events
        .iter()
        .filter(|e| {
            matches!(
                e,
                AgentEvent::Retry {
                    status: Some(401),
                    ..
                }
            )
        })
        .count();
    assert_eq!(retries, 2);
    assert!(events.contains(&AgentEvent::Error {
        class: FailureClass::Request,
        message
    }));
    assert_eq!(
        outcome(ERROR_401, &EXIT_0),
        result.outcome,
        "the exit code changes nothing"
    );
}

#[test]
fn every_machine_field_can_fail_a_run() {
    for (fields, expected) in [
        (json!({}), StreamOutcome::Completed),
        (
            json!({"is_error": true}),
            failed(FailureClass::Agent, "text"),
        ),
        (
            json!({"is_error": true, "api_error_status": 500}),
            failed(FailureClass::Provider, "text"),
        ),
        (
            json!({"is_error": true, "api_error_status": 529}),
            failed(FailureClass::Provider, "text"),
        ),
        (
            json!({"is_error": true, "api_error_status": 400}),
            failed(FailureClass::Request, "text"),
        ),
        (
            json!({"is_error": true, "terminal_reason": "api_error"}),
            failed(FailureClass::Provider, "text"),
        ),
        (
            json!({"is_error": true, "api_error_status": 403}),
            StreamOutcome::Auth {
                message: "text".into(),
            },
        ),
        (
            json!({"api_error_status": 429}),
            StreamOutcome::Quota {
                retry_at_ms: None,
                after_ms: None,
            },
        ),
        (
            json!({"terminal_reason": "max_turns"}),
            failed(FailureClass::Limit, "text"),
        ),
        (
            json!({"terminal_reason": "budget_exhausted"}),
            failed(FailureClass::Limit, "text"),
        ),
        (
            json!({"terminal_reason": "something_new"}),
            failed(FailureClass::Agent, "text"),
        ),
        (
            json!({"subtype": "error_max_turns", "result": null}),
            failed(FailureClass::Limit, "error_max_turns"),
        ),
        (
            json!({"subtype": "error_during_execution"}),
            failed(FailureClass::Interrupted, "text"),
        ),
        (
            json!({"subtype": "error_something_new"}),
            failed(FailureClass::Agent, "text"),
        ),
        (json!({"terminal_reason": null}), StreamOutcome::Completed),
    ] {
        assert_eq!(
            outcome(&ended_with(fields.clone()), &EXIT_0),
            expected,
            "{fields}"
        );
    }
}

#[test]
fn the_text_of_the_model_decides_nothing() {
    let text = "usage limit reached|1700000000, not logged in, all tests pass";
    assert_eq!(
        outcome(&ended_with(json!({"result": text})), &EXIT_0),
        StreamOutcome::Completed
    );
    let cut =
        json!({"type": "assistant", "message": {"content": [{"type": "text", "text": "done, success"}]}}).to_string();
    assert_eq!(outcome(&cut, &EXIT_0), StreamOutcome::Truncated);
}

#[test]
fn a_used_up_quota_says_when_to_come_back() {
    let quota = |retry_at_ms, after_ms| StreamOutcome::Quota {
        retry_at_ms,
        after_ms,
    };
    let limited = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_800_000_000}});
    let stream = format!(
        "{limited}\n{}",
        ended_with(json!({"is_error": true, "api_error_status": 429}))
    );
    assert_eq!(
        outcome(&stream, &EXIT_1),
        quota(Some(1_800_000_000_000), None)
    );
    let old = ended_with(json!({"is_error": true, "result": "AI usage limit reached|1800000000"}));
    assert_eq!(outcome(&old, &EXIT_1), quota(Some(1_800_000_000_000), None));
    let trying = |delay: f64| json!({"type": "system", "subtype": "api_retry", "attempt": 3, "retry_delay_ms": delay, "error_status": 429});
    let silent = |delay| {
        outcome(
            &trying(delay).to_string(),
            &ProcessEnd::Silent { after_ms: 1 },
        )
    };
    assert_eq!(
        silent(38_123.7),
        quota(None, None),
        "its own pause, stopped by us while it kept on trying"
    );
    assert_eq!(
        silent(600_000.0),
        quota(None, Some(600_000)),
        "no pause of its own is that long"
    );
    let retry = trying(1170.0);
    let answer = json!({"type": "assistant", "message": {"content": []}});
    assert_eq!(
        outcome(&format!("{retry}\n{answer}"), &EXIT_0),
        StreamOutcome::Truncated,
        "429 once, then fine, then cut"
    );
}

#[test]
fn denials_refuse_a_run_only_where_nothing_was_changed() {
    let denials =
        json!([{"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "cargo test"}}]);
    let expected = Denial {
        tool: "Bash".into(),
        reason: "cargo test".into(),
    };
    let last = ended_with(json!({"permission_denials": denials}));
    assert_eq!(
        outcome(&last, &EXIT_0),
        StreamOutcome::Refused {
            denials: vec![expected.clone()]
        }
    );
    let (_, result) = parse(&format!("{OK}{last}"), "", &EXIT_0);
    assert_eq!(
        (result.outcome, result.denials),
        (StreamOutcome::Completed, vec![expected])
    );
    let event = json!({"type": "system", "subtype": "permission_denied", "tool_name": "Write", "decision_reason": "mode"});
    let (events, result) = parse(&format!("{event}\n{last}"), "", &EXIT_0);
    assert_eq!(
        result.denials,
        [Denial {
            tool: "Write".into(),
            reason: "mode".into()
        }]
    );
    assert_eq!(
        events
            .iter()
            .filter(|e| matches!(e, AgentEvent::PermissionDenied(_)))
            .count(),
        1
    );
}

#[test]
fn a_bad_end_is_worse_than_a_good_result() {
    let good = ended_with(json!({}));
    assert_eq!(
        outcome(&good, &EXIT_1),
        failed(FailureClass::Exit, "exit code 1")
    );
    assert!(matches!(
        outcome(&good, &ProcessEnd::OutOfMemory),
        StreamOutcome::Failed {
            class: FailureClass::Exit,
            ..
        }
    ));
    assert_eq!(
        outcome(&good, &ProcessEnd::TimedOut { after_ms: 1 }),
        StreamOutcome::Completed
    );
}

#[test]
fn no_result_is_never_success() {
    assert_eq!(outcome("", &EXIT_0), StreamOutcome::NoResult);
    assert_eq!(
        outcome("hello\n{\"half\": ", &EXIT_0),
        StreamOutcome::NoResult
    );
    let (first, _) = OK.split_once('\n').unwrap();
    assert_eq!(outcome(first, &EXIT_0), StreamOutcome::Truncated);
    let (_, result) = parse(
        "",
        "\u{1b}[31mNot logged in\u{1b}[0m · Please run /login",
        &EXIT_1,
    );
    assert_eq!(
        result.outcome,
        StreamOutcome::Auth {
            message: "Not logged in · Please run /login".into()
        }
    );
    let (_, result) = parse("", "boom", &EXIT_1);
    assert_eq!(
        result.outcome,
        failed(FailureClass::Exit, "exit code 1: boom")
    );
}

#[test]
fn a_known_price_is_kept_and_a_made_up_one_is_not() {
    let with = |basis: &str| {
        let models = json!({"m": {"costBasis": basis}});
        let usage = json!({"input_tokens": 1, "output_tokens": 2.0, "cache_read_input_tokens": 3, "cache_creation_input_tokens": -4});
        let stream =
            ended_with(json!({"total_cost_usd": 0.5, "modelUsage": models, "usage": usage}));
        parse(&stream, "", &EXIT_0).1.usage.unwrap()
    };
    let expected = Usage {
        input_tokens: 1,
        output_tokens: 2,
        cache_read: 3,
        cache_write: 0,
        cost_usd: Some(0.5),
        at_least: false,
    };
    assert_eq!(with("list"), expected);
    assert_eq!(with("unknown").cost_usd, None);
}

#[test]
fn garbage_between_events_is_counted_and_skipped() {
    let mut parser = parser();
    let garbage: [&[u8]; 7] = [
        b"\xff\xfe",
        b"{\"type\":\"result\",\"is_err",
        b"{\"a\": NaN}",
        b"[1]",
        b"null",
        b"{} {}",
        &b"[".repeat(200_000),
    ];
    for line in garbage {
        assert_eq!(parser.line(line), []);
    }
    let mut events = Vec::new();
    for line in OK.lines() {
        events.extend(parser.line(format!("{line}\r\n").as_bytes()));
        assert_eq!(
            parser.line(b"{\"type\":\"event_of_tomorrow\",\"n\":123456789012345678901234567890}"),
            []
        );
    }
    let result = Box::new(parser).finish(&EXIT_0);
    assert_eq!(
        (result.bad_lines, result.outcome),
        (7, StreamOutcome::Completed)
    );
    assert_eq!(events, parse(OK, "", &EXIT_0).0);
}

#[test]
fn a_line_of_three_megabytes_makes_a_small_event() {
    let big = "x".repeat(3 << 20);
    let block = json!({"type": "tool_use", "id": "t", "name": "Write", "input": {"file_path": "/tree/a", "content": big}});
    let text = json!({"type": "text", "text": big});
    let line = json!({"type": "assistant", "message": {"content": [block, text]}}).to_string();
    let (events, result) = parse(&line, "", &EXIT_0);
    assert_eq!(events.len(), 2);
    assert!(serde_json::to_string(&events).unwrap().len() < 70_000);
    assert_eq!(
        (result.bad_lines, result.outcome),
        (0, StreamOutcome::Truncated)
    );
    let too_long = vec![b' '; MAX_LINE]
        .into_iter()
        .chain(*b"x")
        .chain([b' '; 9])
        .collect::<Vec<u8>>();
    let mut parser = parser();
    assert_eq!(
        parser.line(&[b"{\"a\":\"", too_long.as_slice(), b"\"}"].concat()),
        []
    );
    assert_eq!(Box::new(parser).finish(&EXIT_0).bad_lines, 1);
}

/// JSON objects with the stream's own keys and values of any kind.
fn any_event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(system|assistant|user|result|init|api_retry|success|rejected|tool_use|tool_result|text|Write|\\PC{0,9})"
            .prop_map(Value::from),
    ];
    let key = "(type|subtype|message|content|id|name|input|file_path|tool_use_id|is_error|usage|modelUsage|rate_limit_info|resetsAt|error)";
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_survived(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut parser = parser();
        for line in &lines {
            parser.line(line);
            parser.error_line(line);
        }
        Box::new(parser).finish(&EXIT_0);
    }

    #[test]
    fn events_of_any_shape_are_survived(events in proptest::collection::vec(any_event(), 0..12)) {
        let mut parser = parser();
        for event in &events {
            for event in parser.line(event.to_string().as_bytes()) {
                let text = serde_json::to_string(&event).unwrap();
                let _back: AgentEvent = serde_json::from_str(&text).unwrap();
            }
        }
        Box::new(parser).finish(&EXIT_1);
    }

    #[test]
    fn a_stream_cut_anywhere_is_never_complete(cut in 0..OK.len() - 2) {
        let (_, result) = parse(&String::from_utf8_lossy(&OK.as_bytes()[..cut]), "", &EXIT_0);
        prop_assert_ne!(result.outcome, StreamOutcome::Completed);
    }
}

#[test]
fn tokens_of_background_agents_stand_in_the_sums_over_all_models_only() {
    let init = json!({"type": "system", "subtype": "init", "session_id": "s", "model": "m"});
    let said = |id: &str, block: Value| {
        json!({"type": "assistant", "parent_tool_use_id": null, "message":
        {"id": id, "content": [block], "usage": {"input_tokens": 10, "output_tokens": 1}}})
    };
    let task = json!({"type": "tool_use", "id": "c", "name": "Task", "input": {"run_in_background": true}});
    let text = json!({"type": "text", "text": "done"});
    let result = |own: u64, large: u64, small: u64| {
        json!({"type": "result", "subtype": "success", "is_error": false, "terminal_reason": "completed", "result": "done",
            "total_cost_usd": 0.5, "usage": {"input_tokens": own, "output_tokens": 5},
            "modelUsage": {"large": {"inputTokens": large, "outputTokens": 7, "cacheReadInputTokens": 2, "cacheCreationInputTokens": 3},
                "small": {"inputTokens": small, "outputTokens": 11}}})
    };
    let lines = |events: &[Value]| -> String {
        let texts: Vec<String> = events.iter().map(Value::to_string).collect();
        texts.join("\n")
    };
    let stream = lines(&[
        init.clone(),
        said("a", task),
        result(100, 100, 0),
        init.clone(),
        said("b", text.clone()),
        result(20, 500, 60),
    ]);
    let (_, told) = parse(&stream, "", &EXIT_0);
    assert_eq!(told.outcome, StreamOutcome::Completed);
    assert_eq!(
        told.usage,
        Some(Usage {
            input_tokens: 560,
            output_tokens: 18,
            cache_read: 2,
            cache_write: 3,
            cost_usd: Some(0.5),
            at_least: false
        })
    );
    // A continued session whose sums go on: what was used before is no use of this run.
    let stream = lines(&[init, said("b", text), result(20, 500, 60)]);
    let (_, told) = parse(&stream, "", &EXIT_0);
    assert_eq!(
        told.usage
            .map(|used| (used.input_tokens, used.output_tokens)),
        Some((20, 5))
    );
}
