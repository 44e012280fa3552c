//! The protocol on recorded conversations with real agents (`>` is what `ai` said, `<` what the
//! agent did), and on garbage.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::Path;

use super::super::api::StreamParser;
use super::super::dialogue::{
    AfterTurn, AskedCall, CallKind, Dialogue, DialogueTurn, ToolGate, ToolRuling,
};
use super::super::registry::ConnectorRegistry;
use super::super::stream_tests::{EXIT_0, EXIT_1, brief, failed};
use super::AcpSession;
use crate::domain::agent_event::{AgentResult, Denial, FailureClass, StreamOutcome};
use crate::domain::process_end::ProcessEnd;

const PROMPT: &str = "Please write the file hello.txt with one line in it.";

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../tests/data/transcripts/", $name, ".txt"))
    };
}

/// Answers every question alike, and remembers them.
struct Always(ToolRuling, Vec<AskedCall>);

impl ToolGate for Always {
    fn may(&mut self, call: &AskedCall) -> ToolRuling {
        self.1.push(call.clone());
        self.0.clone()
    }
}

fn yes() -> Always {
    Always(ToolRuling::Allow, Vec::new())
}

fn session() -> AcpSession {
    AcpSession::new(Path::new("/w"), PROMPT, None)
}

fn parser(connector: &str) -> Box<dyn StreamParser> {
    ConnectorRegistry::shipped()
        .get(connector)
        .unwrap()
        .parser()
}

