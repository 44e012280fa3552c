//! Overrides: a rule that a person has not hold for a while, from the command to what it let through.

use serde_json::Value;

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, mask_also};

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: frozen, on: [run.finish], paths: [work.txt], effect: deny, reason: nobody changes it this week}
  - {id: keys, on: [run.finish], paths: ['*.pem'], effect: deny, reason: keys stay out, locked: true}
";

fn scene() -> Sandbox {
    Scene::new()
        .policy(POLICY)
        .agent(Agent::new("fake", "cat >/dev/null; echo work > work.txt"))
        .build()
}

/// Ids of overrides and ends of them.
fn masked(text: String) -> String {
    let ends = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?";
    mask_also(text, &[(r"o-[a-z0-9]{8}", "[OVERRIDE]"), (ends, "[END]")])
}

fn said(sandbox: &Sandbox, args: &[&str]) -> String {
    masked(sandbox.ai(args).to_string())
}

#[test]
fn what_it_lets_through_names_it() {
    let sandbox = scene();
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(5));
    let add = [
        "policy",
        "override",
        "add",
        "frozen",
        "--for",
        "2h",
        "--task",
        &id,
        "--path",
        "*.txt",
        "--reason",
        "the release of today",
    ];
    snapshot!(said(&sandbox, &add), @"
    exit: 0
    ----- stdout -----
    [OVERRIDE]  frozen overridden for [TASK], *.txt until [END]
    ----- stderr -----
    ");
    let other = sandbox.task("Two", &[]);
    assert_eq!(sandbox.run(&other).code, Some(5));
    assert_eq!(sandbox.run(&id).code, Some(0));
    snapshot!(said(&sandbox, &["accept", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done: [SHORT] is in main
    ----- stderr -----
    warning: nobody changes it this week, which human:tester has overridden ([OVERRIDE]): the release of today (work.txt) (rule `frozen`)
    ");
    let used: Vec<Value> = sandbox
        .ai_json_lines(&["policy", "log", &id, "--rule", "frozen"])
        .into_iter()
        .filter(|one| one["overrides"].is_array())
        .collect();
    let decision = used.last().unwrap()["id"].as_str().unwrap().to_owned();
    snapshot!(said(&sandbox, &["policy", "explain", &decision]), @"
    exit: 0
    ----- stdout -----
    [DECISION]  warn  run.finish by agent:fake
      when     [END]
      task     [TASK]
      run      [RUN]
      paths    work.txt
      won      frozen (project): nobody changes it this week, which human:tester has overridden ([OVERRIDE]): the release of today (work.txt)
      matched  frozen (project) warn: nobody changes it this week, which human:tester has overridden ([OVERRIDE]): the release of today
      override [OVERRIDE] of frozen (project), by human:tester until [END]: the release of today; without it deny
      policy   [HASH]
    ----- stderr -----
    ");
    let again = &sandbox.ai_json_lines(&["policy", "explain", &decision, "--rules"])[0];
    assert_eq!(
        (&again["same_policy"], &again["effect"]),
        (&Value::Bool(true), &used[0]["effect"])
    );
}

#[test]
fn it_is_told_wherever_one_looks_until_it_is_taken_away() {
    let sandbox = scene();
    let add = [
        "policy", "override", "add", "frozen", "--for", "2h", "--agent", "fake", "--reason",
        "today",
    ];
    let given = &sandbox.ai_json_lines(&add)[0];
    let id = given["id"].as_str().unwrap();
    snapshot!(said(&sandbox, &["policy", "override", "list"]), @"
    exit: 0
    ----- stdout -----
    [OVERRIDE]  frozen  [END]  agent:fake  human:tester  today
    ----- stderr -----
    ");
    snapshot!(said(&sandbox, &["status"]), @"
    exit: 0
    ----- stdout -----
    no tasks yet
    needs you:
      [OVERRIDE]  overrides `frozen` for agent:fake, by human:tester: today  ai policy override remove [OVERRIDE]
    ----- stderr -----
    ");
    let shown = said(&sandbox, &["policy", "show", "--origin"]);
    snapshot!(shown.lines().find(|line| line.starts_with("  override")).unwrap_or_default(), @"  override         frozen for agent:fake until [END], by human:tester: today ([OVERRIDE])");
    snapshot!(said(&sandbox, &["policy", "override", "remove", id]), @"
    exit: 0
    ----- stdout -----
    [OVERRIDE]  frozen holds again
    ----- stderr -----
    ");
    assert_eq!(
        sandbox.ai_json_lines(&["policy", "override", "list"]),
        Vec::<Value>::new()
    );
    let log = said(&sandbox, &["log"]);
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            Some(&line[line.find("rule `frozen`").or(line.find("took override"))?..])
        })
        .collect();
    snapshot!(told.join("\n"), @"
    rule `frozen` is overridden for agent:fake ([OVERRIDE]): today
    rule `frozen` holds again
    ");
}

#[test]
fn one_whose_rule_is_locked_since_or_gone_is_told_as_not_in_force() {
    let sandbox = scene();
    let add = [
        "policy", "override", "add", "frozen", "--for", "2h", "--reason", "today",
    ];
    let given = &sandbox.ai_json_lines(&add)[0];
    let id = given["id"].as_str().unwrap();
    let locked = POLICY.replace("this week}", "this week, locked: true}");
    sandbox.write(".ai/policy.yaml", locked);
    sandbox.commit("locked");
    let task = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&task).code, Some(5));
    let decided = sandbox.ai_json_lines(&["policy", "log", &task, "--rule", "frozen"]);
    let decision = decided.last().unwrap()["id"].as_str().unwrap();
    let mut told = String::new();
    for args in [
        &["policy", "override", "list"] as &[&str],
        &["status"],
        &["policy", "show"],
        &["policy", "explain", decision],
    ] {
        let said = said(&sandbox, args);
        let lines = said
            .lines()
            .filter(|line| line.find("not in force").is_some());
        told.extend(lines.map(|line| format!("{line}\n")));
    }
    snapshot!(told, @"
    [OVERRIDE]  frozen  [END]  everything  human:tester  not in force, since the rule `frozen` is locked (project), and nothing weakens it: today
      [OVERRIDE]  overrides `frozen` for everything, by human:tester: not in force, since the rule `frozen` is locked (project), and nothing weakens it: today  ai policy override remove [OVERRIDE]
      override         frozen for everything until [END], by human:tester: not in force, since the rule `frozen` is locked (project), and nothing weakens it: today ([OVERRIDE])
      override [OVERRIDE] by human:tester, not in force, since the rule `frozen` is locked (project), and nothing weakens it: today
    ");
    let listed = || sandbox.ai_json_lines(&["policy", "override", "list"])[0]["void"].clone();
    assert_eq!(
        listed(),
        "the rule `frozen` is locked (project), and nothing weakens it"
    );
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.commit("gone");
    assert_eq!(listed(), "no rule of the policy is called `frozen`");
    sandbox.ai_ok(&["policy", "override", "remove", &id[..5]]);
}

#[test]
fn what_may_not_be_is_refused_with_the_way_on() {
    let sandbox = scene();
    let add = |more: &[&str]| {
        let args = [&["policy", "override", "add"], more].concat();
        said(&sandbox, &args)
    };
    snapshot!(add(&["keys", "--for", "1h", "--reason", "x"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies policy.override: the rule `keys` is locked (project), and nothing weakens it (rule `keys`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(add(&["frosen", "--for", "1h", "--reason", "x"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no rule of the policy is called `frosen`
      next: `ai policy show` has the rules with their ids
    ");
    snapshot!(add(&["frozen", "--reason", "x"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the following required arguments were not provided:
      <--for <DURATION>|--until <TIME>>

    Usage: ai policy override add --reason <TEXT> <--for <DURATION>|--until <TIME>> <RULE>

    For more information, try '--help'.
    ");
    snapshot!(add(&["frozen", "--until", "2001-01-01T00:00:00Z", "--reason", "x"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the override would have ended already
      next: give a time that is to come: `--for 2h`
    ");
    snapshot!(add(&["frozen", "--until", "2999-01-01T00:00:00Z", "--reason", "x"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the override would last longer than a hundred years
      next: give an end that is nearer: `--for 2h`
    ");
    snapshot!(add(&["frozen", "--for", "soon", "--reason", "x"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: `soon` is not a duration
      next: write for example 90s, 30m or 1h30m
    ");
    snapshot!(add(&["frozen", "--for", "1h", "--reason", "x", "--as", "agent:fake"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies policy.override: trust, approvals and overrides are a human's word (rule `built-in.humans-trust`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(said(&sandbox, &["policy", "override", "remove", "o-nothing0"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no override `[OVERRIDE]`
      next: `ai policy override list` shows those in force
    ");
}

/// The network of a run is a question as any other.
#[test]
fn it_gives_a_run_its_network_back() {
    let sandbox = Scene::new()
        .policy("version: 1\ndefault: allow\nrules:\n  - {id: no-net, on: [run.network], effect: deny, reason: closed}\n")
        .agent(Agent::new("fake", "cat >/dev/null; echo work > work.txt"))
        .build();
    let answers = |id: &str| -> Vec<Value> {
        let records = sandbox.ai_json_lines(&["policy", "log", id, "--action", "run.network"]);
        records.iter().map(|one| one["effect"].clone()).collect()
    };
    let (one, two) = (sandbox.task("One", &[]), sandbox.task("Two", &[]));
    sandbox.run(&one);
    assert_eq!(answers(&one), ["deny"]);
    sandbox.ai_ok(&[
        "policy",
        "override",
        "add",
        "no-net",
        "--for",
        "2h",
        "--agent",
        "fake",
        "--reason",
        "the release",
    ]);
    sandbox.run(&two);
    assert_eq!(answers(&two), ["warn"]);
}

#[test]
fn a_yes_to_an_override_counts_for_the_command_that_is_given_again() {
    let sandbox = scene();
    let asks = "  - {id: two-look, on: [policy.override], effect: require_approval, reason: two look at it}\n";
    sandbox.write(".ai/policy.yaml", format!("{POLICY}{asks}"));
    sandbox.commit("policy");
    for end in [["--for", "2h"], ["--until", "2099-01-01T00:00:00Z"]] {
        let add = [
            "policy",
            "override",
            "add",
            "frozen",
            "--reason",
            "the release of today",
        ];
        let add = [&add[..], &end].concat();
        assert_eq!(sandbox.ai(&add).code, Some(8), "{end:?}");
        let asked = sandbox.ai_json_lines(&["approvals"]);
        let newest = asked
            .iter()
            .max_by_key(|one| one["decision"]["at_ms"].as_i64());
        let id = newest.unwrap()["decision"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        sandbox.ai_ok(&["approve", &id, "--reason", "read it", "--as", "human:bob"]);
        // The clock has gone on meanwhile.
        sandbox.ai_ok(&add);
        // A yes is for this length.
        let longer = [
            "policy",
            "override",
            "add",
            "frozen",
            "--reason",
            "the release of today",
            "--for",
            "3h",
        ];
        assert_eq!(sandbox.ai(&longer).code, Some(8));
    }
}
