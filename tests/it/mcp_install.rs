//! `ai mcp install` and `uninstall`: the settings of a CLI name the server, and come back to the byte.

use std::path::Path;

use serde_json::{Value, json};

use crate::snapshot;
use crate::support::clis::{CLIS, bytes, shown, state};
use crate::support::{Outcome, Sandbox, run};

fn mcp(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    shown(sandbox.ai(&[&["mcp"], args].concat()))
}

fn setup(verb: &'static str, cli: &'static str, user: bool) -> Vec<&'static str> {
    let mut words = vec!["mcp", verb, cli];
    words.extend(user.then_some("--user"));
    words
}

/// The words by which an entry starts its server, out of whatever the CLI calls them.
fn words(text: &str) -> Vec<String> {
    let all: Vec<String> = text
        .split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    let program = all.iter().position(|word| word.ends_with("/ai")).unwrap();
    let rest = all[program..].iter().filter(|word| *word != "args");
    rest.take(4).cloned().collect()
}

#[test]
fn every_cli_is_told_of_the_server_and_forgets_it_to_the_byte() {
    let sandbox = Sandbox::project();
    for cli in CLIS {
        for user in [false, true] {
            let before = bytes(&sandbox);
            assert_eq!(state(&sandbox, "mcp", (cli, user)), "absent");
            let planned = [setup("install", cli, user), vec!["--dry-run"]].concat();
            let planned = sandbox.ai_json(&planned);
            assert_eq!(bytes(&sandbox), before, "{cli}");
            let mut done = sandbox.ai_json(&setup("install", cli, user));
            assert_eq!(planned["dry_run"], true, "{cli}");
            done["dry_run"] = true.into();
            assert_eq!(planned, done, "{cli}");
            let once = bytes(&sandbox);
            assert_ne!(once, before, "{cli}");
            let again = sandbox.ai_json(&setup("install", cli, user));
            assert_eq!(again["change"], "unchanged", "{cli}");
            assert_eq!(bytes(&sandbox), once, "{cli}");
            assert_eq!(state(&sandbox, "mcp", (cli, user)), "installed");
            let text = std::fs::read_to_string(done["file"].as_str().unwrap()).unwrap();
            let entry = done["entry"].as_str().unwrap();
            assert_eq!(text.matches(entry).count(), 1, "{cli}");
            let program = env!("CARGO_BIN_EXE_ai");
            assert_eq!(
                words(&text),
                [program, "mcp", "--as", &format!("agent:{cli}")]
            );
            let planned = [setup("uninstall", cli, user), vec!["--dry-run"]].concat();
            assert_eq!(sandbox.ai_json(&planned)["change"], "removed", "{cli}");
            assert_eq!(bytes(&sandbox), once, "{cli}");
            let gone = sandbox.ai_json(&setup("uninstall", cli, user));
            assert_eq!(gone["change"], "removed", "{cli}");
            assert_eq!(bytes(&sandbox), before, "{cli} {user}");
            let gone = sandbox.ai_json(&setup("uninstall", cli, user));
            assert_eq!(gone["change"], "absent", "{cli}");
        }
    }
}

/// Hook and server are two things, in one file or in two, in folders that were made for either.
#[test]
fn hook_and_server_of_a_cli_go_in_any_order_and_leave_nothing() {
    let sandbox = Sandbox::project();
    for cli in CLIS {
        for user in [false, true] {
            let of = |what: &'static str, verb: &'static str| {
                let mut words = setup(verb, cli, user);
                words[0] = what;
                words
            };
            for [first, second] in [["guard", "mcp"], ["mcp", "guard"]] {
                for out in [[first, second], [second, first]] {
                    let before = bytes(&sandbox);
                    sandbox.ai_ok(&of(first, "install"));
                    sandbox.ai_ok(&of(second, "install"));
                    for what in out {
                        assert_eq!(state(&sandbox, what, (cli, user)), "installed");
                        sandbox.ai_ok(&of(what, "uninstall"));
                        assert_eq!(state(&sandbox, what, (cli, user)), "absent");
                    }
                    assert_eq!(bytes(&sandbox), before, "{cli} {user} {out:?}");
                }
            }
        }
    }
}

