//! What a run costs, counted and not timed: the processes of Git that it starts. A run that finds
//! everything as the one before it left it starts none.

use std::path::PathBuf;

use crate::support::runs::{CONFIG, GOOD, PATIENCE};
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, poll};

/// Does nothing at all.
const IDLE: &str = "cat >/dev/null";

/// A project in which things are ignored, with an agent; what Git is asked there is counted.
fn scene(agent: Agent) -> Sandbox {
    let sandbox = Scene::new()
        .config(CONFIG)
        .file(".gitignore", "build/\n*.log\n")
        .file("src/lib.rs", "fn one() {}\n")
        .agent(agent)
        .build();
    sandbox.write("build/deep/made.o", "made");
    sandbox.write("x.log", "log");
    let git = sandbox.base().join("bin/git");
    std::fs::create_dir(git.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_ai-counted-git"), git).unwrap();
    sandbox
}

fn in_the_checkout(script: &str) -> Agent {
    Agent::new("fake", script).file("isolation: none\n")
}

fn asked(sandbox: &Sandbox) -> PathBuf {
    sandbox.base().join("bin/git.asked")
}

/// What Git was asked by one command.
fn asked_by(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let asked = asked(sandbox);
    std::fs::write(&asked, "").unwrap();
    sandbox.ai_with_bin(args);
    let text = std::fs::read_to_string(asked).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A new task, made with the same Git: what it has said of itself is kept for one at a time.
fn task(sandbox: &Sandbox, title: &str) -> String {
    let made = sandbox.ai_with_bin(&["task", "create", title, "--json"]);
    made.json()["id"].as_str().unwrap().to_owned()
}

/// What Git was asked by the run of a new task.
fn asked_by_a_run(sandbox: &Sandbox) -> Vec<String> {
    let id = task(sandbox, "one more");
    asked_by(sandbox, &["run", &id])
}

/// Runs tasks until one of them asks Git nothing: answers are kept of files that have been left alone
/// for a while.
#[track_caller]
fn until_nothing_is_asked(sandbox: &Sandbox) {
    let mut last = Vec::new();
    let is_met = poll::within(PATIENCE, || {
        last = asked_by_a_run(sandbox);
        last.is_empty()
    });
    assert!(is_met, "{last:#?}");
}

#[test]
fn a_run_in_a_checkout_at_rest_starts_no_git() {
    let sandbox = scene(in_the_checkout(IDLE));
    until_nothing_is_asked(&sandbox);
    // The person looks, which writes the index anew, and builds.
    sandbox.write("README.md", sandbox.read("README.md"));
    sandbox.git(&["status"]);
    sandbox.write("build/another.o", "made");
    assert_eq!(asked_by_a_run(&sandbox), Vec::<String>::new());
}

#[test]
fn nor_does_one_whose_work_is_taken_and_put_back() {
    let sandbox = scene(in_the_checkout(GOOD));
    until_nothing_is_asked(&sandbox);
    let id = task(&sandbox, "Work");
    assert_eq!(asked_by(&sandbox, &["run", &id]), Vec::<String>::new());
    assert_eq!(sandbox.status(&id), "review");
    assert!(!sandbox.root().join("work.txt").exists(), "put back");
}

#[test]
fn nor_does_one_in_a_worktree_whose_work_is_checked() {
    let sandbox = scene(Agent::new("fake", GOOD));
    until_nothing_is_asked(&sandbox);
    let id = task(&sandbox, "Work");
    assert_eq!(asked_by(&sandbox, &["run", &id]), Vec::<String>::new());
    assert_eq!(sandbox.status(&id), "review");
}

#[test]
fn nor_do_those_that_a_daemon_starts() {
    let sandbox = scene(in_the_checkout(IDLE));
    until_nothing_is_asked(&sandbox);
    let ids = ["One", "Two"].map(|title| task(&sandbox, title));
    let told = asked_by(&sandbox, &["daemon", "run", "--until-empty"]);
    assert_eq!(told, Vec::<String>::new());
    for id in ids {
        assert!(!sandbox.runs_of(&id).is_empty(), "{id}");
    }
}

#[test]
fn work_in_a_checkout_is_never_taken_for_rest() {
    let sandbox = scene(in_the_checkout(IDLE));
    until_nothing_is_asked(&sandbox);
    let says = |sandbox: &Sandbox| {
        let id = task(sandbox, "One");
        let outcome = sandbox.ai_with_bin(&["run", &id]);
        outcome.stderr.lines().next().unwrap_or_default().to_owned()
    };
    for (name, what) in [
        ("build.txt", "a new file"),
        ("src/new.rs", "a new file below"),
        ("src/lib.rs", "another content"),
        ("src/build", "a file of the name of an ignored directory"),
    ] {
        sandbox.write(name, "person");
        let expected = format!(
            "error: the agent works in the checkout itself (isolation: none), and {name} is not committed"
        );
        assert_eq!(says(&sandbox), expected, "{what}");
        sandbox.git(&["stash", "-u", "-q"]);
    }
    // Rules that no longer ignore: two files are the person's now.
    sandbox.write(".gitignore", "*.log\n");
    sandbox.git(&["commit", "-qam", "rules"]);
    assert_eq!(
        says(&sandbox),
        "error: the agent works in the checkout itself (isolation: none), and build/deep/made.o is not committed"
    );
}
