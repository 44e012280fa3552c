//! A crash after each step of a run and of an accept: the same command again ends where an
//! undisturbed one would have.

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, WHOLE};
use crate::support::{Outcome, Sandbox, run};

const RUN_STEPS: [&str; 9] = [
    "claimed", "worktree", "prompt", "agent", "snapshot", "sealed", "checks", "evidence", "judged",
];
const ACCEPT_STEPS: [&str; 3] = ["accept-intent", "accept-merged", "accept-done"];
/// Within the landing, where an error is Git's own.
const LANDING_STEPS: [&str; 3] = ["accept-locked", "accept-files", "accept-index"];

fn crash(sandbox: &Sandbox, args: &[&str], step: &str, how: &str) -> Outcome {
    let outcome = run(sandbox
        .ai_command(args)
        .env("AI_TEST_FAILPOINT", format!("{step}:{how}")));
    let expected = if how == "kill" { None } else { Some(1) };
    assert_eq!(outcome.code, expected, "{step}:{how}\n{outcome}");
    outcome
}

/// The state after a run that nothing disturbed.
fn check_reviewed(sandbox: &Sandbox, id: &str, case: &str) {
    let task = sandbox.show(id);
    assert_eq!(task["status"], "review", "{case}: {task}");
    assert_eq!(
        task["attempts"], 1,
        "{case}: a crash was held against the work: {task}"
    );
    let last = sandbox.last_run(id);
    let run_id = last["id"].as_str().unwrap();
    assert_eq!(task["run"], run_id, "{case}");
    assert_eq!(last["end"]["outcome"], "ready_for_review", "{case}: {last}");
    assert_eq!(sandbox.evidence_of(run_id), WHOLE, "{case}");
    let branch = last["branch"].as_str().unwrap();
    assert_eq!(sandbox.file_at(branch, "work.txt"), "work", "{case}");
    assert_eq!(
        sandbox.git(&["rev-parse", branch]),
        last["commit"].as_str().unwrap(),
        "{case}"
    );
    let said = sandbox.run_file(run_id, "stdout.log");
    assert_eq!(said.trim_end(), "done", "{case}");
    sandbox.is_at_rest(id);
    assert_eq!(
        sandbox.git(&["status", "--porcelain"]),
        "",
        "{case}: the main checkout was touched"
    );
}

fn crash_in_a_run(step: &str, how: &str) {
    let case = format!("{step}:{how}");
    // Each time it is asked, the agent says so.
    let sandbox = Sandbox::with_agent(CONFIG, &format!("echo asked >> \"$BASE/asked\"; {GOOD}"));
    let id = sandbox.task("One", &[]);
    crash(&sandbox, &["run", &id], step, how);
    let again = sandbox.run(&id);
    // What was judged is in review, and a review is not run again.
    let expected = if step == "judged" { 4 } else { 0 };
    assert_eq!(again.code, Some(expected), "{case}\n{again}");
    check_reviewed(&sandbox, &id, &case);
    let asked = std::fs::read_to_string(sandbox.base().join("asked"))
        .unwrap()
        .lines()
        .count();
    let twice = matches!(step, "agent" | "snapshot");
    assert_eq!(
        asked,
        if twice { 2 } else { 1 },
        "{case}: an agent is asked again only where its work cannot be taken up"
    );
    if twice {
        let saved = sandbox.refs("refs/ai/rescue/");
        assert_eq!(saved.len(), 1, "{case}: {saved:?}");
        assert_eq!(
            sandbox.file_at(&saved[0], "work.txt"),
            "work",
            "{case}: the work of the lost run"
        );
    } else {
        assert_eq!(sandbox.refs("refs/ai/rescue/"), [""; 0], "{case}");
    }
    let done = sandbox.ai(&["accept", &id]);
    assert_eq!(done.code, Some(0), "{case}\n{done}");
}

#[test]
fn a_run_that_was_killed_is_taken_up() {
    RUN_STEPS
        .iter()
        .for_each(|step| crash_in_a_run(step, "kill"));
}

#[test]
fn a_run_that_failed_is_taken_up() {
    RUN_STEPS
        .iter()
        .for_each(|step| crash_in_a_run(step, "error"));
}

fn crash_in_an_accept(step: &str, how: &str) {
    let case = format!("{step}:{how}");
    let sandbox = Sandbox::with_agent(CONFIG, GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    // The target moves on, so that a merge has to be made, and checked.
    sandbox.write("other.txt", "by a person\n");
    sandbox.commit("meanwhile");
    crash(&sandbox, &["accept", &id], step, how);
    let again = sandbox.ai(&["accept", &id]);
    let expected = if step == "accept-done" { 4 } else { 0 };
    assert_eq!(again.code, Some(expected), "{case}\n{again}");

    let task = sandbox.show(&id);
    assert_eq!(task["status"], "done", "{case}: {task}");
    assert_eq!(
        task["proof"]["commit"],
        sandbox.git(&["rev-parse", "main"]),
        "{case}: {task}"
    );
    assert_eq!(
        task["proof"]["tree"],
        sandbox.git(&["rev-parse", "main^{tree}"]),
        "{case}"
    );
    assert_eq!(
        sandbox.git(&["rev-list", "--count", "--merges", "main"]),
        "1",
        "{case}: merged once"
    );
    assert_eq!(
        (sandbox.read("work.txt"), sandbox.read("other.txt")),
        ("work\n".into(), "by a person\n".into())
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "{case}");
    let run_id = format!("{id}.1");
    // The merged tree was checked, and that is on record however the accept came to its end.
    let checks = sandbox
        .evidence_of(&run_id)
        .iter()
        .filter(|name| *name == "check unit")
        .count();
    assert!(checks >= 2, "{case}: {:?}", sandbox.evidence_of(&run_id));
    sandbox.is_at_rest(&id);
}

#[test]
fn an_accept_that_was_killed_is_completed_once() {
    ACCEPT_STEPS
        .iter()
        .chain(&LANDING_STEPS)
        .for_each(|step| crash_in_an_accept(step, "kill"));
}

#[test]
fn an_accept_that_failed_is_completed_once() {
    ACCEPT_STEPS
        .iter()
        .for_each(|step| crash_in_an_accept(step, "error"));
}

#[test]
fn an_override_stands_when_somebody_else_completes_the_accept() {
    let sandbox = Sandbox::with_agent("version: 1\nruns: {grace: 1s}\n", GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    crash(
        &sandbox,
        &["accept", &id, "--override", "no tests yet", "--as", "ann"],
        "accept-merged",
        "kill",
    );
    sandbox.ai_ok(&["accept", &id, "--as", "bob"]);
    let task = sandbox.show(&id);
    snapshot!(task["proof"], @r#"{"kind":"overridden","reason":"no tests yet","by":"human:ann"}"#);
}