#[test]
fn what_stands_in_the_settings_stays_and_comes_back() {
    let sandbox = Sandbox::project();
    for (cli, file, theirs) in [
        (
            "claude",
            ".mcp.json",
            "{\r\n\t\"mcpServers\":{\"mine\":{\"command\":\"x\"}}}",
        ),
        (
            "codex",
            ".codex/config.toml",
            "# mine\r\nmodel = 'big'\n\n[mcp_servers.mine] # so\ncommand = \"x\"",
        ),
        (
            "gemini",
            ".gemini/settings.json",
            "// mine\n{ \"mcpServers\": {} , \"a\": 1 }",
        ),
        ("opencode", "opencode.json", "{\"$schema\": \"x\"}\n\n"),
        ("copilot", ".github/mcp.json", ""),
        (
            "qwen",
            ".qwen/settings.json",
            "\u{feff}{\"$version\": 4 /* so */}",
        ),
    ] {
        sandbox.write(file, theirs);
        let before = bytes(&sandbox);
        sandbox.ai_ok(&["mcp", "install", cli]);
        assert_eq!(state(&sandbox, "mcp", (cli, false)), "installed");
        sandbox.ai_ok(&["mcp", "uninstall", cli]);
        assert_eq!(bytes(&sandbox), before, "{cli}");
    }
}

