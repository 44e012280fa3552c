//! Who gets a task: the router's choice and its reasons, fallbacks where quota ends, several runs
//! at a time, budgets.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, PATIENCE, open_gate, processes_of, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, mask_also, poll, sorted};

const QUOTA: &str = "cat >/dev/null; exit 75";

/// A project with agents `(name, script, further arguments of the registration)` and more
/// configuration.
fn staffed(agents: &[(&str, &str, &[&str])], more: &str) -> Sandbox {
    let add = |scene: Scene, (name, script, args): &(&str, &str, &[&str])| {
        scene.agent(Agent::new(name, script).registered(args))
    };
    agents.iter().fold(Scene::new().more(more), add).build()
}

/// The same with a check that says what is there where it fails, so that no two failures are taken for one.
fn outspoken(agents: &[(&str, &str, &[&str])], more: &str) -> Sandbox {
    let add = |scene: Scene, (name, script, args): &(&str, &str, &[&str])| {
        scene.agent(Agent::new(name, script).registered(args))
    };
    let scene = Scene::new().check("test -f work.txt || { ls; exit 1; }");
    agents.iter().fold(scene.more(more), add).build()
}

fn agents_of(sandbox: &Sandbox, id: &str) -> Vec<String> {
    sandbox
        .runs_of(id)
        .iter()
        .map(|run| run["agent"].as_str().unwrap().to_owned())
        .collect()
}

/// A CLI of claude's vocabulary whose service answers every request with 529.
const DOWN: &str = r#"cat > /dev/null
[ -f "$BASE/writes" ] && echo x > work.txt
echo '{"type":"system","subtype":"init","session_id":"s-1","model":"m"}'
echo '{"type":"system","subtype":"api_retry","attempt":1,"error_status":529,"error":"overloaded"}'
echo '{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"terminal_reason":"api_error","result":"API Error: 529 Overloaded"}'
exit 1
"#;

#[test]
fn a_provider_that_is_down_uses_up_no_attempt_unless_something_was_changed() {
    let down = |args: &[&str]| Agent::of_a_cli("down", "claude-stream-json", DOWN).registered(args);
    let sandbox = Scene::new().agent(down(&[])).build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &id, "--json"]);
    let end = outcome.json()["run"]["end"].clone();
    let said = |end: &Value| {
        ["lifecycle", "outcome", "summary"].map(|field| end[field].as_str().unwrap().to_owned())
    };
    snapshot!(said(&end).join("; "), @"provider; retry_uncounted; the attempt ended for a reason outside of the work; no attempt is counted: API Error: 529 Overloaded");
    assert_eq!(outcome.code, Some(75), "{outcome}");
    assert_eq!(sandbox.show(&id)["attempts"].as_u64().unwrap_or(0), 0);
    let why = sandbox.ai(&["why", &id, "--json"]).json();
    assert_eq!(why["gates"][0]["gate"], "provider", "{why}");
    // With a change it was an attempt.
    let other = sandbox.task("Two", &[]);
    std::fs::write(sandbox.base().join("writes"), "").unwrap();
    let outcome = sandbox.ai(&["run", &other, "--agent", "down", "--json"]);
    let end = outcome.json()["run"]["end"].clone();
    assert_eq!(said(&end)[..2], ["failed", "retry"]);
    assert_eq!(
        (outcome.code, sandbox.show(&other)["attempts"].as_u64()),
        (Some(1), Some(1))
    );
}

#[test]
fn a_fallback_takes_over_from_a_provider_that_is_down() {
    let sandbox = Scene::new()
        .agent(
            Agent::of_a_cli("down", "claude-stream-json", DOWN)
                .registered(&["--fallback", "spare"]),
        )
        .agent(Agent::new("spare", GOOD))
        .more("defaults: {agent: down}\n")
        .build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &id, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(agents_of(&sandbox, &id), ["down", "spare"]);
}

