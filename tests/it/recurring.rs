//! Recurring work from the outside: files that a clock turns into tasks, once for each moment, and only where people
//! have said so.

use std::process::Child;

use serde_json::Value;

use crate::daemon::{log, wait_until_logged};
use crate::schemas::checked;
use crate::snapshot;
use crate::support::poll;
use crate::support::runs::{GOOD, PATIENCE};
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, Transcript, mask_also, run};

const FILE: &str = ".ai/recurring/nightly.yaml";
const NIGHTLY: &str = "schedule: every 1h
task:
  title: Update the dependencies
  type: chore
  priority: 3
  labels: [deps]
  body: Run the updater, and mend what breaks.
";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Times of a place's clock, and how long it is until then.
const TIMES: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\d \d\d:\d\d [+-]\d\d:\d\d", "[THERE]"),
    (r"  in \d+[smh]( \d+[sm])?  ", "  in [LEFT]  "),
];

fn scene(file: &str) -> Sandbox {
    Scene::new()
        .agent(Agent::new("one", GOOD))
        .file(FILE, file)
        .build()
}

fn enabled(file: &str) -> Sandbox {
    let sandbox = scene(file);
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    sandbox
}

/// A command some time later, or earlier.
fn at(sandbox: &Sandbox, later_ms: i64, args: &[&str]) -> Outcome {
    let mut command = sandbox.ai_command(args);
    run(command.env("AI_TEST_WALL_OFFSET_MS", later_ms.to_string()))
}

/// What a tick some time later does.
fn tick(sandbox: &Sandbox, later_ms: i64) -> Vec<String> {
    let outcome = at(sandbox, later_ms, &["recurring", "tick", "--json"]);
    let answer = outcome.json();
    let done = answer["done"].as_array().unwrap().iter();
    done.map(|one| one["word"].as_str().unwrap().to_owned())
        .collect()
}

/// The events of a kind.
fn events(sandbox: &Sandbox, kind: &str) -> Vec<Value> {
    let all = sandbox.ai_json_lines(&["log"]).into_iter();
    let of_kind = all
        .map(|one| one["event"].clone())
        .filter(|one| one["kind"] == kind);
    of_kind.collect()
}

fn tasks(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.ai_json_lines(&["task", "list"])
}

#[test]
fn a_file_does_nothing_until_it_is_enabled_and_then_each_moment_makes_one_task() {
    let sandbox = scene(NIGHTLY);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["recurring", "list"]);
    told.ai(&sandbox, &["recurring", "show", "nightly"]);
    let mut later = |hours: f64, args: &[&str]| {
        let outcome = at(&sandbox, (hours * 3_600_000.0) as i64, args);
        told.add(&format!("[{hours}h] ai {}", args.join(" ")), &outcome);
    };
    later(9.0, &["recurring", "tick"]);
    later(0.0, &["recurring", "enable", "nightly"]);
    later(0.0, &["recurring", "enable", "nightly"]);
    later(0.0, &["recurring", "tick"]);
    later(0.0, &["recurring", "next", "--until", "150m"]);
    later(0.0, &["schedule"]);
    later(1.1, &["schedule"]);
    later(1.1, &["recurring", "tick"]);
    later(1.1, &["recurring", "tick"]);
    later(1.1, &["recurring", "list"]);
    later(5.1, &["recurring", "tick"]);
    later(5.1, &["recurring", "show", "nightly"]);
    let id = tasks(&sandbox)[0]["id"].as_str().unwrap().to_owned();
    let mut later = |hours: f64, args: &[&str]| {
        let outcome = at(&sandbox, (hours * 3_600_000.0) as i64, args);
        told.add(&format!("[{hours}h] ai {}", args.join(" ")), &outcome);
    };
    later(5.2, &["task", "show", &id]);
    later(5.2, &["why", &id]);
    later(5.2, &["task", "cancel", &id, "--reason", "not now"]);
    later(9.1, &["recurring", "tick"]);
    later(9.1, &["digest"]);
    later(9.2, &["recurring", "disable", "nightly"]);
    later(9.2, &["recurring", "disable", "nightly"]);
    later(12.0, &["recurring", "tick"]);
    later(12.0, &["recurring", "enable", "nightly"]);
    later(12.1, &["recurring", "tick"]);
    snapshot!(mask_also(told, TIMES));
    let said: Vec<Value> = events(&sandbox, "recurring.told")
        .into_iter()
        .map(|one| one["said"]["word"].clone())
        .collect();
    let expected = [
        "enabled", "fired", "skipped", "fired", "disabled", "enabled",
    ];
    assert_eq!(said, expected);
    assert_eq!(tasks(&sandbox).len(), 2);
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn what_is_printed_is_as_the_schemas_say() {
    let sandbox = enabled(NIGHTLY);
    let schema = |name: &str| sandbox.ai(&["schema", name]).json();
    let told = at(&sandbox, HOUR + MINUTE, &["recurring", "tick", "--json"]).json();
    checked(&schema("recurring-tick"), &told, "tick").unwrap();
    let task = &tasks(&sandbox)[0];
    assert_eq!(task["recurring"]["name"], "nightly", "{task}");
    assert_eq!(task["created_by"], "daemon:recurring:nightly", "{task}");
    for (name, args) in [
        ("recurring", ["recurring", "list", "--json"].as_slice()),
        ("recurring-next", &["recurring", "next", "--json"]),
        (
            "recurring-show",
            &["recurring", "show", "nightly", "--json"],
        ),
        (
            "recurring-switch",
            &["recurring", "enable", "nightly", "--json"],
        ),
        (
            "new-task",
            &["recurring", "run", "nightly", "--dry-run", "--json"],
        ),
        ("schedule", &["schedule", "--json"]),
        ("why", &["why", task["id"].as_str().unwrap(), "--json"]),
    ] {
        let lines = sandbox.ai_ok(args).json_lines();
        assert!(!lines.is_empty(), "{name}");
        for line in lines {
            checked(&schema(name), &line, name).unwrap();
        }
    }
}

