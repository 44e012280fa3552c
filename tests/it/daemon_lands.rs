//! The daemon's own hand at landing: only where it is switched on, only what nobody would be asked about, beside the starts,
//! and completed by whoever comes after a `kill -9`.

use serde_json::Value;

use crate::daemon::{
    daemon, gated_task, log, wait_until_logged, wait_until_started, wait_until_status,
};
use crate::notices;
use crate::snapshot;
use crate::support::runs::{Background, PATIENCE, open_gate};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript, mask_also, poll};

/// Each task has a file of its own.
const WORK: &str = "cat >/dev/null; echo work > \"$AI_TASK.txt\"";
fn config(check: &str) -> String {
    format!(
        "version: 1\nruns: {{grace: 1s}}\ndefaults: {{max_attempts: 1}}\ndaemon: {{land: true}}\nchecks: {{unit: {{run: '{check}'}}}}\n"
    )
}

fn scene(agent: &str, check: &str, policy: &str) -> Sandbox {
    let scene = Scene::new().config(&config(check));
    let scene = if policy.is_empty() {
        scene
    } else {
        scene.policy(policy)
    };
    scene.agent(Agent::new("one", agent)).build()
}

/// Runs a daemon until nothing is left to do.
#[track_caller]
fn evening(sandbox: &Sandbox) {
    let outcome = sandbox.ai(&["daemon", "run", "--until-empty", "--quiet"]);
    assert_eq!(outcome.code, Some(0), "{outcome}\n{}", log(sandbox));
}

/// The process of the landing at work.
fn landing(sandbox: &Sandbox) -> i32 {
    let path = sandbox.root().join(".git/ai/land.json");
    let word: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    i32::try_from(word["process"]["pid"].as_i64().unwrap()).unwrap()
}

