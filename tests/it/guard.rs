//! The hooks of the CLIs that ask `ai` before a tool is called: what they are told, beside a person and
//! within a run.

use serde_json::{Value, json};

use crate::sandbox::modes;
use crate::snapshot;
use crate::support::scene::{Agent, Scene};
use crate::support::{Outcome, Sandbox, mask_also, run, run_with_input};

/// A project with a file that `agent:ben` has locked.
fn held() -> Sandbox {
    let sandbox = Sandbox::project();
    sandbox.write("held.txt", "one\n");
    sandbox.commit("files");
    sandbox.ai_ok(&["lock", "acquire", "held.txt", "--as", "agent:ben"]);
    sandbox
}

/// The answer to the hook of a CLI.
fn asks(sandbox: &Sandbox, cli: &str, payload: &str) -> Outcome {
    let args = ["hook", "pre-tool", "--cli", cli];
    run_with_input(&mut sandbox.ai_command(&args), payload)
}

/// What Claude Code says before it calls a tool.
fn claude(tool: &str, input: &Value) -> String {
    json!({"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": input}).to_string()
}

fn write(file: &str) -> String {
    claude("Write", &json!({"file_path": file, "content": "x"}))
}

#[test]
fn a_call_that_touches_what_somebody_holds_is_refused_with_holder_and_way_on() {
    let sandbox = held();
    snapshot!(asks(&sandbox, "claude", &write("held.txt")), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the call of `Write` changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]
      next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then the same call again
    ");
    snapshot!(asks(&sandbox, "claude", &write("free.txt")), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ");
    let rules: Vec<Value> = sandbox.ai_json_lines(&["policy", "log"]);
    let rules: Vec<String> = rules
        .iter()
        .map(|one| format!("{} {} {}", one["actor"], one["action"], one["rule"]))
        .collect();
    // What was let through leaves nothing.
    assert_eq!(
        rules.last().unwrap(),
        r#""agent:claude" "edit" "built-in.locked-paths""#
    );
    assert_eq!(
        rules
            .iter()
            .filter(|rule| rule.starts_with("\"agent:claude"))
            .count(),
        1
    );
}

/// The one answer that all of them take for a no: 2, the reason on standard error, and nothing else.
#[test]
fn every_cli_is_told_in_the_same_way() {
    let sandbox = held();
    let patch = "*** Begin Patch\n*** Update File: held.txt\n@@\n-one\n+two\n*** End Patch\n";
    let payloads = [
        ("claude", write("held.txt")),
        ("codex", json!({"tool_name": "apply_patch", "tool_input": {"command": patch}}).to_string()),
        ("codex", json!({"tool_name": "Bash", "tool_input": {"command": format!("apply_patch <<'X'\n{patch}X\n")}}).to_string()),
        ("gemini", json!({"tool_name": "replace", "tool_input": {"file_path": "held.txt"}}).to_string()),
        ("qwen", json!({"tool_name": "edit", "tool_input": {"file_path": "held.txt"}}).to_string()),
        ("opencode", json!({"tool": "write", "args": {"filePath": "held.txt"}}).to_string()),
        ("copilot", json!({"toolName": "create", "toolArgs": {"path": "held.txt"}}).to_string()),
    ];
    for (cli, payload) in &payloads {
        let refused = asks(&sandbox, cli, payload);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{cli} {refused}"
        );
        assert!(
            refused.stderr.starts_with("error: the call of `"),
            "{cli} {refused}"
        );
        let free = asks(&sandbox, cli, &payload.replace("held", "free"));
        let silent = (free.code, free.stdout.as_str(), free.stderr.as_str());
        assert_eq!(silent, (Some(0), "", ""), "{cli}");
    }
}

