//! Checks that fail on the base commit, too: whose the failure is, what is said of it, and what the
//! second look costs.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::scene::{Agent, Scene, config_with_check};

/// Fails as Go would in the tests that `failing` names, and counts in the home how often it ran on
/// the base, which has no `work.txt`.
const GO: &str = "version: 1
runs: {grace: 1s}
checks:
  unit: {run: 'sh check.sh', parser: go}
";
const CHECK: &str = "test -f work.txt || echo base >> \"$HOME/ran\"
status=0
while read name; do echo \"--- FAIL: $name (0.0$$s)\"; status=1; done < failing
if test $status = 0; then printf 'ok  \\texample\\t0.01s\\n'; else printf 'FAIL\\nFAIL\\texample\\t0.01s\\n'; fi
exit $status
";

/// A project whose test `A` fails, and in which somebody leaves `failing` so.
fn test_first() -> Sandbox {
    Scene::new()
        .config(GO)
        .file("check.sh", CHECK)
        .file("failing", "A\n")
        .agent(Agent::new("fake", "true"))
        .build()
}

/// The outcome, the state and the counted attempts of a task whose agent leaves these tests failing.
fn leaves(sandbox: &Sandbox, failing: &[&str]) -> (String, String, u64) {
    let lines: String = failing.iter().map(|name| format!("{name}\\n")).collect();
    let script = format!("cat >/dev/null; echo work > work.txt; printf '{lines}' > failing");
    sandbox.set_script("fake", &script);
    let id = sandbox.task("Have A pass", &[]);
    sandbox.run(&id);
    let (task, run) = (sandbox.show(&id), sandbox.last_run(&id));
    (
        run["end"]["outcome"].as_str().unwrap().to_owned(),
        task["status"].as_str().unwrap().to_owned(),
        task["attempts"].as_u64().unwrap_or(0),
    )
}

#[test]
fn a_test_that_fails_already_is_held_against_nobody_and_a_new_one_against_the_work() {
    let sandbox = test_first();
    let told =
        |outcome: &str, status: &str, attempts| (outcome.to_owned(), status.to_owned(), attempts);
    for (failing, ended) in [
        (&[][..], told("ready_for_review", "review", 1)),
        (&["A"], told("environment", "review", 0)),
        (&["A", "B"], told("send_back_checks", "queued", 1)),
        (&["B"], told("send_back_checks", "queued", 1)),
    ] {
        assert_eq!(leaves(&sandbox, failing), ended, "{failing:?}");
    }
    let ran = std::fs::read_to_string(sandbox.base().join("home/ran")).unwrap();
    assert_eq!(ran, "base\n", "asked once, and only after a failure");
}

