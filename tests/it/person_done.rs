//! `ai task done` by people: their tree is checked as it stands, and only a passing verdict ends
//! the task.

use crate::support::Sandbox;
use crate::support::runs::CONFIG;

fn claimed() -> (Sandbox, String) {
    let sandbox = Sandbox::project();
    sandbox.configure(CONFIG);
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id]);
    (sandbox, id)
}

#[test]
fn a_tree_that_passes_ends_the_task() {
    let (sandbox, id) = claimed();
    let refused = sandbox.ai(&["task", "done", &id]);
    assert_eq!(refused.code, Some(6), "{refused}");
    assert_eq!(sandbox.status(&id), "claimed");
    sandbox.write("work.txt", "not committed yet");
    let before = std::fs::read(sandbox.root().join(".git/index")).unwrap();
    sandbox.ai_ok(&["task", "done", &id]);
    assert_eq!(
        std::fs::read(sandbox.root().join(".git/index")).unwrap(),
        before,
        "the person's index was touched"
    );
    let task = sandbox.show(&id);
    assert_eq!(task["status"], "done", "{task}");
    assert_eq!(
        task["proof"].get("commit"),
        None,
        "what is not committed has no commit: {task}"
    );
    let tree = task["proof"]["tree"].as_str().unwrap();
    assert_eq!(
        sandbox.git(&["show", &format!("{tree}:work.txt")]),
        "not committed yet"
    );
    let evidence = sandbox.rows("SELECT data FROM evidence");
    assert_eq!(
        (evidence.len(), &evidence[0]["kind"], evidence[0].get("run")),
        (1, &"check".into(), None)
    );
    assert_eq!(evidence[0]["tree"], tree);
    assert!(
        sandbox
            .root()
            .join(".git/ai")
            .join(evidence[0]["file"].as_str().unwrap())
            .is_file()
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_committed_tree_is_named_by_its_commit() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    let commit = sandbox.commit("work");
    sandbox.ai_ok(&["task", "done", &id]);
    assert_eq!(sandbox.show(&id)["proof"]["commit"], commit);
}

#[test]
fn a_linked_worktree_is_checked_and_not_the_main_checkout() {
    let (sandbox, _) = claimed();
    let id = sandbox.task("Two", &[]);
    let mine = sandbox.worktree("mine");
    assert_eq!(sandbox.ai_in(&mine, &["task", "claim", &id]).code, Some(0));
    sandbox.write("work.txt", "in the main checkout alone");
    assert_eq!(sandbox.ai_in(&mine, &["task", "done", &id]).code, Some(6));
    std::fs::write(mine.join("work.txt"), "here").unwrap();
    let outcome = sandbox.ai_in(&mine, &["task", "done", &id]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn without_checks_only_an_override_ends_a_task() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["task", "done", &id]);
    assert_eq!(outcome.code, Some(6), "{outcome}");
    assert!(outcome.stderr.contains("--override"), "{outcome}");
    sandbox.ai_ok(&["task", "done", &id, "--override", "talked it through"]);
    assert!(
        sandbox
            .ai_ok(&["task", "show", &id])
            .stdout
            .contains("done (overridden)")
    );
}

#[test]
fn untrusted_checks_do_not_run() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: 'touch \"$HOME/ran\"'}}\n",
    );
    let outcome = sandbox.ai(&["task", "done", &id]);
    assert_eq!(outcome.code, Some(8), "{outcome}");
    assert!(!sandbox.base().join("home/ran").exists());
}

#[test]
fn planted_settings_do_not_run() {
    let (sandbox, id) = claimed();
    let evil = sandbox.base().join("evil");
    std::fs::write(
        &evil,
        format!("#!/bin/sh\ntouch '{}/ran'\ncat\n", sandbox.base().display()),
    )
    .unwrap();
    std::process::Command::new("chmod")
        .arg("+x")
        .arg(&evil)
        .status()
        .unwrap();
    for key in [
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.external",
    ] {
        sandbox.git(&["config", key, evil.to_str().unwrap()]);
    }
    sandbox.write(".gitattributes", "* filter=x\n");
    sandbox.write("work.txt", "x");
    sandbox.ai_ok(&["task", "done", &id]);
    assert!(!sandbox.base().join("ran").exists());
}

#[test]
fn somebody_elses_task_is_refused_before_anything_runs() {
    let (sandbox, id) = claimed();
    let mine = sandbox.worktree("mine");
    std::fs::write(mine.join("work.txt"), "x").unwrap();
    let outcome = sandbox.ai_in(&mine, &["task", "done", &id]);
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert!(
        !sandbox.root().join(".git/ai/done").exists(),
        "checks ran for nothing"
    );
}

/// A policy that lets nobody change what is below `ci/`.
const NO_CI: &str = "version: 1
default: allow
rules:
  - id: no-ci
    on: [edit, run.finish]
    paths: [ci/]
    effect: deny
    reason: ours
";

#[test]
fn what_is_really_changed_is_asked_about() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", NO_CI);
    sandbox.configure(CONFIG);
    let mine = sandbox.worktree("mine");
    let id = sandbox.task("One", &["--path", "work.txt"]);
    assert_eq!(sandbox.ai_in(&mine, &["task", "claim", &id]).code, Some(0));
    std::fs::write(mine.join("work.txt"), "x").unwrap();
    std::fs::create_dir(mine.join("ci")).unwrap();
    std::fs::write(mine.join("ci/build"), "x").unwrap();
    // Committed or not, it is part of the work.
    for _ in 0..2 {
        let refused = sandbox.ai_in(&mine, &["task", "done", &id]);
        assert_eq!(refused.code, Some(5), "{refused}");
        assert!(refused.stderr.contains("no-ci"), "{refused}");
        sandbox.git_in(&mine, &["add", "-A"]);
        sandbox.git_in(&mine, &["commit", "-q", "--allow-empty", "-m", "all"]);
    }
    assert_eq!(sandbox.status(&id), "claimed");
    sandbox.git_in(&mine, &["rm", "-q", "-r", "ci"]);
    let done = sandbox.ai_in(&mine, &["task", "done", &id]);
    assert_eq!(done.code, Some(0), "{done}");
}

#[test]
fn what_somebody_else_has_locked_is_not_done() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    let other = sandbox.worktree("other");
    let lock = sandbox.ai_in(&other, &["lock", "acquire", "work.txt", "--as", "ben"]);
    assert_eq!(lock.code, Some(0), "{lock}");
    let refused = sandbox.ai(&["task", "done", &id]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.stderr.contains("locked by human:ben"), "{refused}");
    assert_eq!(sandbox.status(&id), "claimed");
    let lock = lock.stdout.split_whitespace().next().unwrap().to_owned();
    assert_eq!(
        sandbox
            .ai_in(&other, &["lock", "release", &lock, "--as", "ben"])
            .code,
        Some(0)
    );
    sandbox.ai_ok(&["task", "done", &id]);
}