#[test]
fn it_says_what_it_did_and_what_a_person_has_to_know() {
    let sandbox = Sandbox::project();
    snapshot!(mcp(&sandbox, &["install", "claude", "--dry-run"]), @r#"
    exit: 0
    ----- stdout -----
    claude    starts `ai mcp`: [PATH]/repo/.mcp.json
      {"type": "stdio", "command": "[AI]", "args": ["mcp", "--as", "agent:claude"]}
    ----- stderr -----
    a dry run: nothing was written
    hint: [PATH]/repo/.mcp.json names a program of this machine, and a commit of everything takes it along: the line `/.mcp.json` in .git/info/exclude keeps it out
    hint: Claude Code asks you once whether it may start the servers of this file
    hint: sessions that begin from now on have its tools; `ai mcp uninstall claude` takes it away
    "#);
    snapshot!(mcp(&sandbox, &["install", "codex", "--user", "--dry-run"]), @r#"
    exit: 0
    ----- stdout -----
    codex     starts `ai mcp`: [PATH]/home/.codex/config.toml
      [mcp_servers.ai]
      command = "[AI]"
      args = ["mcp", "--as", "agent:codex"]
      env = { AI_FOLDERS_MADE = "1" }
    ----- stderr -----
    a dry run: nothing was written
    hint: sessions that begin from now on have its tools; `ai mcp uninstall codex --user` takes it away
    "#);
    snapshot!(mcp(&sandbox, &["install", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    starts `ai mcp`: [PATH]/repo/.mcp.json
    ----- stderr -----
    hint: [PATH]/repo/.mcp.json names a program of this machine, and a commit of everything takes it along: the line `/.mcp.json` in .git/info/exclude keeps it out
    hint: Claude Code asks you once whether it may start the servers of this file
    hint: sessions that begin from now on have its tools; `ai mcp uninstall claude` takes it away
    ");
    snapshot!(mcp(&sandbox, &["install", "codex"]), @"
    exit: 0
    ----- stdout -----
    codex     starts `ai mcp`: [PATH]/repo/.codex/config.toml
    ----- stderr -----
    hint: [PATH]/repo/.codex/config.toml names a program of this machine, and a commit of everything takes it along: the line `/.codex/config.toml` in .git/info/exclude keeps it out
    hint: it heeds the settings of a project that you trust
    hint: sessions that begin from now on have its tools; `ai mcp uninstall codex` takes it away
    ");
    snapshot!(mcp(&sandbox, &["install", "copilot"]), @"
    exit: 0
    ----- stdout -----
    copilot   starts `ai mcp`: [PATH]/repo/.github/mcp.json
    ----- stderr -----
    hint: [PATH]/repo/.github/mcp.json names a program of this machine, and a commit of everything takes it along: the line `/.github/mcp.json` in .git/info/exclude keeps it out
    hint: it heeds the settings of a project in a folder that you trust
    hint: sessions that begin from now on have its tools; `ai mcp uninstall copilot` takes it away
    ");
    snapshot!(mcp(&sandbox, &["install", "opencode", "--user"]), @"
    exit: 0
    ----- stdout -----
    opencode  starts `ai mcp`: [PATH]/home/.config/opencode/opencode.json
    ----- stderr -----
    hint: sessions that begin from now on have its tools; `ai mcp uninstall opencode --user` takes it away
    ");
    snapshot!(mcp(&sandbox, &["status"]), @"
    exit: 0
    ----- stdout -----
    claude    project  installed  starts [AI] ([PATH]/repo/.mcp.json)
    claude    user     absent     the CLI is not on the PATH ([PATH]/home/.claude.json)
    codex     project  installed  starts [AI] ([PATH]/repo/.codex/config.toml)
    codex     user     absent     the CLI is not on the PATH ([PATH]/home/.codex/config.toml)
    gemini    project  absent     the CLI is not on the PATH ([PATH]/repo/.gemini/settings.json)
    gemini    user     absent     the CLI is not on the PATH ([PATH]/home/.gemini/settings.json)
    opencode  project  absent     the CLI is not on the PATH ([PATH]/repo/opencode.json)
    opencode  user     installed  starts [AI] ([PATH]/home/.config/opencode/opencode.json)
    copilot   project  installed  starts [AI] ([PATH]/repo/.github/mcp.json)
    copilot   user     absent     the CLI is not on the PATH ([PATH]/home/.copilot/mcp-config.json)
    qwen      project  absent     the CLI is not on the PATH ([PATH]/repo/.qwen/settings.json)
    qwen      user     absent     the CLI is not on the PATH ([PATH]/home/.qwen/settings.json)
    ----- stderr -----
    hint: [PATH]/repo/.mcp.json names a program of this machine, and a commit of everything takes it along: the line `/.mcp.json` in .git/info/exclude keeps it out
    hint: [PATH]/repo/.codex/config.toml names a program of this machine, and a commit of everything takes it along: the line `/.codex/config.toml` in .git/info/exclude keeps it out
    hint: [PATH]/repo/.github/mcp.json names a program of this machine, and a commit of everything takes it along: the line `/.github/mcp.json` in .git/info/exclude keeps it out
    ");
    snapshot!(mcp(&sandbox, &["uninstall", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    starts it no more; the settings are what they were: [PATH]/repo/.mcp.json
    ----- stderr -----
    ");
    snapshot!(mcp(&sandbox, &["uninstall", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    has no server `ai` here: [PATH]/repo/.mcp.json
    ----- stderr -----
    ");
}

#[test]
fn what_cannot_be_read_or_is_somebody_elses_is_left_with_the_reason() {
    let sandbox = Sandbox::project();
    let answer = |cli: &'static str, (file, text): (&str, &str)| {
        sandbox.write(file, text);
        let before = bytes(&sandbox);
        let told = mcp(&sandbox, &["install", cli]);
        let away = mcp(&sandbox, &["uninstall", cli]);
        let state = state(&sandbox, "mcp", (cli, false));
        assert_eq!(bytes(&sandbox), before, "{told}");
        std::fs::remove_file(sandbox.root().join(file)).unwrap();
        format!("{state} {:?} {:?}\n{}", told.code, away.code, told.stderr)
    };
    let told = [
        answer("claude", (".mcp.json", "{\"mcpServers\": []}")),
        answer("claude", (".mcp.json", "{\"mcpServers\": {\"ai\": {}}}")),
        answer(
            "claude",
            (".mcp.json", "{\"mcpServers\": {}, \"mcpServers\": {}}"),
        ),
        answer("codex", (".codex/config.toml", "a = ")),
        answer("codex", (".codex/config.toml", "mcp_servers = {}\n")),
        answer("codex", (".codex/config.toml", "[mcp_servers.ai]\n")),
    ];
    snapshot!(told.concat(), @"
    unreadable Some(4) Some(4)
    error: [PATH]/repo/.mcp.json is left as it is: `mcpServers` in it is not an object
      next: mend the file by hand, then the same command again
    edited Some(4) Some(4)
    error: an entry in [PATH]/repo/.mcp.json starts `ai` in other words than it is written here, and is left as it is
      next: take the entry out by hand, then the same command again
    unreadable Some(4) Some(4)
    error: [PATH]/repo/.mcp.json is left as it is: `mcpServers` stands in it twice
      next: mend the file by hand, then the same command again
    unreadable Some(4) Some(4)
    error: [PATH]/repo/.codex/config.toml is left as it is: it is no TOML: string values must be quoted, expected literal string
      next: mend the file by hand, then the same command again
    absent Some(4) Some(0)
    error: [PATH]/repo/.codex/config.toml is left as it is: the entry cannot be told from what stands around it
      next: mend the file by hand, then the same command again
    edited Some(4) Some(4)
    error: an entry in [PATH]/repo/.codex/config.toml starts `ai` in other words than it is written here, and is left as it is
      next: take the entry out by hand, then the same command again
    ");
}

#[test]
fn an_entry_that_was_changed_is_left_and_one_that_was_saved_anew_goes() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["mcp", "install", "claude"]);
    let ours = sandbox.read(".mcp.json");
    sandbox.write(".mcp.json", ours.replace("agent:claude", "agent:ben"));
    assert_eq!(state(&sandbox, "mcp", ("claude", false)), "edited");
    snapshot!(mcp(&sandbox, &["uninstall", "claude"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: an entry in [PATH]/repo/.mcp.json starts `ai` in other words than it is written here, and is left as it is
      next: take the entry out by hand, then the same command again
    ");
    let mut anew: Value = serde_json::from_str(&ours).unwrap();
    anew["mcpServers"]["mine"] = json!({"command": "x"});
    sandbox.write(".mcp.json", serde_json::to_string_pretty(&anew).unwrap());
    let done = sandbox.ai_json(&["mcp", "uninstall", "claude"]);
    assert_eq!(done["change"], "cut_out");
    anew["mcpServers"].as_object_mut().unwrap().remove("ai");
    let left: Value = serde_json::from_str(&sandbox.read(".mcp.json")).unwrap();
    assert_eq!(left, anew);
    // A program that has moved, and a server that is left out.
    sandbox.write(
        ".gemini/settings.json",
        "{\"mcp\": {\"excluded\": [\"ai\"]}}",
    );
    sandbox.ai_ok(&["mcp", "install", "gemini"]);
    assert_eq!(state(&sandbox, "mcp", ("gemini", false)), "off");
    let text = sandbox.read(".gemini/settings.json");
    let moved = text.replace(env!("CARGO_BIN_EXE_ai"), "/gone/ai");
    sandbox.write(".gemini/settings.json", moved.replace("[\"ai\"]", "[]"));
    assert_eq!(state(&sandbox, "mcp", ("gemini", false)), "broken");
    let done = sandbox.ai_json(&["mcp", "install", "gemini"]);
    assert_eq!(done["change"], "renewed");
    assert_eq!(
        sandbox.read(".gemini/settings.json"),
        text.replace("[\"ai\"]", "[]")
    );
}

#[test]
fn only_a_person_may_do_it_and_policy_is_asked() {
    let sandbox = Sandbox::project();
    snapshot!(mcp(&sandbox, &["install", "claude", "--as", "agent:ben"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: only a person may change which servers the CLI of an agent starts
      next: ask a person to give this command
    ");
    let mut within = sandbox.ai_command(&["mcp", "uninstall", "claude", "--user"]);
    assert_eq!(run(within.env("AI_RUN", "t-1.1")).code, Some(5));
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  - {id: servers, on: [edit], paths: [.mcp.json], effect: deny, reason: servers are named by the team}\n",
    );
    snapshot!(mcp(&sandbox, &["install", "claude"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: servers are named by the team (.mcp.json) (rule `servers`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert!(!sandbox.root().join(".mcp.json").exists());
}

/// What is left would start a server of a project that is none any more.
#[test]
fn an_uninstall_of_all_takes_the_servers_along() {
    let sandbox = Sandbox::project();
    let mine = "{ \"mcpServers\": {} }\r\n";
    sandbox.write(".gemini/settings.json", mine);
    sandbox.ai_ok(&["guard", "install", "gemini"]);
    for cli in ["gemini", "codex", "claude"] {
        sandbox.ai_ok(&["mcp", "install", cli]);
    }
    let planned = sandbox.ai_json(&["uninstall", "--dry-run"])["plan"].take();
    let named = |path: &Value| {
        let path = Path::new(path.as_str().unwrap());
        path.strip_prefix(sandbox.root()).unwrap().to_owned()
    };
    let settings: Vec<_> = planned["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(named)
        .collect();
    assert_eq!(
        settings,
        [".gemini/settings.json", ".mcp.json", ".codex/config.toml"].map(Path::new)
    );
    sandbox.ai_ok(&["uninstall", "--yes"]);
    assert_eq!(sandbox.read(".gemini/settings.json"), mine);
    assert!(!sandbox.root().join(".mcp.json").exists());
    assert!(!sandbox.root().join(".codex").exists());
}
