//! The queue worked unattended: `ai daemon` with real runs.

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::{Background, GOOD, PATIENCE, open_gate, wait_for};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, mask_also, poll};

/// Says that it has started, and waits until its gate is opened.
const GATED: &str = "cat >/dev/null; echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; echo work > work.txt";

pub(crate) fn scene() -> Sandbox {
    Scene::new().agent(Agent::new("one", GOOD)).build()
}

pub(crate) fn gated() -> Sandbox {
    Scene::new().agent(Agent::new("one", GATED)).build()
}

/// A task whose agent will wait for its gate.
pub(crate) fn gated_task(sandbox: &Sandbox, title: &str) -> String {
    let id = sandbox.task(title, &[]);
    sandbox.pipe(&format!("gate-{id}"));
    id
}

pub(crate) fn wait_until_started(sandbox: &Sandbox, id: &str) {
    wait_for(&sandbox.base().join(format!("started-{id}")));
}

/// The log of the daemon.
pub(crate) fn log(sandbox: &Sandbox) -> String {
    let path = sandbox.root().join(".git/ai/daemon/daemon.log");
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Waits until this stands in the log of the daemon.
#[track_caller]
pub(crate) fn wait_until_logged(sandbox: &Sandbox, text: &str) {
    poll::until(&format!("`{text}` is in the log"), PATIENCE, || {
        log(sandbox).lines().any(|line| {
            line.split_once(' ')
                .is_some_and(|(_, said)| said.starts_with(text))
        })
    });
}

#[track_caller]
pub(crate) fn wait_until_status(sandbox: &Sandbox, id: &str, status: &str) {
    poll::until(&format!("{id} is {status}"), PATIENCE, || {
        sandbox.status(id) == status
    });
}

/// A daemon in the foreground that has looked at the queue.
pub(crate) fn daemon(sandbox: &Sandbox, args: &[&str]) -> Background {
    let before = log(sandbox).matches("works the queue").count();
    let command = sandbox.start(&[&["daemon", "run"], args].concat());
    poll::until("the daemon is at work", PATIENCE, || {
        log(sandbox).matches("works the queue").count() > before
    });
    command
}

/// The number of starts of a task, by the log of the daemon.
pub(crate) fn starts(sandbox: &Sandbox, id: &str) -> usize {
    log(sandbox).matches(&format!("{id} starts")).count()
}

/// The kinds of events about each task, by its title.
fn story(sandbox: &Sandbox) -> Vec<(String, Vec<String>)> {
    let events = sandbox.ai(&["log", "--json"]).json_lines();
    let mut tasks = sandbox.ai_json_lines(&["task", "list"]);
    tasks.sort_by_key(|task| task["title"].to_string());
    let of = |task: &Value| {
        let id = task["id"].as_str().unwrap();
        let mine = events.iter().filter(|event| {
            let subject = event["subject"].as_str().unwrap_or_default();
            subject == id || subject.starts_with(&format!("{id}."))
        });
        mine.map(|event| event["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    tasks
        .iter()
        .map(|task| (task["title"].to_string(), of(task)))
        .collect()
}

/// Promise 5: the same result with and without a daemon.
#[test]
fn a_daemon_comes_to_the_same_result_as_run_all() {
    let worked_by = |command: &[&str]| {
        // One that goes wrong is not tried again.
        let scene = Scene::new()
            .more("defaults: {max_attempts: 1}\n")
            .agent(Agent::new("one", "cat >/dev/null; case \"$(cat \"$1\")\" in *fails*) exit 3;; esac; echo work > work.txt"))
            .build();
        scene.task("First", &["--path", "src/"]);
        scene.task("Same paths", &["--path", "src/x"]);
        scene.task("Goes wrong: it fails", &["--priority", "0"]);
        scene.task("Not wanted yet", &["--hold", "later"]);
        let outcome = scene.ai(&[command, &["--parallel", "2", "--json"]].concat());
        let mut lines: Vec<String> = outcome
            .json_lines()
            .iter()
            .map(|line| {
                ["title", "status", "code", "agent", "outcome", "summary"]
                    .map(|key| line[key].to_string())
                    .join(" ")
            })
            .collect();
        lines.sort();
        (lines, story(&scene))
    };
    let by_hand = worked_by(&["run", "--all"]);
    assert_eq!(by_hand.0.len(), 3, "{by_hand:?}");
    assert_eq!(by_hand, worked_by(&["daemon", "run", "--until-empty"]));
}

#[test]
fn it_ends_with_a_report_when_nothing_is_left_to_start() {
    let scene = scene();
    scene.task("First", &[]);
    scene.task("Second", &["--not-before", "2s"]);
    scene.task("Not wanted yet", &["--hold", "after the holidays"]);
    let outcome = scene.ai(&["daemon", "run", "--until-empty"]);
    snapshot!(outcome.stdout, @"
    [RUN]  one  ready_for_review  review  First
    [RUN]  one  ready_for_review  review  Second
    ");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let said: Vec<&str> = outcome.stderr.lines().collect();
    snapshot!(mask_also(said.join("\n"), &[(r"process \d+, ai [0-9.]+", "process [PID], ai [VERSION]")]), @"
    the daemon works the queue, 1 run at a time (process [PID], ai [VERSION])
    [TASK] starts on one: First
    [RUN]  ready_for_review  review  checks passed on this tree and the policy allows it; it may be accepted
    [TASK] starts on one: Second
    [RUN]  ready_for_review  review  checks passed on this tree and the policy allows it; it may be accepted
    the daemon ends: nothing is left to start
    2 tasks run, 2 wait for your review
    ");
}

#[test]
fn what_becomes_ready_is_started_at_once() {
    let scene = scene();
    let daemon = daemon(&scene, &[]);
    let first = scene.task("First", &[]);
    wait_until_status(&scene, &first, "review");
    // Nobody writes to the store when an agent is registered.
    let second = scene.task("Second", &["--agent", "two"]);
    scene.add_agent("two", GOOD);
    wait_until_status(&scene, &second, "review");
    let held = scene.task("Third", &["--hold", "not yet"]);
    scene.ai_ok(&["task", "unhold", &held]);
    wait_until_status(&scene, &held, "review");
    daemon.signal("TERM");
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for id in [&first, &held] {
        let waited = scene.last_run(id)["started_ms"].as_i64().unwrap()
            - scene.show(id)["created_ms"].as_i64().unwrap();
        // The backstop is a look each thirty seconds.
        assert!(waited < 20_000, "it waited for {waited} ms");
        scene.is_at_rest(id);
    }
}

#[test]
fn one_works_a_repository() {
    let scene = scene();
    let daemon = daemon(&scene, &[]);
    let second = scene.ai(&["daemon", "run"]);
    snapshot!(mask_also(second, &[(r"process \d+, started \d+s", "process [PID], started [TIME]")]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: a daemon works this repository already: process [PID], started [TIME] ago by `ai daemon run`
      next: one is enough, and takes up whatever becomes ready; `ai daemon status` tells of it, `ai daemon stop` ends it
    ");
    daemon.signal("TERM");
    let outcome = daemon.wait();
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (Some(0), ""),
        "{outcome}"
    );
    let third = scene.ai(&["daemon", "run", "--until-empty"]);
    assert_eq!(third.code, Some(0), "{third}");
}

#[test]
fn a_stop_lets_runs_end_and_a_second_one_asks_them_to() {
    let scene = gated();
    let [first, second] = ["First", "Second"].map(|title| gated_task(&scene, title));
    let daemon_of = |id: &str| {
        let daemon = daemon(&scene, &[]);
        wait_until_started(&scene, id);
        daemon.signal("TERM");
        wait_until_logged(&scene, "the daemon stops (SIGTERM)");
        daemon
    };
    let daemon = daemon_of(&first);
    open_gate(&scene.base().join(format!("gate-{first}")));
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(scene.status(&first), "review", "it may end: {outcome}");
    assert_eq!(
        scene.status(&second),
        "queued",
        "nothing more starts: {outcome}"
    );

    std::fs::remove_file(scene.root().join(".git/ai/daemon/daemon.log")).unwrap();
    let daemon = daemon_of(&second);
    daemon.signal("INT");
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "the first word counts: {outcome}");
    assert_eq!(scene.status(&second), "queued", "given back: {outcome}");
    wait_until_logged(&scene, &format!("{second}.1  stopped  queued"));
    scene.is_at_rest(&second);
}

#[test]
fn runs_outlive_a_daemon_that_is_killed_and_the_next_one_counts_them() {
    let scene = gated();
    let [first, second] = ["First", "Second"].map(|title| gated_task(&scene, title));
    scene.ai_ok(&[
        "agent",
        "register",
        "two",
        "--connector",
        "command",
        "--",
        "/bin/sh",
        scene.base().join("one.sh").to_str().unwrap(),
        "{prompt_file}",
    ]);
    let killed = daemon(&scene, &[]);
    wait_until_started(&scene, &first);
    killed.signal("KILL");
    assert_eq!(killed.wait().code, None);
    let next = daemon(&scene, &["--until-empty"]);
    let run = format!("{first}.1");
    wait_until_logged(&scene, &format!("{run} was started by an earlier daemon"));
    // Something new makes it look once more.
    let third = scene.task("Third", &["--hold", "later"]);
    assert_eq!(scene.status(&second), "queued", "one run at a time");
    open_gate(&scene.base().join(format!("gate-{first}")));
    wait_until_started(&scene, &second);
    open_gate(&scene.base().join(format!("gate-{second}")));
    let outcome = next.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for id in [&first, &second] {
        assert_eq!(scene.status(id), "review", "{outcome}");
        assert_eq!(scene.runs_of(id).len(), 1, "{outcome}");
        scene.is_at_rest(id);
    }
    assert_eq!(scene.status(&third), "blocked");
}

#[test]
fn a_run_whose_supervisor_is_killed_is_recovered_and_tried_again() {
    let scene = gated();
    let task = gated_task(&scene, "First");
    let daemon = daemon(&scene, &[]);
    wait_until_started(&scene, &task);
    std::fs::remove_file(scene.base().join(format!("started-{task}"))).unwrap();
    let pid = scene.last_run(&task)["supervisor"]["pid"].to_string();
    let killed = std::process::Command::new("kill")
        .args(["-s", "KILL", &pid])
        .status();
    assert!(killed.unwrap().success());
    wait_until_started(&scene, &task);
    open_gate(&scene.base().join(format!("gate-{task}")));
    wait_until_status(&scene, &task, "review");
    daemon.signal("TERM");
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(scene.runs_of(&task).len(), 2, "{outcome}");
    scene.is_at_rest(&task);
}

const ASKS: &str = "version: 1
default: allow
rules:
  - id: no-night-work
    on: [run.start]
    labels: [secret]
    effect: deny
    reason: not by a machine
  - id: ask-before
    on: [run.start]
    labels: [costly]
    effect: require_approval
    reason: it costs money
";

#[test]
fn a_task_that_is_refused_rests_and_the_others_go_on() {
    let scene = Scene::new()
        .policy(ASKS)
        .agent(Agent::new("one", GOOD))
        .build();
    let denied = scene.task("Denied", &["--label", "secret", "--priority", "0"]);
    let asks = scene.task("Asks", &["--label", "costly", "--priority", "0"]);
    let daemon = daemon(&scene, &[]);
    for title in ["First", "Second", "Third"] {
        let id = scene.task(title, &[]);
        wait_until_status(&scene, &id, "review");
    }
    assert_eq!(
        (starts(&scene, &denied), starts(&scene, &asks)),
        (1, 1),
        "{}",
        log(&scene)
    );
    let waiting = scene.ai_json_lines(&["approvals"]);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    scene.ai_ok(&["approve", waiting[0]["decision"]["id"].as_str().unwrap()]);
    wait_until_status(&scene, &asks, "review");
    daemon.signal("TERM");
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let told: Vec<&str> = outcome
        .stdout
        .lines()
        .filter(|line| line.starts_with(&denied))
        .collect();
    snapshot!(told.join("\n"), @"[TASK]    -    not started       queued  Denied");
}

#[test]
fn a_yes_is_asked_for_when_the_agent_has_room() {
    let scene = Scene::new()
        .policy(ASKS)
        .agent(Agent::new("one", GATED))
        .agent(Agent::new("two", GOOD))
        .build();
    let first = gated_task(&scene, "First");
    scene.ai_ok(&["task", "edit", &first, "--agent", "one"]);
    let daemon = daemon(&scene, &["--parallel", "2"]);
    wait_until_started(&scene, &first);
    let costly = ["--agent", "one", "--label", "costly", "--priority", "0"];
    let asks = scene.task("Asks", &costly);
    // It is looked at before this one.
    let other = scene.task("Other", &["--agent", "two"]);
    wait_until_status(&scene, &other, "review");
    assert_eq!(starts(&scene, &asks), 0, "{}", log(&scene));
    assert_eq!(scene.ai_json_lines(&["approvals"]), [] as [Value; 0]);
    open_gate(&scene.base().join(format!("gate-{first}")));
    poll::until("it asks", PATIENCE, || {
        scene.ai_json_lines(&["approvals"]).len() == 1
    });
    assert_eq!(starts(&scene, &asks), 1, "{}", log(&scene));
    daemon.signal("TERM");
    daemon.wait();
}

#[test]
fn settings_that_cannot_be_read_start_nothing_and_end_nothing() {
    let scene = gated();
    let first = gated_task(&scene, "First");
    let daemon = daemon(&scene, &[]);
    wait_until_started(&scene, &first);
    let second = gated_task(&scene, "Second");
    let before = scene.read(".ai/config.yaml");
    scene.write(
        ".ai/config.yaml",
        "version: 1\nscheduler: {enabled: perhaps}\n",
    );
    wait_until_logged(
        &scene,
        "nothing is started until this is mended: .ai/config.yaml",
    );
    open_gate(&scene.base().join(format!("gate-{first}")));
    wait_until_logged(&scene, &format!("{first}.1  ready_for_review"));
    assert_eq!(starts(&scene, &second), 0, "{}", log(&scene));
    scene.write(".ai/config.yaml", before);
    wait_until_logged(&scene, "it is mended");
    wait_until_started(&scene, &second);
    open_gate(&scene.base().join(format!("gate-{second}")));
    wait_until_status(&scene, &second, "review");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn a_queue_that_stands_still_is_left_alone_and_told() {
    let scene = Scene::new()
        .more("scheduler: {enabled: false}\n")
        .agent(Agent::new("one", GOOD))
        .build();
    scene.task("One", &[]);
    let outcome = scene.ai(&["--quiet", "daemon", "run", "--until-empty"]);
    snapshot!(outcome, @"
    exit: 75
    ----- stdout -----
    [TASK]  -  not started  queued  One
      nothing is started from the queue: `scheduler.enabled` is false in .ai/config.yaml
    ----- stderr -----
    ");
}

/// Ends the daemon of a scene, should the test not come to that.
pub(crate) struct Ended<'a>(pub(crate) &'a Sandbox);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let _ended = self.0.ai(&["daemon", "stop", "--now"]);
    }
}

pub(crate) const NUMBERS: [(&str, &str); 3] = [
    (r"process \d+", "process [PID]"),
    (r"for \d+s", "for [TIME]"),
    (r"started \d+s", "started [TIME]"),
];

#[test]
fn it_is_started_held_back_and_stopped_by_commands() {
    let scene = scene();
    let _ended = Ended(&scene);
    let mut told = Transcript::default();
    told.ai(&scene, &["daemon", "status"]);
    told.ai(&scene, &["daemon", "stop"]);
    told.ai(&scene, &["daemon", "start"]);
    told.ai(&scene, &["daemon", "start"]);
    told.ai(&scene, &["daemon", "status"]);
    let first = scene.task("First", &[]);
    wait_until_status(&scene, &first, "review");
    told.ai(
        &scene,
        &["daemon", "pause", "--reason", "the disk is changed"],
    );
    wait_until_logged(&scene, "the daemon is paused");
    let second = scene.task("Second", &[]);
    told.ai(&scene, &["daemon", "restart"]);
    wait_until_logged(&scene, "the daemon works the queue");
    told.ai(&scene, &["daemon", "status"]);
    told.ai(&scene, &["status"]);
    told.ai(&scene, &["schedule"]);
    assert_eq!(starts(&scene, &second), 0, "{}", log(&scene));
    told.ai(&scene, &["daemon", "resume"]);
    wait_until_status(&scene, &second, "review");
    told.ai(&scene, &["uninstall", "--yes", "--discard"]);
    told.ai(&scene, &["daemon", "drain", "--reason", "it is Friday"]);
    told.ai(&scene, &["daemon", "stop"]);
    told.ai(&scene, &["daemon", "status"]);
    told.ai(&scene, &["daemon", "resume"]);
    told.ai(&scene, &["daemon", "resume"]);
    snapshot!(mask_also(told, &NUMBERS), @"
    $ ai daemon status
    stopped  no daemon works this repository
    [3]
    $ ai daemon stop
    ! error: no daemon works this repository
    !   next: `ai daemon start` begins one
    [3]
    $ ai daemon start
    the daemon is at work (process [PID])
    $ ai daemon start
    ! error: a daemon works this repository already (process [PID])
    !   next: one is enough, and takes up whatever becomes ready; `ai daemon status` tells of it, `ai daemon stop` ends it
    [4]
    $ ai daemon status
    running  process [PID], for [TIME]
    $ ai daemon pause --reason 'the disk is changed'
    the daemon is paused by human:tester: the disk is changed
    ! what is at work goes on; `ai daemon resume` takes it back
    $ ai daemon restart
    the daemon is at work (process [PID])
    ! the daemon is paused by human:tester: the disk is changed; `ai daemon resume`
    $ ai daemon status
    paused  process [PID], for [TIME]
      the daemon is paused by human:tester: the disk is changed
      [TASK]  paused  the daemon is paused by human:tester: the disk is changed
    $ ai status
    1 queued, 1 review
    needs you:
      [TASK]  waits for your review  ai review [TASK]  First
    ! the daemon is paused by human:tester: the disk is changed; `ai daemon resume` takes it back
    $ ai schedule
    [TASK]  now on one  no history  Second
    ! 1 starts now, 0 wait, 0 at work; 1 run at a time; no range was told yet
    ! the daemon is paused by human:tester: the disk is changed; `ai daemon resume` takes it back
    $ ai daemon resume
    the daemon goes on
    $ ai uninstall --yes --discard
    ! error: a daemon works this repository: process [PID]
    !   next: `ai daemon stop`, then the same command again
    [4]
    $ ai daemon drain --reason 'it is Friday'
    the daemon is draining by human:tester: it is Friday
    ! what is at work goes on; `ai daemon resume` takes it back
    $ ai daemon stop
    the daemon has ended (process [PID])
    $ ai daemon status
    stopped  no daemon works this repository
      the daemon is draining by human:tester: it is Friday
    [3]
    $ ai daemon resume
    no daemon is at work; the next one works the queue
    $ ai daemon resume
    nothing holds the daemon back
    ");
}

#[test]
fn the_state_is_one_object_and_a_program_sees_who_works_and_who_waits() {
    let scene = gated();
    let _ended = Ended(&scene);
    let [first, second] = ["First", "Second"].map(|title| gated_task(&scene, title));
    scene.ai_ok(&["daemon", "start"]);
    wait_until_started(&scene, &first);
    let status = scene.ai(&["daemon", "status", "--json"]);
    let told = status.json();
    let schema = scene.ai(&["schema", "daemon-status"]).json();
    crate::schemas::checked(&schema, &told, "daemon-status").unwrap();
    assert_eq!(
        (&told["state"], &told["running"][0]["task"]),
        (&"running".into(), &Value::from(first.as_str())),
        "{status}"
    );
    assert_eq!(told["waiting"][0]["task"], second, "{status}");
    let pid = told["pid"].as_i64().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(3)
        .unwrap()
        .to_owned();
    assert_eq!(session, pid.to_string(), "a session of its own");

    let stopped = std::process::Command::new("kill")
        .args(["-s", "STOP", &pid.to_string()])
        .status();
    assert!(stopped.unwrap().success());
    let outcome = scene.ai(&["daemon", "stop", "--now", "--json"]);
    assert_eq!(outcome.json()["pid"], pid, "{outcome}");
    assert_eq!(scene.status(&first), "queued", "{}", log(&scene));
    scene.is_at_rest(&first);
}

#[test]
fn one_that_cannot_start_says_why() {
    let scene = scene();
    scene.write(
        ".ai/config.yaml",
        "version: 1\nscheduler: {enabled: perhaps}\n",
    );
    snapshot!(scene.ai(&["daemon", "start"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: .ai/config.yaml:2:22: `enabled` must be true or false
        2 | scheduler: {enabled: perhaps}
          |                      ^
      next: correct the file, or remove it to work with the defaults
    ");
}

#[test]
fn a_restart_holds_as_many_runs_as_before() {
    let scene = scene();
    let _ended = Ended(&scene);
    let parallel = || scene.ai(&["daemon", "status", "--json"]).json()["live"]["parallel"].clone();
    scene.ai_ok(&["daemon", "start", "--parallel", "3"]);
    assert_eq!(parallel(), 3);
    scene.ai_ok(&["daemon", "restart"]);
    assert_eq!(parallel(), 3);
    scene.ai_ok(&["daemon", "restart", "--parallel", "2"]);
    assert_eq!(parallel(), 2);
    scene.ai_ok(&["daemon", "stop"]);
}

#[test]
fn nothing_is_said_to_start_now_while_the_daemon_holds_as_many_runs_as_it_may() {
    let scene = Scene::new()
        .agent(Agent::new("one", GATED).registered(&["--parallel", "3"]))
        .build();
    let _ended = Ended(&scene);
    let [first, second, third] =
        ["First", "Second", "Third"].map(|title| gated_task(&scene, title));
    scene.ai_ok(&["daemon", "start", "--parallel", "1"]);
    wait_until_started(&scene, &first);
    let status = scene.ai(&["daemon", "status", "--json"]);
    let told = status.json();
    let waiting = told["waiting"].as_array().unwrap();
    let whys: Vec<(&Value, &Value)> = waiting
        .iter()
        .map(|one| (&one["gate"], &one["why"]))
        .collect();
    let full = (
        &Value::from("capacity"),
        &Value::from("1 run is at work, as many as are started at a time"),
    );
    assert_eq!(whys, [full, full], "{status}");
    for task in [&first, &second, &third] {
        open_gate(&scene.base().join(format!("gate-{task}")));
    }
}