#[test]
fn what_the_machine_lacks_is_told_and_accepted_once_it_is_there() {
    let check = "test -e \"$HOME/lib\" || { echo 'ld: cannot find -lfoo' >&2; exit 2; }";
    let script = "cat >/dev/null; echo work > work.txt";
    let sandbox = Sandbox::with_agent(&config_with_check(check), script);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @r#"
    exit: 1
    ----- stdout -----
    [RUN]  environment  review
      check `unit` broken (it fails on the base commit [SHORT], too, and nothing of the failure is new, so nothing is held against the work; see `ai check --base`, mend it there and accept the work then, or reject the work where mending it was the task) (exit code 2)
        ld: cannot find -lfoo
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -e "$HOME/lib" || { echo 'ld: cannot find -lfoo' >&2; exit 2; }
    check unit: failed (exit code 2)
    check unit on the base commit: test -e "$HOME/lib" || { echo 'ld: cannot find -lfoo' >&2; exit 2; }
    check unit on the base commit: failed (exit code 2)
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    "#);
    snapshot!(sandbox.ai(&["accept", &id]), @r#"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    the checks have not passed on this work; running them again
    check unit: test -e "$HOME/lib" || { echo 'ld: cannot find -lfoo' >&2; exit 2; }
    check unit: failed (exit code 2)
    error: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 2) (log: [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/unit.log` shows the end of its output; `ai reject [TASK] --note TEXT` has it done again
    "#);
    let other = sandbox.task("Two", &[]);
    snapshot!(sandbox.run(&other), @r#"
    exit: 1
    ----- stdout -----
    [RUN]  environment  review
      check `unit` broken (it fails on the base commit [SHORT], too, and nothing of the failure is new, so nothing is held against the work; see `ai check --base`, mend it there and accept the work then, or reject the work where mending it was the task) (exit code 2)
        ld: cannot find -lfoo
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -e "$HOME/lib" || { echo 'ld: cannot find -lfoo' >&2; exit 2; }
    check unit: failed (exit code 2)
    check unit on the base commit: failed (exit code 2), as before
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    "#);
    std::fs::write(sandbox.base().join("home/lib"), "").unwrap();
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        (sandbox.status(&id), sandbox.read("work.txt")),
        ("done".into(), "work\n".into())
    );
}

#[test]
fn a_check_that_says_nothing_on_either_is_held_against_nobody() {
    for check in ["false", "grep -q good words", "test -d node_modules"] {
        let sandbox = Scene::new()
            .check(check)
            .file("words", "no\n")
            .agent(Agent::new("fake", "cat >/dev/null; echo no more > words"))
            .build();
        let id = sandbox.task("One", &[]);
        sandbox.run(&id);
        let (task, run) = (sandbox.show(&id), sandbox.last_run(&id));
        assert_eq!(
            (run["end"]["outcome"].as_str(), task["status"].as_str()),
            (Some("environment"), Some("review")),
            "{check}"
        );
        assert_eq!(task["attempts"].as_u64().unwrap_or(0), 0, "{check}");
    }
}

#[test]
fn another_failure_than_that_of_the_base_is_the_works() {
    let check = "cat words >&2; ! grep -q no words";
    let sandbox = Scene::new()
        .check(check)
        .file("words", "no\n")
        .agent(Agent::new("fake", "cat >/dev/null; echo no more > words"))
        .build();
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 6
    ----- stdout -----
    [RUN]  send_back_checks  queued
      check `unit` failed (exit code 1)
        it fails on the base commit, too, but nothing shows that it is the same failure (base commit [SHORT])
        no more
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: cat words >&2; ! grep -q no words
    check unit: failed (exit code 1)
    check unit on the base commit: cat words >&2; ! grep -q no words
    check unit on the base commit: failed (exit code 1)
    ");
    assert_eq!(sandbox.show(&id)["attempts"], 1);
}

#[test]
fn a_base_that_passes_meanwhile_is_asked_again() {
    // Another base commit is another tree, whatever was found on the one before.
    let sandbox = test_first();
    assert_eq!(leaves(&sandbox, &["A"]).0, "environment");
    sandbox.write("failing", "");
    sandbox.commit("A passes");
    assert_eq!(leaves(&sandbox, &["A"]).0, "send_back_checks");
    let ran = std::fs::read_to_string(sandbox.base().join("home/ran")).unwrap();
    assert_eq!(ran, "base\nbase\n");
}

#[test]
fn handing_in_by_hand_tells_of_the_base_and_is_refused_all_the_same() {
    let check = "echo 'ld: cannot find -lfoo' >&2; exit 2";
    let sandbox = Sandbox::with_agent(&config_with_check(check), "true");
    let tree = sandbox.base().join("by-hand");
    let place = tree.to_str().unwrap();
    sandbox.git(&["worktree", "add", "-q", "-b", "mine", place]);
    std::fs::write(tree.join("work.txt"), "work\n").unwrap();
    let adopted = sandbox.ai_json(&["worktree", "adopt", place, "--title", "One"]);
    let id = adopted["task"]["id"].as_str().unwrap();
    snapshot!(sandbox.ai_in(&tree, &["task", "done", id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    check unit: echo 'ld: cannot find -lfoo' >&2; exit 2
    check unit: failed (exit code 2)
    check unit on the base commit: echo 'ld: cannot find -lfoo' >&2; exit 2
    check unit on the base commit: failed (exit code 2)
    error: the checks are `check_broken` on [TASK]: unit broken (it fails on the base commit [SHORT], too, and nothing of the failure is new, so nothing is held against the work; see `ai check --base`, mend it there and accept the work then, or reject the work where mending it was the task) (exit code 2) (log: [PATH]/repo/.git/ai/runs/[RUN]/checks/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/checks/unit.log` shows the end of its output; mend it, then `ai task done [TASK]`
    ");
}
