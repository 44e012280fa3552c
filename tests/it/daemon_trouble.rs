//! A daemon that may start nothing, and what is said of it; and one under which something goes away.

use std::os::unix::fs::MetadataExt;

use crate::daemon::{
    Ended, NUMBERS, daemon, gated, gated_task, log, scene, wait_until_logged, wait_until_started,
    wait_until_status,
};
use crate::snapshot;
use crate::support::runs::{GOOD, open_gate};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, mask_also, run_on_terminal};

/// A configuration whose checks nobody has trusted.
const UNTRUSTED: &str = "version: 1\nruns: {grace: 1s}\nchecks: {unit: {run: 'true # again'}}\n";

#[test]
fn until_empty_ends_with_the_reason_where_only_somebody_could_help() {
    let scene = scene();
    scene.task("First", &[]);
    let mut told = Transcript::default();
    let work = ["daemon", "run", "--until-empty", "--quiet"];
    scene.ai_ok(&["daemon", "pause", "--reason", "the disk is changed"]);
    told.ai(&scene, &work);
    scene.ai_ok(&["daemon", "resume"]);
    let trusted = scene.read(".ai/config.yaml");
    scene.write(".ai/config.yaml", UNTRUSTED);
    told.ai(&scene, &work);
    scene.write(".ai/config.yaml", trusted);
    told.ai(&scene, &work);
    snapshot!(told);
}

#[test]
fn until_empty_waits_for_its_runs_before_it_says_that_nothing_more_may_start() {
    let scene = gated();
    let [first, second] = ["First", "Second"].map(|title| gated_task(&scene, title));
    let daemon = daemon(&scene, &["--until-empty"]);
    wait_until_started(&scene, &first);
    scene.ai_ok(&["daemon", "drain", "--reason", "it is Friday"]);
    wait_until_logged(&scene, "the daemon is draining");
    open_gate(&scene.base().join(format!("gate-{first}")));
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!(scene.status(&first), "review", "{outcome}");
    assert_eq!(scene.status(&second), "queued", "{outcome}");
}

#[test]
fn the_state_says_why_nothing_starts_and_trust_is_heard_of_at_once() {
    let scene = scene();
    let _ended = Ended(&scene);
    let task = scene.task("First", &["--not-before", "1h"]);
    let mut told = Transcript::default();
    scene.ai_ok(&["daemon", "start"]);
    wait_until_logged(&scene, "the daemon works the queue");
    scene.write(".ai/config.yaml", UNTRUSTED);
    wait_until_logged(&scene, "nothing is started until this is mended");
    scene.ai_ok(&["task", "edit", &task, "--not-before", "now"]);
    told.ai(&scene, &["daemon", "status"]);
    scene.ai_ok(&["trust"]);
    wait_until_status(&scene, &task, "review");
    told.ai(&scene, &["daemon", "status"]);
    let trusted = scene.base().join("home/.config/ai/trust");
    let record = std::fs::read_dir(trusted).unwrap().next().unwrap().unwrap();
    let trusted_ms = record.metadata().unwrap().mtime() * 1_000;
    let waited = scene.last_run(&task)["started_ms"].as_i64().unwrap() - trusted_ms;
    // The backstop is a look each thirty seconds.
    assert!(waited < 20_000, "it waited for {waited} ms");
    scene.ai_ok(&["daemon", "stop"]);
    let next = scene.task("Second", &[]);
    told.ai(&scene, &["daemon", "status"]);
    scene.write(
        ".ai/config.yaml",
        format!("{UNTRUSTED}# more\nruns: {{setup: 'true'}}\n").replace("runs: {grace: 1s}\n", ""),
    );
    told.ai(&scene, &["daemon", "status"]);
    let status = scene.ai(&["daemon", "status", "--json"]).json();
    assert_eq!(status["waiting"][0]["task"], next);
    assert_eq!(status["waiting"][0]["gate"], "trouble");
    snapshot!(mask_also(told, &NUMBERS));
}

