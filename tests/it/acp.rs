//! Agents that ask before they act: a small one that speaks the Agent Client Protocol, and the
//! policy that answers it.

use serde_json::{Value, json};

use crate::snapshot;
use crate::support::runs::wait_for;
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox};

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: no-secrets, on: [edit], paths: ['*.secret'], effect: deny, reason: secrets are not ours}
  - {id: no-tools, on: [tool.call], kinds: [execute, delete], effect: deny, reason: commands are not run here}
  - {id: look-first, on: [tool.call], kinds: [fetch], tools: ['Asks *'], effect: require_approval, reason: a person looks first}
";
/// Everything up to the prompt, and what the agent needs to ask.
const BEGIN: &str = r#"
say() { printf '%s\n' "$1"; }
ask() { # ID KIND PATH
    say '{"jsonrpc":"2.0","id":"'"$1"'","method":"session/request_permission","params":{"sessionId":"s","toolCall":{"toolCallId":"'"$1"'","title":"Asks '"$1"'","kind":"'"$2"'","status":"pending","locations":[{"path":"'"$3"'"}]},"options":[{"optionId":"never","kind":"reject_once"},{"optionId":"ever","kind":"allow_always"},{"optionId":"now","kind":"allow_once"}]}}'
    read -r answer; say "$answer" >>"$BASE/answers"
    case $answer in *'"optionId":"now"'*) true ;; *) false ;; esac
}
update() { say '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":'"$1"'}}'; }
words() { update '{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"'"$1"'"}}'; }
finish() { say '{"jsonrpc":"2.0","id":4,"result":{"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":3}}}'; }
read -r initialize; say "$initialize" >"$BASE/heard"
say '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentInfo":{"name":"talker","version":"1.2"}}}'
read -r open; say "$open" >>"$BASE/heard"
say '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
read -r prompt; say "$prompt" >>"$BASE/heard"
"#;

/// A project with an agent that runs `script` once it has the prompt.
fn talker(script: &str) -> Sandbox {
    let talker = Agent::of_a_cli("talker", "acp", &format!("{BEGIN}\n{script}"));
    Scene::new().policy(POLICY).agent(talker).build()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

fn below(scene: &Sandbox, name: &str) -> Vec<Value> {
    lines(&std::fs::read_to_string(scene.base().join(name)).unwrap())
}

fn events(scene: &Sandbox, id: &str, kind: &str) -> Vec<Value> {
    let all = lines(&scene.run_file(&format!("{id}.1"), "events.jsonl"));
    all.into_iter()
        .filter(|event| event["type"] == kind)
        .collect()
}

/// What was decided during the run about edits and tool calls: action, effect, rule, paths.
fn decisions(scene: &Sandbox, id: &str) -> Vec<[String; 4]> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let all = scene.ai_json_lines(&["policy", "log", id]);
    let asked = all
        .iter()
        .filter(|record| matches!(record["action"].as_str(), Some("edit" | "tool.call")));
    asked
        .map(|r| {
            [
                text(&r["action"]),
                text(&r["effect"]),
                text(&r["rule"]),
                text(&r["resource"]["paths"]),
            ]
        })
        .collect()
}

#[track_caller]
fn lifecycle(scene: &Sandbox, id: &str) -> (Outcome, Value) {
    let outcome = scene.ai(&["run", id, "--json"]);
    let report = outcome.json();
    scene.is_at_rest(id);
    (outcome, report)
}