fn said(turn: &DialogueTurn) -> Vec<Value> {
    turn.lines
        .iter()
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// Plays the agent's side of a recording; what is said must be what was said then.
fn replay(recording: &str, gate: &mut dyn ToolGate) -> AfterTurn {
    let mut session = session();
    let mut then = AfterTurn::Listen;
    let mut saying = said(&session.open());
    saying[0]["params"]
        .as_object_mut()
        .unwrap()
        .remove("clientInfo");
    for (side, line) in recording.lines().map(|line| line.split_at(2)) {
        if side == "> " {
            assert!(!saying.is_empty(), "nothing was said instead of {line}");
            assert_eq!(
                saying.remove(0),
                serde_json::from_str::<Value>(line).unwrap()
            );
        } else {
            assert_eq!(saying, [Value::Null; 0], "before {line}");
            let turn = session.hear(line.as_bytes(), gate);
            saying = said(&turn);
            then = turn.then;
        }
    }
    then
}

fn read(connector: &str, recording: &str, end: &ProcessEnd) -> (Vec<String>, AgentResult) {
    let mut parser = parser(connector);
    let lines = recording.lines().filter_map(|line| line.strip_prefix("< "));
    let events = lines
        .flat_map(|line| parser.line(line.as_bytes()))
        .map(|event| brief(&event))
        .collect();
    (events, parser.finish(end))
}

const GOOD: [(&str, &str); 4] = [
    ("gemini-acp", recorded!("gemini-acp.ok")),
    ("opencode-acp", recorded!("opencode-acp.ok")),
    ("qwen-acp", recorded!("qwen-acp.ok")),
    ("copilot-acp", recorded!("copilot-acp.ok")),
];

#[test]
fn a_recorded_conversation_is_held_again() {
    for (connector, recording) in GOOD {
        let mut gate = yes();
        assert_eq!(
            replay(recording, &mut gate),
            AfterTurn::Close,
            "{connector}"
        );
        let [asked] = gate.1.as_slice() else {
            panic!("{connector}: {:?}", gate.1)
        };
        assert_eq!(asked.kind, CallKind::Edit);
        assert!(
            asked.paths.contains(&"/w/hello.txt".to_owned()),
            "{asked:?}"
        );
    }
}

#[test]
fn a_recorded_good_run_comes_to_its_events() {
    let (events, result) = read("gemini-acp", GOOD[0].1, &EXIT_0);
    assert_eq!(
        events,
        [
            "session b38e076f-29ff-44fc-ad33-545ab54982fb gemini-2.5-pro 0.61.0",
            "says I write the file.",
            "calls Writing to hello.txt",
            "works",
            "adds /w/hello.txt",
            "says All done.",
            "used 2000 100",
            "ends false end_turn None All done.",
        ]
    );
    assert_eq!(result.outcome, StreamOutcome::Completed);
    for (connector, recording) in GOOD {
        let (events, result) = read(connector, recording, &EXIT_0);
        assert_eq!(
            (result.outcome, result.bad_lines),
            (StreamOutcome::Completed, 0),
            "{connector}"
        );
        // One tells paths as seen from the worktree.
        let adds = |event: &String| event == "adds /w/hello.txt" || event == "adds hello.txt";
        assert!(events.iter().any(adds), "{connector}: {events:?}");
        assert_eq!(result.final_text.as_deref(), Some("All done."));
        let (_, ended_late) = read(connector, recording, &ProcessEnd::Dismissed);
        assert_eq!(ended_late.outcome, StreamOutcome::Completed, "{connector}");
    }
}

#[test]
fn a_refused_key_is_told_in_three_ways() {
    let recordings = [
        ("gemini-acp", recorded!("gemini-acp.error-401")),
        ("opencode-acp", recorded!("opencode-acp.error-401")),
        ("qwen-acp", recorded!("qwen-acp.error-401")),
        ("copilot-acp", recorded!("copilot-acp.error-401")),
    ];
    for (connector, recording) in recordings {
        assert_eq!(
            replay(recording, &mut yes()),
            AfterTurn::Close,
            "{connector}"
        );
        let (_, result) = read(connector, recording, &EXIT_0);
        assert!(
            matches!(result.outcome, StreamOutcome::Auth { .. }),
            "{connector}: {:?}",
            result.outcome
        );
    }
}

#[test]
fn a_failure_told_in_words_is_taken_from_the_agent_that_does_so_and_from_its_last_piece() {
    let run = |agent: &str, pieces: &[&str]| {
        let update = |text: &&str| {
            let content = json!({"type": "text", "text": text});
            let update = json!({"sessionUpdate": "agent_message_chunk", "content": content});
            format!(
                "< {}\n",
                json!({"method": "session/update", "params": {"update": update}})
            )
        };
        let hello =
            json!({"id": 1, "result": {"protocolVersion": 1, "agentInfo": {"name": agent}}});
        let said: String = pieces.iter().map(update).collect();
        let recording = format!(
            "< {hello}\n{said}< {}",
            json!({"id": 4, "result": {"stopReason": "end_turn"}})
        );
        read("copilot-acp", &recording, &EXIT_0).1.outcome
    };
    let told =
        "Error: Failed to get response from the AI model; retried 5 times Last error: 429 too many";
    assert!(matches!(
        run("Copilot", &[told]),
        StreamOutcome::Quota { .. }
    ));
    let broken = "Error: Failed to get response from the AI model; Last error: Failed to parse";
    assert!(matches!(
        run("Copilot", &[broken]),
        StreamOutcome::Failed {
            class: FailureClass::Provider,
            ..
        }
    ));
    assert_eq!(
        run("Copilot", &[told, "It works now."]),
        StreamOutcome::Completed
    );
    assert_eq!(
        run("Copilot", &["Done. ", "Error: 429 was the bug."]),
        StreamOutcome::Completed
    );
    assert_eq!(run("other", &[told]), StreamOutcome::Completed);
}

#[test]
fn a_conversation_that_breaks_off_anywhere_is_not_complete() {
    for (connector, recording) in GOOD {
        let lines: Vec<&str> = recording.lines().collect();
        for most in 0..lines.len() {
            let (_, result) = read(connector, &lines[..most].join("\n"), &EXIT_0);
            let expected = failed(
                FailureClass::Exit,
                "the agent ended before it had answered the prompt",
            );
            assert_eq!(result.outcome, expected, "{connector} after {most} lines");
        }
        let (_, result) = read(connector, recording, &EXIT_1);
        assert_eq!(
            result.outcome,
            failed(FailureClass::Exit, "exit code 1"),
            "{connector}"
        );
    }
}

/// A session that has given its prompt.
fn working() -> AcpSession {
    let mut session = session();
    session.open();
    for result in [json!({"protocolVersion": 1}), json!({"sessionId": "s"})] {
        let id = if result.get("sessionId").is_some() {
            2
        } else {
            1
        };
        let turn = hear(
            &mut session,
            &json!({"id": id, "result": result}),
            &mut yes(),
        );
        assert_eq!((turn.lines.len(), turn.then), (1, AfterTurn::Listen));
    }
    session
}

fn hear(session: &mut AcpSession, message: &Value, gate: &mut dyn ToolGate) -> DialogueTurn {
    session.hear(message.to_string().as_bytes(), gate)
}

fn request(kinds: &[&str]) -> Value {
    let options: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({"optionId": format!("id-{kind}"), "kind": kind}))
        .collect();
    let call = json!({"toolCallId": "c", "title": "rm", "kind": "execute", "locations": [{"path": "/etc"}]});
    json!({"id": "q", "method": "session/request_permission", "params": {"toolCall": call, "options": options}})
}

