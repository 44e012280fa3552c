//! One scene for each exit code: scripts and agents branch on them. With `--json` the error names
//! its class as well.

use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::{Outcome, Sandbox, Transcript, poll};

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

/// `ai --json …`, which must end with this code and name this class; its error as people see it.
#[track_caller]
fn ends(scene: &Sandbox, args: &[&str], code: i32, kind: &str) -> Outcome {
    let outcome = scene.ai(&[&["--json"], args].concat());
    assert_eq!(outcome.code, Some(code), "ai {args:?}\n{outcome}");
    assert_eq!(class(&outcome), kind, "ai {args:?}\n{outcome}");
    let plain = scene.ai(args);
    assert_eq!(plain.code, Some(code), "the same without --json: {plain}");
    plain
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
    scene.git(&["config", "core.repositoryFormatVersion", "1"]);
    scene.git(&["config", "extensions.fromTheFuture", "true"]);
    snapshot!(ends(&scene, &["task", "create", "x"], 1, "failed"), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: git cannot use [PATH]/repo: unknown repository extension found: fromthefuture
      next: install a newer git than [GIT]; `git config --file [PATH]/repo/.git/config --list` shows what it asks for
    ");
}

#[test]
fn usage_2() {
    let scene = Sandbox::project();
    snapshot!(ends(&scene, &["frobnicate"], 2, "usage"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: there is no command `frobnicate`
      next: `ai --help` lists the commands
    ");
    snapshot!(ends(&scene, &["task", "create", ""], 2, "usage"), @r#"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: a task needs a title
      next: ai task create "TITLE"
    "#);
    snapshot!(ends(&scene, &["task", "create", "x", "--path", "../outside"], 2, "usage"), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: path pattern `../outside` contains `..`
      next: name the path from the repository root, such as `src/auth`
    ");
}

#[test]
fn a_file_that_cannot_be_used_has_one_code_and_a_next_command() {
    let scene = Sandbox::project();
    let outside = |name: &str, text: &str| {
        let path = scene.base().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (entries, export) = (
        outside("e.yaml", "- {titel: x}\n"),
        outside("x.jsonl", "{}\n"),
    );
    let (tests, draft) = (
        outside("t.yaml", "nonsense: 1\n"),
        outside("d.yaml", "nonsense: 1\n"),
    );
    let broken = "version: 1\nnonsense: 1\n";
    let good = std::fs::read_to_string(scene.root().join(".ai/config.yaml")).unwrap();
    let directory = scene.base().to_str().unwrap().to_owned();
    for (file, args) in [
        (".ai/config.yaml", &["task", "create", "x"][..]),
        (".ai/agents/a.yaml", &["agent", "show", "a"]),
        (".ai/recurring/r.yaml", &["recurring", "show", "r"]),
        ("", &["task", "create", "--from", &entries]),
        ("", &["task", "create", "--from", &directory]),
        ("", &["import", &export]),
        ("", &["import", &directory]),
        ("", &["policy", "test", &tests]),
        ("", &["policy", "test", &directory]),
        ("", &["policy", "replay", "--policy", &draft]),
        ("", &["policy", "replay", "--policy", &directory]),
    ] {
        if !file.is_empty() {
            scene.write(file, broken);
        }
        let outcome = scene.ai(args);
        scene.write(".ai/config.yaml", &good);
        assert_eq!(outcome.code, Some(2), "{args:?}: {outcome}");
        let next = outcome
            .stderr
            .lines()
            .any(|line| line.starts_with("  next: "));
        assert!(next, "{args:?}: {outcome}");
    }
    // What is not there at all is not found.
    for args in [
        &["task", "create", "--from", "nothing.yaml"][..],
        &["import", "nothing.jsonl"],
        &["policy", "test", "nothing.yaml"],
        &["agent", "show", "nobody"],
    ] {
        assert_eq!(scene.ai(args).code, Some(3), "{args:?}");
    }
}

#[test]
fn an_agent_file_with_an_error_is_not_told_as_no_agent() {
    let scene = Sandbox::project();
    scene.write(
        ".ai/agents/a.yaml",
        "version: 1\nname: a\nconnector: command\nlimits: {minutes: 0}\n",
    );
    snapshot!(scene.ai(&["agent", "list"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: [PATH]/repo/.ai/agents/a.yaml: limits.minutes: 0 is not between 1 and 10080; correct it, then `ai agent list` again
    no agent can be used as long as its file has an error
    ");
    snapshot!(scene.ai(&["agent", "show", "a"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.ai/agents/a.yaml: limits.minutes: 0 is not between 1 and 10080
      next: correct it in an editor; `ai agent list` reads all of them again
    ");
}

#[test]
fn not_found_3() {
    let scene = Sandbox::project();
    snapshot!(ends(&scene, &["task", "show", "t-none"], 3, "not_found"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-none`
      next: `ai task list` shows the tasks
    ");
    snapshot!(ends(&scene, &["task", "claim", "--next"], 3, "not_found"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no task is ready to be claimed
      next: `ai task list --status blocked` and `ai why TASK` say what the others wait for
    ");
    snapshot!(ends(&Sandbox::empty(), &["status"], 3, "not_found"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo is not inside a Git repository
      next: git init, or change into a repository
    ");
}

#[test]
fn conflict_4() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--path", "src/"]);
    scene.ai_ok(&["task", "claim", &task, "--as", "ann"]);
    snapshot!(ends(&scene, &["task", "claim", &task, "--as", "ben"], 4, "conflict"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by human:ann for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
    snapshot!(ends(&scene, &["lock", "acquire", "src/a.rs", "--as", "ben"], 4, "conflict"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: `src/a.rs` meets `src`, locked exclusively by human:ann ([TASK]) for another [LEFT]: both match `src/a.rs`
      next: `ai lock list` shows who holds what; `ai task show [TASK]` what for
    ");
}

#[test]
fn denied_5() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    rule(&scene, "task.claim", "deny");
    snapshot!(ends(&scene, &["task", "claim", &task], 5, "denied"), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.claim: for this test (rule `the-rule`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    scene.write(".ai/policy.yaml", "rules: [");
    snapshot!(ends(&scene, &["task", "claim", &task], 5, "denied"), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.claim: the policy cannot be read, so this is not allowed; see `ai policy validate`: .ai/policy.yaml:1:8: not usable as YAML: unclosed bracket '[' (rule `policy.unreadable`, decision [DECISION])
        1 | rules: [
          |        ^
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
}

#[test]
fn not_proven_6() {
    let scene = Sandbox::with_agent("version: 1\nchecks: {ok: 'ls; false'}\n", GOOD);
    let task = scene.task("one", &[]);
    snapshot!(scene.ai(&["run", &task]), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `ok` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        README.md
      work.txt
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check ok: ls; false
    check ok: failed (exit code 1)
    check ok on the base commit: ls; false
    check ok on the base commit: failed (exit code 1)
    ");
}

#[test]
fn lease_lost_7() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    let claim = scene.ai_json(&["task", "claim", &task]);
    let token = claim["lease"]["token"].as_str().unwrap();
    scene.ai_ok(&["task", "release", &task]);
    snapshot!(ends(&scene, &["task", "heartbeat", &task, "--lease", token], 7, "lease_lost"), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: the lease on [TASK] is lost: it was released or has ended; nobody holds it now
      next: stop working on it; `ai why [TASK]` says who has it, `ai task claim [TASK]` asks for it again
    ");
    snapshot!(ends(&scene, &["task", "heartbeat", &task], 7, "lease_lost"), @"
    exit: 7
    ----- stdout -----
    ----- stderr -----
    error: no lease on [TASK] is kept in this worktree
      next: give the token with --lease or AI_LEASE, or claim it: `ai task claim [TASK]`
    ");
}

#[test]
fn approval_needed_8() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    rule(&scene, "task.claim", "require_approval");
    snapshot!(ends(&scene, &["task", "claim", &task], 8, "approval_needed"), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for task.claim: for this test (rule `the-rule`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    scene.write(
        ".ai/agents/new.yaml",
        "version: 1\nname: new\nconnector: command\nargv: [true]\n",
    );
    snapshot!(ends(&scene, &["run", &task, "--agent", "new"], 8, "approval_needed"), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: this run (.ai/agents/new.yaml was added) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
}

#[test]
fn store_unusable_9() {
    let scene = Sandbox::repository();
    snapshot!(ends(&scene, &["task", "list"], 9, "store_unusable"), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: this repository has no task store yet
      next: run `ai init`
    ");
    scene.ai_ok(&["init"]);
    std::fs::write(scene.store(), "").unwrap();
    snapshot!(ends(&scene, &["task", "list"], 9, "store_unusable"), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: the task store [PATH]/repo/.git/ai/ai.db is an empty file
      next: run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored
    ");
    snapshot!(ends(&scene, &["init"], 9, "store_unusable"), @"
    exit: 9
    ----- stdout -----
    ----- stderr -----
    error: the task store [PATH]/repo/.git/ai/ai.db is an empty file
      next: run `ai doctor`, then `ai restore --dry-run` to see the backups that can be restored
    ");
}

#[test]
fn try_later_75() {
    let scene = Sandbox::project();
    let task = scene.task("one", &["--not-before", "2h"]);
    snapshot!(ends(&scene, &["task", "claim", &task], 75, "try_later"), @"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is not due for another [LEFT]
      next: wait, or drop the pause: `ai task edit [TASK] --not-before now`
    ");
}

#[test]
fn interrupted_130() {
    let scene = Sandbox::with_script("touch started; exec sleep 600");
    let task = scene.task("one", &[]);
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

#[test]
fn what_is_below_an_error_is_told_to_whoever_asks() {
    let scene = Sandbox::project();
    std::fs::create_dir(scene.root().join("export")).unwrap();
    let mut told = Transcript::default();
    for talk in [&[][..], &["-v"], &["--json"], &["-v", "--json"]] {
        told.ai(&scene, &[talk, &["import", "export"]].concat());
    }
    snapshot!(told);
}
