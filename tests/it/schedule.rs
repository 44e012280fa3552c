//! The scheduler from the outside: `ai schedule`, and what `ai run --all` makes of its settings.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{GOOD, open_gate, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox};

const GATED: &str = "cat >/dev/null; echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; echo work > work.txt";

fn with(settings: &str) -> Sandbox {
    let more = format!("scheduler: {{{settings}}}\n");
    Scene::new()
        .more(&more)
        .agent(Agent::new("one", GOOD))
        .build()
}

/// The tasks of `ai run --all --json`, in the order in which they ended.
fn ended(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.json_lines();
    lines.iter().map(|line| line["task"].clone()).collect()
}

#[test]
fn the_plan_says_what_starts_and_why_the_others_wait() {
    let scene = Scene::new().agent(Agent::new("one", GOOD)).build();
    let first = scene.task("First", &["--priority", "0", "--path", "src/"]);
    scene.task("Second", &[]);
    scene.task("Same paths", &["--path", "src/x"]);
    scene.task("Behind the first", &["--dep", &first]);
    scene.task("Not wanted yet", &["--hold", "after the holidays"]);
    scene.task("Somebody else's", &["--agent", "two"]);
    let before = scene.ai(&["log", "--json"]).json_lines().len();
    snapshot!(scene.ai(&["schedule", "--dry-run", "--parallel", "2"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  now on one  no history  First
    [TASK]  waits       -           Second
      capacity   one is at work on 1 of 1 run
      next       ai route explain [TASK]
    [TASK]  waits       -           Same paths
      lock       [TASK] is about to start on its paths: both lock `src/x`
      next       ai why [TASK]
    [TASK]  waits       -           Behind the first
      dependency waits for [TASK] (First), which is queued
      next       ai why [TASK]
    [TASK]  waits       -           Not wanted yet
      hold       after the holidays
      next       ai task unhold [TASK]
    [TASK]  waits       -           Somebody else's
      agent      the task asks for two, which cannot have it now: there is no agent `two`
      next       ai task edit [TASK] --agent one, or register two
    ----- stderr -----
    1 starts now, 5 wait, 0 at work; 2 runs at a time; no range was told yet
    ");
    let plan = scene.ai(&["schedule"]);
    assert_eq!(plan.code, Some(0), "{plan}");
    assert_eq!(
        scene.ai(&["log", "--json"]).json_lines().len(),
        before,
        "a look leaves nothing behind"
    );
}

#[test]
fn what_is_at_work_is_told_and_ranges_come_from_the_runs_before() {
    let scene = Scene::new().agent(Agent::new("one", GOOD)).build();
    for n in 0..6 {
        scene.reviewed(&format!("Task {n}"));
    }
    scene.task("Next", &[]);
    scene.task("Behind it", &[]);
    let plan = scene.ai(&["schedule", "--json"]).json();
    let tasks = plan["tasks"].as_array().unwrap();
    let told: Vec<_> = tasks
        .iter()
        .map(|task| {
            (
                task["plan"].clone(),
                task["done"]["runs"].clone(),
                task["done"]["basis"].clone(),
            )
        })
        .collect();
    let six = |plan: &str| (plan.into(), 6.into(), "agent_and_type".into());
    assert_eq!(told, [six("start"), six("wait")], "{plan}");
    assert!(
        tasks[1]["done"]["from_ms"].as_i64() > tasks[0]["done"]["from_ms"].as_i64(),
        "one after the other: {plan}"
    );
    assert_eq!(plan["ranges"]["told"], 1, "{plan}");
    crate::schemas::checked(&scene.ai(&["schema", "schedule"]).json(), &plan, "schedule").unwrap();
}

#[test]
fn kinds_of_work_and_turns_decide_what_all_starts_next() {
    let scene = with("order: [bug], fairness: [web, core]");
    let task = |title: &str, args: &[&str]| Value::from(scene.task(title, args));
    let web = [
        task("Web one", &["--label", "web"]),
        task("Web two", &["--label", "web"]),
    ];
    let core = task("Core", &["--label", "core"]);
    let bug = task("Bug", &["--type", "bug", "--priority", "4"]);
    let outcome = scene.ai(&["run", "--all", "--json"]);
    let [first, second] = web;
    assert_eq!(ended(&outcome), [bug, first, core, second], "{outcome}");
}

#[test]
fn a_queue_that_stands_still_says_so() {
    let scene = with("enabled: false");
    scene.task("One", &[]);
    snapshot!(scene.ai(&["run", "--all"]), @"
    exit: 75
    ----- stdout -----
    [TASK]  -  not started  queued  One
      nothing is started from the queue: `scheduler.enabled` is false in .ai/config.yaml
    ----- stderr -----
    0 tasks run, 1 not started, 0 wait for your review
      next: ai run [TASK]
    ");
    let scene = with("maintenance: [{from: '00:00', to: '00:00'}]");
    let id = scene.task("One", &[]);
    snapshot!(scene.ai(&["run", "--all"]), @"
    exit: 75
    ----- stdout -----
    [TASK]  -  not started  queued  One
      nothing is started for another [LEFT]: a window of `scheduler.maintenance` is open
    ----- stderr -----
    0 tasks run, 1 not started, 0 wait for your review
      next: ai run [TASK]
    ");
    let by_hand = scene.ai(&["run", &id]);
    assert_eq!(by_hand.code, Some(0), "{by_hand}");
}

#[test]
fn as_many_run_in_the_repository_as_may() {
    let more = "scheduler: {max_concurrency: 1}\n";
    let agents = ["one", "two"].map(|name| Agent::new(name, GATED));
    let scene = agents
        .into_iter()
        .fold(Scene::new().more(more), Scene::agent)
        .build();
    let ids = ["One", "Two"].map(|title| scene.task(title, &[]));
    let gates = ids.clone().map(|id| scene.pipe(&format!("gate-{id}")));
    let by_hand = scene.start(&["run", &ids[0]]);
    wait_for(&scene.base().join(format!("started-{}", ids[0])));
    snapshot!(scene.ai(&["run", "--all", "--parallel", "2"]), @"
    exit: 75
    ----- stdout -----
    [TASK]  -  not started  queued  Two
      1 run is at work, as many as `scheduler.max_concurrency` allows
    ----- stderr -----
    0 tasks run, 1 not started, 0 wait for your review
      next: ai status
    ");
    let plan = scene.ai(&["schedule", "--json"]).json();
    let told = plan["tasks"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|task| [&task["plan"], &task["agent"], &task["gates"][0]["gate"]].map(Value::clone))
        .collect();
    let expected = [
        ["wait".into(), Value::Null, "capacity".into()],
        ["at_work".into(), "one".into(), "lease".into()],
    ];
    assert_eq!(told, expected, "{plan}");
    open_gate(&gates[0]);
    assert_eq!(by_hand.wait().code, Some(0));
    let all = scene.start(&["run", "--all"]);
    wait_for(&scene.base().join(format!("started-{}", ids[1])));
    open_gate(&gates[1]);
    let outcome = all.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn all_waits_for_the_rate_limit() {
    let scene = with("rate_limit: {requests_per_minute: 600, burst: 1}");
    let ids = ["One", "Two", "Three"].map(|title| Value::from(scene.task(title, &[])));
    let outcome = scene.ai(&["run", "--all", "--json"]);
    assert_eq!(
        (outcome.code, ended(&outcome)),
        (Some(0), ids.into()),
        "{outcome}"
    );
    // The runs so far count for everybody.
    let slow = with("rate_limit: {requests_per_minute: 1, burst: 1}");
    slow.reviewed("One");
    slow.task("Two", &[]);
    let plan = slow.ai(&["schedule", "--json"]).json();
    assert_eq!(plan["tasks"][0]["gates"][0]["gate"], "rate", "{plan}");
}

#[test]
fn a_full_queue_takes_no_new_task() {
    let scene = with("max_queue_size: 2");
    let other = Sandbox::project();
    other.task("From elsewhere", &[]);
    scene.task("One", &[]);
    let export = other.base().join("export.jsonl");
    let exported = other.ai(&["export", export.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported}");
    scene.write("two.yaml", "- title: Two\n- title: Three\n");
    snapshot!(scene.ai(&["task", "create", "--from", "two.yaml"]), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: the queue is full: 1 of at most 2 tasks wait, and 2 more have no room; nothing was changed
      next: work some of it with `ai run --all`, give some up with `ai task cancel TASK`, or raise `scheduler.max_queue_size` in .ai/config.yaml
    ");
    let two = scene.task("Two", &["--hold", "later"]);
    snapshot!(scene.ai(&["task", "create", "Three"]), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: the queue is full: 2 of at most 2 tasks wait, and 1 more has no room; nothing was changed
      next: work some of it with `ai run --all`, give some up with `ai task cancel TASK`, or raise `scheduler.max_queue_size` in .ai/config.yaml
    ");
    let before = scene.ai(&["log", "--json"]).json_lines().len();
    let import = ["import", export.to_str().unwrap()];
    let tried = scene.ai(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(tried.code, Some(75), "{tried}");
    assert_eq!(scene.ai(&["log", "--json"]).json_lines().len(), before);
    snapshot!(scene.ai(&import), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: the queue is full: 2 of at most 2 tasks wait, and 1 more has no room; nothing was changed
      next: work some of it with `ai run --all`, give some up with `ai task cancel TASK`, or raise `scheduler.max_queue_size` in .ai/config.yaml
    ");
    let kinds = |line: &Value| line["event"]["kind"] == "queue.full";
    let full = scene.ai(&["log", "--json"]).json_lines();
    assert_eq!(full.iter().filter(|line| kinds(line)).count(), 3);
    // What comes back has a place, and what has left makes room.
    scene.ai(&["task", "cancel", &two, "--reason", "no"]);
    scene.task("Four", &[]);
    let again = scene.ai(&["task", "retry", &two]);
    assert_eq!(again.code, Some(0), "{again}");
}