#[test]
fn what_the_policy_allows_is_done_and_what_it_does_not_is_not() {
    let scene = talker(
        r#"
        ask one edit work.txt && echo work >work.txt
        update '{"sessionUpdate":"tool_call_update","toolCallId":"one","status":"completed","content":[{"type":"diff","path":"work.txt","oldText":null,"newText":"work"}]}'
        ask two edit a.secret && echo no >a.secret
        ask three edit "$BASE/repo/README.md" && echo no >>"$BASE/repo/README.md"
        ask four execute . && echo no >shell
        say '{"jsonrpc":"2.0","id":9,"method":"terminal/create","params":{}}'; read -r answer; say "$answer" >>"$BASE/answers"
        words 'All '; words done
        finish
        while read -r more; do say "$more" >>"$BASE/answers"; done
        "#,
    );
    let id = scene.task("Write it", &["--body", "With \"quotes\"."]);
    let (outcome, report) = lifecycle(&scene, &id);
    assert_eq!(
        (outcome.code, &report["outcome"]),
        (Some(0), &json!("ready_for_review")),
        "{outcome}"
    );

    let heard = below(&scene, "heard");
    let worktree = scene.slot("w1");
    assert_eq!(heard[0]["params"]["protocolVersion"], 1);
    assert_eq!(
        heard[1]["params"],
        json!({"cwd": worktree, "mcpServers": []})
    );
    let prompt = heard[2]["params"]["prompt"][0]["text"].as_str().unwrap();
    assert_eq!(prompt, scene.run_file(&format!("{id}.1"), "prompt.md"));

    let answers = below(&scene, "answers");
    let chosen: Vec<&Value> = answers
        .iter()
        .map(|answer| &answer["result"]["outcome"]["optionId"])
        .collect();
    assert_eq!(
        chosen,
        [
            &json!("now"),
            &json!("never"),
            &json!("never"),
            &json!("never"),
            &Value::Null
        ]
    );
    assert_eq!(answers[4]["error"]["code"], -32601);
    let record = |action: &str, effect: &str, rule: &str, paths: &str| {
        [action, effect, rule, paths].map(str::to_owned)
    };
    assert_eq!(
        decisions(&scene, &id),
        [
            record("edit", "allow", "default", r#"["work.txt"]"#),
            record("edit", "deny", "no-secrets", r#"["a.secret"]"#),
            record("edit", "deny", "built-in.inside-worktree", "null"),
            record("tool.call", "deny", "no-tools", "null"),
        ]
    );
    assert_eq!(
        scene
            .git(&["diff", "--name-only", "main", &format!("ai/{id}/1")])
            .trim(),
        "work.txt"
    );
    assert_eq!(events(&scene, &id, "permission_denied").len(), 3);
    assert_eq!(events(&scene, &id, "file_change")[0]["path"], "work.txt");
    assert_eq!(events(&scene, &id, "usage")[0]["input_tokens"], 7);
    assert_eq!(events(&scene, &id, "message")[0]["text"], "All done");
    assert_eq!(events(&scene, &id, "session_started")[0]["version"], "1.2");
    assert!(
        !scene
            .root()
            .join(".git/ai/runs")
            .join(format!("{id}.1"))
            .join("stdin")
            .exists()
    );
    let asked = lines(&scene.run_file(&format!("{id}.1"), "stdout.log"))
        .into_iter()
        .filter(|line| line["method"] == "session/request_permission");
    assert_eq!(asked.count(), 4, "what it said is kept as it was");
}

#[test]
fn one_that_stays_after_its_answer_is_ended_and_has_not_failed() {
    let scene = talker(
        "ask one edit work.txt && echo work >work.txt; words done; finish; trap '' TERM; sleep 1000",
    );
    let id = scene.task("Write it", &[]);
    let (outcome, report) = lifecycle(&scene, &id);
    assert_eq!(
        (outcome.code, &report["outcome"]),
        (Some(0), &json!("ready_for_review")),
        "{outcome}"
    );
}

#[test]
fn one_that_ends_without_an_answer_has_failed_and_says_so() {
    let scene = talker("echo work >work.txt; exit 0");
    let id = scene.task("Write it", &[]);
    let (outcome, report) = lifecycle(&scene, &id);
    assert_eq!(
        (outcome.code, &report["verdict"]["lifecycle"]),
        (Some(1), &json!("failed")),
        "{outcome}"
    );
    snapshot!(report["summary"].as_str().unwrap(), @"the attempt did not get to its end: the agent ended before it had answered the prompt");
}

#[test]
fn one_that_wants_a_login_waits_for_a_person() {
    let script = r#"say '{"jsonrpc":"2.0","id":4,"error":{"code":-32000,"message":"Authentication required"}}'; read -r x"#;
    let scene = talker(script);
    let id = scene.task("Write it", &[]);
    let (_, report) = lifecycle(&scene, &id);
    assert_eq!(report["verdict"]["lifecycle"], "auth", "{report}");
}

#[test]
fn one_that_hangs_is_told_and_ended() {
    let scene = talker(
        "echo up >\"$BASE/up\"; trap 'T=1' TERM; read -r x || read -r x; say \"$x\" >\"$BASE/cancel\"; sleep 1000",
    );
    let id = scene.task("Write it", &[]);
    let going = scene.start(&["run", &id]);
    wait_for(&scene.base().join("up"));
    going.signal("INT");
    assert_eq!(going.wait().code, Some(130));
    scene.is_at_rest(&id);
    let cancel = below(&scene, "cancel");
    assert_eq!(cancel[0]["method"], "session/cancel");
    assert_eq!(cancel[0]["params"], json!({"sessionId": "s"}));
}

#[test]
fn garbage_in_between_is_passed_over() {
    let scene = talker(
        r#"
        say 'Loading model…'; say '{"jsonrpc":"2.0","id":'; printf '\377\n'; say '[]'; say '{"id":77,"result":{}}'
        ask one edit work.txt && echo work >work.txt
        words done; finish; read -r x; true
        "#,
    );
    let id = scene.task("Write it", &[]);
    let (outcome, report) = lifecycle(&scene, &id);
    assert_eq!(
        (outcome.code, &report["outcome"]),
        (Some(0), &json!("ready_for_review")),
        "{outcome}"
    );
}

#[test]
fn what_needs_a_person_waits_for_one_and_goes_on_with_the_yes() {
    let scene = talker(
        r#"
        echo begun >begun.txt
        ask "$(cat "$BASE/question")" fetch '' || { while read -r x; do say "$x" >>"$BASE/answers"; done; exit 0; }
        echo work >work.txt; words done; finish; read -r x; true
        "#,
    );
    std::fs::write(scene.base().join("question"), "net").unwrap();
    let id = scene.task("Write it", &["--path", "*.txt"]);
    let run = scene.ai(&["run", &id]);
    snapshot!(run);
    scene.is_at_rest(&id);
    let answers = below(&scene, "answers");
    assert_eq!(
        answers[0]["result"]["outcome"],
        json!({"outcome": "cancelled"})
    );
    assert_eq!(answers[1]["method"], "session/cancel");
    assert_eq!(
        scene.file_at(&format!("ai/{id}/1"), "begun.txt"),
        "begun",
        "what it had done is kept"
    );
    let task = scene.show(&id);
    assert_eq!(
        (&task["status"], &task["blocked_by"], &task["attempts"]),
        (&json!("blocked"), &json!("approval"), &Value::Null)
    );
    snapshot!(scene.ai(&["why", &id]));
    // It waits.
    snapshot!(scene.ai(&["run", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is blocked: waits for your yes to [DECISION]: fetch `Asks net` (a person looks first)
      next: `ai why [TASK]`
    ");
    scene.ai_ok(&["lock", "check", "work.txt"]);

    let parked = |scene: &Sandbox, id: &str| {
        let all = scene.ai_json_lines(&["policy", "log", id]);
        let asked: Vec<Value> = all
            .into_iter()
            .filter(|record| record["rule"] == "look-first")
            .collect();
        asked.last().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let decision = parked(&scene, &id);
    let needs = scene.ai_json(&["status"])["needs_you"].take();
    assert_eq!(
        (&needs[0]["kind"], &needs[0]["next"]),
        (&json!("approval"), &json!(format!("ai approve {decision}")))
    );
    let mut explained = scene.ai(&["policy", "explain", &decision]);
    explained.stdout = explained
        .stdout
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    snapshot!(explained);
    let agents_word = scene.ai(&["--as", "agent:talker", "policy", "approve", &decision]);
    snapshot!(agents_word, @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: only a person can approve, and agent:talker is none
      next: ask a person for `ai approve [DECISION]`
    ");
    scene.ai_ok(&["policy", "approve", &decision]);
    assert_eq!(scene.status(&id), "queued");
    // Something else is something else.
    std::fs::write(scene.base().join("question"), "other").unwrap();
    snapshot!(scene.ai(&["run", &id]), @"
    exit: 8
    ----- stdout -----
    [RUN]  parked  blocked
      waits for your yes to [DECISION]: fetch `Asks other` (a person looks first)
    ----- stderr -----
    run [RUN]: talker on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    warning: 1 tool call of the agent refused: fetch: Asks other (a person looks first)
    `ai why [TASK]` says how to go on
    ");
    scene.ai_ok(&["task", "unhold", &id]);
    std::fs::write(scene.base().join("question"), "net").unwrap();
    let outcome = scene.ai(&["run", &id, "--json"]);
    assert_eq!(
        (outcome.code, &outcome.json()["outcome"]),
        (Some(0), &json!("ready_for_review")),
        "{outcome}"
    );
    scene.is_at_rest(&id);
    // A yes for one task is none for another.
    let other = scene.task("The same", &[]);
    snapshot!(scene.ai(&["run", "--all"]), @"
    exit: 8
    ----- stdout -----
    [RUN]  talker  retry_uncounted  blocked  The same
      waits for your yes to [DECISION]: fetch `Asks net` (a person looks first)
    ----- stderr -----
    [TASK]  run [RUN]: talker on branch ai/[TASK]/1, for main
    [TASK]  sandbox of [RUN]: none, network on
    [TASK]  warning: 1 tool call of the agent refused: fetch: Asks net (a person looks first)
    1 task run, 0 wait for your review
    ");
    assert_ne!(parked(&scene, &other), decision);
    let stats = scene.ai_json_lines(&["agent", "stats"]);
    assert_eq!(
        (&stats[0]["good"], &stats[0]["bad"]),
        (&json!(1), &json!(0)),
        "waiting is neither good nor bad"
    );
}