#[test]
fn a_changed_file_is_off_until_it_is_trusted_and_another_schedule_begins_anew() {
    let sandbox = scene(NIGHTLY);
    let mut told = Transcript::default();
    sandbox.write(FILE, NIGHTLY.replace("priority: 3", "priority: 1"));
    told.ai(&sandbox, &["recurring", "enable", "nightly"]);
    told.ai(&sandbox, &["trust", "--show"]);
    // Nothing else waits for it.
    let task = sandbox.task("Other work", &[]);
    told.ai(&sandbox, &["run", &task]);
    sandbox.ai_ok(&["trust"]);
    told.ai(&sandbox, &["recurring", "enable", "nightly"]);
    sandbox.write(FILE, NIGHTLY.replace("title: Update", "title: Delete"));
    let mut later = |minutes: i64, args: &[&str]| {
        let outcome = at(&sandbox, minutes * MINUTE, args);
        told.add(&format!("[{minutes}m] ai {}", args.join(" ")), &outcome);
    };
    later(61, &["recurring", "tick"]);
    later(61, &["recurring", "list"]);
    later(61, &["status"]);
    sandbox.ai_ok(&["trust"]);
    // The same moments: what was missed meanwhile is caught up.
    later(62, &["recurring", "tick"]);
    sandbox.write(FILE, NIGHTLY.replace("every 1h", "every 10m"));
    sandbox.ai_ok(&["trust"]);
    later(200, &["recurring", "tick"]);
    later(209, &["recurring", "tick"]);
    later(211, &["recurring", "tick"]);
    snapshot!(mask_also(told, TIMES));
}

#[test]
fn a_file_that_cannot_be_used_keeps_no_other_from_its_clock() {
    let sandbox = enabled(NIGHTLY);
    for name in ["broken", "gone"] {
        sandbox.write(format!(".ai/recurring/{name}.yaml"), NIGHTLY);
    }
    sandbox.ai_ok(&["trust"]);
    for name in ["broken", "gone"] {
        sandbox.ai_ok(&["recurring", "enable", name]);
    }
    sandbox.write(
        ".ai/recurring/broken.yaml",
        "schedule: 61 * * * *\nenabled: true\ntask: {titel: \u{1b}[31mOne}\n",
    );
    sandbox.write(".ai/recurring/other.yml", NIGHTLY);
    std::fs::remove_file(sandbox.root().join(".ai/recurring/gone.yaml")).unwrap();
    let mut told = Transcript::default();
    let outcome = at(&sandbox, HOUR + MINUTE, &["recurring", "tick"]);
    told.add("[61m] ai recurring tick", &outcome);
    for args in [
        ["recurring", "list"].as_slice(),
        &["recurring", "show", "broken"],
        &["recurring", "show", "gone"],
        &["recurring", "show", "never"],
        &["recurring", "show", "../../config"],
        &["recurring", "enable", "broken"],
        &["recurring", "disable", "never"],
        &["recurring", "run", "never"],
        &["recurring", "next", "--until", "soon"],
        &["status"],
        &["recurring", "disable", "gone"],
        &["recurring", "disable", "broken"],
        &["recurring", "list"],
    ] {
        told.ai(&sandbox, args);
    }
    let doctor = sandbox.ai(&["doctor"]).stdout;
    let is_about = |line: &&str| line.split_once(" recurring: ").is_some();
    let lines: Vec<&str> = doctor.lines().filter(is_about).collect();
    snapshot!(mask_also(format!("{told}\n{}", lines.join("\n")), TIMES));
}