#[test]
fn what_cannot_be_judged_is_refused_unless_it_only_looks() {
    let sandbox = held();
    let answers = |cli: &str, payload: &str| {
        let told = asks(&sandbox, cli, payload);
        let first = told.stderr.lines().next().unwrap_or_default().to_owned();
        (told.code.unwrap(), told.stdout, first)
    };
    let refused = |why: &str| (2, String::new(), format!("error: {why}"));
    let no_tool = "the CLI does not say which tool it is about to call";
    assert_eq!(answers("claude", "{}"), refused(no_tool));
    let no_file = "`Write` changes a file and does not say which";
    assert_eq!(
        answers("claude", &claude("Write", &json!({}))),
        refused(no_file)
    );
    assert_eq!(answers("claude", "").0, 2);
    assert_eq!(answers("nobody", &write("free.txt")).0, 2);
    // A store that is gone.
    std::fs::remove_dir_all(sandbox.root().join(".git/ai")).unwrap();
    assert_eq!(answers("claude", &write("free.txt")).0, 2);
    let (code, out, said) = answers("claude", &claude("Read", &json!({"file_path": "free.txt"})));
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(said.starts_with("warning: not judged: "), "{said}");
    // What a user has for all projects is called where `ai` is nobody's business, too.
    let bare = Sandbox::empty();
    let silent = asks(&bare, "claude", &write("x"));
    assert_eq!((silent.code, silent.stderr.as_str()), (Some(0), ""));
}

