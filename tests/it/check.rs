//! `ai check`: the checks as a run would run them, on the worktree, on the base and on a commit.

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, mask_also};

/// Two checks of which the second reads a file of the tree; a third that is only advice.
const CHECKS: &str = "version: 1\nruns: {grace: 1s}\nchecks:\n  unit: {run: sh unit.sh}\n  \
                      there: {run: test -f work.txt}\n  style: {run: exit 1, required: false}\n";
const UNIT: &str =
    "echo one\ngrep -q broken work.txt && { echo 'work.txt is broken' >&2; exit 1; }\nexit 0\n";

fn scene() -> Sandbox {
    Scene::new()
        .config(CHECKS)
        .file("unit.sh", UNIT)
        .file("work.txt", "good\n")
        .build()
}

/// Hides the only number that differs.
fn timed(outcome: impl std::fmt::Display) -> String {
    mask_also(outcome, &[(r"\b\d+\.\d s", "[T] s")])
}

#[test]
fn the_worktree_is_checked_as_it_stands_and_the_base_as_it_was_committed() {
    let sandbox = scene();
    sandbox.write("work.txt", "broken\n");
    let events = sandbox.ai_json_lines(&["log"]).len();
    snapshot!(timed(sandbox.ai(&["check"])), @"
    exit: 6
    ----- stdout -----
    tree [SHORT]: your worktree as it stands
      unit              [T] s  failed (exit code 1)
      there             [T] s  passed
      style (advisory)  [T] s  failed (exit code 1)

    unit:
      one
      work.txt is broken
      log: [PATH]/repo/.git/ai/check/unit.log

    style:
      log: [PATH]/repo/.git/ai/check/style.log
    ----- stderr -----
    check unit: sh unit.sh
    check unit: failed (exit code 1)
    check there: test -f work.txt
    check there: passed
    check style: exit 1
    check style: failed (exit code 1)
    a run with this tree would be sent back
    ");
    snapshot!(timed(sandbox.ai(&["check", "--base"])), @"
    exit: 0
    ----- stdout -----
    tree [SHORT] of commit [SHORT]
      unit              [T] s  passed
      there             [T] s  passed
      style (advisory)  [T] s  failed (exit code 1)

    style:
      log: [PATH]/repo/.git/ai/check/style.log
    ----- stderr -----
    check unit: sh unit.sh
    check unit: passed
    check there: test -f work.txt
    check there: passed
    check style: exit 1
    check style: failed (exit code 1)
    a run with this tree would pass its checks
    ");
    snapshot!(timed(sandbox.ai(&["check", "HEAD~0", "--check", "there"])), @"
    exit: 0
    ----- stdout -----
    tree [SHORT] of commit [SHORT]
      there  [T] s  passed
    ----- stderr -----
    check there: test -f work.txt
    check there: passed
    a run with this tree would pass its checks
    ");
    // Nothing of it is recorded, and the worktree is as it was.
    assert_eq!(sandbox.git(&["status", "--porcelain"]), " M work.txt");
    assert_eq!(sandbox.ai_json_lines(&["log"]).len(), events);
}

#[test]
fn a_check_that_could_not_tell_is_no_failure_of_the_work() {
    let sandbox = Scene::new().check("no-such-program --all").build();
    snapshot!(timed(sandbox.ai(&["check"])), @"
    exit: 1
    ----- stdout -----
    tree [SHORT]: your worktree as it stands
      unit  [T] s  broken (`no-such-program` was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores)

    unit:
      /bin/sh: 1: no-such-program: not found
      log: [PATH]/repo/.git/ai/check/unit.log
    ----- stderr -----
    check unit: no-such-program --all
    check unit: broken (`no-such-program` was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores)
    a check could not tell: a run with this tree would wait for a person, and nothing be held against it
    ");
}

/// What the record says of a check is shown in words, not as it is stored.
#[test]
fn a_review_tells_the_result_of_a_check_in_words() {
    let sandbox = Scene::new()
        .check("echo three; no-such-program --all")
        .agent(Agent::new("fake", GOOD))
        .build();
    let id = sandbox.task("One", &[]);
    sandbox.run(&id);
    snapshot!(sandbox.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    environment
      because    finished, checks check_broken, policy allow, current
                 check `unit` broken (`no-such-program` was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores)
      sandbox    none, network on
      check      unit broken (`no-such-program` was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores)  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let sandbox = scene();
    snapshot!(sandbox.ai(&["check", "no-such-branch"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no commit `no-such-branch`
      next: `git log --oneline` shows the newest ones, `git branch` the branches
    ");
    snapshot!(sandbox.ai(&["check", "--check", "nope"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the command line wants check `nope`, and .ai/config.yaml has no such check
      next: write it below `checks`, or take one of unit, there, style
    ");
    sandbox.write(".ai/config.yaml", CHECKS.replace("exit 1", "exit 2"));
    snapshot!(sandbox.ai(&["check"]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: the checks (.ai/config.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    sandbox.configure("version: 1\n");
    snapshot!(sandbox.ai(&["check"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no check is configured, so nothing can be proven
      next: write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}; docs/quick-start.md has more
    ");
    let unborn = Sandbox::empty();
    unborn.git(&["init", "-q", "-b", "main"]);
    unborn.ai_ok(&["init"]);
    unborn.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: test -f .ai/config.yaml}}\n",
    );
    unborn.ai_ok(&["trust"]);
    snapshot!(unborn.ai(&["check", "--base"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no commit yet from which a run could start
      next: commit something, then `ai check --base`; `ai check` checks the worktree as it stands
    ");
    snapshot!(timed(unborn.ai(&["check"])), @"
    exit: 0
    ----- stdout -----
    tree [SHORT]: your worktree as it stands
      unit  [T] s  passed
    ----- stderr -----
    check unit: test -f .ai/config.yaml
    check unit: passed
    a run with this tree would pass its checks
    ");
}

#[test]
fn a_bare_repository_has_no_worktree_to_check() {
    let bare = Sandbox::empty();
    bare.git(&["init", "-q", "--bare"]);
    bare.ai_ok(&["init"]);
    bare.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: \"true\"}}\n",
    );
    bare.ai_ok(&["trust"]);
    snapshot!(bare.ai(&["check"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no worktree here whose state could be checked
      next: `ai check --base` checks the commit from which a run would start
    ");
}

#[test]
fn programs_read_the_same() {
    let sandbox = scene();
    let mut told = sandbox.ai_json(&["check"]);
    for check in told["checks"].as_array_mut().unwrap() {
        check["duration_ms"] = 0.into();
    }
    snapshot!(serde_json::to_string_pretty(&told).unwrap(), @r#"
    {
      "tree": "[HASH]",
      "commit": "[HASH]",
      "verification": "passed",
      "checks": [
        {
          "name": "unit",
          "status": "passed",
          "exit": {
            "end": "exited",
            "code": 0
          },
          "duration_ms": 0,
          "counts": null,
          "failures": [],
          "log_sha256": "[HASH]",
          "required": true,
          "log": "[PATH]/repo/.git/ai/check/unit.log"
        },
        {
          "name": "there",
          "status": "passed",
          "exit": {
            "end": "exited",
            "code": 0
          },
          "duration_ms": 0,
          "counts": null,
          "failures": [],
          "log_sha256": "[HASH]",
          "required": true,
          "log": "[PATH]/repo/.git/ai/check/there.log"
        },
        {
          "name": "style",
          "status": "failed",
          "exit": {
            "end": "exited",
            "code": 1
          },
          "duration_ms": 0,
          "counts": null,
          "failures": [
            {
              "name": "exit code 1",
              "message": ""
            }
          ],
          "log_sha256": "[HASH]",
          "required": false,
          "log": "[PATH]/repo/.git/ai/check/style.log"
        }
      ]
    }
    "#);
}

/// A tree is checked by any name that Git has for it, without a commit around it.
#[test]
fn a_tree_is_checked_without_its_commit() {
    let sandbox = scene();
    sandbox.write("work.txt", "broken\n");
    let tree = sandbox.git(&["rev-parse", "HEAD^{tree}"]);
    let check = ["--check", "there", "--check", "unit"];
    let told = |name: &str| timed(sandbox.ai(&[&["check", name][..], &check].concat()));
    snapshot!(told("HEAD^{tree}"), @"
    exit: 0
    ----- stdout -----
    tree [SHORT]
      there  [T] s  passed
      unit   [T] s  passed
    ----- stderr -----
    check there: test -f work.txt
    check there: passed
    check unit: sh unit.sh
    check unit: passed
    a run with this tree would pass its checks
    ");
    assert_eq!(told(&tree), told("HEAD^{tree}"));
    let json = sandbox
        .ai(&["check", "HEAD^{tree}", "--json", "--check", "there"])
        .json();
    assert_eq!(
        (json["tree"].as_str(), json["commit"].as_str()),
        (Some(tree.as_str()), None)
    );
    // A file is none.
    assert_eq!(sandbox.ai(&["check", "HEAD:work.txt"]).code, Some(3));
}