#[test]
fn policy_is_asked_for_each_task_and_a_refusal_is_told() {
    let policy = "version: 1
default: allow
rules:
  - {id: look, on: [task.create], actors: ['daemon:recurring:nightly'], effect: require_approval, reason: somebody looks}
  - {id: never, on: [task.create], actors: ['daemon:recurring:weekly'], effect: deny, reason: not by a clock}
";
    let sandbox = Scene::new()
        .agent(Agent::new("one", GOOD))
        .policy(policy)
        .file(FILE, NIGHTLY)
        .file(".ai/recurring/weekly.yaml", NIGHTLY)
        .build();
    for name in ["nightly", "weekly"] {
        sandbox.ai_ok(&["recurring", "enable", name]);
    }
    let mut told = Transcript::default();
    let mut later = |minutes: i64, args: &[&str]| {
        let outcome = at(&sandbox, minutes * MINUTE, args);
        told.add(&format!("[{minutes}m] ai {}", args.join(" ")), &outcome);
    };
    later(61, &["recurring", "tick"]);
    // The same moment is not asked about again.
    later(62, &["recurring", "tick"]);
    later(62, &["status"]);
    later(62, &["recurring", "list"]);
    let asks = sandbox.ai_json_lines(&["approvals"]);
    let decision = asks[0]["decision"]["id"].as_str().unwrap().to_owned();
    later(63, &["approve", &decision]);
    later(64, &["recurring", "tick"]);
    later(64, &["recurring", "tick"]);
    snapshot!(mask_also(told, TIMES));
    assert_eq!(tasks(&sandbox).len(), 1);
}

/// A project in which policy wants a yes for what the clock creates.
fn asked() -> Sandbox {
    let policy = "version: 1
default: allow
rules:
  - {id: look, on: [task.create], actors: ['daemon:recurring:*'], effect: require_approval, reason: somebody looks}
";
    let scene = Scene::new().agent(Agent::new("one", GOOD)).policy(policy);
    let sandbox = scene.file(FILE, NIGHTLY).build();
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    assert_eq!(tick(&sandbox, 61 * MINUTE), ["refused"]);
    sandbox
}

fn waiting(sandbox: &Sandbox) -> Vec<String> {
    let asks = sandbox.ai_json_lines(&["approvals"]);
    let id = |ask: &Value| ask["decision"]["id"].as_str().unwrap().to_owned();
    asks.iter().map(id).collect()
}

#[test]
fn one_question_waits_at_a_time_and_its_answer_is_not_lost() {
    let sandbox = asked();
    let questions = waiting(&sandbox);
    assert_eq!(questions.len(), 1);
    // The next times wait for the answer, and are caught up behind it.
    assert_eq!(tick(&sandbox, 121 * MINUTE), [""; 0]);
    assert_eq!(waiting(&sandbox), questions);
    sandbox.ai_ok(&["approve", &questions[0]]);
    assert_eq!(tick(&sandbox, 122 * MINUTE), ["fired", "skipped"]);
    assert_eq!(tasks(&sandbox).len(), 1);

    let sandbox = asked();
    let questions = waiting(&sandbox);
    sandbox.ai_ok(&["deny", &questions[0], "--reason", "not this week"]);
    assert_eq!(tick(&sandbox, 121 * MINUTE), ["refused"]);
    let listed = &at(&sandbox, 122 * MINUTE, &["recurring", "list", "--json"]).json_lines()[0];
    assert_eq!(listed["trouble"]["next"], "ai recurring show nightly");
    assert_eq!((waiting(&sandbox).len(), tasks(&sandbox).len()), (0, 0));

    // A question that nobody has answered lapses.
    let sandbox = asked();
    assert_eq!(tick(&sandbox, 8 * 24 * HOUR), ["refused"]);
}

