//! Policy at the terminal: the shipped packs let work through, ask where they say so, and bound
//! what runs.

use serde_json::Value;

use crate::support::Sandbox;

/// A project under `pack` with a check that passes, and an agent that runs `script`.
fn project(pack: &str, script: &str) -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.write("Makefile", "test:\n\ttrue\n");
    sandbox.commit("a check");
    sandbox.ai_ok(&["init", "--yes", "--policy", pack]);
    let argv = [
        "agent",
        "register",
        "bot",
        "--connector",
        "command",
        "--",
        "sh",
        "-c",
        script,
    ];
    sandbox.ai_ok(&argv);
    sandbox.commit("set up");
    sandbox
}

/// The last decision about a task with this effect.
fn decision(sandbox: &Sandbox, task: &str, effect: &str) -> Value {
    let all = sandbox.ai_json_lines(&["policy", "log", task]);
    all.into_iter()
        .rfind(|record| record["effect"] == effect)
        .unwrap_or_else(|| panic!("no {effect} on {task}"))
}

#[test]
fn every_pack_lets_plain_work_through() {
    for pack in ["default", "strict", "solo"] {
        let sandbox = project(pack, "mkdir -p src; echo x >>src/a");
        let task = sandbox.task("One", &["--path", "src/"]);
        sandbox.ai_ok(&["run", &task]);
        sandbox.ai_ok(&["accept", &task]);
        assert_eq!(sandbox.git(&["show", "main:src/a"]), "x", "{pack}");
    }
}

#[test]
fn what_policy_asks_about_waits_for_a_person() {
    let sandbox = project("strict", "echo '{}' >package.json");
    let task = sandbox.task("A dependency", &[]);
    assert_eq!(sandbox.ai(&["run", &task]).code, Some(8));
    assert_eq!(sandbox.ai(&["accept", &task]).code, Some(8));
    let record = decision(&sandbox, &task, "require_approval");
    let id = record["id"].as_str().unwrap();
    assert_eq!(record["rule"], "dependencies-need-a-human");
    assert_eq!(
        sandbox
            .ai(&["policy", "approve", id, "--as", "agent:bot"])
            .code,
        Some(4)
    );
    assert_eq!(
        sandbox.ai(&["accept", &task]).code,
        Some(8),
        "an agent's yes counted"
    );
    sandbox.ai_ok(&["policy", "approve", id, "--reason", "it is ours"]);
    sandbox.ai_ok(&["policy", "approve", id]);
    let explained = sandbox.ai_ok(&["policy", "explain", id]).stdout;
    assert!(
        explained.contains("it is ours"),
        "a second yes took the place of the first: {explained}"
    );
    sandbox.ai_ok(&["accept", &task]);
    assert_eq!(sandbox.ai_json(&["task", "show", &task])["status"], "done");
}

#[test]
fn a_denied_path_is_sent_back_and_cannot_be_accepted() {
    let sandbox = project("default", "echo secret >.env");
    let task = sandbox.task("A secret", &[]);
    assert_eq!(sandbox.ai(&["run", &task]).code, Some(5));
    assert_eq!(sandbox.ai(&["accept", &task]).code, Some(4));
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
    let sandbox = project("default", "true");
    let task = sandbox.task("One", &[]);
    sandbox.write(".ai/policy.yaml", "version: 1\ndefault: alow\n");
    let refused = sandbox.ai(&["task", "create", "Two"]);
    assert_eq!(refused.code, Some(5));
    assert!(refused.stderr.contains("policy.unreadable"), "{refused}");
    let checked = sandbox.ai(&["policy", "validate"]);
    assert_eq!(checked.code, Some(1));
    assert!(checked.stdout.contains(".ai/policy.yaml:2:"), "{checked}");
    assert_eq!(
        sandbox.ai(&["task", "show", &task]).code,
        Some(0),
        "looking needs no policy"
    );
}

#[test]
fn limits_are_measured_and_bind() {
    let sandbox = project("default", "mkdir -p src; echo x >>src/a");
    let limits = |text: &str| {
        sandbox.write(
            ".ai/policy.yaml",
            format!("version: 1\ndefault: allow\nlimits: {text}\n"),
        );
        sandbox.commit("limits");
    };
    let task = sandbox.task("One", &[]);
    limits("{parallel_runs: 1, max_diff_files: 1, run_minutes: 1, silence_minutes: 1}");
    sandbox.ai_ok(&["run", &task]);
    let two = sandbox.task("Two", &["--dep", &task]);
    assert_eq!(
        sandbox.ai(&["run", &two]).code,
        Some(4),
        "a dependency is open"
    );
    sandbox.ai_ok(&["accept", &task]);
    limits("{max_attempts: 0}");
    assert_eq!(
        sandbox.ai(&["policy", "validate"]).code,
        Some(1),
        "a limit of none would stop everything"
    );
}

#[test]
fn tools_that_were_used_without_asking_are_judged_by_their_names() {
    let manifest = "version: 1\nname: talker\ntitle: Talker\nprompt: stdin\noutput: claude-stream-json\nargv: [/bin/sh, 'BASE/talker.sh']\n";
    let scene = Sandbox::project();
    scene.write(
        ".ai/connectors/talker.yaml",
        manifest.replace("BASE", scene.base().to_str().unwrap()),
    );
    let said = [
        r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#,
        r#"{"type":"assistant","session_id":"s","message":{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"WebFetch","input":{"url":"x"}}]}}"#,
        r#"{"type":"assistant","session_id":"s","message":{"role":"assistant","content":[{"type":"text","text":"done"}]}}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":"done","num_turns":2,"terminal_reason":"completed"}"#,
    ];
    scene.set_script(
        "talker",
        &format!(
            "cat >/dev/null; echo work >work.txt; cat <<'END'\n{}\nEND",
            said.join("\n")
        ),
    );
    scene.ai_ok(&["trust"]);
    scene.ai_ok(&["agent", "register", "talker", "--connector", "talker"]);
    let rule = |effect: &str| {
        format!(
            "version: 1\ndefault: allow\nrules:\n  - {{id: no-net, on: [tool.call], kinds: [fetch], effect: {effect}, reason: offline work}}\n"
        )
    };
    for (effect, code) in [("deny", 5), ("require_approval", 0), ("allow", 0)] {
        scene.write(".ai/policy.yaml", rule(effect));
        scene.configure(crate::support::runs::CONFIG);
        let id = scene.task("One", &[]);
        let outcome = scene.ai(&["run", &id, "--json"]);
        assert_eq!(outcome.code, Some(code), "{effect}: {outcome}");
        let told = outcome.json()["warnings"]
            .to_string()
            .contains("the agent used the tool `WebFetch`");
        assert_eq!(told, effect != "allow", "{outcome}");
        let recorded = scene
            .ai_json_lines(&["policy", "log", &id])
            .iter()
            .filter(|r| r["rule"] == "no-net")
            .count();
        assert_eq!(recorded, usize::from(effect != "allow"));
    }
}