#[test]
fn leave_is_given_for_once_or_not_at_all() {
    let answers: [(ToolRuling, &[&str], Value); 5] = [
        (
            ToolRuling::Allow,
            &["allow_always", "allow_once"],
            json!({"outcome": "selected", "optionId": "id-allow_once"}),
        ),
        (
            ToolRuling::Allow,
            &["allow_always", "reject_once"],
            json!({"outcome": "cancelled"}),
        ),
        (
            deny(),
            &["allow_once", "reject_always", "reject_once"],
            json!({"outcome": "selected", "optionId": "id-reject_once"}),
        ),
        (
            deny(),
            &["allow_once", "reject_always"],
            json!({"outcome": "selected", "optionId": "id-reject_always"}),
        ),
        (deny(), &["allow_once"], json!({"outcome": "cancelled"})),
    ];
    for (ruling, kinds, expected) in answers {
        let mut gate = Always(ruling.clone(), Vec::new());
        let turn = hear(&mut working(), &request(kinds), &mut gate);
        assert_eq!(
            said(&turn),
            [json!({"jsonrpc": "2.0", "id": "q", "result": {"outcome": expected}})]
        );
        let denied = Denial {
            tool: "execute: rm".into(),
            reason: "no".into(),
        };
        assert_eq!(
            turn.denials,
            if ruling == ToolRuling::Allow {
                vec![]
            } else {
                vec![denied]
            }
        );
        let digest = gate.1[0].digest.clone();
        assert!(digest.is_some(), "what a command does is said by its words");
        let paths = vec!["/etc".into()];
        assert_eq!(
            gate.1,
            [AskedCall {
                kind: CallKind::Execute,
                title: "rm".into(),
                paths,
                digest,
                gone: Vec::new(),
                command: None
            }]
        );
    }
}

fn deny() -> ToolRuling {
    ToolRuling::Deny("no".into())
}

#[test]
fn what_only_a_person_can_allow_ends_the_prompt() {
    let mut session = working();
    let park = ToolRuling::Park("a person looks first".into());
    let turn = hear(
        &mut session,
        &request(&["allow_once", "reject_once"]),
        &mut Always(park, Vec::new()),
    );
    let cancelled =
        json!({"jsonrpc": "2.0", "id": "q", "result": {"outcome": {"outcome": "cancelled"}}});
    let cancel =
        json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s"}});
    assert_eq!(said(&turn), [cancelled, cancel]);
    assert_eq!((turn.then, turn.denials.len()), (AfterTurn::Close, 1));
    let mut gate = yes();
    assert_eq!(
        hear(&mut session, &request(&["allow_once"]), &mut gate)
            .denials
            .len(),
        1,
        "nothing more is asked"
    );
    assert_eq!(gate.1, []);
}

#[test]
fn a_yes_is_bound_to_the_words_of_a_command() {
    let digest = |title: &str, input: Value| {
        let mut gate = yes();
        let call = json!({"toolCallId": "c", "title": title, "kind": "execute", "rawInput": input});
        let ask =
            json!({"id": 1, "method": "session/request_permission", "params": {"toolCall": call}});
        hear(&mut working(), &ask, &mut gate);
        gate.1[0].digest.clone().unwrap()
    };
    let long = "x".repeat(100_000);
    let all = [
        digest("rm a", json!({})),
        digest("rm b", json!({})),
        digest("rm a", json!({"command": "rm b"})),
        digest(&long, json!({})),
    ];
    assert_eq!(all[0], digest("rm a", json!({})));
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_ne!(
        all[3],
        digest(&(long + "y"), json!({})),
        "also behind what is shown of it"
    );
}