fn signal(pid: i32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The letter by which the system tells the state of a process.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Waits until a process has stopped itself.
#[track_caller]
fn until_stopped(pid: i32) {
    poll::until("it is stopped", PATIENCE, || state(pid) == Some('T'));
}

/// Has this test be the parent of what a killed daemon leaves: the system hangs up on a group of processes that are stopped
/// once nobody of their session looks after them.
fn look_after_orphans() {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
}

/// A daemon whose landings stop at a step, once it has come there.
fn stopped_at(sandbox: &Sandbox, step: &str) -> (Background, i32) {
    let planted = format!("{step}:stop");
    let planted = [("AI_TEST_FAILPOINT", planted.as_str())];
    let daemon = sandbox.start_with(&["daemon", "run"], &planted);
    let path = sandbox.root().join(".git/ai/land.json");
    poll::until("a landing is at work", PATIENCE, || path.exists());
    let pid = landing(sandbox);
    until_stopped(pid);
    (daemon, pid)
}

#[test]
fn what_it_has_worked_it_lands_in_its_own_name() {
    let sandbox = scene(WORK, "true", "");
    let ids = ["First", "Second"].map(|title| sandbox.task(title, &[]));
    evening(&sandbox);
    for id in &ids {
        assert_eq!(sandbox.status(id), "done", "{}", log(&sandbox));
        sandbox.is_at_rest(id);
    }
    let done = sandbox.ai_json_lines(&["log"]);
    let by: Vec<&str> = done
        .iter()
        .filter(|one| one["event"]["kind"] == "task.done")
        .map(|one| one["actor"].as_str().unwrap())
        .collect();
    assert_eq!(by, ["daemon:tester"; 2]);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn without_the_switch_or_trust_in_it_everything_waits_for_a_person() {
    let sandbox = Scene::new()
        .config("version: 1\nchecks: {unit: {run: 'true'}}\n")
        .agent(Agent::new("one", WORK))
        .build();
    let id = sandbox.task("First", &[]);
    evening(&sandbox);
    assert_eq!(sandbox.status(&id), "review");
    let mut told = Transcript::default();
    told.ai(&sandbox, &["land", "--all", "--by-daemon"]);
    let before = sandbox.read(".ai/config.yaml");
    sandbox.write(
        ".ai/config.yaml",
        format!("{before}daemon: {{land: true}}\n"),
    );
    told.ai(&sandbox, &["daemon", "run", "--until-empty", "--quiet"]);
    assert_eq!(sandbox.status(&id), "review");
    snapshot!(told);
}

#[test]
fn what_people_would_be_asked_about_stays_and_nobody_is_asked() {
    let policy = "version: 1
default: allow
rules:
  - {id: look, on: [task.accept], labels: [careful], effect: require_approval, reason: somebody looks}
  - {id: people-look, on: [task.accept], labels: [shown], actors: ['human:*'], effect: require_approval, reason: people are asked}
  - {id: by-people, on: [task.accept], labels: [ours], actors: ['daemon:*'], effect: deny, reason: people land this}
";
    let sandbox = scene(WORK, "true", policy);
    let free = sandbox.task("Free", &[]);
    let kept = ["careful", "shown", "ours"].map(|label| sandbox.task(label, &["--label", label]));
    evening(&sandbox);
    assert_eq!(sandbox.status(&free), "done", "{}", log(&sandbox));
    for id in &kept {
        assert_eq!(sandbox.status(id), "review", "{}", log(&sandbox));
    }
    let mut told = Transcript::default();
    told.ai(&sandbox, &["approvals"]);
    told.ai(&sandbox, &["daemon", "status"]);
    let status = sandbox.ai(&["daemon", "status", "--json"]).json();
    let schema = sandbox.ai(&["schema", "daemon-status"]).json();
    crate::schemas::checked(&schema, &status, "daemon-status").unwrap();
    assert_eq!(status["landing"]["enabled"], true);
    assert_eq!(status["landing"]["left_out"].as_array().unwrap().len(), 3);
    // A person's yes is a person's landing.
    told.ai(&sandbox, &["land", &kept[0]]);
    sandbox.ai_ok(&["approve", &kept[0], "--as", "human:ann"]);
    evening(&sandbox);
    assert_eq!(sandbox.status(&kept[0]), "review", "{}", log(&sandbox));
    told.ai(&sandbox, &["land", &kept[0]]);
    snapshot!(mask_also(told, &crate::daemon::NUMBERS));
}

/// The lines of a file of notices, in an order of their own.
fn told_of(sandbox: &Sandbox, count: usize) -> String {
    let told = notices::told(&notices::file_of(sandbox), count);
    // An id says nothing of an order.
    let mut told: Vec<String> = told.iter().map(|line| crate::support::mask(line)).collect();
    told.sort();
    told.join("\n")
}

#[test]
fn who_has_to_look_is_told_when_the_daemon_has_left_the_work_and_not_before() {
    let policy = "version: 1
default: allow
rules:
  - {id: look, on: [task.accept], labels: [careful], effect: require_approval, reason: somebody looks}
";
    let sandbox = Scene::new()
        .config(&config("true"))
        .more("notices: {sinks: {log: {type: file}}}\n")
        .policy(policy)
        .agent(Agent::new("one", WORK))
        .build();
    sandbox.task("Free", &[]);
    let kept = sandbox.task("Careful", &["--label", "careful"]);
    evening(&sandbox);
    snapshot!(told_of(&sandbox, 2), @"
    done: [TASK] is done: Free -> ai task show [TASK]
    needs-approval: [TASK] waits for your review: Careful -> ai review [TASK]
    ");
    // It goes on waiting, and nobody hears of it again.
    sandbox.task("Third", &[]);
    evening(&sandbox);
    assert_eq!(sandbox.status(&kept), "review");
    snapshot!(told_of(&sandbox, 3), @"
    done: [TASK] is done: Free -> ai task show [TASK]
    done: [TASK] is done: Third -> ai task show [TASK]
    needs-approval: [TASK] waits for your review: Careful -> ai review [TASK]
    ");
}

#[test]
fn work_that_a_daemon_has_not_come_to_land_is_told_at_its_end() {
    let gated = "cat >/dev/null; echo x > \"$BASE/started-$AI_TASK\"; read x < \"$BASE/gate-$AI_TASK\"; echo work > work.txt";
    let sandbox = Scene::new()
        .config(&config("true"))
        .more("notices: {sinks: {log: {type: file}}}\n")
        .agent(Agent::new("one", gated))
        .build();
    let id = gated_task(&sandbox, "First");
    let daemon = daemon(&sandbox, &[]);
    wait_until_started(&sandbox, &id);
    daemon.signal("TERM");
    wait_until_logged(&sandbox, "the daemon stops");
    open_gate(&sandbox.base().join(format!("gate-{id}")));
    daemon.wait();
    assert_eq!(sandbox.status(&id), "review");
    snapshot!(told_of(&sandbox, 1), @"needs-approval: [TASK] waits for your review: First -> ai review [TASK]");
    // Where it was told to begin nothing, whoever runs a task hears of it at once.
    sandbox.ai_ok(&["daemon", "pause"]);
    sandbox.ai_ok(&["daemon", "start"]);
    sandbox.set_script("one", WORK);
    let second = sandbox.task("Second", &[]);
    sandbox.run(&second);
    let told = told_of(&sandbox, 2);
    sandbox.ai_ok(&["daemon", "stop"]);
    snapshot!(told, @"
    needs-approval: [TASK] waits for your review: First -> ai review [TASK]
    needs-approval: [TASK] waits for your review: Second -> ai review [TASK]
    ");
}

#[test]
fn a_batch_that_fails_is_sent_back_as_by_a_person() {
    let check = "test $(ls t-*.txt 2>/dev/null | wc -l) -lt 2";
    let sandbox = scene(WORK, check, "");
    let ids = ["First", "Second"].map(|title| sandbox.task(title, &[]));
    for id in &ids {
        sandbox.run(id);
        assert_eq!(sandbox.status(id), "review");
    }
    let daemon = daemon(&sandbox, &[]);
    poll::until("one went back", PATIENCE, || {
        log(&sandbox).split(" went back: it does not land").count() == 2
    });
    daemon.signal("TERM");
    daemon.wait();
    let done = ids.iter().filter(|id| sandbox.status(id) == "done");
    assert_eq!(done.count(), 1, "{}", log(&sandbox));
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn starts_go_on_while_it_lands_and_a_person_lands_after_it() {
    let sandbox = scene(WORK, "true", "");
    let first = sandbox.task("First", &[]);
    let (daemon, pid) = stopped_at(&sandbox, "land-intent");
    let second = sandbox.task("Second", &[]);
    wait_until_status(&sandbox, &second, "review");
    assert_eq!(sandbox.status(&first), "review");
    assert_eq!(sandbox.ai(&["land", "--all"]).code, Some(75));
    signal(pid, "CONT");
    wait_until_status(&sandbox, &first, "done");
    // The next landing stops again, at the same place.
    let path = sandbox.root().join(".git/ai/land.json");
    poll::until("the next landing is at work", PATIENCE, || {
        path.exists() && landing(&sandbox) != pid
    });
    let next = landing(&sandbox);
    until_stopped(next);
    signal(next, "CONT");
    wait_until_status(&sandbox, &second, "done");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}

/// Tasks with `shared` in their title add a line to one file; the others have a file each.
const SHARING: &str = "if grep -q shared; then echo \"$AI_TASK\" >> shared.txt; else echo work > \"$AI_TASK.txt\"; fi";

#[test]
fn a_task_on_the_paths_of_work_that_is_about_to_land_begins_on_what_has_landed() {
    let sandbox = scene(SHARING, "true", "");
    let first = sandbox.task("First, shared", &["--path", "shared.txt"]);
    let (daemon, pid) = stopped_at(&sandbox, "land-intent");
    let second = sandbox.task("Second, shared", &["--path", "shared.txt"]);
    // One that comes after it has been looked at after it.
    let third = sandbox.task("Third", &["--path", "*.txt.d"]);
    wait_until_status(&sandbox, &third, "review");
    assert_eq!(sandbox.status(&second), "queued", "{}", log(&sandbox));
    let mut told = Transcript::default();
    told.ai(&sandbox, &["why", &second]);
    told.ai(&sandbox, &["schedule"]);
    signal(pid, "CONT");
    wait_until_status(&sandbox, &first, "done");
    // The next landing brings the third in, and stops once more.
    let path = sandbox.root().join(".git/ai/land.json");
    poll::until("the next landing is at work", PATIENCE, || {
        path.exists() && landing(&sandbox) != pid
    });
    let next = landing(&sandbox);
    until_stopped(next);
    signal(next, "CONT");
    wait_until_status(&sandbox, &third, "done");
    poll::until("the last landing is at work", PATIENCE, || {
        path.exists() && landing(&sandbox) != next
    });
    let last = landing(&sandbox);
    until_stopped(last);
    signal(last, "CONT");
    wait_until_status(&sandbox, &second, "done");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
    let landed = sandbox.git(&["show", "main:shared.txt"]);
    assert_eq!(landed, format!("{first}\n{second}"), "{}", log(&sandbox));
    snapshot!(told);
}

#[test]
fn a_landing_outlives_a_daemon_that_is_killed_and_the_next_one_waits_for_it() {
    look_after_orphans();
    let sandbox = scene(WORK, "true", "");
    let id = sandbox.task("First", &[]);
    let (killed, pid) = stopped_at(&sandbox, "land-intent");
    killed.signal("KILL");
    killed.wait();
    let next = daemon(&sandbox, &["--until-empty"]);
    let mut held = sandbox.ai(&["daemon", "status"]);
    held.stdout.truncate(7);
    assert_eq!(held.stdout, "running", "it waits: {held}");
    signal(pid, "CONT");
    let outcome = next.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(sandbox.status(&id), "done", "{}", log(&sandbox));
    // The one that adopts it tells its end, which the one that began it would have told.
    let all = log(&sandbox);
    let told = all.lines().filter_map(|line| line.split_once(' '));
    let told = told.map(|(_, said)| said);
    let told: Vec<&str> = told
        .skip_while(|said| !said.starts_with("a landing was begun by"))
        .take_while(|said| !said.starts_with("the daemon ends"))
        .collect();
    snapshot!(mask_also(told.join("\n"), &crate::daemon::NUMBERS), @"
    a landing was begun by an earlier daemon and goes on (process [PID])
    [TASK] has landed in main
    the landing of an earlier daemon has ended: 1 landed, 0 sent back, 0 left in review; 0 check runs
    ");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_landing_that_ends_between_two_daemons_is_told_by_the_next_and_one_that_is_killed_as_such() {
    look_after_orphans();
    for (signals, line) in [
        (
            &["CONT"][..],
            "the landing of an earlier daemon has ended: 1 landed",
        ),
        (
            &["KILL"],
            "the landing of an earlier daemon has ended without a word",
        ),
    ] {
        let sandbox = scene(WORK, "true", "");
        let id = sandbox.task("First", &[]);
        let (killed, pid) = stopped_at(&sandbox, "land-intent");
        killed.signal("KILL");
        killed.wait();
        if signals == ["CONT"] {
            signal(pid, "CONT");
            poll::until("it has ended", PATIENCE, || {
                // Where nobody waits for it, it stays as what it was.
                matches!(state(pid), None | Some('Z'))
            });
            evening(&sandbox);
        } else {
            let next = daemon(&sandbox, &["--until-empty"]);
            wait_until_logged(&sandbox, "a landing was begun by an earlier daemon");
            signal(pid, "KILL");
            assert_eq!(next.wait().code, Some(0));
        }
        wait_until_logged(&sandbox, line);
        assert_eq!(sandbox.status(&id), "done", "{}", log(&sandbox));
        let left = sandbox.root().join(".git/ai/daemon/landing.json");
        assert!(!left.exists(), "{}", log(&sandbox));
    }
}

#[test]
fn a_landing_that_is_killed_with_its_daemon_is_completed_by_the_next() {
    for step in ["land-intent", "land-merged", "land-done"] {
        let sandbox = scene(WORK, "true", "");
        let ids = ["First", "Second"].map(|title| sandbox.task(title, &[]));
        let (killed, pid) = stopped_at(&sandbox, step);
        killed.signal("KILL");
        killed.wait();
        signal(pid, "KILL");
        evening(&sandbox);
        for id in &ids {
            assert_eq!(sandbox.status(id), "done", "{step}\n{}", log(&sandbox));
            sandbox.is_at_rest(id);
        }
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "{step}");
        sandbox.ai_ok(&["log", "verify"]);
    }
}

#[test]
fn while_it_is_paused_nothing_lands() {
    let sandbox = scene(WORK, "true", "");
    let id = sandbox.task("First", &[]);
    sandbox.run(&id);
    sandbox.ai_ok(&["daemon", "pause", "--reason", "we look first"]);
    let daemon = daemon(&sandbox, &[]);
    wait_until_logged(&sandbox, "the daemon is paused");
    assert_eq!(sandbox.status(&id), "review", "{}", log(&sandbox));
    sandbox.ai_ok(&["daemon", "resume"]);
    wait_until_status(&sandbox, &id, "done");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}
