//! Modes and lists of tools: what an agent may do at all, at every door.

use serde_json::{Value, json};

use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Sandbox, run_with_input};

const WORKS: &str =
    "cat >/dev/null; echo work > work.txt; git rm -q --cached gone.txt 2>/dev/null; rm -f gone.txt";

/// A project in which `fake` adds a file and deletes one, and is bound so.
fn bound(args: &[&str]) -> Sandbox {
    Scene::new()
        .policy("version: 1\ndefault: allow\n")
        .file("gone.txt", "here\n")
        .agent(Agent::new("fake", WORKS).registered(args))
        .build()
}

/// The rules that denied something.
fn denied(sandbox: &Sandbox) -> Vec<String> {
    let log: Vec<Value> = sandbox.ai_json_lines(&["policy", "log", "--effect", "deny"]);
    let line = |one: &Value| format!("{} {}", one["action"], one["rule"]).replace('"', "");
    log.iter().map(line).collect()
}

#[test]
fn an_agent_that_only_analyses_lands_nothing() {
    let sandbox = bound(&["--mode", "analysis_only"]);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: it has changed gone.txt, work.txt, which the mode `analysis_only` bars
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    ");
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: only work that waits for a review can be accepted or rejected
      next: `ai why [TASK]`
    ");
    snapshot!(denied(&sandbox).join("\n"), @"
    run.network built-in.mode-analysis-only
    run.finish built-in.mode-analysis-only
    ");
}

#[test]
fn a_safe_agent_renames_within_its_paths_and_deletes_nothing() {
    let moves = |to: &str| {
        let works = format!(
            "cat >/dev/null; echo work > work.txt; mkdir -p a b; git mv a/old {to}; printf 'more\\nmore\\nmore\\n' >> {to}"
        );
        Scene::new()
            .policy("version: 1\ndefault: allow\n")
            .file("a/old", "one\ntwo\n")
            .agent(Agent::new("fake", &works).registered(&["--mode", "safe"]))
            .build()
    };
    let sandbox = moves("a/new");
    let id = sandbox.task("One", &["--path", "a/", "--path", "work.txt"]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    sandbox.ai_ok(&["accept", &id]);
    // Beyond the paths of the task it is gone from where it was.
    let sandbox = moves("b/new");
    let id = sandbox.task("Two", &["--path", "a/", "--path", "work.txt"]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: it deletes a/old, which the mode `safe` bars
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    warning: in the worktree: what is staged of b/new stands neither in a commit nor on the disk, and is not taken
    warning: outside the task's paths: b/new
    ");
}

#[test]
fn an_agent_has_another_do_no_more_than_it_may_do_itself() {
    let sandbox = Scene::new()
        .policy("version: 1\ndefault: allow\n")
        .agent(Agent::new("fake", WORKS).registered(&["--mode", "analysis_only"]))
        .agent(Agent::new("other", WORKS))
        .build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.ai(&["--as", "agent:fake", "run", &id, "--agent", "other"]);
    snapshot!(outcome, @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies run.start: it would hold a path alone to change it, which the mode `analysis_only` bars (rule `built-in.mode-analysis-only`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert_eq!(denied(&sandbox), ["run.start built-in.mode-analysis-only"]);
    sandbox.ai_ok(&["run", &id, "--agent", "other"]);
}

#[test]
fn what_is_to_be_changed_is_not_taken_by_it() {
    let sandbox = bound(&["--mode", "analysis_only"]);
    let alone = sandbox.task("Change", &["--path", "src/"]);
    let shared = sandbox.task("Read", &["--shared", "docs/"]);
    snapshot!(sandbox.ai(&["--as", "agent:fake", "task", "claim", &alone]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.claim: it would hold a path alone to change it, which the mode `analysis_only` bars (rule `built-in.mode-analysis-only`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(sandbox.ai(&["--as", "agent:fake", "lock", "acquire", "src/"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies lock.acquire: it would hold a path alone to change it, which the mode `analysis_only` bars (rule `built-in.mode-analysis-only`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(sandbox.run(&alone), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.claim: it would hold a path alone to change it, which the mode `analysis_only` bars (rule `built-in.mode-analysis-only`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    sandbox.ai_ok(&["--as", "agent:fake", "lock", "acquire", "--shared", "lib/"]);
    sandbox.ai_ok(&["--as", "agent:fake", "task", "claim", &shared]);
}

#[test]
fn a_safe_agent_deletes_nothing_and_has_no_open_network() {
    let sandbox = bound(&["--mode", "safe"]);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 5
    ----- stdout -----
    [RUN]  denied  queued
      the policy forbids a change that it makes: it deletes gone.txt, which the mode `safe` bars
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    ");
    snapshot!(denied(&sandbox).join("\n"), @"
    run.network built-in.mode-safe
    run.finish built-in.mode-safe
    ");
}

/// The narrower one counts: an agent's file loosens nothing of the project's.
#[test]
fn the_project_bounds_all_agents_and_an_agent_cannot_loosen_itself() {
    let sandbox = Scene::new()
        .policy("version: 1\ndefault: allow\nmode: analysis_only\n")
        .agent(Agent::new("fake", WORKS).registered(&["--mode", "normal", "--deny-tool", "Bash"]))
        .build();
    snapshot!(sandbox.ai(&["policy", "show", "--origin", "--agent", "fake"]), @"
    exit: 0
    ----- stdout -----
    policy loaded ([SHORT]), default allow, outside_paths warn, agents analysis_only
      agents           mode analysis_only (project) at .ai/policy.yaml:3
      agents           mode normal; tools never Bash (agent) at .ai/agents/fake.yaml:14
      require_approval built-in.humans-override work without a passing verdict is done only by a human's word (built-in)
                       on task.override; by agent:* daemon:* hook:*
                       at part of ai
      deny             built-in.humans-trust    trust, approvals and overrides are a human's word (built-in)
                       on trust approval.grant policy.override; by agent:* daemon:* hook:*
                       at part of ai
      require_approval built-in.protect-ai      policy, configuration, connectors, hooks, skills and workflows decide what agents may do; a human says yes to their changes (built-in)
                       on edit tool.call commit push run.finish task.accept agent.register; paths .ai; by agent:*
                       at part of ai; overridable
    ----- stderr -----
    ");
    snapshot!(sandbox.ai(&["agent", "list"]), @"
    exit: 0
    ----- stdout -----
    fake  command  -  analysis_only; [0/1 at work, ok]
    ----- stderr -----
    ");
    let loosen = [
        "--as",
        "agent:fake",
        "agent",
        "register",
        "fake",
        "--replace",
        "--mode",
        "normal",
    ];
    snapshot!(sandbox.ai(&loosen), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies agent.register: it would change the file of an agent, which the mode `analysis_only` bars (rule `built-in.mode-analysis-only`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    sandbox.ai_ok(&[
        "agent",
        "register",
        "other",
        "--connector",
        "command",
        "--",
        "true",
    ]);
    assert_eq!(sandbox.ai(&loosen).code, Some(5));
}

/// A file that nobody has committed binds the run that it starts.
#[test]
fn a_mode_counts_before_it_is_committed() {
    let sandbox = bound(&[]);
    sandbox.ai_ok(&[
        "agent",
        "register",
        "fake",
        "--replace",
        "--mode",
        "analysis_only",
    ]);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(5));
    assert_eq!(
        denied(&sandbox),
        [
            "run.network built-in.mode-analysis-only",
            "run.finish built-in.mode-analysis-only"
        ]
    );
}

/// The mode of a policy that was changed, and not committed, binds as before, and is shown.
#[test]
fn the_mode_that_head_sets_is_shown() {
    let sandbox = bound(&[]);
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nmode: analysis_only\n",
    );
    sandbox.commit("bound");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nmode: safe\n",
    );
    let shown =
        |more: &[&str]| sandbox.ai_json(&[&["policy", "show"], more].concat())["mode"].clone();
    assert_eq!(
        (shown(&["--agent", "fake"]), shown(&[])),
        (json!("analysis_only"), json!("safe"))
    );
    let listed = &sandbox.ai_json_lines(&["agent", "list"])[0];
    assert_eq!(listed["mode_in_force"], "analysis_only");
    let told = sandbox.ai_ok(&["policy", "show", "--agent", "fake"]).stdout;
    snapshot!(told.lines().next().unwrap_or_default(), @"policy loaded ([SHORT]), default allow, outside_paths warn, agents analysis_only");
}

#[test]
fn the_hook_of_a_cli_knows_modes_and_lists_of_tools() {
    let sandbox = bound(&[
        "--mode",
        "safe",
        "--allow-tool",
        "Read,Edit,Bash,mcp__docs__*",
    ]);
    let asks = |tool: &str, input: Value| {
        let call = json!({"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input});
        let args = ["--as", "agent:fake", "hook", "pre-tool", "--cli", "claude"];
        let outcome = run_with_input(&mut sandbox.ai_command(&args), &call.to_string());
        format!("{tool} {}", outcome)
    };
    let said = [
        asks("Read", json!({"file_path": "gone.txt"})),
        asks("Edit", json!({"file_path": "gone.txt"})),
        asks("Write", json!({"file_path": "gone.txt"})),
        asks("Bash", json!({"command": "true"})),
        asks("mcp__docs__find", json!({})),
        asks("mcp__db__drop", json!({})),
    ];
    snapshot!(said.join("\n"), @"
    Read exit: 0
    ----- stdout -----
    ----- stderr -----

    Edit exit: 0
    ----- stdout -----
    ----- stderr -----

    Write exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: the tool `Write` is not on the list of those that may be called: Read, Edit, Bash, mcp__docs__* (rule `built-in.tool-list`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched

    Bash exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies tool.call: it would run a command, which the mode `safe` bars (rule `built-in.mode-safe`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched

    mcp__docs__find exit: 0
    ----- stdout -----
    ----- stderr -----

    mcp__db__drop exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies tool.call: the tool `mcp__db__drop` is not on the list of those that may be called: Read, Edit, Bash, mcp__docs__* (rule `built-in.tool-list`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(denied(&sandbox).join("\n"), @"
    edit built-in.tool-list
    tool.call built-in.mode-safe
    tool.call built-in.tool-list
    ");
}

/// A patch deletes, and a tool moves: the hook lets through what the end of a run would.
#[test]
fn the_hook_of_a_cli_tells_deletions_from_moves() {
    let sandbox = bound(&["--mode", "safe"]);
    let asks = |cli: &str, tool: &str, input: Value| {
        let call = json!({"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input});
        let args = ["--as", "agent:fake", "hook", "pre-tool", "--cli", cli];
        let outcome = run_with_input(&mut sandbox.ai_command(&args), &call.to_string());
        format!("{tool} {}", outcome)
    };
    let patch =
        |lines: &str| json!({"command": format!("*** Begin Patch\n{lines}\n*** End Patch\n")});
    let said = [
        asks("codex", "apply_patch", patch("*** Delete File: gone.txt")),
        asks(
            "codex",
            "apply_patch",
            patch("*** Update File: gone.txt\n*** Move to: new.txt"),
        ),
        asks(
            "claude",
            "mcp__fs__move_file",
            json!({"source": "gone.txt", "destination": "new.txt"}),
        ),
        asks(
            "claude",
            "mcp__fs__delete_file",
            json!({"name": "gone.txt"}),
        ),
        asks(
            "claude",
            "mcp__fs__move_file",
            json!({"item": "gone.txt", "destination": "new.txt"}),
        ),
    ];
    snapshot!(said.join("\n"), @"
    apply_patch exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: it would take a file away, which the mode `safe` bars (rule `built-in.mode-safe`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched

    apply_patch exit: 0
    ----- stdout -----
    ----- stderr -----

    mcp__fs__move_file exit: 0
    ----- stdout -----
    ----- stderr -----

    mcp__fs__delete_file exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: it would take a file away, which the mode `safe` bars (rule `built-in.mode-safe`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched

    mcp__fs__move_file exit: 2
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: it would take a file away, which the mode `safe` bars (rule `built-in.mode-safe`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    snapshot!(denied(&sandbox).join("\n"), @"
    edit built-in.mode-safe
    edit built-in.mode-safe
    edit built-in.mode-safe
    ");
}

/// What a stream says of a tool that moves is no more than what became of the files.
#[test]
fn a_safe_agent_may_move_by_a_tool_that_its_stream_names() {
    let said = [
        r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#,
        r#"{"type":"assistant","session_id":"s","message":{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"mcp__fs__move_file","input":{"source":"old","destination":"new"}}]}}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"done","num_turns":2,"terminal_reason":"completed"}"#,
    ];
    let script = format!(
        "cat >/dev/null; echo work >work.txt; mv old new; cat <<'END'\n{}\nEND",
        said.join("\n")
    );
    let mover =
        Agent::of_a_cli("mover", "claude-stream-json", &script).registered(&["--mode", "safe"]);
    let sandbox = Scene::new()
        .policy("version: 1\ndefault: allow\n")
        .file("old", "one\ntwo\n")
        .agent(mover)
        .build();
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}
