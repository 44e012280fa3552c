//! Attempts that were interrupted: the next one goes on with the CLI's own session where that can
//! be, and says so; a CLI that does not know the session any more gets a fresh one, once.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{Background, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, poll};

/// Whether the manifest of a scene knows how to continue a session.
#[derive(Clone, Copy, PartialEq)]
enum Flag {
    Resumes,
    /// It is given the id of its session, and tells of it with its last line only.
    IsNamed,
    None,
}

/// A CLI that tells its session, remembers it in its home, and works in two halves. `$MODE` in its
/// first line says how it behaves.
const CLI: &str = r#"
session=fresh
[ "$1" = --resume ] && session=$2
if [ "$1" = --session-id ]; then named=$2; fi
prompt=$(cat)
echo "$session" >> "$BASE/sessions"
printf '%s\n' "$prompt" > "$BASE/prompt-$(wc -l < "$BASE/sessions")"
if [ "$session" != fresh ]; then
  if [ ! -f "$CLI_HOME/$session" ] || [ -f "$BASE/forget" ]; then
    echo "No conversation found with session ID: $session" >&2
    exit 1
  fi
  if [ "$(cat "$CLI_HOME/where")" != "$CLI_HOME" ]; then
    echo "The home of session $session was elsewhere" >&2
    exit 1
  fi
  cat half.txt > work.txt
  echo "second half" >> work.txt
  git status --porcelain half.txt > "$BASE/half-status"
else
  session=${named:-s-$(wc -l < "$BASE/sessions")}
  # As codex does.
  echo "$CLI_HOME" > "$CLI_HOME/where"
fi
echo x > "$CLI_HOME/$session"
told=',"session_id":"'$session'"'
# As copilot does.
[ "$named" ] && told=
echo '{"type":"system","subtype":"init","model":"m"'$told'}'
echo '{"type":"assistant","message":{"id":"m1","content":[{"type":"text","text":"working"}],"usage":{"input_tokens":20,"output_tokens":2}}'$told'}'
if [ ! -f work.txt ]; then
  [ -f half.txt ] && cp half.txt "$BASE/inherited"
  echo "first half" > half.txt
  echo x > "$BASE/halfway"
  if [ ! -f "$BASE/finish" ]; then while :; do sleep 600; done; fi
  echo whole > work.txt
fi
echo '{"type":"result","subtype":"success","is_error":false,"terminal_reason":"completed","num_turns":1,"result":"done","session_id":"'$session'","usage":{"input_tokens":10,"output_tokens":1}}'
"#;

fn halves(flag: Flag) -> (Sandbox, String) {
    let resume = match flag {
        Flag::Resumes => "resume_args: [--resume, '{session}']\n",
        Flag::IsNamed => {
            "resume_args: [--resume, '{session}']\nsession_args: [--session-id, '{session}']\n"
        }
        Flag::None => "",
    };
    let fake = Agent::of_a_cli("fake", "claude-stream-json", CLI)
        .manifest(resume)
        .manifest("home: {env: CLI_HOME, default: run}\n");
    let sandbox = Scene::new().agent(fake).build();
    let id = sandbox.task("One", &[]);
    (sandbox, id)
}

/// Starts a run, and returns when the agent has done half of its work.
fn halfway(sandbox: &Sandbox, id: &str) -> Background {
    let command = sandbox.start(&["run", id]);
    wait_for(&sandbox.base().join("halfway"));
    std::fs::remove_file(sandbox.base().join("halfway")).unwrap();
    command
}

fn interrupted(sandbox: &Sandbox, id: &str) {
    let command = halfway(sandbox, id);
    command.signal("INT");
    assert_eq!(command.wait().code, Some(130));
}

fn said(sandbox: &Sandbox, file: &str) -> String {
    std::fs::read_to_string(sandbox.base().join(file)).unwrap_or_default()
}