#[test]
fn nothing_may_be_done_before_the_prompt_and_after_its_answer() {
    let mut gate = yes();
    let mut early = session();
    early.open();
    assert_eq!(
        hear(&mut early, &request(&["allow_once"]), &mut gate)
            .denials
            .len(),
        1
    );
    let mut late = working();
    assert_eq!(
        hear(
            &mut late,
            &json!({"id": 4, "result": {"stopReason": "end_turn"}}),
            &mut gate
        )
        .then,
        AfterTurn::Close
    );
    assert_eq!(
        hear(&mut late, &request(&["allow_once"]), &mut gate)
            .denials
            .len(),
        1
    );
    assert_eq!(late.stop(), DialogueTurn::default());
    assert_eq!(gate.1, []);
}

#[test]
fn a_call_may_be_described_before_leave_is_asked() {
    let mut session = working();
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "kind": "edit", "rawInput": {"file_path": "a"}});
    hear(
        &mut session,
        &json!({"method": "session/update", "params": {"update": call}}),
        &mut yes(),
    );
    let mut gate = yes();
    let ask = json!({"id": 7, "method": "session/request_permission", "params": {"toolCall": {"toolCallId": "c"}}});
    hear(&mut session, &ask, &mut gate);
    let paths = vec!["a".into()];
    assert_eq!(
        gate.1,
        [AskedCall {
            kind: CallKind::Edit,
            title: String::new(),
            paths,
            digest: None,
            gone: Vec::new(),
            command: None
        }]
    );
}

#[test]
fn what_is_not_offered_is_refused_and_a_stop_cancels() {
    let mut session = working();
    let turn = hear(
        &mut session,
        &json!({"id": 9, "method": "fs/read_text_file"}),
        &mut yes(),
    );
    assert_eq!(said(&turn)[0]["error"]["code"], -32601);
    assert_eq!(
        hear(&mut session, &json!({"method": "_x/note"}), &mut yes()),
        DialogueTurn::default()
    );
    assert_eq!(
        hear(
            &mut session,
            &json!({"id": 2, "result": {"sessionId": "again"}}),
            &mut yes()
        ),
        DialogueTurn::default()
    );
    let stop = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "s"}});
    assert_eq!(said(&session.stop()), [stop]);
    assert_eq!(session.stop(), DialogueTurn::default());
}

#[test]
fn a_model_is_chosen_where_there_is_an_option_for_it() {
    let mut session = AcpSession::new(Path::new("/w"), PROMPT, Some("m"));
    session.open();
    hear(
        &mut session,
        &json!({"id": 1, "result": {"protocolVersion": 1}}),
        &mut yes(),
    );
    let options = json!([{"id": "x", "category": "mode"}, {"id": "which", "category": "model"}]);
    let opened = json!({"id": 2, "result": {"sessionId": "s", "configOptions": options}});
    let chosen = said(&hear(&mut session, &opened, &mut yes()));
    assert_eq!(chosen[0]["method"], "session/set_config_option");
    assert_eq!(
        chosen[0]["params"],
        json!({"sessionId": "s", "configId": "which", "value": "m"})
    );
    let prompt = said(&hear(
        &mut session,
        &json!({"id": 3, "result": {}}),
        &mut yes(),
    ));
    assert_eq!(prompt[0]["params"]["prompt"][0]["text"], PROMPT);
}

fn outcome_of(message: &Value) -> StreamOutcome {
    let update = json!({"method": "session/update", "params": {"update":
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "429 and 401"}}}});
    read("gemini-acp", &format!("< {update}\n< {message}"), &EXIT_0)
        .1
        .outcome
}

