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

/// That scene with a task whose accept was refused for want of a yes: the task, and the decision.
fn asked(file: &str) -> (Sandbox, String, String) {
    let sandbox = scene(file);
    let task = sandbox.task("One", &[]);
    sandbox.run(&task);
    assert_eq!(sandbox.ai(&["accept", &task]).code, Some(8));
    let id = waiting(&sandbox);
    (sandbox, task, id)
}

#[test]
fn two_people_say_yes_where_a_rule_wants_two() {
    let (sandbox, task, id) = asked("deploy");
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
    let (sandbox, task, id) = asked("keys");
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
    let (sandbox, task, id) = asked("deploy");
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

#[test]
fn work_that_is_sent_back_while_its_accept_waits_does_not_land() {
    for answer in ["deny", "reject"] {
        let (sandbox, task, id) = asked("keys");
        sandbox.ai_ok(&["approve", &id, "--as", "human:lea"]);
        let tip = sandbox.git(&["rev-parse", "main"]);
        let planted = [("AI_TEST_FAILPOINT", "accept-intent:stop")];
        let accept = sandbox.start_with(&["accept", &task], &planted);
        accept.until_stopped();
        match answer {
            "deny" => sandbox.ai_ok(&["deny", &id, "--as", "human:lea", "--reason", "no"]),
            _ => sandbox.ai_ok(&["reject", &task, "--note", "no"]),
        };
        accept.signal("CONT");
        let outcome = accept.wait();
        assert_eq!(outcome.code, Some(4), "{answer}\n{outcome}");
        assert_eq!(sandbox.git(&["rev-parse", "main"]), tip, "{answer}");
        assert_eq!(sandbox.status(&task), "queued", "{answer}");
    }
}

#[test]
fn work_that_has_landed_is_not_sent_back_before_its_accept_was_completed() {
    let (sandbox, task, id) = asked("keys");
    sandbox.ai_ok(&["approve", &id, "--as", "human:lea"]);
    let planted = [("AI_TEST_FAILPOINT", "accept-merged:kill")];
    sandbox.start_with(&["accept", &task], &planted).wait();
    let mut told = Transcript::default();
    told.ai(
        &sandbox,
        &["deny", &id, "--as", "human:lea", "--reason", "no"],
    );
    told.ai(&sandbox, &["reject", &task, "--note", "no"]);
    told.ai(&sandbox, &["accept", &task]);
    snapshot!(told);
}

#[test]
fn a_yes_to_the_work_is_none_to_a_stricter_rule_about_the_accept() {
    let policy = "version: 1\ndefault: allow\nrules:\n  - {id: a-anyone, on: [run.finish, task.accept], effect: require_approval, reason: look}\n  \
                  - {id: z-lead, on: [task.accept], effect: require_approval, approvers: ['human:lea'], reason: leads take over}\n";
    let sandbox = Scene::new()
        .policy(policy)
        .agent(Agent::new("bot", "cat >/dev/null; echo work > work.txt"))
        .build();
    let task = sandbox.task("One", &[]);
    sandbox.run(&task);
    let mut told = Transcript::default();
    told.ai(&sandbox, &["accept", &task]);
    told.ai(&sandbox, &["approve", &task, "--as", "human:ann"]);
    told.ai(&sandbox, &["accept", &task]);
    told.ai(&sandbox, &["approve", &task, "--as", "human:ann"]);
    told.ai(&sandbox, &["approve", &task, "--as", "human:lea"]);
    told.ai(&sandbox, &["accept", &task]);
    snapshot!(told);
}

#[test]
fn a_no_is_for_those_whose_yes_would_count_and_may_send_work_back() {
    let (sandbox, task, id) = asked("keys");
    let mut told = Transcript::default();
    told.ai(
        &sandbox,
        &["deny", &id, "--as", "human:mallory", "--reason", "no"],
    );
    let guarded = format!(
        "{POLICY}  - {{id: no-reject, on: [task.reject], actors: ['human:lea'], effect: deny, reason: ask first}}\n"
    );
    sandbox.write(".ai/policy.yaml", guarded);
    told.ai(
        &sandbox,
        &["deny", &id, "--as", "human:lea", "--reason", "no"],
    );
    snapshot!(told);
    assert_eq!(sandbox.status(&task), "review");
}

#[test]
fn who_asks_again_and_again_hides_no_other_question_and_what_has_ended_waits_no_more() {
    let sandbox = scene("docs");
    let (one, two) = (
        sandbox.task("One", &["--label", "costly"]),
        sandbox.task("Two", &["--label", "costly"]),
    );
    sandbox.run(&one);
    for _ in 0..3 {
        sandbox.run(&two);
    }
    let tasks = || -> Vec<String> {
        let waiting = sandbox.ai_json_lines(&["approvals"]);
        let task = |one: &serde_json::Value| {
            one["decision"]["resource"]["task"]
                .as_str()
                .map(str::to_owned)
        };
        waiting.iter().filter_map(task).collect()
    };
    assert_eq!(tasks(), [two.clone(), one.clone()]);
    sandbox.ai_ok(&["task", "cancel", &one]);
    assert_eq!(tasks(), [two]);
}
