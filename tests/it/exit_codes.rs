//! One scene for each exit code: scripts and agents branch on them. With `--json` the error names
//! its class as well.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Outcome, Sandbox, poll};

/// The class that an error names with `--json`.
#[track_caller]
fn class(outcome: &Outcome) -> String {
    let error: serde_json::Value =
        serde_json::from_str(&outcome.stderr).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    assert_eq!(
        error["error"]["code"].as_i64(),
        outcome.code.map(i64::from),
        "{outcome}"
    );
    error["error"]["kind"].as_str().unwrap().to_owned()
}

#[track_caller]
fn ends(scene: &Sandbox, args: &[&str], code: i32, kind: &str) {
    let outcome = scene.ai(&[&["--json"], args].concat());
    assert_eq!(outcome.code, Some(code), "ai {args:?}\n{outcome}");
    assert_eq!(class(&outcome), kind, "ai {args:?}\n{outcome}");
    assert_eq!(scene.ai(args).code, Some(code), "the same without --json");
}

/// Replaces the policy of the project by one rule.
fn rule(scene: &Sandbox, on: &str, effect: &str) {
    let text = format!(
        "version: 1\ndefault: allow\nrules:\n  - id: the-rule\n    on: [{on}]\n    effect: {effect}\n    reason: for this test\n"
    );
    scene.write(".ai/policy.yaml", text);
    scene.ai_ok(&["policy", "validate"]);
}

#[test]
fn ok_0() {
    Sandbox::project().ai_ok(&["status"]);
}

#[test]
fn failed_1() {
    let scene = Sandbox::project();
    scene.write(".ai/config.yaml", "version: 1\nnonsense: 1\n");
    ends(&scene, &["task", "create", "x"], 1, "failed");
}

#[test]
fn usage_2() {
    let scene = Sandbox::project();
    ends(&scene, &["frobnicate"], 2, "usage");
    ends(&scene, &["task", "create", ""], 2, "usage");
    ends(
        &scene,
        &["task", "create", "x", "--path", "../outside"],
        2,
        "usage",
    );
}

#[test]
fn not_found_3() {
    let scene = Sandbox::project();
    ends(&scene, &["task", "show", "t-none"], 3, "not_found");
    ends(&scene, &["task", "claim", "--next"], 3, "not_found");
    ends(&Sandbox::empty(), &["status"], 3, "not_found");
}

#[test]
fn conflict_4() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--path", "src/"]);
    scene.ai_ok(&["task", "claim", &task, "--as", "ann"]);
    ends(
        &scene,
        &["task", "claim", &task, "--as", "ben"],
        4,
        "conflict",
    );
    ends(
        &scene,
        &["lock", "acquire", "src/a.rs", "--as", "ben"],
        4,
        "conflict",
    );
}

#[test]
fn denied_5() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    rule(&scene, "task.claim", "deny");
    ends(&scene, &["task", "claim", &task], 5, "denied");
    scene.write(".ai/policy.yaml", "rules: [");
    ends(&scene, &["task", "claim", &task], 5, "denied");
}

#[test]
fn not_proven_6() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--agent", "w"]);
    scene.write(".ai/config.yaml", "version: 1\nchecks: {ok: 'false'}\n");
    scene.ai_ok(&[
        "agent",
        "register",
        "w",
        "-c",
        "command",
        "--",
        "sh",
        "-c",
        "echo work > made.txt",
    ]);
    scene.ai_ok(&["trust"]);
    scene.commit("configured");
    let outcome = scene.ai(&["run", &task]);
    assert_eq!(outcome.code, Some(6), "{outcome}");
}

#[test]
fn lease_lost_7() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    let claim = scene.ai_json(&["task", "claim", &task]);
    let token = claim["lease"]["token"].as_str().unwrap();
    scene.ai_ok(&["task", "release", &task]);
    ends(
        &scene,
        &["task", "heartbeat", &task, "--lease", token],
        7,
        "lease_lost",
    );
    ends(&scene, &["task", "heartbeat", &task], 7, "lease_lost");
}

#[test]
fn approval_needed_8() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    rule(&scene, "task.claim", "require_approval");
    ends(&scene, &["task", "claim", &task], 8, "approval_needed");
    scene.write(
        ".ai/agents/new.yaml",
        "version: 1\nname: new\nconnector: command\nargv: [true]\n",
    );
    ends(
        &scene,
        &["run", &task, "--agent", "new"],
        8,
        "approval_needed",
    );
}

#[test]
fn store_unusable_9() {
    let scene = Sandbox::repository();
    ends(&scene, &["task", "list"], 9, "store_unusable");
    scene.ai_ok(&["init"]);
    std::fs::write(scene.store(), "").unwrap();
    ends(&scene, &["task", "list"], 9, "store_unusable");
    ends(&scene, &["init"], 9, "store_unusable");
}

#[test]
fn try_later_75() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--not-before", "2h"]);
    ends(&scene, &["task", "claim", &task], 75, "try_later");
}

#[test]
fn interrupted_130() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--agent", "w"]);
    scene.ai_ok(&[
        "agent",
        "register",
        "w",
        "-c",
        "command",
        "--",
        "sh",
        "-c",
        "touch started; exec sleep 600",
    ]);
    scene.ai_ok(&["trust"]);
    scene.commit("configured");
    let mut command = scene.ai_command(&["run", &task]);
    // A group of its own, as a shell would give it: Ctrl-C is for this command alone.
    let mut run = command
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let slots = || {
        std::fs::read_dir(scene.slot(""))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
    };
    poll::until("the agent works", Duration::from_secs(30), || {
        slots().any(|slot| slot.join("started").is_file())
    });
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
}