#[test]
fn the_reason_of_the_stop_decides() {
    let stop = |reason: &str| outcome_of(&json!({"id": 4, "result": {"stopReason": reason}}));
    assert_eq!(stop("end_turn"), StreamOutcome::Completed);
    for (reason, class) in [
        ("max_tokens", FailureClass::Limit),
        ("max_turn_requests", FailureClass::Limit),
        ("refusal", FailureClass::Request),
        ("cancelled", FailureClass::Interrupted),
        ("new", FailureClass::Agent),
    ] {
        assert!(
            matches!(stop(reason), StreamOutcome::Failed { class: found, .. } if found == class),
            "{reason}"
        );
    }
    let silent = read(
        "gemini-acp",
        r#"< {"id":4,"result":{"stopReason":"end_turn"}}"#,
        &EXIT_0,
    )
    .1
    .outcome;
    assert_eq!(
        silent,
        failed(
            FailureClass::Provider,
            "the model gave no answer, or none after its last tool call"
        )
    );
    let old = read(
        "gemini-acp",
        r#"< {"id":1,"result":{"protocolVersion":2}}"#,
        &EXIT_0,
    )
    .1
    .outcome;
    assert_eq!(
        old,
        failed(
            FailureClass::Agent,
            "the agent does not speak version 1 of the protocol"
        )
    );
}

#[test]
fn an_error_tells_the_status_of_the_service() {
    let error = |error: Value| outcome_of(&json!({"id": 4, "error": error}));
    assert!(matches!(
        error(json!({"code": -32000, "message": "Authentication required"})),
        StreamOutcome::Auth { .. }
    ));
    assert!(matches!(
        error(json!({"code": 429, "message": "later"})),
        StreamOutcome::Quota { .. }
    ));
    let details =
        json!({"code": -32603, "message": "Internal error", "data": {"details": "503 overloaded"}});
    assert_eq!(
        error(details),
        failed(FailureClass::Provider, "Internal error: 503 overloaded")
    );
    assert_eq!(error(json!(null)), failed(FailureClass::Agent, ""));
}

#[test]
fn what_was_not_allowed_is_no_success_without_a_change() {
    let mut parser = parser("gemini-acp");
    let denial = Denial {
        tool: "edit: x".into(),
        reason: "no".into(),
    };
    parser.denied(denial.clone());
    let update =
        json!({"sessionUpdate": "agent_message_chunk", "content": {"text": "I could not"}});
    parser.line(
        json!({"method": "session/update", "params": {"update": update}})
            .to_string()
            .as_bytes(),
    );
    parser.line(br#"{"id":4,"result":{"stopReason":"end_turn"}}"#);
    assert_eq!(
        parser.finish(&EXIT_0).outcome,
        StreamOutcome::Refused {
            denials: vec![denial]
        }
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "id",
        "method",
        "params",
        "result",
        "error",
        "update",
        "sessionUpdate",
        "tool_call",
        "tool_call_update",
        "plan",
        "session/update",
        "session/request_permission",
        "toolCall",
        "toolCallId",
        "options",
        "kind",
        "optionId",
        "content",
        "text",
        "status",
        "completed",
        "code",
        "data",
        "stopReason",
        "end_turn",
        "locations",
        "path",
        "entries",
        "usage",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..6).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_line_breaks_a_session_or_a_parser(
        messages in prop::collection::vec(any_json(), 0..12),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (mut session, mut parser) = (working(), parser("gemini-acp"));
        let lines = messages.iter().map(|message| message.to_string().into_bytes()).chain([bytes]);
        for line in lines {
            let turn = session.hear(&line, &mut yes());
            for said in &turn.lines {
                prop_assert!(!said.contains(&b'\n'));
            }
            parser.line(&line);
        }
        session.stop();
        parser.finish(&EXIT_0);
    }
}

/// Has these prompts for the agent, and counts how often one was taken.
struct Post(Vec<&'static str>, u32);

impl ToolGate for Post {
    fn may(&mut self, _call: &AskedCall) -> ToolRuling {
        ToolRuling::Allow
    }

    fn next_prompt(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.remove(0).to_owned())
    }

    fn prompt_is_taken(&mut self) {
        self.1 += 1;
    }
}

fn end(id: u64) -> String {
    json!({"jsonrpc": "2.0", "id": id, "result": {"stopReason": "end_turn"}}).to_string()
}

fn update(update: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": update}})
        .to_string()
}

fn chunk() -> String {
    update(
        &json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "done"}}),
    )
}

