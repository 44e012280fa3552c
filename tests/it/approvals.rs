//! Answers to what policy asks: by whom, by how many, for how long; and what becomes of the work
//! that asked.

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, Transcript};

const POLICY: &str = "version: 1
default: allow
rules:
  - id: two-of-us
    on: [run.finish]
    actors: ['agent:*']
    paths: [deploy/]
    effect: require_approval
    approvals: 2
    expires: 2d
    reason: it goes to production
  - id: leads-only
    on: [run.finish]
    actors: ['agent:*']
    paths: [keys/]
    effect: require_approval
    approvers: ['human:lea']
    reason: keys are of the leads
  - id: ask-before
    on: [run.start]
    labels: [costly]
    effect: require_approval
    reason: it costs money
";

/// A project with that policy whose agent writes this file, with a line more at each attempt.
fn scene(file: &str) -> Sandbox {
    let script = format!(
        "cat > \"$BASE/prompt\"; mkdir -p {file}; echo work >> {file}/a; echo work > work.txt"
    );
    Scene::new()
        .policy(POLICY)
        .agent(Agent::new("bot", &script))
        .build()
}

/// The decision that waits, by `ai approvals`.
fn waiting(sandbox: &Sandbox) -> String {
    let waiting = sandbox.ai_json_lines(&["approvals"]);
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    waiting[0]["decision"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn two_people_say_yes_where_a_rule_wants_two() {
    let sandbox = scene("deploy");
    let task = sandbox.task("Deploy", &[]);
    sandbox.run(&task);
    assert_eq!(sandbox.ai(&["accept", &task]).code, Some(8));
    let id = waiting(&sandbox);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["approvals"]);
    told.ai(
        &sandbox,
        &["approve", &id, "--reason", "read it", "--as", "human:ann"],
    );
    told.ai(
        &sandbox,
        &["approve", &task, "--reason", "twice", "--as", "human:ann"],
    );
    told.ai(&sandbox, &["accept", &task]);
    told.ai(&sandbox, &["approvals", "--json"]);
    told.ai(
        &sandbox,
        &[
            "approve",
            &id,
            "--reason",
            "me too",
            "--as",
            "human:bob",
            "--json",
        ],
    );
    told.ai(&sandbox, &["approve", &id, "--as", "human:cem"]);
    told.ai(&sandbox, &["approvals"]);
    told.ai(&sandbox, &["policy", "explain", &id]);
    told.ai(&sandbox, &["log", "verify"]);
    told.ai(&sandbox, &["accept", &task]);
    snapshot!(told);
    assert_eq!(sandbox.show(&task)["status"], "done");
}

#[test]
fn only_those_whom_a_rule_names_can_say_yes() {
    let sandbox = scene("keys");
    let task = sandbox.task("Keys", &[]);
    sandbox.run(&task);
    sandbox.ai(&["accept", &task]);
    let id = waiting(&sandbox);
    let mut told = Transcript::default();
    for who in ["agent:bot", "human:ann", "human:lea"] {
        told.ai(&sandbox, &["approve", &id, "--as", who]);
    }
    told.ai(&sandbox, &["approve", &task]);
    told.ai(
        &sandbox,
        &["deny", &id, "--as", "agent:bot", "--reason", "no"],
    );
    snapshot!(told);
    sandbox.ai_ok(&["accept", &task]);
}

#[test]
fn a_no_sends_the_work_back_and_its_reason_reaches_the_next_attempt() {
    let sandbox = scene("deploy");
    let task = sandbox.task("Deploy", &[]);
    sandbox.run(&task);
    sandbox.ai(&["accept", &task]);
    let id = waiting(&sandbox);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["deny", &id, "--reason", "use the staging host"]);
    told.ai(&sandbox, &["approvals"]);
    snapshot!(told);
    assert_eq!(sandbox.show(&task)["status"], "queued");
    sandbox.run(&task);
    let prompt = std::fs::read_to_string(sandbox.base().join("prompt")).unwrap();
    assert_eq!(
        prompt.matches("use the staging host").count(),
        1,
        "{prompt}"
    );
    // Another attempt is another question, though it makes the same change.
    assert_eq!(sandbox.ai(&["accept", &task]).code, Some(8));
    assert_ne!(waiting(&sandbox), id);
}

#[test]
fn what_is_asked_before_a_run_waits_among_what_needs_you() {
    let sandbox = scene("docs");
    let task = sandbox.task("Costly", &["--label", "costly"]);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["run", &task]);
    told.ai(&sandbox, &["status"]);
    let first = waiting(&sandbox);
    told.ai(&sandbox, &["deny", &task, "--reason", "next month"]);
    told.ai(&sandbox, &["run", &task]);
    told.ai(&sandbox, &["approve", &task]);
    told.ai(&sandbox, &["approve", &first]);
    told.ai(&sandbox, &["run", &task]);
    told.ai(&sandbox, &["status"]);
    snapshot!(told);
}

#[test]
fn what_a_yes_takes_is_checked_when_the_policy_is_read() {
    let sandbox = Sandbox::project();
    let rule = |more: &str| {
        format!(
            "version: 1\ndefault: allow\nrules:\n  - {{id: a, on: [edit], reason: r, {more}}}\n"
        )
    };
    let mut told = Transcript::default();
    for more in [
        "effect: warn, approvals: 2",
        "effect: require_approval, approvals: 0",
        "effect: require_approval, approvers: []",
        "effect: require_approval, approvers: ['agent:*', 'a[b]']",
        "effect: require_approval, expires: soon",
        "effect: require_approval, approvals: 2, approvers: ['human:*', lea], expires: 12h",
    ] {
        sandbox.write("p.yaml", rule(more));
        told.ai(&sandbox, &["policy", "validate", "p.yaml"]);
    }
    snapshot!(told);
}