#[test]
fn the_lock_says_who_is_at_work_whatever_the_card_says() {
    let scene = scene();
    let _ended = Ended(&scene);
    scene.ai_ok(&["daemon", "start"]);
    let card = scene.root().join(".git/ai/daemon/daemon.json");
    let pid = scene.ai(&["daemon", "status", "--json"]).json()["pid"].clone();
    let words = std::fs::read_to_string(&card).unwrap();
    std::fs::write(&card, "{").unwrap();
    let status = scene.ai(&["daemon", "status", "--json"]).json();
    assert_eq!(
        (&status["pid"], &status["state"]),
        (&pid, &"running".into())
    );
    assert_eq!(scene.ai(&["daemon", "start"]).code, Some(4));
    scene.ai_ok(&["daemon", "stop"]);
    // A card that names a living process is no daemon.
    let me = std::process::id().to_string();
    std::fs::write(&card, words.replace(&pid.to_string(), &me)).unwrap();
    assert_eq!(scene.ai(&["daemon", "status"]).code, Some(3));
}

#[test]
fn one_whose_worktree_is_gone_ends_and_says_so() {
    let scene = gated();
    let first = gated_task(&scene, "First");
    let tree = scene.worktree("aside");
    let daemon = daemon(&scene, &["-C", tree.to_str().unwrap()]);
    wait_until_started(&scene, &first);
    scene.git(&["worktree", "remove", "--force", tree.to_str().unwrap()]);
    scene.task("Second", &[]);
    let outcome = daemon.wait();
    assert_eq!(outcome.code, Some(3), "{outcome}");
    wait_until_logged(&scene, "the daemon ends: ");
    open_gate(&scene.base().join(format!("gate-{first}")));
    wait_until_status(&scene, &first, "review");
    let last = log(&scene);
    let last = last
        .lines()
        .find(|line| line.ends_with("left to themselves"));
    let masked = mask_also(
        last.unwrap_or_default(),
        &[(r"^\S+ ", ""), (r"ends: \S+,", "ends: [TREE],")],
    );
    snapshot!(masked, @"the daemon ends: [TREE], where this daemon was started, is gone; 1 run is left to themselves");
}

#[test]
fn a_store_that_is_gone_starts_nothing_until_it_is_back() {
    let scene = scene();
    let daemon = daemon(&scene, &[]);
    let away = |from: &str, to: &str| {
        for end in ["", "-wal", "-shm"] {
            let path = |dir: &str| scene.root().join(dir).join(format!("ai.db{end}"));
            let _moved = std::fs::rename(path(from), path(to));
        }
    };
    std::fs::create_dir(scene.root().join(".git/aside")).unwrap();
    away(".git/ai", ".git/aside");
    scene.write(".ai/config.yaml", scene.read(".ai/config.yaml"));
    wait_until_logged(&scene, "nothing is started until this is mended");
    away(".git/aside", ".git/ai");
    let task = scene.task("First", &[]);
    wait_until_status(&scene, &task, "review");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn it_ends_by_its_time_and_its_log_can_be_read() {
    let scene = scene();
    let mut told = Transcript::default();
    told.ai(&scene, &["daemon", "logs"]);
    told.ai(&scene, &["daemon", "run", "--for", "1s", "--quiet"]);
    told.ai(&scene, &["daemon", "logs", "-n", "2"]);
    told.ai(&scene, &["daemon", "logs", "-n", "1", "--json"]);
    let times = [(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "[TIME]")];
    snapshot!(mask_also(told, &times));
}

#[test]
fn its_state_is_read_on_a_narrow_terminal() {
    let sandbox: Sandbox = Scene::new().agent(Agent::new("one", GOOD)).build();
    sandbox.task(
        "A title that goes on and on, so that no line of sixty columns would hold it",
        &[],
    );
    sandbox.ai_ok(&[
        "daemon",
        "drain",
        "--reason",
        "the disk is changed, and that takes until Monday at least",
    ]);
    let mut command = sandbox.ai_command(&["daemon", "status"]);
    let shown = run_on_terminal(command.env("NO_COLOR", "1"), 60);
    let widest = shown
        .stdout
        .lines()
        .map(|line| line.trim_end().chars().count())
        .max();
    assert!(widest <= Some(60), "{shown}");
}
