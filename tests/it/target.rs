//! Into which branch work goes: that of the checkout in which a person stands, never one of a run.

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
    assert!(
        outcome
            .stderr
            .contains(&format!("on branch ai/{two}/1, for main")),
        "{outcome}"
    );
    let review = scene.ai_ok(&["review", &two, "--no-diff"]).stdout;
    assert!(review.contains("accepted   it goes into main"), "{review}");
    let why = scene.ai_ok(&["why", &two]).stdout;
    assert!(why.contains("accepted, it goes into main"), "{why}");
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
    assert!(
        refused.stderr.contains(&format!(
            "work would go into ai/{one}/1, which is the branch of a run"
        )),
        "{refused}"
    );
    assert!(
        refused.stderr.contains("next: switch the checkout"),
        "{refused}"
    );
    assert_eq!(scene.status(&two), "queued");
    let dir = scene.worktree("other");
    let adopted = scene.ai(&[
        "worktree",
        "adopt",
        dir.to_str().unwrap(),
        "--title",
        "Other",
    ]);
    assert!(
        adopted.code != Some(0) && adopted.stderr.contains("the branch of a run"),
        "{adopted}"
    );
}

#[test]
fn a_configured_target_that_is_the_branch_of_a_run_is_refused() {
    let scene = Sandbox::with_script(GOOD);
    let id = scene.task("One", &[]);
    assert_eq!(scene.run(&id).code, Some(0));
    scene.configure(&format!("{CONFIG}accept: {{target: ai/{id}/1}}\n"));
    let refused = scene.ai(&["accept", &id]);
    assert!(
        refused.code != Some(0) && refused.stderr.contains("the branch of a run"),
        "{refused}"
    );
    assert_eq!(scene.status(&id), "review");
    // A branch for a pull request is its own, and meant to be.
    scene.configure(&format!("{CONFIG}accept: {{mode: branch}}\n"));
    let review = scene.ai_ok(&["review", &id, "--no-diff"]).stdout;
    assert!(review.contains("it stays on its own branch"), "{review}");
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