#[track_caller]
fn went_on(sandbox: &Sandbox, id: &str, stderr: &str) {
    let first = format!("{id}.1");
    assert_eq!(said(sandbox, "sessions"), "fresh\ns-1\n");
    assert_eq!(
        sandbox.file_at(&format!("ai/{id}/2"), "work.txt"),
        "first half\nsecond half"
    );
    assert_eq!(
        said(sandbox, "half-status"),
        "?? half.txt\n",
        "the files are as they were left"
    );
    assert!(
        stderr
            .lines()
            .any(|line| line == format!("run {id}.2: goes on with session s-1 of run {first}")),
        "{stderr}"
    );
    let run = sandbox.last_run(id);
    assert_eq!(
        (&run["resumed"]["run"], &run["resumed"]["session"]),
        (&first.as_str().into(), &"s-1".into()),
        "{run}"
    );
    assert_eq!(run["end"]["session"], "s-1", "{run}");
    assert_eq!(run["end"].get("resume_refused"), None, "{run}");
    let summary: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{id}.2"), "run.json")).unwrap();
    assert_eq!(summary["resumed"]["session"], "s-1");
    let statement = sandbox.run_file(&format!("{id}.2"), "statement.json");
    let statement: Value = serde_json::from_str(&statement).unwrap();
    assert_eq!(
        statement["predicate"]["resumed"]["session"], "s-1",
        "{statement:#}"
    );
    no_home_is_left(sandbox, id);
    sandbox.is_at_rest(id);
}

/// What a CLI kept in its home is nowhere any more.
#[track_caller]
fn no_home_is_left(sandbox: &Sandbox, id: &str) {
    let state = sandbox.root().join(".git/ai");
    for n in 1..4 {
        assert!(
            !state
                .join("runs")
                .join(format!("{id}.{n}"))
                .join("home")
                .exists(),
            "the home of run {n}"
        );
    }
    for dir in ["sessions", "homes"] {
        let kept = std::fs::read_dir(state.join(dir)).map_or(0, |dir| dir.count());
        assert_eq!(kept, 0, "a home was kept in {dir}");
    }
}

#[test]
fn a_run_that_a_person_stopped_goes_on_with_its_session() {
    let (sandbox, id) = halves(Flag::Resumes);
    interrupted(&sandbox, &id);
    assert_eq!(sandbox.last_run(&id)["end"]["session"], "s-1");
    let second = sandbox.run(&id);
    assert_eq!(second.code, Some(0), "{second}");
    went_on(&sandbox, &id, &second.stderr);
    snapshot!(said(&sandbox, "prompt-2"));
}

#[test]
fn a_run_whose_supervisor_was_killed_goes_on_with_its_session() {
    let (sandbox, id) = halves(Flag::Resumes);
    let command = halfway(&sandbox, &id);
    // What nobody has heard when `ai` is killed cannot be known afterwards.
    let events = sandbox
        .root()
        .join(format!(".git/ai/runs/{id}.1/events.jsonl"));
    poll::until(
        "the session is known",
        crate::support::runs::PATIENCE,
        || std::fs::read_to_string(&events).is_ok_and(|text| text.contains("session_started")),
    );
    command.signal("KILL");
    command.wait();
    let second = sandbox.run(&id);
    assert_eq!(second.code, Some(0), "{second}");
    went_on(&sandbox, &id, &second.stderr);
    snapshot!(said(&sandbox, "prompt-2"));
}

#[test]
fn a_killed_run_goes_on_with_a_session_that_was_never_told() {
    let (sandbox, id) = halves(Flag::IsNamed);
    let command = halfway(&sandbox, &id);
    let events = sandbox
        .root()
        .join(format!(".git/ai/runs/{id}.1/events.jsonl"));
    poll::until(
        "the session has started",
        crate::support::runs::PATIENCE,
        || std::fs::read_to_string(&events).is_ok_and(|text| text.contains("usage")),
    );
    command.signal("KILL");
    command.wait();
    let second = sandbox.run(&id);
    assert_eq!(second.code, Some(0), "{second}");
    // What the first one had told before it was killed, and what the second one says at its end.
    let stats: Value =
        serde_json::from_str(sandbox.ai_ok(&["agent", "stats", "--json"]).stdout.trim()).unwrap();
    assert_eq!(stats["tokens"], 22 + 11, "{stats}");
    let run = sandbox.last_run(&id);
    let session = run["resumed"]["session"].as_str().unwrap().to_owned();
    assert_eq!(session.len(), 36, "a UUID: {session}");
    assert_eq!(said(&sandbox, "sessions"), format!("fresh\n{session}\n"));
    assert_eq!(
        (&run["end"]["session"], run["end"].get("resume_refused")),
        (&session.as_str().into(), None),
        "{run}"
    );
    assert_eq!(
        sandbox.file_at(&format!("ai/{id}/2"), "work.txt"),
        "first half\nsecond half"
    );
    no_home_is_left(&sandbox, &id);
    sandbox.is_at_rest(&id);
}

