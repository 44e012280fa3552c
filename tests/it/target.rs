//! Into which branch work goes: that of the checkout in which a person stands, never one of a run.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::{CONFIG, GOOD};

fn target(scene: &Sandbox, id: &str) -> String {
    scene.last_run(id)["target"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn a_run_that_is_started_in_the_worktree_of_a_run_goes_to_the_branch_of_the_checkout() {
    let scene = Sandbox::with_script(GOOD);
    let one = scene.task("One", &[]);
    assert_eq!(scene.run(&one).code, Some(0));
    scene.set_script(
        "fake",
        "cat >/dev/null; echo work > work.txt; echo two > two.txt",
    );
    let two = scene.task("Two", &[]);
    let outcome = scene.ai_in(&scene.slot("w1"), &["run", &two]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(target(&scene, &two), "refs/heads/main");
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
    snapshot!(scene.ai(&["review", &two, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Two
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
    snapshot!(scene.ai(&["why", &two]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Two
      review     run [RUN] has finished and waits for a person; accepted, it goes into main
      next       ai review [TASK]
    ----- stderr -----
    ");
    let accepted = scene.ai_in(&scene.slot("w1"), &["accept", &two]);
    assert_eq!(accepted.code, Some(0), "{accepted}");
    assert_eq!(scene.file_at("main", "two.txt"), "two");
    assert_eq!(
        scene.git(&["rev-parse", &format!("ai/{one}/1~1")]),
        scene.git(&["rev-parse", "main^1~0"]),
        "the other run's branch is as it was"
    );
}

#[test]
fn a_persons_own_worktree_has_its_own_branch() {
    let scene = Sandbox::with_script(GOOD);
    let dir = scene.worktree("feature");
    let id = scene.task("One", &[]);
    let outcome = scene.ai_in(&dir, &["run", &id]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(target(&scene, &id), "refs/heads/feature");
}

#[test]
fn a_checkout_that_stands_on_the_branch_of_a_run_is_told_before_anything_is_claimed() {
    let scene = Sandbox::with_script(GOOD);
    let one = scene.task("One", &[]);
    assert_eq!(scene.run(&one).code, Some(0));
    scene.git(&[
        "worktree",
        "remove",
        "-f",
        "-f",
        scene.slot("w1").to_str().unwrap(),
    ]);
    scene.git(&["switch", "-q", &format!("ai/{one}/1")]);
    let two = scene.task("Two", &[]);
    let refused = scene.run(&two);
    assert_ne!(refused.code, Some(0), "{refused}");
    snapshot!(refused, @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: work would go into ai/[TASK]/1, which is the branch of a run
      next: switch the checkout to the branch that is meant, or name it: `defaults.base` and `accept.target` in .ai/config.yaml
    ");
    assert_eq!(scene.status(&two), "queued");
    let dir = scene.worktree("other");
    snapshot!(scene.ai(&["worktree", "adopt", dir.to_str().unwrap(), "--title", "Other"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: work would go into ai/[TASK]/1, which is the branch of a run
      next: switch the checkout to the branch that is meant, or name it: `defaults.base` and `accept.target` in .ai/config.yaml
    ");
}

#[test]
fn a_configured_target_that_is_the_branch_of_a_run_is_refused() {
    let scene = Sandbox::with_script(GOOD);
    let id = scene.task("One", &[]);
    assert_eq!(scene.run(&id).code, Some(0));
    scene.configure(&format!("{CONFIG}accept: {{target: ai/{id}/1}}\n"));
    snapshot!(scene.ai(&["accept", &id]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: work would go into ai/[TASK]/1, which is the branch of a run
      next: switch the checkout to the branch that is meant, or name it: `defaults.base` and `accept.target` in .ai/config.yaml
    ");
    assert_eq!(scene.status(&id), "review");
    // A branch for a pull request is its own, and meant to be.
    scene.configure(&format!("{CONFIG}accept: {{mode: branch}}\n"));
    snapshot!(scene.ai(&["review", &id, "--no-diff"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it stays on its own branch (accept.mode: branch)
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.start allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]
    ----- stderr -----
    ");
    assert_eq!(scene.ai(&["accept", &id]).code, Some(0));
}

#[test]
fn the_worktree_of_a_bare_repository_is_where_its_runs_go() {
    let scene = Sandbox::with_script(GOOD);
    scene.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let bare = scene.base().join("bare.git");
    let desk = scene.base().join("desk");
    scene.git_in(
        &bare,
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "desk",
            desk.to_str().unwrap(),
        ],
    );
    for command in [&["init", "--yes"][..], &["trust"]] {
        assert_eq!(scene.ai_in(&desk, command).code, Some(0), "{command:?}");
    }
    let task = |title: &str| {
        scene
            .ai_in(&desk, &["task", "create", title, "--json"])
            .json()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (one, two) = (task("One"), task("Two"));
    let outcome = scene.ai_in(&desk, &["run", &one, "--json"]);
    assert_eq!(
        outcome.json()["run"]["target"],
        "refs/heads/desk",
        "{outcome}"
    );
    let slot = scene.ai_in(&desk, &["worktree", "open", &one]).stdout;
    let outcome = scene.ai_in(
        std::path::Path::new(slot.trim_end()),
        &["run", &two, "--json"],
    );
    assert_eq!(
        outcome.json()["run"]["target"],
        "refs/heads/desk",
        "{outcome}"
    );
}