#[test]
fn a_clock_that_was_ahead_is_told_of_and_begins_anew() {
    let sandbox = scene(NIGHTLY);
    let ahead = 400 * 24 * HOUR;
    let outcome = at(&sandbox, ahead, &["recurring", "enable", "nightly"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let outcome = sandbox.ai(&["recurring", "tick", "--json"]);
    let troubles = &outcome.json()["troubles"];
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(troubles[0]["next"], "ai recurring enable nightly");
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    assert_eq!(tick(&sandbox, 61 * MINUTE), ["fired"]);
}

#[test]
fn a_file_that_nobody_can_use_keeps_nothing_else_from_trust() {
    let sandbox = scene(NIGHTLY);
    let dir = sandbox.root().join(".ai/recurring");
    std::os::unix::fs::symlink("nowhere", dir.join("link.yaml")).unwrap();
    sandbox.pipe("pipe");
    std::fs::rename(sandbox.base().join("pipe"), dir.join("pipe.yaml")).unwrap();
    std::fs::write(dir.join("large.yaml"), " ".repeat((1 << 20) + 1)).unwrap();
    std::fs::write(dir.join(".hidden.yaml"), NIGHTLY).unwrap();
    sandbox.ai_ok(&["trust"]);
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    for name in ["link", "pipe", "large"] {
        assert_ne!(
            sandbox.ai(&["recurring", "enable", name]).code,
            Some(0),
            "{name}"
        );
    }
    // A file that was changed since creates nothing by hand either.
    sandbox.write(FILE, NIGHTLY.replace("Update", "Upset"));
    let outcome = sandbox.ai(&["recurring", "run", "nightly"]);
    assert_eq!(
        (outcome.code, tasks(&sandbox).len()),
        (Some(8), 0),
        "{outcome}"
    );
}

#[test]
fn a_full_queue_takes_none_and_says_so() {
    let sandbox = Scene::new()
        .agent(Agent::new("one", GOOD))
        .more("scheduler: {max_queue_size: 1}\n")
        .file(FILE, NIGHTLY)
        .build();
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    let first = sandbox.task("First", &[]);
    let outcome = at(&sandbox, HOUR + MINUTE, &["recurring", "tick"]);
    assert_eq!(outcome.code, Some(75), "{outcome}");
    let outcome = sandbox.ai(&["recurring", "run", "nightly"]);
    assert_eq!(outcome.code, Some(75), "{outcome}");
    let full = events(&sandbox, "queue.full");
    assert_eq!(full.len(), 2, "{full:?}");
    sandbox.ai_ok(&["task", "cancel", &first, "--reason", "room"]);
    assert_eq!(
        tick(&sandbox, HOUR + MINUTE),
        [""; 0],
        "the moment was dealt with"
    );
    assert_eq!(tick(&sandbox, 2 * HOUR + MINUTE), ["fired"]);
}

#[test]
fn only_people_switch_it_on_and_agents_have_no_clock() {
    let sandbox = scene(NIGHTLY);
    let mut told = Transcript::default();
    for args in [
        ["recurring", "enable", "nightly", "--as", "agent:one"],
        ["recurring", "disable", "nightly", "--as", "agent:one"],
    ] {
        told.ai(&sandbox, &args);
    }
    told.ai(&sandbox, &["recurring", "tick", "--as", "agent:one"]);
    told.ai(&sandbox, &["recurring", "list"]);
    let mut within = sandbox.ai_command(&["recurring", "enable", "nightly"]);
    let outcome = run(within.env("AI_RUN", "t-abcdefgh.1"));
    told.add("(in a run) ai recurring enable nightly", &outcome);
    snapshot!(mask_also(told, TIMES));
    let outcome = sandbox.ai(&["recurring", "run", "nightly", "--as", "agent:one"]);
    assert_eq!(
        outcome.code,
        Some(0),
        "as a task that it creates: {outcome}"
    );
    assert_eq!(tasks(&sandbox)[0]["created_by"], "agent:one");
}

#[test]
fn within_a_run_its_agent_has_no_hand_at_it() {
    let sandbox = scene(NIGHTLY);
    let ai = sandbox.ai_in_sight();
    let ai = ai.display();
    sandbox.set_script(
        "one",
        &format!(
            "cat >/dev/null; echo work > work.txt; for w in 'enable nightly' 'run nightly' tick list; do '{ai}' recurring $w >> out.txt 2>&1; echo \"[$?]\" >> out.txt; done; true"
        ),
    );
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["run", &id]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let said = sandbox.file_at(&format!("ai/{id}/1"), "out.txt");
    assert_eq!(said.matches("[0]").count(), 0, "{said}");
    assert_eq!(tasks(&sandbox).len(), 1);
    let listed = sandbox.ai_json_lines(&["recurring", "list"]);
    assert_eq!(listed[0]["state"], "off", "{listed:?}");
}

#[test]
fn a_crash_leaves_one_task_or_none_and_the_next_look_makes_one() {
    for step in ["recurring-created", "recurring-done"] {
        let sandbox = enabled(NIGHTLY);
        let mut command = sandbox.ai_command(&["recurring", "tick"]);
        let outcome = run(command
            .env("AI_TEST_WALL_OFFSET_MS", (HOUR + MINUTE).to_string())
            .env("AI_TEST_FAILPOINT", format!("{step}:kill")));
        assert_eq!(outcome.code, None, "{step}: {outcome}");
        let before = tasks(&sandbox).len();
        assert_eq!(before, usize::from(step == "recurring-done"), "{step}");
        tick(&sandbox, HOUR + MINUTE);
        assert_eq!(tasks(&sandbox).len(), 1, "{step}");
        sandbox.ai_ok(&["log", "verify"]);
    }
}

#[test]
fn of_many_that_look_at_once_one_creates_the_task() {
    let sandbox = enabled(NIGHTLY);
    let start = |_: usize| -> Child {
        let mut command = sandbox.ai_command(&["recurring", "tick"]);
        command
            .env("AI_TEST_WALL_OFFSET_MS", (HOUR + MINUTE).to_string())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let all: Vec<Child> = (0..8).map(start).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    assert_eq!(tasks(&sandbox).len(), 1);
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_come_again() {
    let sandbox = enabled(&NIGHTLY.replace("every 1h", "every 1h\noverlap: queue"));
    assert_eq!(tick(&sandbox, 10 * HOUR + MINUTE), ["fired"]);
    for hours in [3, 9, -48, 10] {
        assert_eq!(tick(&sandbox, hours * HOUR + MINUTE), [""; 0], "{hours}");
    }
    let listed = sandbox.ai_json_lines(&["recurring", "list"]);
    let next = listed[0]["trouble"]["next"].as_str();
    assert_eq!(next, Some("ai recurring enable nightly"), "{listed:?}");
    assert_eq!(tick(&sandbox, 11 * HOUR + MINUTE), ["fired"]);
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    assert_eq!(tick(&sandbox, HOUR + MINUTE), ["fired"], "it began anew");
}

#[test]
fn what_was_missed_is_caught_up_as_the_file_says() {
    for (rules, expected) in [
        ("catch_up: none", ["skipped"].as_slice()),
        ("catch_up: last", &["fired"]),
        ("catch_up: all\noverlap: queue", &["fired"; 10]),
    ] {
        let sandbox = enabled(&NIGHTLY.replace("every 1h", &format!("every 1h\n{rules}")));
        let late = 60 * HOUR + 30 * MINUTE;
        assert_eq!(tick(&sandbox, late), expected, "{rules}");
        assert_eq!(tick(&sandbox, late), [""; 0], "{rules}");
    }
}

#[test]
fn a_daemon_creates_what_is_due_and_works_it() {
    let sandbox = enabled(NIGHTLY);
    let mut command = sandbox.ai_command(&["daemon", "run", "--until-empty", "--quiet"]);
    let outcome = run(command.env("AI_TEST_WALL_OFFSET_MS", (HOUR + MINUTE).to_string()));
    assert_eq!(outcome.code, Some(0), "{outcome}\n{}", log(&sandbox));
    let all = tasks(&sandbox);
    assert_eq!(all.len(), 1, "{}", log(&sandbox));
    assert_eq!(all[0]["status"], "review", "{}", log(&sandbox));
}

#[test]
fn a_daemon_wakes_for_the_moment_and_tells_once_what_is_in_the_way() {
    let sandbox = enabled(NIGHTLY);
    sandbox.write(".ai/recurring/broken.yaml", NIGHTLY);
    sandbox.ai_ok(&["trust"]);
    sandbox.ai_ok(&["recurring", "enable", "broken"]);
    sandbox.write(".ai/recurring/broken.yaml", "schedule: never\n");
    let listed = sandbox.ai_json_lines(&["recurring", "list"]);
    let due = listed
        .iter()
        .find_map(|one| one["next_ms"].as_i64())
        .unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    // It is due a few seconds after the daemon has begun.
    let later = due - i64::try_from(now.as_millis()).unwrap() - 4_000;
    let later = later.to_string();
    let offset = [("AI_TEST_WALL_OFFSET_MS", later.as_str())];
    let daemon = sandbox.start_with(&["daemon", "run"], &offset);
    wait_until_logged(&sandbox, "recurring broken: ");
    wait_until_logged(&sandbox, "recurring nightly created t-");
    wait_until_logged(&sandbox, "t-");
    daemon.signal("INT");
    let outcome = daemon.wait();
    let log = log(&sandbox);
    assert_eq!(
        log.matches("recurring broken: ").count(),
        1,
        "{outcome}\n{log}"
    );
    assert_eq!(tasks(&sandbox).len(), 1, "{log}");
}

#[test]
fn a_task_that_could_never_be_created_is_refused_when_it_is_switched_on_and_told_later() {
    let wrong = NIGHTLY.replace("  priority: 3\n", "  priority: 3\n  deps: [t-zzzzzzzz]\n");
    let sandbox = scene(&wrong);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["recurring", "enable", "nightly"]);
    let outside = NIGHTLY.replace("  priority: 3\n", "  priority: 3\n  paths: [../out]\n");
    sandbox.write(FILE, &outside);
    sandbox.ai_ok(&["trust"]);
    told.ai(&sandbox, &["recurring", "enable", "nightly"]);
    sandbox.write(FILE, NIGHTLY);
    sandbox.ai_ok(&["trust"]);
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    sandbox.write(FILE, &outside);
    sandbox.ai_ok(&["trust"]);
    told.ai(&sandbox, &["recurring", "list"]);
    told.ai(&sandbox, &["status"]);
    let doctor = sandbox.ai(&["doctor"]).stdout;
    let lines: Vec<&str> = doctor
        .lines()
        .skip_while(|line| line.split_once(" recurring ").is_none())
        .take(2)
        .collect();
    snapshot!(mask_also(format!("{told}\n{}", lines.join("\n")), TIMES));
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_gone_and_keeps_its_trust() {
    let sandbox = enabled(NIGHTLY);
    let (dir, aside) = (
        sandbox.root().join(".ai/recurring"),
        sandbox.base().join("aside"),
    );
    std::fs::rename(&dir, &aside).unwrap();
    // A link to itself, at which nobody can look, whatever rights they have.
    std::os::unix::fs::symlink("recurring", &dir).unwrap();
    let mut told = Transcript::default();
    let outcome = at(&sandbox, HOUR + MINUTE, &["recurring", "tick"]);
    told.add("[61m] ai recurring tick", &outcome);
    told.ai(&sandbox, &["recurring", "list"]);
    told.ai(&sandbox, &["trust"]);
    snapshot!(mask_also(told, TIMES));
    std::fs::remove_file(&dir).unwrap();
    std::fs::rename(&aside, &dir).unwrap();
    assert_eq!(tick(&sandbox, HOUR + MINUTE), ["fired"]);
}

#[test]
fn an_empty_file_is_told_of_with_what_belongs_into_it() {
    let sandbox = scene(NIGHTLY);
    sandbox.write(FILE, "# later\n");
    snapshot!(sandbox.ai(&["recurring", "show", "nightly"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: .ai/recurring/nightly.yaml: is empty; write `schedule: daily at 03:00` and `task: {title: …}` into it, or remove it
      next: correct the file; `ai recurring list` looks at all of them
    ");
}

#[test]
fn a_refused_task_is_a_notice_once_for_each_reason() {
    let sandbox = Scene::new()
        .more("notices: {sinks: {log: {type: file}}}\n")
        .policy("version: 1\ndefault: allow\nrules:\n  - {id: no-chores, on: [task.create], actors: ['daemon:recurring:*'], effect: deny, reason: not now}\n")
        .file(FILE, NIGHTLY)
        .build();
    sandbox.ai_ok(&["recurring", "enable", "nightly"]);
    for hours in 1..4 {
        let outcome = at(
            &sandbox,
            hours * HOUR + MINUTE,
            &["recurring", "tick", "--json"],
        );
        assert_eq!(outcome.json()["done"][0]["word"], "refused", "{outcome}");
    }
    let path = sandbox.root().join(".git/ai/notices/notices.jsonl");
    poll::until("a notice is there", PATIENCE, || {
        std::fs::read_to_string(&path).is_ok_and(|text| !text.is_empty())
    });
    let lines = std::fs::read_to_string(path).unwrap_or_default();
    let told: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let words: Vec<(&Value, &Value)> = told
        .iter()
        .map(|one| (&one["type"], &one["next"]))
        .collect();
    assert_eq!(
        words,
        [(&"blocked".into(), &"ai recurring show nightly".into())],
        "{lines}"
    );
}

#[test]
fn a_task_that_somebody_asked_for_counts_beside_that_of_the_clock() {
    let sandbox = enabled(NIGHTLY);
    assert_eq!(tick(&sandbox, HOUR + MINUTE), ["fired"]);
    let by_hand = sandbox.ai(&["recurring", "run", "nightly"]).stdout;
    let by_hand = by_hand.trim().to_owned();
    let of_clock = tasks(&sandbox)
        .iter()
        .map(|task| task["id"].as_str().unwrap().to_owned())
        .find(|id| *id != by_hand)
        .unwrap();
    // The one of the clock is open still.
    sandbox.ai_ok(&["task", "cancel", &by_hand, "--reason", "enough"]);
    assert_eq!(tick(&sandbox, 2 * HOUR + MINUTE), ["skipped"]);
    sandbox.ai_ok(&["task", "cancel", &of_clock, "--reason", "enough"]);
    assert_eq!(tick(&sandbox, 3 * HOUR + MINUTE), ["fired"]);
}

#[test]
fn the_state_of_the_daemon_has_the_next_times() {
    let sandbox = enabled(NIGHTLY);
    let told = sandbox.ai(&["daemon", "status", "--json"]).json();
    let schema = sandbox.ai(&["schema", "daemon-status"]).json();
    checked(&schema, &told, "daemon-status").unwrap();
    let listed = &sandbox.ai_json_lines(&["recurring", "list"])[0];
    assert_eq!(told["recurring"][0]["at_ms"], listed["next_ms"], "{told}");
    snapshot!(mask_also(sandbox.ai(&["daemon", "status"]), TIMES), @"
    exit: 3
    ----- stdout -----
    stopped  no daemon works this repository
      recurring nightly  next [TIME]  Update the dependencies
    ----- stderr -----
    ");
}

/// A file or a link in the place of the directory is told as what it is, and nothing that cannot be seen is nothing.
#[test]
fn a_file_or_a_link_in_the_place_of_the_directory_is_told_as_such() {
    let sandbox = enabled(NIGHTLY);
    let place = sandbox.root().join(".ai/recurring");
    std::fs::remove_dir_all(&place).unwrap();
    let look = || {
        let mut told = Transcript::default();
        told.ai(&sandbox, &["recurring", "next"]);
        told.ai(&sandbox, &["recurring", "list"]);
        let doctor = sandbox.ai(&["doctor", "--json"]).json_lines();
        let found = doctor.iter().filter(|one| one["check"] == "recurring");
        let found =
            found.map(|one| format!("{}: {} -> {}\n", one["level"], one["text"], one["next"]));
        format!("{told}{}", found.collect::<String>())
    };
    std::fs::write(&place, "notes\n").unwrap();
    snapshot!("a_file_in_the_place_of_the_directory", look());
    std::fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink("nowhere", &place).unwrap();
    snapshot!("a_link_in_the_place_of_the_directory", look());
    std::fs::remove_file(&place).unwrap();
    assert_eq!(sandbox.ai(&["recurring", "next"]).code, Some(0));
}