#[test]
fn a_session_that_the_cli_does_not_know_any_more_becomes_a_fresh_one() {
    let (sandbox, id) = halves(Flag::Resumes);
    interrupted(&sandbox, &id);
    for sign in ["forget", "finish"] {
        std::fs::write(sandbox.base().join(sign), "").unwrap();
    }
    let second = sandbox.run(&id);
    assert_eq!(second.code, Some(0), "{second}");
    assert_eq!(
        said(&sandbox, "sessions"),
        "fresh\ns-1\nfresh\n",
        "asked once, then afresh, once"
    );
    snapshot!(second, @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/2, for main
    run [RUN]: goes on with session s-1 of run [RUN]
    sandbox of [RUN]: none, network on
    run [RUN]: session s-1 was not continued (exit code 1: No conversation found with session ID: s-1); a fresh one begins
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: session s-1 of run [RUN] was not continued: exit code 1: No conversation found with session ID: s-1
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    let run = sandbox.last_run(&id);
    assert_eq!(
        (&run["resumed"]["session"], &run["end"]["session"]),
        (&"s-1".into(), &"s-3".into()),
        "{run}"
    );
    assert!(run["end"]["resume_refused"].is_string(), "{run}");
    assert_eq!(
        said(&sandbox, "inherited"),
        "first half\n",
        "what was done is not lost"
    );
    snapshot!(said(&sandbox, "prompt-3"));
    snapshot!(sandbox.evidence_of(&format!("{id}.2")).join("\n"), @"
    check unit
    diff diff
    events events
    log refused stderr
    log refused stdout
    log stderr
    log stdout
    prompt prompt
    record agent
    record checks
    record routing
    record run
    statement statement
    ");
    let outcome = sandbox.run_file(&format!("{id}.2"), "refused-stderr.log");
    snapshot!(outcome, @"No conversation found with session ID: s-1");
    no_home_is_left(&sandbox, &id);
    sandbox.is_at_rest(&id);
}

#[test]
fn a_cli_that_cannot_resume_starts_afresh_with_the_notes_of_the_attempt() {
    let (sandbox, id) = halves(Flag::None);
    interrupted(&sandbox, &id);
    std::fs::write(sandbox.base().join("finish"), "").unwrap();
    let second = sandbox.run(&id);
    assert_eq!(second.code, Some(0), "{second}");
    assert_eq!(said(&sandbox, "sessions"), "fresh\nfresh\n");
    snapshot!(said(&sandbox, "prompt-2"));
    assert_eq!(sandbox.last_run(&id).get("resumed"), None);
    no_home_is_left(&sandbox, &id);
}

#[test]
fn the_home_of_a_session_goes_with_its_task() {
    let (sandbox, id) = halves(Flag::Resumes);
    interrupted(&sandbox, &id);
    let kept = sandbox
        .root()
        .join(".git/ai/sessions")
        .join(format!("{id}.1"));
    assert!(kept.join("s-1").is_file());
    sandbox.ai_ok(&["task", "cancel", &id]);
    let other = sandbox.task("Another", &[]);
    std::fs::write(sandbox.base().join("finish"), "").unwrap();
    poll::until("the home is gone", crate::support::runs::PATIENCE, || {
        sandbox.run(&other);
        !kept.exists()
    });
}
