//! How each thing that an agent can say reads.

use super::*;
use crate::domain::agent_event::{Denial, FailureClass, PlanStep, Usage};

#[test]
fn each_saying_reads_as_a_person_wants_it() {
    let call = |name: &str, input| AgentEvent::ToolCall {
        id: "1".into(),
        name: name.into(),
        input,
    };
    let result = |is_error, summary: &str| AgentEvent::ToolResult {
        id: "1".into(),
        is_error,
        summary: summary.into(),
    };
    let started = |model: Option<&str>, version: Option<&str>| AgentEvent::SessionStarted {
        session_id: None,
        model: model.map(str::to_owned),
        version: version.map(str::to_owned),
    };
    let retry = |status, delay_ms| AgentEvent::Retry {
        attempt: 2,
        status,
        delay_ms,
    };
    let end = |is_error, turns, text: &str| AgentEvent::Result {
        is_error,
        reason: "completed".into(),
        turns,
        text: text.into(),
    };
    let all = [
        started(Some("m-1"), Some("2.0")),
        started(None, None),
        AgentEvent::Message {
            text: "Hello,\nworld\u{1b}[2J\n".into(),
        },
        AgentEvent::Thinking { text: "hm".into() },
        call("Bash", serde_json::json!({ "command": "make\ntest" })),
        call("Edit", serde_json::json!({ "path": "a", "old": "b" })),
        call("List", serde_json::json!({})),
        call("Odd", serde_json::json!(7)),
        result(false, "ok\nmore"),
        result(true, ""),
        AgentEvent::FileChange {
            path: "a\nb".into(),
            kind: FileChangeKind::Add,
        },
        AgentEvent::FileChange {
            path: "c".into(),
            kind: FileChangeKind::Delete,
        },
        AgentEvent::Plan {
            steps: vec![PlanStep {
                text: "look".into(),
                status: "pending".into(),
            }],
        },
        AgentEvent::Usage(Usage::default()),
        AgentEvent::PermissionDenied(Denial {
            tool: "Bash".into(),
            reason: "rm".into(),
        }),
        retry(Some(429), Some(1_500)),
        retry(None, None),
        AgentEvent::Error {
            class: FailureClass::Agent,
            message: "x".repeat(CLIP + 1),
        },
        AgentEvent::Stall {
            ended: false,
            signs: vec!["silent".into(), "idle".into()],
        },
        AgentEvent::Stall {
            ended: true,
            signs: vec![],
        },
        end(false, Some(3), "said before"),
        end(true, None, "why"),
    ];
    let said = all.map(Said::Event).into_iter();
    let said = said.chain([Said::Stderr("careful\u{7}".into())]);
    let shown: Vec<String> = said
        .map(|said| text(&said).unwrap_or_else(|| "(nothing)".into()))
        .collect();
    insta::assert_snapshot!(shown.join("\n").replace(&"x".repeat(CLIP), "[CLIP]"), @r#"
    -- session with m-1, version 2.0
    -- session
    Hello,
    world\e[2J
    (thinking) hm
    > Bash make\ntest
    > Edit {"path":"a","old":"b"}
    > List
    > Odd 7
    < ok\nmore
    < !
    * added a\nb
    * deleted c
    -- plan
       [pending] look
    (nothing)
    ! denied: Bash: rm
    ! the model is asked again (try 2, HTTP 429, in 2 s)
    ! the model is asked again (try 2)
    ! error: [CLIP]…
    ! it may stand still: silent; idle
    ! ended, since it stood still
    -- ended (completed, turns 3)
    -- ended with an error (completed): why
    stderr: careful\u{7}
    "#);
}
