//! Policy at the terminal: the shipped packs let work through, ask where they say so, and bound
//! what runs.

use serde_json::Value;

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::scene::{Agent, Scene};

/// The last decision about a task with this effect.
fn decision(sandbox: &Sandbox, task: &str, effect: &str) -> Value {
    let all = sandbox.ai_json_lines(&["policy", "log", task]);
    all.into_iter()
        .rfind(|record| record["effect"] == effect)
        .unwrap_or_else(|| panic!("no {effect} on {task}"))
}

#[test]
fn every_pack_lets_plain_work_through() {
    for pack in [
        "default",
        "strict",
        "solo",
        "open-source",
        "regulated",
        "hardened-os-agent",
    ] {
        let sandbox = Sandbox::with_a_found_check(pack, "mkdir -p src; echo x >>src/a");
        let task = sandbox.task("One", &["--path", "src/"]);
        sandbox.ai_ok(&["run", &task]);
        sandbox.ai_ok(&["accept", &task]);
        assert_eq!(sandbox.git(&["show", "main:src/a"]), "x", "{pack}");
    }
}

#[test]
fn what_policy_asks_about_waits_for_a_person() {
    let sandbox = Sandbox::with_a_found_check("strict", "echo '{}' >package.json");
    let task = sandbox.task("A dependency", &[]);
    snapshot!(sandbox.ai(&["run", &task]), @"
    exit: 8
    ----- stdout -----
    [RUN]  needs_approval  review
      checks passed on this tree; the policy wants a person's yes first: a dependency is code of strangers (package.json)
    ----- stderr -----
    run [RUN]: bot on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    look at it with `ai review [TASK]`; `ai accept [TASK]` names the decision that waits for your yes
    ");
    snapshot!(sandbox.ai(&["accept", &task]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for run.finish: a dependency is code of strangers (package.json) (rule `dependencies-need-a-human`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    let record = decision(&sandbox, &task, "require_approval");
    let id = record["id"].as_str().unwrap();
    assert_eq!(record["rule"], "dependencies-need-a-human");
    snapshot!(sandbox.ai(&["policy", "approve", id, "--as", "agent:bot"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: only a person can approve, and agent:bot is none
      next: ask a person for `ai approve [DECISION]`
    ");
    // An agent's yes does not count.
    snapshot!(sandbox.ai(&["accept", &task]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: policy wants a person's yes for run.finish: a dependency is code of strangers (package.json) (rule `dependencies-need-a-human`, decision [DECISION])
      next: a person says yes with `ai approve [DECISION]`
    ");
    sandbox.ai_ok(&["policy", "approve", id, "--reason", "it is ours"]);
    sandbox.ai_ok(&["policy", "approve", id]);
    snapshot!(sandbox.ai(&["policy", "explain", id]), @"
    exit: 0
    ----- stdout -----
    [DECISION]  require_approval  run.finish by agent:bot#[SESSION]
      when     [TIME]
      task     [TASK]
      run      [RUN]
      paths    package.json
      won      dependencies-need-a-human (project): a dependency is code of strangers (package.json)
      matched  dependencies-need-a-human (project) require_approval: a dependency is code of strangers
      approved by human:tester at [TIME]: it is ours
      policy   [HASH]
    ----- stderr -----
    ");
    sandbox.ai_ok(&["accept", &task]);
    assert_eq!(sandbox.ai_json(&["task", "show", &task])["status"], "done");
}

#[test]
fn a_denied_path_is_sent_back_and_cannot_be_accepted() {
    let sandbox = Sandbox::with_a_found_check("default", "echo secret >.env");
    let task = sandbox.task("A secret", &[]);
    snapshot!(sandbox.ai(&["run", &task]), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: keys and passwords do not belong in git (.env)
    ----- stderr -----
    run [RUN]: bot on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    ");
    snapshot!(sandbox.ai(&["accept", &task]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: only work that waits for a review can be accepted or rejected
      next: `ai why [TASK]`
    ");
    assert_eq!(decision(&sandbox, &task, "deny")["rule"], "no-secrets");
    assert!(
        sandbox
            .try_git(&sandbox.root(), &["show", "main:.env"])
            .code
            != Some(0)
    );
}

#[test]
fn a_policy_that_cannot_be_read_denies_and_says_so() {
    let sandbox = Sandbox::with_a_found_check("default", "true");
    let task = sandbox.task("One", &[]);
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: alow\n");
    snapshot!(sandbox.ai(&["task", "create", "Two"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.create: the policy cannot be read, so this is not allowed; see `ai policy validate`: .ai/policy.yaml:2:10: `default` cannot be `alow`; did you mean `allow`? (rule `policy.unreadable`, decision [DECISION])
        2 | default: alow
          |          ^
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(sandbox.ai(&["policy", "validate"]), @"
    exit: 1
    ----- stdout -----
    .ai/policy.yaml:2:10: `default` cannot be `alow`; did you mean `allow`?
        2 | default: alow
          |          ^
    ----- stderr -----
    error: .ai/policy.yaml has 1 problem, and denies everything until that is mended
      next: correct it, then `ai policy validate` once more; `ai schema policy-file` describes such a file
    ");
    assert_eq!(
        sandbox.ai(&["task", "show", &task]).code,
        Some(0),
        "looking needs no policy"
    );
}

#[test]
fn limits_are_measured_and_bind() {
    let sandbox = Sandbox::with_a_found_check("default", "mkdir -p src; echo x >>src/a");
    let limits = |text: &str| {
        sandbox.write(
            ".ai/policy.yaml",
            format!("version: 1\ndefault: allow\nlimits: {text}\n"),
        );
        sandbox.commit("limits");
    };
    let task = sandbox.task("One", &[]);
    limits("{parallel_runs: 1, max_diff_files: 2, run_minutes: 1, silence_minutes: 1}");
    sandbox.ai_ok(&["run", &task]);
    sandbox.ai_ok(&["accept", &task]);
    let two = sandbox.task("Two", &[]);
    limits("{max_diff_files: 1}");
    sandbox.add(Agent::new(
        "wide",
        "cat >/dev/null; echo x >one; echo y >two",
    ));
    snapshot!(sandbox.ai(&["run", &two, "--agent", "wide"]), @"
    exit: 8
    ----- stdout -----
    [RUN]  needs_approval  review
      checks passed on this tree; the policy wants a person's yes first: 2 changed files; the limit is 1, so split the work or let a human say yes
    ----- stderr -----
    run [RUN]: wide on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    look at it with `ai review [TASK]`; `ai accept [TASK]` names the decision that waits for your yes
    ");
    limits("{max_attempts: 0}");
    // A limit of none would stop everything.
    snapshot!(sandbox.ai(&["policy", "validate"]), @"
    exit: 1
    ----- stdout -----
    .ai/policy.yaml:3:24: `max_attempts` must be a whole number of at least 1
        3 | limits: {max_attempts: 0}
          |                        ^
    ----- stderr -----
    error: .ai/policy.yaml has 1 problem, and denies everything until that is mended
      next: correct it, then `ai policy validate` once more; `ai schema policy-file` describes such a file
    ");
}

#[test]
fn tools_that_were_used_without_asking_are_judged_by_their_names() {
    let said = [
        r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#,
        r#"{"type":"assistant","session_id":"s","message":{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"WebFetch","input":{"url":"x"}}]}}"#,
        r#"{"type":"assistant","session_id":"s","message":{"role":"assistant","content":[{"type":"text","text":"done"}]}}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"done","num_turns":2,"terminal_reason":"completed"}"#,
    ];
    let script = format!(
        "cat >/dev/null; echo work >work.txt; cat <<'END'\n{}\nEND",
        said.join("\n")
    );
    let talker = Agent::of_a_cli("talker", "claude-stream-json", &script);
    let scene = Scene::new().agent(talker).build();
    let rule = |effect: &str| {
        format!(
            "version: 1\ndefault: allow\nrules:\n  - {{id: no-net, on: [tool.call], kinds: [fetch], effect: {effect}, reason: offline work}}\n"
        )
    };
    let mut told = String::new();
    for (effect, code) in [("deny", 5), ("require_approval", 0), ("allow", 0)] {
        scene.write(".ai/policy.yaml", rule(effect));
        scene.configure(crate::support::runs::CONFIG);
        let id = scene.task("One", &[]);
        let outcome = scene.ai(&["run", &id, "--json"]);
        assert_eq!(outcome.code, Some(code), "{effect}: {outcome}");
        told.push_str(&format!("{effect}: {:#}\n", outcome.json()["warnings"]));
        let recorded = scene
            .ai_json_lines(&["policy", "log", &id])
            .iter()
            .filter(|r| r["rule"] == "no-net")
            .count();
        assert_eq!(recorded, usize::from(effect != "allow"));
    }
    snapshot!(told, @r#"
    deny: [
      "the agent used the tool `WebFetch`, which the policy denies: offline work (rule `no-net`)"
    ]
    require_approval: [
      "the agent used the tool `WebFetch`, for which the policy wants a person's yes: offline work (rule `no-net`)"
    ]
    allow: []
    "#);
}

#[test]
fn conditions_decide_and_are_explained() {
    let sandbox = Sandbox::with_a_found_check("default", "true");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - id: urgent-is-ours\n    on: [task.create]\n    when: task.priority == 0 && actor.kind == \"human\"\n    effect: deny\n    reason: ask first\n  \
         - id: bugs-are-known\n    on: [task.create]\n    when: task.type == \"bug\"\n    effect: warn\n    reason: look for it first\n  \
         - id: loose\n    on: [task.cancel]\n    when: change.lines > 3\n    effect: allow\n",
    );
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["task", "create", "Two", "--priority", "0"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.create: ask first (rule `urgent-is-ours`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(sandbox.ai(&["task", "cancel", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.cancel: the condition of the rule has no value, so it denies: `change.lines` is not known here; ask `has(change.lines)` first (rule `loose`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    let refused = |action: &str| {
        let all = sandbox.ai_json_lines(&["policy", "log"]);
        let mut denied = all
            .iter()
            .filter(|one| one["action"] == action && one["effect"] == "deny");
        denied.next_back().unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    snapshot!(sandbox.ai(&["policy", "explain", &refused("task.create")]), @r#"
    exit: 0
    ----- stdout -----
    [DECISION]  deny  task.create by human:tester
      when     [TIME]
      won      urgent-is-ours (project): ask first
      matched  urgent-is-ours (project) deny: ask first
               `task.priority == 0 && actor.kind == "human"` was true
      unmet    bugs-are-known (project): `task.type == "bug"` was false
      policy   [HASH]
    ----- stderr -----
    "#);
    snapshot!(sandbox.ai(&["policy", "explain", &refused("task.cancel")]), @"
    exit: 0
    ----- stdout -----
    [DECISION]  deny  task.cancel by human:tester
      when     [TIME]
      task     [TASK]
      won      loose (project): the condition of the rule has no value, so it denies: `change.lines` is not known here; ask `has(change.lines)` first
      matched  default (project) allow: no rule of the policy matches; its default says so
      matched  loose (project) deny: the condition of the rule has no value, so it denies: `change.lines` is not known here; ask `has(change.lines)` first
               `change.lines > 3` had no value
      policy   [HASH]
    ----- stderr -----
    ");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  \
         - {id: r, on: [task.create], when: 'task.prio == 0', effect: deny, reason: r}\n",
    );
    snapshot!(sandbox.ai(&["policy", "validate"]), @"
    exit: 1
    ----- stdout -----
    .ai/policy.yaml:4:39: `when`, character 1: `task` has no field `prio`; known are id, type, labels, priority, attempts
        4 |   - {id: r, on: [task.create], when: 'task.prio == 0', effect: deny, reason: r}
          |                                       ^
    ----- stderr -----
    error: .ai/policy.yaml has 1 problem, and denies everything until that is mended
      next: correct it, then `ai policy validate` once more; `ai schema policy-file` describes such a file
    ");
}

#[test]
fn a_rule_about_paths_holds_when_work_is_accepted() {
    let sandbox = Sandbox::with_a_found_check("default", "mkdir -p keys; echo x > keys/one");
    let policy = sandbox.read(".ai/policy.yaml");
    let rule = "  - {id: keys, on: [task.accept], paths: [keys/], effect: deny, reason: keys are made by hand}\n";
    sandbox.write(
        ".ai/policy.yaml",
        policy.replace("rules:\n", &format!("rules:\n{rule}")),
    );
    sandbox.commit("a rule");
    let task = sandbox.task("Keys", &[]);
    sandbox.ai_ok(&["run", &task]);
    snapshot!(sandbox.ai(&["accept", &task]));
    assert_eq!(
        decision(&sandbox, &task, "deny")["resource"]["paths"],
        serde_json::json!(["keys/one"])
    );
}
