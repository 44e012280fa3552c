//! Tasks that ask for somebody: an agent claims only what it could also be given, and is told why not.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::scene::{Agent, Scene};

/// `codex` can do Rust, `claude` is fast and stands in for `codex`, `off` is disabled.
fn scene() -> Sandbox {
    let script = "cat >/dev/null; echo work > work.txt";
    Scene::new()
        .more("router: {capabilities: {bug: [rust]}}\n")
        .agent(Agent::new("codex", script).registered(&[
            "--capability",
            "rust",
            "--fallback",
            "claude",
        ]))
        .agent(Agent::new("claude", script).registered(&["--label", "fast"]))
        .agent(Agent::new("off", script).registered(&["--capability", "rust"]))
        .build()
}

/// The same, with `off` switched off.
fn with_one_disabled() -> Sandbox {
    let sandbox = scene();
    let file = ".ai/agents/off.yaml";
    sandbox.write(
        file,
        sandbox
            .read(file)
            .replace("enabled: true", "enabled: false"),
    );
    sandbox.ai_ok(&["trust"]);
    sandbox
}

#[test]
fn a_claim_and_the_router_tell_the_same_truth() {
    let sandbox = with_one_disabled();
    let tasks: [&[&str]; 6] = [
        &[],
        &["--agent", "codex"],
        &["--agent", "claude"],
        &["--type", "bug"],
        &["--label", "on:fast"],
        &["--type", "bug", "--agent", "claude"],
    ];
    let mut may = Vec::new();
    for args in tasks {
        let id = sandbox.task("One", args);
        let trace = sandbox.ai_json(&["route", "explain", &id])["trace"].take();
        for agent in ["codex", "claude", "off"] {
            let claim =
                ["task", "claim", &id, "--as", &format!("agent:{agent}")].map(str::to_owned);
            let claim: Vec<&str> = claim.iter().map(String::as_str).collect();
            let code = sandbox.ai(&claim).code;
            let considered = trace["considered"].as_array().unwrap().iter();
            let considered = considered.filter(|one| one["agent"] == agent);
            let routed = considered
                .map(|one| one["lost"].is_null())
                .collect::<Vec<_>>();
            // A fallback comes into question, and takes a task only from one that is refused.
            let routed = routed[0] && (args.get(1) != Some(&"codex") || agent == "codex");
            assert_eq!(
                code,
                Some(if routed { 0 } else { 4 }),
                "{agent} {args:?} {trace}"
            );
            may.push(format!("{agent} {args:?}: {routed}"));
            if routed {
                sandbox.ai_ok(&["task", "release", &id, "--as", &format!("agent:{agent}")]);
            }
        }
    }
    snapshot!(may.join("\n"), @r#"
    codex []: true
    claude []: true
    off []: false
    codex ["--agent", "codex"]: true
    claude ["--agent", "codex"]: false
    off ["--agent", "codex"]: false
    codex ["--agent", "claude"]: false
    claude ["--agent", "claude"]: true
    off ["--agent", "claude"]: false
    codex ["--type", "bug"]: true
    claude ["--type", "bug"]: false
    off ["--type", "bug"]: false
    codex ["--label", "on:fast"]: false
    claude ["--label", "on:fast"]: true
    off ["--label", "on:fast"]: false
    codex ["--type", "bug", "--agent", "claude"]: false
    claude ["--type", "bug", "--agent", "claude"]: false
    off ["--type", "bug", "--agent", "claude"]: false
    "#);
}

#[test]
fn a_refusal_names_the_demand_and_the_way_on() {
    let sandbox = with_one_disabled();
    let named = sandbox.task("Named", &["--agent", "codex"]);
    let bug = sandbox.task("Bug", &["--type", "bug"]);
    let fast = sandbox.task("Fast", &["--label", "on:fast"]);
    let claim = |id: &str, who: &str| {
        let outcome = sandbox.ai(&["task", "claim", id, "--as", who]);
        assert_eq!(sandbox.status(id), "queued");
        outcome
    };
    snapshot!(claim(&named, "agent:claude"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:claude cannot have [TASK]: the task names codex
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    snapshot!(claim(&bug, "agent:claude"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:claude cannot have [TASK]: lacks rust
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    snapshot!(claim(&fast, "agent:codex"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:codex cannot have [TASK]: does not bear fast
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    snapshot!(claim(&bug, "agent:off"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:off cannot have [TASK]: it is disabled in its file
      next: `ai route explain [TASK]` says who can have this one
    ");
    snapshot!(claim(&bug, "agent:nobody"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:nobody cannot have [TASK]: lacks rust
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    sandbox.write(".ai/agents/torn.yaml", "name: [");
    let torn = claim(&bug, "agent:torn").stderr;
    assert!(torn.starts_with("error: agent:torn cannot have"), "{torn}");
    // A person gives it to that agent.
    sandbox.ai_ok(&["task", "edit", &named, "--agent", "claude"]);
    sandbox.ai_ok(&["task", "claim", &named, "--as", "agent:claude"]);
}

#[test]
fn the_next_task_is_the_next_that_one_can_have() {
    let sandbox = scene();
    let urgent = sandbox.task("Urgent", &["--type", "bug", "--priority", "0"]);
    let named = sandbox.task("Named", &["--agent", "codex", "--priority", "1"]);
    let free = sandbox.task("Free", &["--priority", "4"]);
    let as_claude = |args: &[&str]| sandbox.ai(&[args, &["--as", "agent:claude"]].concat());
    snapshot!(as_claude(&["task", "ready"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued   P4  Free
    ----- stderr -----
    2 ready tasks are for others than agent:claude; `ai route explain TASK` says who can have one
    ");
    assert_eq!(as_claude(&["task", "ready", "--json"]).json()["id"], free);
    assert_eq!(as_claude(&["task", "next", "--json"]).json()["id"], free);
    let claimed = as_claude(&["task", "claim", "--next", "--json"]).json();
    assert_eq!(claimed["task"]["id"], free);
    snapshot!(as_claude(&["task", "claim", "--next"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: no task is ready to be claimed (2 ready, but for others: [TASK]: lacks rust; [TASK]: the task names codex)
      next: `ai route explain TASK` says who can have such a task
    ");
    snapshot!(as_claude(&["task", "ready"]), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    2 ready tasks are for others than agent:claude; `ai route explain TASK` says who can have one
    ");
    assert_eq!(as_claude(&["task", "next"]).code, Some(3));
    // Who can have them sees them, and people see all.
    let ready = |who: &str| {
        sandbox
            .ai_ok(&["task", "ready", "--as", who])
            .stdout
            .lines()
            .count()
    };
    assert_eq!((ready("agent:codex"), ready("ann")), (2, 2));
    let next = sandbox.ai_json(&["task", "claim", "--next", "--as", "agent:codex"]);
    assert_eq!(next["task"]["id"], urgent);
    sandbox.ai_ok(&["task", "claim", &named, "--as", "ann"]);
}

#[test]
fn a_task_is_handed_on_to_who_could_have_claimed_it_unless_a_person_says_otherwise() {
    let sandbox = scene();
    let id = sandbox.task("Bug", &["--type", "bug"]);
    let hand =
        |from: &str| sandbox.ai(&["task", "handoff", &id, "--to", "agent:claude", "--as", from]);
    sandbox.ai_ok(&["task", "claim", &id, "--as", "agent:codex"]);
    snapshot!(hand("agent:codex"), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:claude cannot have [TASK]: lacks rust
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    assert_eq!(sandbox.status(&id), "claimed");
    sandbox.ai_ok(&["task", "release", &id, "--as", "agent:codex"]);
    sandbox.ai_ok(&["task", "claim", &id, "--as", "ann"]);
    let handed = hand("ann");
    assert_eq!(handed.code, Some(0), "{handed}");
    snapshot!(handed.stderr, @"warning: agent:claude was named all the same: lacks rust");
}

#[test]
fn taking_up_a_worktree_is_a_claim_too_and_so_is_naming_an_agent_for_a_run() {
    let sandbox = scene();
    let id = sandbox.task("Bug", &["--type", "bug"]);
    let dir = sandbox.worktree("fix");
    let adopt = ["worktree", "adopt", dir.to_str().unwrap(), "--task", &id];
    snapshot!(sandbox.ai(&[&adopt[..], &["--as", "agent:claude"]].concat()), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: agent:claude cannot have [TASK]: lacks rust
      next: `ai task claim --next` takes one that it can have; `ai route explain [TASK]` says who can have this one
    ");
    assert_eq!(sandbox.status(&id), "queued");
    snapshot!(sandbox.ai(&["run", &id, "--agent", "claude"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: claude cannot run [TASK]: lacks rust
      next: change what the task asks for (`ai task edit [TASK]`), or what is written down of claude; `ai route explain [TASK]` says who can have it
    ");
    assert_eq!(sandbox.status(&id), "queued");
    let other = sandbox.task("Named", &["--agent", "codex"]);
    for who in ["human:ann", "agent:claude"] {
        let refused = sandbox.ai(&["--as", who, "run", &other, "--agent", "claude"]);
        assert_eq!(refused.code, Some(4), "{refused}");
    }
    snapshot!(sandbox.ai(&["run", &other, "--agent", "claude"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: claude cannot run [TASK]: the task names codex
      next: `ai task edit [TASK] --agent claude` gives it to claude; `ai route explain [TASK]` says who can have it
    ");
    // Whoever names it may give it the task, which is on record.
    sandbox.ai_ok(&["task", "edit", &other, "--agent", "claude"]);
    let named = sandbox.ai(&["run", &other, "--agent", "claude"]);
    assert_eq!(named.code, Some(0), "{named}");
    // What is for others does not keep it from what it may have.
    let open = sandbox.task("Open", &[]);
    let next = sandbox.ai(&["run", "--next", "--agent", "claude"]);
    assert_eq!(
        (next.code, sandbox.status(&open).as_str()),
        (Some(0), "review"),
        "{next}"
    );
}

#[test]
fn a_fallback_claims_for_one_that_is_refused_and_for_nobody_else() {
    let sandbox = scene();
    let id = sandbox.task("Named", &["--agent", "codex"]);
    let claim = || {
        sandbox
            .ai(&["task", "claim", &id, "--as", "agent:claude"])
            .code
    };
    assert_eq!(claim(), Some(4));
    // As the last run of the named one has left it.
    let row = "INSERT INTO agent_last VALUES ('codex', 't-1.1', 0, 'quota', 'retry_uncounted', 0, 4102444800000, NULL)";
    let store = rusqlite::Connection::open(sandbox.store()).unwrap();
    store.execute(row, []).unwrap();
    assert_eq!(claim(), Some(0));
}