const GREETINGS: [&str; 2] = [
    r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}"#,
    r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}"#,
];

#[test]
fn what_has_come_meanwhile_is_another_prompt_at_the_end_of_a_turn() {
    let (mut session, mut post) = (
        session(),
        Post(vec!["look at the parser", "and the lexer"], 0),
    );
    session.open();
    for line in GREETINGS {
        session.hear(line.as_bytes(), &mut post);
    }
    // A line, what follows, the text of the prompt that is given, and how often one was taken by then.
    let table = [
        (chunk(), AfterTurn::Listen, None, 0),
        (end(4), AfterTurn::Anew, Some((5, "look at the parser")), 0),
        (end(4), AfterTurn::Listen, None, 0),
        (
            update(&json!({"sessionUpdate": "usage_update"})),
            AfterTurn::Listen,
            None,
            0,
        ),
        (chunk(), AfterTurn::Listen, None, 1),
        (chunk(), AfterTurn::Listen, None, 1),
        // An answer alone says as much.
        (end(5), AfterTurn::Anew, Some((6, "and the lexer")), 1),
        (end(6), AfterTurn::Close, None, 2),
        (end(6), AfterTurn::Listen, None, 2),
    ];
    for (line, then, given, taken) in table {
        let turn = session.hear(line.as_bytes(), &mut post);
        let said = said(&turn);
        let prompt = said.first().map(|one| {
            let text = one["params"]["prompt"][0]["text"].as_str();
            (one["id"].as_u64().unwrap(), text.unwrap().to_owned())
        });
        let given = given.map(|(id, text)| (id, text.to_owned()));
        assert_eq!((turn.then, prompt, post.1), (then, given, taken), "{line}");
    }
}

#[test]
fn a_turn_that_ends_badly_is_the_last() {
    for answer in [
        json!({"jsonrpc": "2.0", "id": 4, "result": {"stopReason": "refusal"}}),
        json!({"jsonrpc": "2.0", "id": 4, "error": {"code": 429, "message": "too many"}}),
    ] {
        let (mut session, mut post) = (session(), Post(vec!["more"], 0));
        session.open();
        for line in GREETINGS {
            session.hear(line.as_bytes(), &mut post);
        }
        let turn = session.hear(answer.to_string().as_bytes(), &mut post);
        assert_eq!(
            (turn.then, post.0.len(), post.1),
            (AfterTurn::Close, 1, 0),
            "{answer}"
        );
    }
}

#[test]
fn the_answer_to_the_last_prompt_decides_and_the_use_is_of_the_session() {
    let ended = |id: u64, tokens: u64| {
        let result =
            json!({"stopReason": "end_turn", "usage": {"inputTokens": tokens, "outputTokens": 1}});
        json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()
    };
    // `>` is where another prompt was given, which is told before the answer to the one before it or after.
    let open = failed(
        FailureClass::Exit,
        "the agent ended before it had answered the prompt",
    );
    let table: [(&[&str], StreamOutcome, u64); 5] = [
        (&["4:7"], StreamOutcome::Completed, 8),
        (&["4:7", ">"], open.clone(), 8),
        (&[">", "4:7"], open, 8),
        // As of the session so far.
        (&["4:7", ">", "5:9"], StreamOutcome::Completed, 10),
        // As of the turn.
        (&[">", "4:7", "5:2"], StreamOutcome::Completed, 11),
    ];
    for (steps, outcome, tokens) in table {
        let mut parser = parser("gemini-acp");
        for line in GREETINGS.iter().copied().chain([chunk().as_str()]) {
            parser.line(line.as_bytes());
        }
        for step in steps {
            match step.split_once(':') {
                Some((id, tokens)) => {
                    parser.line(ended(id.parse().unwrap(), tokens.parse().unwrap()).as_bytes());
                }
                None => parser.prompted_again(),
            }
        }
        let result = parser.finish(&EXIT_0);
        let used = result.usage.unwrap();
        assert_eq!(
            (result.outcome, used.input_tokens + used.output_tokens),
            (outcome, tokens),
            "{steps:?}"
        );
    }
}