#[test]
fn a_configured_fallback_takes_over_where_quota_ends_and_everybody_can_see_it() {
    let sandbox = staffed(
        &[
            ("dear", QUOTA, &["--fallback", "spare"]),
            ("other", GOOD, &[]),
            ("spare", GOOD, &[]),
        ],
        "defaults: {agent: dear}\nbudgets: {task: {attempts: 1}}\n",
    );
    let first = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &first, "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let report = outcome.json();
    assert_eq!(report["run"]["routed"]["by"], "fallback");
    assert_eq!(report["run"]["routed"]["fallback_of"], "dear");
    snapshot!(report["warnings"][0].as_str().unwrap(), @"run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later; a configured fallback takes over");
    assert_eq!(agents_of(&sandbox, &first), ["dear", "spare"]);
    snapshot!(outcome.stderr, @"
    run [RUN]: dear on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: dear: its provider has refused for rate or quota; it is left alone for [LEFT]
    run [RUN]: spare in place of dear on branch ai/[TASK]/2, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later; a configured fallback takes over
    ");
    let task = sandbox.show(&first);
    assert_eq!(
        (task["status"].as_str(), task["attempts"].as_u64()),
        (Some("review"), Some(1)),
        "quota is no attempt"
    );
    let trace: Value =
        serde_json::from_str(&sandbox.run_file(&format!("{first}.2"), "routing.json")).unwrap();
    assert_eq!(
        (trace["chosen"].as_str(), trace["fallback_of"].as_str()),
        (Some("spare"), Some("dear"))
    );

    // The pause is the agent's: the next task goes to the fallback at once, and nobody asks the
    // provider again.
    let second = sandbox.task("Two", &[]);
    assert_eq!(sandbox.run(&second).code, Some(0));
    assert_eq!(agents_of(&sandbox, &second), ["spare"]);
    sandbox.is_at_rest(&first);
    sandbox.is_at_rest(&second);
}

#[test]
fn a_model_is_never_changed_without_being_told_to() {
    let sandbox = staffed(
        &[("one", QUOTA, &[]), ("two", GOOD, &[])],
        "defaults: {agent: one}\n",
    );
    let first = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&first), @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: one on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: one: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    assert!(sandbox.show(&first)["not_before_ms"].is_i64());
    let second = sandbox.task("Two", &[]);
    snapshot!(sandbox.run(&second), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (one: out of quota, or its provider down, for another [LEFT])
      next: wait [LEFT], configure a fallback (docs/routing.md), or name an agent with --agent
    ");
    assert_eq!(sandbox.runs_of(&second).len(), 0);
    snapshot!(sandbox.ai(&["why", &second]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Two
      quota      one: out of quota, or its provider down, for another [LEFT]
      next       ai route explain [TASK]
    ----- stderr -----
    ");

    let outcome = sandbox.ai(&["run", &second, "--agent", "two", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(outcome.json()["run"]["routed"]["by"], "override");
}

#[test]
fn an_interrupted_task_is_kept_for_those_who_may_go_on() {
    let sandbox = staffed(
        &[("a", QUOTA, &[]), ("b", GOOD, &[])],
        "router: {prefer: [a]}\n",
    );
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: a on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: a: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    sandbox.ai_ok(&["task", "edit", &id, "--not-before", "now"]);
    // Nobody else was configured.
    snapshot!(sandbox.run(&id), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (a: out of quota, or its provider down, for another [LEFT])
      next: wait [LEFT], configure a fallback (docs/routing.md), or name an agent with --agent
    ");
    assert_eq!(agents_of(&sandbox, &id), ["a"]);
    let fresh = sandbox.task("Two", &[]);
    assert_eq!(
        sandbox.run(&fresh).code,
        Some(0),
        "a task that nobody has begun may go to anybody"
    );
    assert_eq!(agents_of(&sandbox, &fresh), ["b"]);
}

#[test]
fn a_refused_login_goes_to_the_fallback_too() {
    let login = "cat >/dev/null; echo 'error: invalid api key' >&2; exit 1";
    let keyed = Agent::of_a_cli("keyed", "text", login)
        .manifest("patterns: {auth: ['invalid api key']}\n")
        .registered(&["--fallback", "spare"]);
    let sandbox = Scene::new()
        .agent(keyed)
        .agent(Agent::new("spare", GOOD))
        .more("defaults: {agent: keyed}\n")
        .build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(agents_of(&sandbox, &id), ["keyed", "spare"]);
}

#[test]
fn the_router_explains_itself_and_changes_nothing() {
    let sandbox = staffed(
        &[
            (
                "fast",
                GOOD,
                &["--label", "fast,ui", "--capability", "rust"],
            ),
            (
                "slow",
                GOOD,
                &["--capability", "rust", "--fallback", "fast"],
            ),
            (
                "writer",
                GOOD,
                &["--label", "fast", "--capability", "prose"],
            ),
        ],
        "router: {capabilities: {bug: [rust]}}\n",
    );
    let id = sandbox.task("Mend it", &["--type", "bug", "--label", "ui"]);
    let on = sandbox.task("On", &["--label", "on:nowhere"]);
    let before = sandbox.ai_ok(&["log", "--json"]);
    snapshot!(sandbox.ai(&["route", "explain", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  fast  fast scores 4000, the next is slow with 2000
      fast    chosen                 scores 4000  (success +2000, labels +2000)
      slow    outscored              scores 2000, 2000 less  (success +2000)
      writer  out        capability  lacks rust
    ----- stderr -----
    ");
    let trace = sandbox.ai_json(&["route", "explain", &id]);
    assert_eq!(trace["trace"]["chosen"], "fast");
    snapshot!(sandbox.ai(&["route", "explain", &on]), @"
    exit: 0
    ----- stdout -----
    [TASK]  nobody  nobody can have it now
      fast    out  label  does not bear nowhere
      slow    out  label  does not bear nowhere
      writer  out  label  does not bear nowhere
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["route", "explain", &id, "--agent", "writer"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  nobody  a person named writer
      writer  out  capability  lacks rust
    ----- stderr -----
    ");
    assert_eq!(
        sandbox.ai_ok(&["log", "--json"]).stdout,
        before.stdout,
        "looking changes nothing"
    );
    snapshot!(sandbox.ai(&["run", &on]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (fast: does not bear nowhere; slow: does not bear nowhere; writer: does not bear nowhere)
      next: `ai route explain TASK` says what each agent lacks
    ");
}

#[test]
fn success_by_type_moves_the_choice_and_shows_in_the_statistics() {
    let sandbox = outspoken(
        &[
            ("a", "cat >/dev/null; echo no > other.txt", &[]),
            ("b", GOOD, &[]),
        ],
        "",
    );
    let first = sandbox.task("One", &["--type", "bug"]);
    // Its check fails.
    snapshot!(sandbox.run(&first), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        README.md
      other.txt
    ----- stderr -----
    run [RUN]: a on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt || { ls; exit 1; }
    check unit: failed (exit code 1)
    check unit on the base commit: test -f work.txt || { ls; exit 1; }
    check unit on the base commit: failed (exit code 1)
    ");
    assert_eq!(
        agents_of(&sandbox, &first),
        ["a"],
        "the name decides at first"
    );
    let second = sandbox.task("Two", &["--type", "bug"]);
    assert_eq!(sandbox.run(&second).code, Some(0));
    assert_eq!(agents_of(&sandbox, &second), ["b"]);
    let stats = sandbox.ai_json_lines(&["agent", "stats"]);
    let of = |name: &str| {
        stats
            .iter()
            .find(|line| line["agent"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (of("a")["bad"].as_u64(), of("a")["type"].as_str()),
        (Some(1), Some("bug"))
    );
    assert_eq!(
        (of("b")["good"].as_u64(), of("b")["success"].as_f64()),
        (Some(1), Some(1.0))
    );
    let list = sandbox.ai_json_lines(&["agent", "list"]);
    assert_eq!(
        (
            list[0]["status"]["health"].as_str(),
            list[1]["status"]["health"].as_str()
        ),
        (Some("failing"), Some("ok"))
    );
}

const GATED: &str = "cat >/dev/null; echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; echo work > work.txt";

#[test]
fn two_tasks_run_side_by_side_and_all_is_well() {
    let sandbox = staffed(&[("one", GATED, &[]), ("two", GATED, &[])], "");
    let ids = ["One", "Two", "Three"].map(|title| sandbox.task(title, &[]));
    let gates = ids.clone().map(|id| sandbox.pipe(&format!("gate-{id}")));
    let all = sandbox.start(&["run", "--all", "--parallel", "2", "--json"]);
    let started = |n: usize| sandbox.base().join(format!("started-{}", ids[n]));
    wait_for(&started(0));
    wait_for(&started(1));
    assert!(!started(2).exists(), "two at a time");
    open_gate(&gates[0]);
    wait_for(&started(2));
    open_gate(&gates[1]);
    open_gate(&gates[2]);
    let outcome = all.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let lines = outcome.json_lines();
    assert_eq!(lines.len(), 3, "{outcome}");
    assert!(
        lines
            .iter()
            .all(|line| line["status"] == "review" && line["outcome"] == "ready_for_review"),
        "{outcome}"
    );
    // Nothing is left.
    snapshot!(sandbox.ai(&["run", "--all"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no task is ready to be claimed
      next: `ai task list --status blocked` and `ai why TASK` say what the others wait for
    ");
    ids.iter().for_each(|id| sandbox.is_at_rest(id));
}

#[test]
fn tasks_that_conflict_and_agents_that_are_busy_wait_their_turn() {
    let sandbox = staffed(
        &[("one", GATED, &["--parallel", "2"]), ("two", GATED, &[])],
        "",
    );
    let ids = ["One", "Two"].map(|title| sandbox.task(title, &["--path", "work.txt"]));
    let gates = ids.clone().map(|id| sandbox.pipe(&format!("gate-{id}")));
    let all = sandbox.start(&["run", "--all", "--parallel", "4"]);
    wait_for(&sandbox.base().join(format!("started-{}", ids[0])));
    assert_eq!(sandbox.runs_of(&ids[1]).len(), 0);
    open_gate(&gates[0]);
    wait_for(&sandbox.base().join(format!("started-{}", ids[1])));
    open_gate(&gates[1]);
    snapshot!(all.wait(), @"
    exit: 0
    ----- stdout -----
    [RUN]  one  ready_for_review  review  One
    [RUN]  one  ready_for_review  review  Two
    ----- stderr -----
    [TASK]  run [RUN]: one on branch ai/[TASK]/1, for main
    [TASK]  sandbox of [RUN]: none, network on
    [TASK]  check unit: test -f work.txt
    [TASK]  check unit: passed
    [TASK]  run [RUN]: one on branch ai/[TASK]/1, for main
    [TASK]  sandbox of [RUN]: none, network on
    [TASK]  check unit: test -f work.txt
    [TASK]  check unit: passed
    2 tasks run, 2 wait for your review
    ");

    let busy = ["Three", "Four"].map(|title| sandbox.task(title, &["--agent", "two"]));
    let gates = busy.clone().map(|id| sandbox.pipe(&format!("gate-{id}")));
    let all = sandbox.start(&["run", "--all", "--parallel", "2"]);
    wait_for(&sandbox.base().join(format!("started-{}", busy[0])));
    assert_eq!(sandbox.runs_of(&busy[1]).len(), 0, "one at a time");
    open_gate(&gates[0]);
    wait_for(&sandbox.base().join(format!("started-{}", busy[1])));
    open_gate(&gates[1]);
    let outcome = all.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn all_of_them_fall_back_and_failures_show_in_table_and_code() {
    let work = "cat > in; grep -q Bad in && { rm in; echo no > other.txt; exit 0; }; rm in; echo work > work.txt";
    let sandbox = outspoken(
        &[
            ("dear", QUOTA, &["--fallback", "spare"]),
            ("spare", work, &["--parallel", "2"]),
        ],
        "defaults: {agent: dear}\n",
    );
    let good = sandbox.task("Good", &[]);
    let bad = sandbox.task("Bad", &[]);
    let outcome = sandbox.ai(&["run", "--all", "--parallel", "2"]);
    // The one that did not go well decides.
    assert_eq!(outcome.code, Some(6), "{outcome}");
    snapshot!(sorted(&outcome.stdout), @"
        README.md
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
      check `unit` failed (exit code 1)
      other.txt
    [RUN]  spare (for dear)  ready_for_review  review  Good
    [RUN]  spare (for dear)  send_back_checks  queued  Bad
    ");
    assert_eq!(
        (sandbox.status(&good), sandbox.status(&bad)),
        ("review".into(), "queued".into())
    );
    assert_eq!(
        agents_of(&sandbox, &bad)
            .iter()
            .filter(|agent| *agent == "spare")
            .count(),
        1,
        "each task once"
    );
}

#[test]
fn a_task_waits_for_the_room_of_a_busy_fallback() {
    let sandbox = staffed(
        &[
            ("dear", QUOTA, &["--fallback", "spare"]),
            ("spare", GATED, &[]),
        ],
        "",
    );
    let own = sandbox.task("Own", &["--agent", "spare", "--priority", "0"]);
    let other = sandbox.task("Other", &["--agent", "dear"]);
    let gates = [&own, &other].map(|id| sandbox.pipe(&format!("gate-{id}")));
    let all = sandbox.start(&["run", "--all", "--parallel", "2", "--json"]);
    wait_for(&sandbox.base().join(format!("started-{own}")));
    poll::until("the first agent was refused", PATIENCE, || {
        sandbox
            .runs_of(&other)
            .first()
            .is_some_and(|run| run["end"]["lifecycle"] == "quota")
    });
    assert_eq!(
        sandbox.show(&other)["not_before_ms"],
        Value::Null,
        "the pause is the agent's, not the task's"
    );
    open_gate(&gates[0]);
    wait_for(&sandbox.base().join(format!("started-{other}")));
    open_gate(&gates[1]);
    let outcome = all.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let lines = outcome.json_lines();
    assert_eq!(lines.len(), 2, "each task has one line: {outcome}");
    assert_eq!(
        (lines[1]["task"].as_str(), lines[1]["fallback_of"].as_str()),
        (Some(other.as_str()), Some("dear"))
    );
    assert_eq!(agents_of(&sandbox, &other), ["dear", "spare"]);
    sandbox.is_at_rest(&other);
}

#[test]
fn a_pause_binds_the_agent_that_was_refused_and_nobody_else() {
    let soon = "cat >/dev/null; [ -e \"$BASE/fresh\" ] && { echo work > work.txt; exit 0; }; \
                echo 'error: rate limit reached, try again in 3 s'; exit 1";
    let sandbox = staffed(
        &[
            ("dear", QUOTA, &["--fallback", "spare"]),
            ("spare", soon, &[]),
            ("third", GOOD, &[]),
        ],
        "",
    );
    let first = sandbox.task("First", &["--agent", "spare"]);
    snapshot!(sandbox.run(&first), @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: spare on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: spare: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    std::fs::write(sandbox.base().join("fresh"), "").unwrap();
    let second = sandbox.task("Second", &["--agent", "dear"]);
    snapshot!(sandbox.run(&second), @"
    exit: 75
    ----- stdout -----
    [RUN]  retry_uncounted  queued
      the attempt ended for a reason outside of the work; no attempt is counted: rate limit or quota: the provider asks to come back later
    ----- stderr -----
    run [RUN]: dear on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    run [RUN]: dear: its provider has refused for rate or quota; it is left alone for [LEFT]
    ");
    let until = |id: &str| {
        sandbox.last_run(id)["end"]["paused_until_ms"]
            .as_i64()
            .unwrap()
    };
    let due = sandbox.show(&second)["not_before_ms"].as_i64();
    assert!(
        due.is_none_or(|due| due <= until(&first)),
        "it pauses no longer than the fallback: {due:?}"
    );
    assert!(
        until(&second) > until(&first) + 60_000,
        "its own agent rests far longer"
    );
    poll::until("the fallback has taken over", PATIENCE, || {
        sandbox.ai(&["run", &second]);
        sandbox.status(&second) == "review"
    });
    assert_eq!(agents_of(&sandbox, &second), ["dear", "spare"]);

    let alone = sandbox.task("Alone", &["--agent", "dear"]);
    sandbox.ai_ok(&[
        "agent",
        "register",
        "dear",
        "--connector",
        "command",
        "--replace",
        "--fallback",
        "",
    ]);
    sandbox.ai_ok(&["task", "edit", &alone, "--not-before", "now"]);
    snapshot!(sandbox.run(&alone), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (dear: out of quota, or its provider down, for another [LEFT])
      next: wait [LEFT], configure a fallback (docs/routing.md), or name an agent with --agent
    ");
    sandbox.ai_ok(&["task", "edit", &alone, "--agent", "third"]);
    assert_eq!(
        sandbox.ai(&["run", &alone, "--agent", "third"]).code,
        Some(0),
        "a person gives it to somebody else at once"
    );
}

fn start_two(sandbox: &Sandbox) -> [String; 2] {
    let ids = ["One", "Two"].map(|title| sandbox.task(title, &[]));
    ids.iter()
        .for_each(|id| drop(sandbox.pipe(&format!("gate-{id}"))));
    ids
}

#[test]
fn ctrl_c_ends_all_of_them_gently() {
    let sandbox = staffed(&[("one", GATED, &["--parallel", "2"])], "");
    let ids = start_two(&sandbox);
    let all = sandbox.start(&["run", "--all", "--parallel", "2"]);
    ids.iter()
        .for_each(|id| wait_for(&sandbox.base().join(format!("started-{id}"))));
    all.signal("INT");
    let outcome = all.wait();
    assert_eq!(outcome.code, Some(130), "{outcome}");
    snapshot!(sorted(&outcome.to_string()), @"
      run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: ai was asked to stop
      run [RUN]: the attempt ended for a reason outside of the work; no attempt is counted: ai was asked to stop
    ----- stderr -----
    ----- stdout -----
    [RUN]  one  stopped  queued  One
    [RUN]  one  stopped  queued  Two
    [TASK]  run [RUN]: one on branch ai/[TASK]/1, for main
    [TASK]  run [RUN]: one on branch ai/[TASK]/1, for main
    [TASK]  sandbox of [RUN]: none, network on
    [TASK]  sandbox of [RUN]: none, network on
    exit: 130
    stopped: 2 tasks run, 0 wait for your review
    ");
    for id in &ids {
        assert_eq!(sandbox.status(id), "queued", "{outcome}");
        assert_eq!(
            sandbox.last_run(id)["end"]["lifecycle"],
            "killed",
            "{outcome}"
        );
        sandbox.is_at_rest(id);
    }
}

#[test]
fn nothing_outlives_the_one_that_started_all() {
    let sandbox = staffed(&[("one", GATED, &["--parallel", "2"])], "");
    let ids = start_two(&sandbox);
    let all = sandbox.start(&["run", "--all", "--parallel", "2"]);
    ids.iter()
        .for_each(|id| wait_for(&sandbox.base().join(format!("started-{id}"))));
    all.signal("KILL");
    for id in &ids {
        poll::until("its run has ended", PATIENCE, || {
            sandbox.last_run(id)["end"].is_object()
        });
        poll::until("no process is left", PATIENCE, || {
            processes_of(id).is_empty()
        });
        assert_eq!(sandbox.status(id), "queued");
    }
}

#[test]
fn a_budget_that_is_used_up_refuses_the_start_by_name() {
    let sandbox = outspoken(
        &[("a", "cat >/dev/null; echo no > other.txt", &[])],
        "budgets: {task: {attempts: 1}}\n",
    );
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        README.md
      other.txt
    ----- stderr -----
    run [RUN]: a on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt || { ls; exit 1; }
    check unit: failed (exit code 1)
    check unit on the base commit: test -f work.txt || { ls; exit 1; }
    check unit on the base commit: failed (exit code 1)
    ");
    snapshot!(sandbox.run(&id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: budget task.attempts is used up: 1 of 1 run
      next: raise `budgets.task.attempts` in .ai/config.yaml
    ");
    assert_eq!(sandbox.runs_of(&id).len(), 1);

    sandbox.configure(&format!(
        "{CONFIG}budgets: {{day: {{attempts: 1}}, repository: {{attempts: 9}}}}\n"
    ));
    let other = sandbox.task("Two", &[]);
    snapshot!(sandbox.run(&other), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: budget day.attempts is used up: 1 of 1 run
      next: it is filled again at midnight UTC, in [LEFT]; or raise `budgets.day.attempts` in .ai/config.yaml
    ");
    assert_eq!(sandbox.status(&other), "queued");
    let shown = sandbox.ai_json_lines(&["budget"]);
    let of = |name: &str| {
        shown
            .iter()
            .find(|line| line["budget"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (
            of("day.attempts")["left"].as_f64(),
            of("repository.attempts")["left"].as_f64()
        ),
        (Some(0.0), Some(8.0))
    );

    sandbox.configure(&format!("{CONFIG}budgets: {{agent: {{attempts: 1}}}}\n"));
    snapshot!(sandbox.run(&other), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: no agent can take this task now (a: budget agent.attempts is used up: 1 of 1 run)
      next: wait [LEFT], configure a fallback (docs/routing.md), or name an agent with --agent
    ");
}

/// An agent whose CLI tells 1050 tokens and two dollars at each step, and then waits for ever.
fn metered(sandbox: &Sandbox, steps: usize) {
    let step = r#"{"type":"step_finish","sessionID":"s","part":{"reason":"tool-calls","type":"step-finish","tokens":{"input":1000,"output":50,"reasoning":0,"cache":{"write":0,"read":7}},"cost":2}}"#;
    let said = format!("echo '{step}'\n").repeat(steps);
    sandbox.pipe("never");
    let script = format!(
        "cat >/dev/null; echo work > work.txt\n{said}\nread x < \"$BASE/never\"; echo late > late.txt"
    );
    sandbox.add(Agent::of_a_cli("metered", "opencode-json", &script));
}

#[test]
fn a_run_that_reaches_its_budget_is_stopped_and_its_work_kept() {
    let mut told = String::new();
    for (budget, name) in [("tokens: 2000", "run.tokens"), ("money: 3.50", "run.money")] {
        let sandbox = Sandbox::project();
        metered(&sandbox, 2);
        sandbox.configure(&format!(
            "{CONFIG}budgets: {{run: {{{budget}}}, day: {{tokens: 2100}}}}\n"
        ));
        let id = sandbox.task("One", &[]);
        let outcome = sandbox.run(&id);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        told.push_str(&outcome.stdout);
        let run = sandbox.last_run(&id);
        assert_eq!(
            (
                run["end"]["budget"].as_str(),
                run["end"]["usage"]["tokens"].as_u64()
            ),
            (Some(name), Some(2100))
        );
        assert_eq!(sandbox.file_at(&format!("ai/{id}/1"), "work.txt"), "work");
        let task = sandbox.show(&id);
        assert_eq!(
            (task["status"].as_str(), task["attempts"].as_u64()),
            (Some("queued"), Some(1)),
            "{task}"
        );
        sandbox.is_at_rest(&id);

        // What was used counts for the next run, of whatever process.
        let next = sandbox.task("Two", &[]);
        snapshot!(sandbox.run(&next), @"
        exit: 75
        ----- stdout -----
        ----- stderr -----
        error: budget day.tokens is used up: 2100 of 2100 tokens
          next: it is filled again at midnight UTC, in [LEFT]; or raise `budgets.day.tokens` in .ai/config.yaml
        ");
    }
    snapshot!(told, @"
    [RUN]  retry  queued
      the attempt did not get to its end: budget run.tokens is used up: 2100 of 2000 tokens
    [RUN]  retry  queued
      the attempt did not get to its end: budget run.money is used up: $4.00 of $3.50
    ");
}

#[test]
fn what_is_new_fits_its_schema() {
    let sandbox = staffed(&[("a", GOOD, &[])], "budgets: {day: {attempts: 9}}\n");
    let id = sandbox.task("One", &[]);
    let route = sandbox.ai_json(&["route", "explain", &id]);
    let lines = sandbox.ai(&["run", "--all", "--json"]).json_lines();
    let list = sandbox.ai_json_lines(&["agent", "list"]);
    let stats = sandbox.ai_json_lines(&["agent", "stats"]);
    let budget = sandbox.ai_json_lines(&["budget"]);
    for (name, value) in [
        ("route", &route),
        ("run-all", &lines[0]),
        ("agent-line", &list[0]),
        ("agent-stats", &stats[0]),
        ("budget", &budget[0]),
    ] {
        crate::schemas::fits(&sandbox, name, value);
    }
}

#[test]
fn status_and_doctor_tell_how_the_agents_fare() {
    let sandbox = staffed(
        &[
            ("dear", QUOTA, &[]),
            ("good", GOOD, &[]),
            ("idle", GOOD, &[]),
        ],
        "",
    );
    for (title, agent) in [("One", "dear"), ("Two", "good")] {
        let id = sandbox.task(title, &["--agent", agent]);
        sandbox.run(&id);
    }
    let status = sandbox.ai_ok(&["status"]);
    // Only what is of note.
    let left = [(r"no quota for [0-9][^,;\n]*", "no quota for [LEFT]")];
    snapshot!(mask_also(status, &left), @"
    exit: 0
    ----- stdout -----
    1 queued, 1 review
      agent dear  0/1 at work, no quota for [LEFT], last run stopped from outside
    needs you:
      [TASK]  waits for your review  ai review [TASK]  Two
    ----- stderr -----
    ");
    let json = sandbox.ai_json(&["status"]);
    let of = |name: &str| {
        json["agents"]
            .as_array()
            .unwrap()
            .iter()
            .find(|agent| agent["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of("dear")["health"], of("dear")["until_ms"].is_i64()),
        (&"no_quota".into(), true)
    );
    assert_eq!(
        (&of("good")["health"], &of("good")["last"]["outcome"]),
        (&"ok".into(), &"ready_for_review".into())
    );
    assert_eq!(
        (&of("idle")["last"], &of("idle")["load"]),
        (&Value::Null, &0.into())
    );
    crate::schemas::fits(&sandbox, "status", &json);
    let doctor = sandbox.ai_json_lines(&["doctor"]);
    let told: Vec<(&str, &str)> = doctor
        .iter()
        .filter(|line| line["check"] == "agents")
        .map(|line| {
            (
                line["level"].as_str().unwrap(),
                line["text"].as_str().unwrap(),
            )
        })
        .collect();
    snapshot!(mask_also(format!("{told:#?}"), &left), @r#"
    [
        (
            "ok",
            "3 registered",
        ),
        (
            "warn",
            "dear: 0/1 at work, no quota for [LEFT], last run stopped from outside",
        ),
        (
            "ok",
            "good: 0/1 at work, ok, last run ready for review",
        ),
    ]
    "#);
}

#[test]
fn an_agent_that_cannot_be_started_here_takes_no_task_from_one_that_can() {
    let sandbox = Sandbox::with_script(GOOD);
    sandbox.ai_ok(&[
        "agent",
        "register",
        "absent",
        "--connector",
        "command",
        "--",
        "/no/such/program",
    ]);
    sandbox.ai_ok(&[
        "agent",
        "register",
        "bare",
        "--connector",
        "command",
        "--",
        "no-such-program",
    ]);
    sandbox.ai_ok(&[
        "agent",
        "register",
        "broke",
        "--connector",
        "command",
        "--",
        "true",
    ]);
    let credentials = "version: 1\ncredentials:\n  work: {provider: anthropic, env: NO_SUCH_KEY}\n";
    sandbox.write(".ai/credentials.yaml", credentials);
    let file = ".ai/agents/broke.yaml";
    sandbox.write(file, format!("{}credentials: [work]\n", sandbox.read(file)));
    sandbox.ai_ok(&["trust"]);
    sandbox.commit("agents");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["route", "explain", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  fake  fake is the only one that can
      fake    chosen          scores 2000  (success +2000)
      absent  out     usable  its program `/no/such/program` is not on this machine
      bare    out     usable  its program `no-such-program` is not on this machine
      broke   out     usable  credential `work`: the variable NO_SUCH_KEY is not set
    ----- stderr -----
    ");
    let all = sandbox.ai(&["run", "--all"]);
    assert_eq!(
        (all.code, sandbox.status(&id).as_str()),
        (Some(0), "review"),
        "{all}"
    );
    assert_eq!(sandbox.last_run(&id)["agent"], "fake");
    // Whoever is named is started, and what is missing is told by the run.
    let named = sandbox.task("Two", &[]);
    snapshot!(sandbox.ai(&["run", &named, "--agent", "absent"]), @"
    exit: 1
    ----- stdout -----
    [RUN]  environment  blocked
      the machine or an account is not in order; nothing is held against the work: could not start: cannot start `/no/such/program`: no such program: No such file or directory (os error 2)
    ----- stderr -----
    run [RUN]: absent on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    ");
}

/// Plays an agent that hands work to another one, of which its stream says no more.
const DELEGATES: &str = r#"
cat >/dev/null
echo work > work.txt
echo '{"type":"thread.started","thread_id":"t"}'
echo '{"type":"item.completed","item":{"id":"i","type":"collab_tool_call","tool":"spawn_agent","status":"completed"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":0,"output_tokens":50}}'
"#;

#[test]
fn what_is_only_a_lower_bound_is_told_as_one_in_every_sum() {
    let sandbox = Scene::new()
        .more("budgets: {day: {tokens: 2000, money: 1}}\n")
        .agent(Agent::of_a_cli("boss", "codex-json", DELEGATES))
        .build();
    let id = sandbox.task("One", &[]);
    sandbox.run(&id);
    snapshot!(mask_also(
        sandbox.ai(&["agent", "stats"]),
        &[(r" +\w+ on average", " [TIME] on average")]
    ));
    let mut told = Transcript::default();
    told.ai(&sandbox, &["budget"]);
    told.ai(&sandbox, &["budget", "--json"]);
    snapshot!(told);
    let stats = sandbox.ai_json_lines(&["agent", "stats"]);
    assert_eq!(stats[0]["lower_bound_runs"], 1, "{stats:?}");
}