/// A model waits for the answer, and what it is told does not hang on the record of it.
#[test]
fn a_refusal_does_not_wait_until_everybody_else_has_written() {
    let sandbox = held();
    let other = rusqlite::Connection::open(sandbox.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let told = asks(&sandbox, "claude", &write("held.txt"));
    snapshot!(mask_also(told, &[("second; .* writes it", "second; [WHO] writes it")]), @r"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the call of `Write` changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]; not recorded, since the task store was busy for 1 second; [WHO] writes it
      next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then the same call again
    ");
    assert_eq!(asks(&sandbox, "claude", &write("free.txt")).code, Some(0));
}

/// Without a name the session works for whoever started it; with one, it is that agent alone.
#[test]
fn a_session_is_kept_out_by_others_and_not_by_its_own() {
    let sandbox = held();
    sandbox.ai_ok(&["lock", "acquire", "mine.txt"]);
    sandbox.ai_ok(&["lock", "acquire", "agents.txt", "--as", "agent:claude#s1"]);
    let code = |args: &[&str], file: &str| {
        let args: Vec<&str> = ["hook", "pre-tool", "--cli", "claude"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        run_with_input(&mut sandbox.ai_command(&args), &write(file))
            .code
            .unwrap()
    };
    let named = ["--as", "agent:claude"];
    assert_eq!(code(&[], "mine.txt"), 0);
    assert_eq!(code(&named, "mine.txt"), 2);
    assert_eq!(code(&named, "agents.txt"), 0);
    assert_eq!(code(&["--as", "agent:codex"], "agents.txt"), 2);
    assert_eq!(code(&named, "held.txt"), 2);
    assert_eq!(code(&named, ".git/config"), 2);
    assert_eq!(code(&named, ".ai/policy.yaml"), 2);
}

/// Within a run the store is out of sight, and the supervisor answers, for its own task alone.
#[test]
fn within_a_run_the_supervisor_answers() {
    for layer in modes() {
        let scene = Sandbox::with_script("true");
        scene.ai_ok(&["lock", "acquire", "held.txt", "--as", "agent:ben"]);
        let own = scene.task("Own", &["--path", "out.txt", "--path", "work.txt"]);
        let ai = scene.ai_in_sight();
        let asks = [
            write("work.txt"),
            write("held.txt"),
            write(".git/config"),
            write("/etc/passwd"),
            claude("Write", &json!({})),
            claude("Bash", &json!({"command": "true"})),
            claude("Read", &json!({"file_path": "/etc/hostname"})),
        ];
        let said: String = asks
            .iter()
            .map(|payload| {
                format!(
                    "echo '{payload}' | '{}' hook pre-tool --cli claude; echo \"[$?]\"\n",
                    ai.display()
                )
            })
            .collect();
        scene.set_script(
            "fake",
            &format!("cat >/dev/null; echo work > work.txt; ( {said} ) > out.txt 2>&1; true"),
        );
        let outcome = run(scene.ai_command(&["run", &own]).env("AI_SANDBOX", layer));
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        let out = scene.file_at(&format!("ai/{own}/1"), "out.txt");
        snapshot!(
            "asked_by_the_hook_of_a_cli",
            mask_also(out, &[(r"below \S+", "below [WORKTREE]")])
        );
        let all = scene.ai_json_lines(&["policy", "log"]);
        let refused = all.iter().filter(|one| one["effect"] == "deny");
        let rules: Vec<&str> = refused.map(|one| one["rule"].as_str().unwrap()).collect();
        assert_eq!(
            rules,
            [
                "built-in.locked-paths",
                "built-in.git-files",
                "built-in.inside-worktree"
            ],
            "{layer}"
        );
    }
}

/// A CLI of Claude's vocabulary that writes a file, and asks its hook before where `asks` says so.
fn cli(asks: &str) -> Agent {
    let script = format!(
        r#"cat > /dev/null
echo '{{"type":"system","subtype":"init","session_id":"s","model":"m"}}'
echo '{{"type":"assistant","message":{{"id":"1","content":[{{"type":"tool_use","id":"t1","name":"Write","input":{{"file_path":"held.txt"}}}}]}}}}'
may() {{ echo '{{"tool_name":"Write","tool_input":{{"file_path":"held.txt"}}}}' | sh -c "$1"; }}
hook=$(sed -n 's/^.*"command": "\([^"]*\)".*$/\1/p' "$2")
{asks} && echo two > held.txt
echo work > work.txt
echo '{{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"}}'
"#
    );
    let guard = r#"guard:
  cli: claude
  args: [--settings, '{files_dir}/guard.json']
  files: {guard.json: '{"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": {hook}}]}]}}'}
"#;
    Agent::of_a_cli("fake", "claude-stream-json", &script).manifest(guard)
}

/// True where the review tells of a hook that was never called.
fn warns(run: &Outcome) -> bool {
    let unasked = "its program called tools and never the hook by which `ai` is asked before: nothing was held back while it worked";
    let report = run.json();
    report["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|one| *one == unasked)
}

/// A refused tool is told so while the model still works, in every layer of the sandbox.
#[test]
fn a_run_gives_its_cli_the_hook() {
    for layer in modes() {
        let scene = Scene::new().agent(cli("may \"$hook\" 2> said.txt")).build();
        scene.ai_ok(&["lock", "acquire", "held.txt", "--as", "agent:ben"]);
        let id = scene.task("One", &[]);
        let outcome = run(scene
            .ai_command(&["run", &id, "--json"])
            .env("AI_SANDBOX", layer));
        assert_eq!(outcome.code, Some(0), "{layer}: {outcome}");
        assert!(!warns(&outcome), "{layer}: {outcome}");
        snapshot!(scene.file_at(&format!("ai/{id}/1"), "said.txt"), @"
        error: the call of `Write` changes held.txt, locked exclusively by agent:ben ([LOCK], `held.txt`) for another [LEFT]
          next: wait, or ask agent:ben to give it back (`ai lock release [LOCK]`); then the same call again
        ");
    }
}

/// Its hook is there and was not heeded, as of a CLI that does not trust it.
#[test]
fn a_cli_that_never_asked_its_hook_is_told_in_the_review() {
    let scene = Scene::new().agent(cli("test -n \"$hook\"; false")).build();
    let id = scene.task("One", &[]);
    let outcome = scene.ai(&["run", &id, "--json"]);
    assert!(warns(&outcome), "{outcome}");
}

/// Many start their CLI above several projects.
#[test]
fn the_project_of_a_file_is_asked_wherever_the_cli_was_started() {
    let sandbox = held();
    let ask = |payload: &str| {
        let args = ["hook", "pre-tool", "--cli", "claude"];
        let mut hook = sandbox.ai_command(&args);
        run_with_input(hook.current_dir(sandbox.base()), payload).code
    };
    assert_eq!(ask(&write("repo/held.txt")), Some(2));
    assert_eq!(ask(&write("repo/free.txt")), Some(0));
    assert_eq!(ask(&write("elsewhere.txt")), Some(0));
    let cwd = sandbox.root();
    let by_cwd = json!({"tool_name": "Write", "cwd": cwd, "tool_input": {"file_path": "held.txt"}});
    assert_eq!(ask(&by_cwd.to_string()), Some(2));
}

/// Promise 15: the words of a command are in its record, but for secrets.
#[test]
fn no_secret_of_a_call_reaches_the_store() {
    const TOKEN: &str = "ghp_zyxwvutsrqponmlkjihgfedcba9876543210";
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  - {id: no-curl, on: [command.exec], effect: deny, reason: offline}\n",
    );
    let call = claude(
        "Bash",
        &json!({"command": format!("curl -H {TOKEN} localhost")}),
    );
    assert_eq!(asks(&sandbox, "claude", &call).code, Some(2));
    let rows = sandbox.rows("SELECT body FROM event");
    let told: Vec<String> = rows.iter().map(Value::to_string).collect();
    assert!(
        told.iter()
            .any(|row| row.split(' ').any(|word| word == "[REDACTED:github-token]"))
    );
    assert_eq!(
        told.iter()
            .filter(|row| row.split(' ').any(|word| word == TOKEN))
            .count(),
        0
    );
}

#[test]
fn a_tool_that_nobody_knows_may_write_to_the_files_that_it_names_unless_it_only_asks() {
    let sandbox = held();
    let table = [
        ("mcp__serena__insert_after_symbol", "relative_path", 2),
        ("mcp__fs__save_file", "path", 2),
        ("mcp__fs__append", "filename", 2),
        ("mcp__browser__download", "filepath", 2),
        ("mcp__planner__get_and_set", "path", 2),
        ("save_file", "name", 2),
        ("mcp__fs__write_file", "name", 2),
        ("mcp__fs__delete_directory", "directory", 2),
        // The name of no file.
        ("mcp__hub__create_issue", "name", 0),
        ("mcp__fs__list_directory", "path", 0),
        ("mcp__fs__get_file_info", "path", 0),
        ("mcp__fs__statFile", "path", 0),
        // A message goes to somebody, and not into a file.
        ("mcp__mail__send", "to", 0),
    ];
    for (tool, field, code) in table {
        let answer = asks(
            &sandbox,
            "claude",
            &claude(tool, &json!({field: "held.txt"})),
        );
        assert_eq!(answer.code, Some(code), "{tool}: {answer}");
    }
}

#[test]
fn a_rule_about_one_task_binds_whoever_holds_another_beside_it() {
    let sandbox = Sandbox::project();
    let rule = "version: 1\ndefault: allow\nrules:\n  - {id: outside, on: [edit], labels: [outside], \
                paths: [inner/], effect: deny, reason: they work outside}\n";
    sandbox.write(".ai/policy.yaml", rule);
    sandbox.commit("policy");
    for more in [&["--label", "outside"][..], &[]] {
        let task = sandbox.task("one", more);
        sandbox.ai_ok(&["task", "claim", &task]);
        let answer = asks(&sandbox, "claude", &write("inner/a"));
        assert_eq!(answer.code, Some(2), "{answer}");
    }
}

/// What `ai` itself refused is no answer of the policy, which would let it through.
#[test]
fn a_refusal_by_ai_itself_is_not_made_again_by_the_policy() {
    let sandbox = held();
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: allow\n");
    sandbox.commit("policy");
    for file in [".git/config", "held.txt"] {
        assert_eq!(asks(&sandbox, "claude", &write(file)).code, Some(2));
        let records = sandbox.ai_json_lines(&["policy", "log"]);
        let id = records.last().unwrap()["id"].as_str().unwrap();
        let told = sandbox.ai_ok(&["policy", "explain", id, "--rules"]);
        let why = "it cannot be made again: a lock of somebody else, the list of hosts or `ai` itself decided";
        assert_ne!(told.stdout.find(why), None, "{told}");
    }
    let replayed = sandbox.ai(&["policy", "replay", "--policy", ".ai/policy.yaml"]);
    assert_eq!(replayed.stdout.find("->"), None, "{replayed}");
}
