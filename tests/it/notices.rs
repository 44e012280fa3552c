//! Notices: whoever is told, what of, and that nobody's work waits for it.

use std::io::BufRead as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::wait_for;
use crate::support::{Sandbox, Transcript, mask_also, poll, run};

/// The longest that a delivery may take on a machine that is busy.
const LONG: Duration = Duration::from_secs(60);

/// A project with an agent and these settings of notices.
pub fn scene(notices: &str) -> Sandbox {
    let sandbox = Sandbox::with_a_found_check("default", "echo x >a");
    set(&sandbox, notices);
    sandbox
}

/// Replaces the settings of notices, and trusts them.
pub fn set(sandbox: &Sandbox, notices: &str) {
    let config = sandbox.read(".ai/config.yaml");
    let begin = config.find("notices:").unwrap();
    let end = config[begin..].find("\n\n").unwrap() + begin;
    let notices = notices.replace("BASE", sandbox.base().to_str().unwrap());
    sandbox.write(
        ".ai/config.yaml",
        format!("{}notices: {notices}{}", &config[..begin], &config[end..]),
    );
    sandbox.ai_ok(&["trust"]);
}

/// The notices in a file of JSON lines.
fn lines(path: &Path) -> Vec<Value> {
    let Ok(text) = std::fs::read(path) else {
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// The file of a sink of the type `file` without a path.
pub fn file_of(sandbox: &Sandbox) -> std::path::PathBuf {
    let state = sandbox.store();
    state.parent().unwrap().join("notices/notices.jsonl")
}

/// The types and titles in a file, once there are so many.
pub fn told(path: &Path, count: usize) -> Vec<String> {
    poll::until("the notices are there", LONG, || lines(path).len() >= count);
    let told = lines(path).into_iter().map(|one| {
        format!(
            "{}: {} -> {}",
            one["type"].as_str().unwrap(),
            one["title"].as_str().unwrap(),
            one["next"].as_str().unwrap()
        )
    });
    told.collect()
}

#[test]
fn a_file_has_each_notice_as_one_line_with_the_next_command() {
    let sandbox = scene("{sinks: {log: {type: file, path: BASE/notices.jsonl}}}");
    let log = sandbox.base().join("notices.jsonl");
    let task = sandbox.task("Mend \u{1b}[2J the @here parser", &[]);
    sandbox.ai_ok(&["run", &task]);
    let first = lines_after(&log, 1).remove(0);
    let text = serde_json::to_string_pretty(&first).unwrap();
    snapshot!(mask_also(text, &[("n-[0-9a-f]{16}", "n-[MARK]"), (r#""repository": "[^"]*""#, "\"repository\": [NAME]")]), @r#"
    {
      "version": 1,
      "id": "n-[MARK]-needs-approval",
      "type": "needs-approval",
      "time": "[TIME]",
      "repository": [NAME],
      "task": "[TASK]",
      "run": "[RUN]",
      "title": "[TASK] waits for your review: Mend \\e[2J the @here parser",
      "text": "[RUN]: checks passed on this tree and the policy allows it; it may be accepted",
      "next": "ai review [TASK]"
    }
    "#);
    sandbox.ai_ok(&["accept", &task]);
    sandbox.ai_ok(&["task", "create", "Another"]);
    let told = told(&log, 2);
    let told = told.join("\n");
    snapshot!(told, @r"
    needs-approval: [TASK] waits for your review: Mend \e[2J the @here parser -> ai review [TASK]
    done: [TASK] is done: Mend \e[2J the @here parser -> ai task show [TASK]
    ");
}

fn lines_after(path: &Path, count: usize) -> Vec<Value> {
    poll::until("the notices are there", LONG, || lines(path).len() >= count);
    lines(path)
}

#[test]
fn each_type_that_a_command_brings_about_is_told() {
    let sandbox = scene("{sinks: {log: {type: file}}, deduplicate: 1s}");
    let log = sandbox
        .store()
        .parent()
        .unwrap()
        .join("notices/notices.jsonl");
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "not before Monday"]);
    told(&log, 1);
    sandbox.ai_ok(&["task", "unhold", &task]);
    sandbox.ai_ok(&["task", "claim", &task, "--as", "human:ann"]);
    sandbox.ai_ok(&[
        "task",
        "fail",
        &task,
        "--reason",
        "it cannot be done",
        "--as",
        "human:ann",
    ]);
    let told = told(&log, 2).join("\n");
    snapshot!(told, @"
    blocked: [TASK] is on hold: One -> ai task unhold [TASK]
    failed: [TASK] has failed: One -> ai why [TASK]
    ");
}

#[test]
fn a_command_is_given_the_notice_and_is_ended_with_all_that_it_has_started() {
    let sandbox = scene(
        "{sinks: {\
         good: {type: command, run: [sh, -c, 'cat >BASE/given']}, \
         slow: {type: command, run: [sh, -c, 'sleep 1000 & echo $! >BASE/pid; wait'], timeout: 1s}, \
         bad: {type: command, run: [sh, -c, 'echo no such bell >&2; exit 3']}, \
         gone: {type: command, run: [no-such-program-here]}}}",
    );
    let mut transcript = Transcript::default();
    for sink in ["good", "slow", "bad", "gone", "bda"] {
        transcript.ai(&sandbox, &["notify", "test", sink]);
    }
    let given: Value = serde_json::from_str(&sandbox.read("../given")).unwrap();
    assert_eq!(
        (&given["version"], &given["type"]),
        (&1.into(), &"digest".into())
    );
    let pid = sandbox.read("../pid");
    let process = format!("/proc/{}", pid.trim());
    assert!(!Path::new(&process).exists(), "{process} was left");
    let answer = sandbox.ai(&["notify", "test", "bad", "--json"]);
    assert_eq!(answer.code, Some(1), "{answer}");
    assert_eq!(answer.json()["delivered"], false);
    snapshot!(mask_also(transcript, &[(r"\(\d+ ms", "([TIME] ms")]), @"
    $ ai notify test good
    good  delivered ([TIME] ms, of at most 10s)
    $ ai notify test slow
    slow  not delivered: `sh` took longer than 1s and was ended with all that it had started ([TIME] ms, of at most 1s)
    ! next: mend it, or `notices.sinks.slow` in .ai/config.yaml; then `ai notify test slow`
    [1]
    $ ai notify test bad
    bad  not delivered: `sh` ended with code 3: no such bell ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.bad` in .ai/config.yaml; then `ai notify test bad`
    [1]
    $ ai notify test gone
    gone  not delivered: `no-such-program-here` cannot be started: cannot start `no-such-program-here`: no such program: No such file or directory (os error 2) ([TIME] ms, of at most 10s)
    ! next: mend it, or `notices.sinks.gone` in .ai/config.yaml; then `ai notify test gone`
    [1]
    $ ai notify test bda
    ! error: there is no sink `bda`
    !   next: did you mean `bad`?
    [3]
    ");
}

#[test]
fn what_would_run_or_write_somewhere_waits_for_trust() {
    let sandbox = scene("{sinks: {log: {type: file}}}");
    let config = sandbox.read(".ai/config.yaml");
    let planted = config.replace(
        "log: {type: file}",
        "log: {type: file}, bell: {type: command, run: [touch, planted]}",
    );
    sandbox.write(".ai/config.yaml", planted);
    let mut transcript = Transcript::default();
    transcript.ai(&sandbox, &["notify", "test", "bell"]);
    transcript.ai(&sandbox, &["notify", "test", "log"]);
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "x"]);
    let log = sandbox
        .store()
        .parent()
        .unwrap()
        .join("notices/notices.jsonl");
    told(&log, 2);
    let listed = || sandbox.ai_json_lines(&["notify", "list"]);
    poll::until("the refusal is on record", LONG, || {
        listed()[0]["waiting"] == 1
    });
    transcript.ai(&sandbox, &["notify", "list"]);
    snapshot!(about_notices(&sandbox), @"warn: bell is told of nothing: it waits for your trust -> ai trust --show, then ai trust");
    assert!(!sandbox.root().join("planted").exists());
    snapshot!(mask_also(transcript, &[(r"\(\d+ ms", "([TIME] ms")]), @"
    $ ai notify test bell
    ! error: the sink `bell` (.ai/config.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
    !   next: look at it with `ai trust --show`, then say `ai trust`
    [8]
    $ ai notify test log
    log  delivered ([TIME] ms)
    $ ai notify list
    bell  command  untrusted  0  1  0  everything
    log  file  ok  2  0  0  everything
    ");
    // What has waited is told once a person trusts the sink.
    sandbox.ai_ok(&["trust"]);
    sandbox.ai_ok(&["task", "unhold", &task]);
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "y"]);
    wait_for(&sandbox.root().join("planted"));
}

/// The part of an examination that is about notices.
fn about_notices(sandbox: &Sandbox) -> String {
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let about = findings.iter().filter(|one| one["check"] == "notices");
    let told = about.map(|one| {
        let next = one["next"].as_str().unwrap_or("nothing");
        let text = one["text"].as_str().unwrap();
        format!("{}: {text} -> {next}", one["level"].as_str().unwrap())
    });
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_ends_at_once_beside_a_sink_that_hangs() {
    let sandbox = scene(
        "{sinks: {dead: {type: command, run: [sh, -c, 'read x <BASE/never'], timeout: 60s}, \
         log: {type: file, path: BASE/notices.jsonl}}}",
    );
    let task = sandbox.task("One", &[]);
    let never = sandbox.pipe("never");
    let outcome = sandbox.ai(&["run", &task]);
    // The dead sink holds the helper until somebody writes, and the run is over before that.
    assert_eq!(outcome.code, Some(0), "{outcome}");
    told(&sandbox.base().join("notices.jsonl"), 1);
    assert_eq!(sandbox.status(&task), "review");
    std::fs::write(never, "go\n").unwrap();
    poll::until("the helper is done", LONG, || {
        sandbox.ai_json_lines(&["notify", "list"])[0]["last_ms"].is_i64()
    });
    sandbox.is_at_rest(&task);
}

#[test]
fn a_sink_that_was_mended_is_told_what_waited() {
    let sandbox = scene(
        "{sinks: {bell: {type: command, run: [sh, -c, 'test -e BASE/mended && cat >>BASE/told']}}}",
    );
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "x"]);
    let listed = || sandbox.ai_json_lines(&["notify", "list"]).remove(0);
    poll::until("it has failed", LONG, || listed()["failed_in_row"] == 1);
    snapshot!(about_notices(&sandbox), @"warn: bell has failed 1 time in a row: `sh` ended with code 1 -> ai notify test bell");
    sandbox.write("../mended", "");
    sandbox.ai_ok(&["notify", "test", "bell"]);
    let told = told(&sandbox.base().join("told"), 2).join("\n");
    snapshot!(told, @"
    digest: a trial of the sink bell -> ai status
    blocked: [TASK] is on hold: One -> ai task unhold [TASK]
    ");
    poll::until("nothing waits", LONG, || listed()["waiting"] == 0);
    snapshot!(about_notices(&sandbox), @"ok: 1 sink, none of which has failed -> nothing");
}

#[test]
fn two_at_once_tell_everything_once() {
    let sandbox = scene("{sinks: {log: {type: file, path: BASE/notices.jsonl}}}");
    let tasks: Vec<String> = (0..8)
        .map(|n| sandbox.task(&format!("Task {n}"), &[]))
        .collect();
    let started: Vec<_> = tasks
        .iter()
        .map(|task| sandbox.start(&["task", "hold", task, "--reason", "x"]))
        .collect();
    for one in started {
        assert_eq!(one.wait().code, Some(0));
    }
    let log = sandbox.base().join("notices.jsonl");
    lines_after(&log, 8);
    let mut held: Vec<String> = lines(&log)
        .iter()
        .map(|one| one["task"].as_str().unwrap().to_owned())
        .collect();
    held.sort();
    let mut tasks = tasks;
    tasks.sort();
    assert_eq!(held, tasks);
}

#[test]
fn the_console_is_told_by_the_command_itself() {
    let sandbox = scene("{sinks: {here: {type: console}}, rules: {blocked: [here]}}");
    let task = sandbox.task("One", &[]);
    let mut transcript = Transcript::default();
    transcript.ai(&sandbox, &["task", "hold", &task, "--reason", "not yet"]);
    transcript.ai(&sandbox, &["task", "unhold", &task]);
    assert!(
        !sandbox
            .store()
            .parent()
            .unwrap()
            .join("notices/outbox.json")
            .exists()
    );
    transcript.ai(&sandbox, &["notify", "test", "here"]);
    snapshot!(mask_also(transcript, &[(r"\(\d+ ms", "([TIME] ms")]), @"
    $ ai task hold [TASK] --reason 'not yet'
    [TASK]  blocked  One
    ! notice: blocked: [TASK] is on hold: One (not yet); next: ai task unhold [TASK]
    $ ai task unhold [TASK]
    [TASK]  queued  One
    $ ai notify test here
    here  delivered ([TIME] ms)
    ! notice: digest: a trial of the sink here (sent by `ai notify test here`; nothing has happened); next: ai status
    ");
}

#[test]
fn a_desktop_that_is_not_there_is_in_nobodys_way_and_a_silent_one_is_given_up() {
    let sandbox = Sandbox::with_a_found_check("default", "echo x >a");
    let config = sandbox.read(".ai/config.yaml");
    // As older files say it.
    sandbox.write(".ai/config.yaml", config + "\nnotify: {desktop: true}\n");
    let test = |bus: &str| {
        run(sandbox
            .ai_command(&["notify", "test", "desktop"])
            .env("DBUS_SESSION_BUS_ADDRESS", bus))
    };
    let mut transcript = Transcript::default();
    let none = format!("unix:path={}", sandbox.base().join("none").display());
    transcript.add("without a bus", &test(&none));
    let socket = sandbox.base().join("bus");
    let _silent = UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    let silent = test(&format!("unix:path={}", socket.display()));
    transcript.add("with a silent one", &silent);
    assert!(
        begun.elapsed() < LONG,
        "it waited for {:?}",
        begun.elapsed()
    );
    let task = sandbox.task("One", &[]);
    let outcome = run(sandbox
        .ai_command(&["run", &task])
        .env("DBUS_SESSION_BUS_ADDRESS", &none));
    transcript.add("a run without a bus", &outcome);
    snapshot!(mask_also(transcript, &[(r"\(\d+ ms", "([TIME] ms")]), @"
    $ without a bus
    desktop  not there on this machine now: failed to connect to `unix:path=[PATH]/none`: No such file or directory (os error 2) ([TIME] ms, of at most 2s)
    ! next: log in to a desktop that shows notices, or use another sink
    [1]
    $ with a silent one
    desktop  not delivered: the desktop did not answer for 2 seconds ([TIME] ms, of at most 2s)
    ! next: log in to a desktop that shows notices, or use another sink
    [1]
    $ a run without a bus
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ! run [RUN]: bot on branch ai/[TASK]/1, for main
    ! sandbox of [RUN]: none, network on
    ! check make-test: make test
    ! check make-test: passed
    ! look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
}

#[test]
fn nobody_is_told_and_nothing_is_written_unless_it_is_asked_for() {
    let sandbox = Sandbox::with_a_found_check("default", "echo x >a");
    let task = sandbox.task("One", &[]);
    sandbox.ai_ok(&["run", &task]);
    assert!(!sandbox.store().parent().unwrap().join("notices").exists());
    let mut transcript = Transcript::default();
    transcript.ai(&sandbox, &["notify", "list"]);
    transcript.ai(&sandbox, &["notify", "test", "desk"]);
    snapshot!(transcript, @"
    $ ai notify list
    ! nobody is told of anything; docs/notices.md says how
    $ ai notify test desk
    ! error: there is no sink `desk`
    !   next: declare one under `notices: {sinks: …}` in .ai/config.yaml
    [3]
    ");
}

#[test]
fn a_sink_that_is_slow_delays_nobody_but_itself() {
    let sandbox = scene(
        "{sinks: {\
         slow: {type: command, run: [sh, -c, 'cat >>BASE/given; read x <BASE/gate; echo x >>BASE/over'], timeout: 60s}, \
         log: {type: file}}}",
    );
    let gate = sandbox.pipe("gate");
    let (log, given) = (file_of(&sandbox), sandbox.base().join("given"));
    let hold = |title: &str| {
        let task = sandbox.task(title, &[]);
        sandbox.ai_ok(&["task", "hold", &task, "--reason", "not yet"]);
    };
    hold("One");
    wait_for(&given);
    told(&log, 1);
    let begun = Instant::now();
    hold("Two");
    told(&log, 2);
    // Its time limit would end it after a minute.
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    let over = sandbox.base().join("over");
    assert!(!over.exists(), "the slow one is not at it any more");
    // Whoever tells it goes on with what has come meanwhile.
    for _ in 0..2 {
        crate::support::runs::open_gate(&gate);
    }
    assert_eq!(told(&given, 2), told(&log, 2));
}

#[test]
fn the_daemon_has_its_trouble_told() {
    let sandbox = scene("{sinks: {log: {type: file}}}");
    let log = file_of(&sandbox);
    sandbox.ai_ok(&["daemon", "start"]);
    let config = sandbox.read(".ai/config.yaml");
    sandbox.write(
        ".ai/config.yaml",
        config.replace("run: make test", "run: 'make test # again'"),
    );
    let told = told(&log, 1).join("\n");
    sandbox.ai_ok(&["daemon", "stop"]);
    snapshot!(told, @"daemon-trouble: the daemon starts nothing until this is mended -> ai daemon status");
}

/// An outbox that a delivery sets aside is told from one that it cannot even look at, which stays in its way.
#[test]
fn the_doctor_says_of_an_outbox_what_becomes_of_it() {
    let sandbox = scene("{sinks: {log: {type: file}}}");
    let outbox = sandbox.store().with_file_name("notices/outbox.json");
    std::fs::create_dir_all(outbox.parent().unwrap()).unwrap();
    // Its level, and whether it names a next step.
    let told = || {
        let found = sandbox.ai(&["doctor", "--json"]).json_lines();
        let of = found.into_iter().filter(|one| one["check"] == "notices");
        of.map(|one| {
            (
                one["level"].as_str().unwrap().to_owned(),
                one["next"].is_string(),
            )
        })
        .collect::<Vec<_>>()
    };
    std::fs::write(&outbox, "{\"waiting\": 7").unwrap();
    assert_eq!(told(), [("warn".to_owned(), false)]);
    std::fs::remove_file(&outbox).unwrap();
    std::fs::create_dir(&outbox).unwrap();
    assert_eq!(told(), [("bad".to_owned(), true)]);
}

#[test]
fn a_configuration_that_cannot_be_read_any_more_is_told_by_the_one_before_and_its_end_too() {
    // One of the sinks is a program, which a change would have to be trusted for.
    let sandbox = scene(
        "{sinks: {log: {type: file}, bell: {type: command, run: [tee, -a, BASE/bell]}}, deduplicate: 1s}",
    );
    let (log, bell) = (file_of(&sandbox), sandbox.base().join("bell"));
    let good = sandbox.read(".ai/config.yaml");
    let daemon = crate::daemon::daemon(&sandbox, &[]);
    // One that has never read a good one knows nobody whom to tell.
    let state = sandbox.store();
    wait_for(&state.parent().unwrap().join("daemon/config-last-read.yaml"));
    let broken = format!("{good}\nscheduler: {{enabled: perhaps}}\n");
    sandbox.write(".ai/config.yaml", &broken);
    let trouble = told(&bell, 1);
    assert_eq!(told(&log, 1), trouble);
    let status = sandbox.ai(&["daemon", "status"]);
    assert_eq!(status.code, Some(0), "{status}");
    let said = "duplicate key `scheduler`";
    assert_eq!(status.stdout.matches(said).count(), 1, "{status}");
    sandbox.write(".ai/config.yaml", good);
    let told = told(&bell, 2).join("\n");
    daemon.signal("TERM");
    daemon.wait();
    snapshot!(told, @"
    daemon-trouble: the daemon starts nothing until this is mended -> ai daemon status
    daemon-trouble: what kept the daemon from starting anything is mended -> ai daemon status
    ");
    let texts = lines(&bell);
    assert_eq!(
        texts[0]["text"].to_string().matches(said).count(),
        1,
        "{texts:?}"
    );
}

#[test]
fn an_outbox_that_cannot_be_read_is_set_aside_and_told_of() {
    let sandbox = scene("{sinks: {log: {type: file}}}");
    let notices = sandbox.store().parent().unwrap().join("notices");
    let task = sandbox.task("One", &[]);
    std::fs::create_dir_all(&notices).unwrap();
    std::fs::write(notices.join("outbox.json"), "{\"waiting\": 7").unwrap();
    sandbox.ai_ok(&["task", "hold", &task, "--reason", "not yet"]);
    told(&notices.join("notices.jsonl"), 1);
    assert_eq!(
        std::fs::read_to_string(notices.join("outbox-unreadable.json")).unwrap(),
        "{\"waiting\": 7"
    );
    let said = "another was begun: what waited in it was told to nobody";
    for args in [&["notify", "list"][..], &["doctor"]] {
        let outcome = sandbox.ai(args);
        let all = format!("{}{}", outcome.stdout, outcome.stderr);
        assert_eq!(all.matches(said).count(), 1, "{outcome}");
    }
}
