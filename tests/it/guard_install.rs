//! `ai guard install` and `uninstall`: the settings of a CLI ask `ai`, and come back to the byte.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::Value;

use crate::snapshot;
use crate::support::clis::{self, CLIS, bytes};
use crate::support::{Outcome, Sandbox, mask, mask_also, run};

const CLAUDE: &str = ".claude/settings.local.json";

fn guard(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    clis::shown(sandbox.ai(&[&["guard"], args].concat()))
}

fn state(sandbox: &Sandbox, cli: &str, user: bool) -> String {
    clis::state(sandbox, "guard", (cli, user))
}

fn shown(told: &Outcome) -> String {
    mask_also(told, &[("/[^ ]*/ai", "[AI]")])
}

/// The command that an installed hook starts, as the CLI would have it.
fn hook_of(text: &str) -> String {
    let at = text.find("'").unwrap();
    let end = at + text[at..].find("exit 2").unwrap() + "exit 2".len();
    text[at..end].to_owned()
}

#[test]
fn every_cli_is_told_and_forgets_it_to_the_byte() {
    let sandbox = Sandbox::project();
    for cli in CLIS {
        for user in [false, true] {
            let with = |verb: &'static str| {
                if user {
                    vec!["guard", verb, cli, "--user"]
                } else {
                    vec!["guard", verb, cli]
                }
            };
            let before = bytes(&sandbox);
            assert_eq!(state(&sandbox, cli, user), "absent");
            let done = sandbox.ai_json(&with("install"));
            assert_eq!(done["change"], "installed", "{cli}");
            let once = bytes(&sandbox);
            assert_eq!(
                sandbox.ai_json(&with("install"))["change"],
                "unchanged",
                "{cli}"
            );
            assert_eq!(bytes(&sandbox), once, "{cli}");
            assert_eq!(state(&sandbox, cli, user), "installed");
            // What stands there is a hook that answers.
            let text = std::fs::read_to_string(done["file"].as_str().unwrap()).unwrap();
            let mut hook = sandbox.command("sh");
            hook.args(["-c", &hook_of(&text)]);
            assert_eq!(run(&mut hook).code, Some(2), "{cli}: no payload is a no");
            assert_eq!(
                sandbox.ai_json(&with("uninstall"))["change"],
                "removed",
                "{cli}"
            );
            assert_eq!(bytes(&sandbox), before, "{cli} {user}");
            assert_eq!(
                sandbox.ai_json(&with("uninstall"))["change"],
                "absent",
                "{cli}"
            );
        }
    }
}

#[test]
fn it_says_what_it_did_and_what_a_person_has_to_know() {
    let sandbox = Sandbox::project();
    snapshot!(guard(&sandbox, &["install", "claude"]), @"
exit: 0
----- stdout -----
claude    asks `ai`: [PATH]/repo/.claude/settings.local.json
----- stderr -----
hint: [PATH]/repo/.claude/settings.local.json names a program of this machine, and a commit of everything takes it along: the line `/.claude/settings.local.json` in .git/info/exclude keeps it out
hint: sessions that begin from now on ask; `ai guard uninstall claude` takes it away
");
    snapshot!(guard(&sandbox, &["install", "codex", "--user"]), @"
    exit: 0
    ----- stdout -----
    codex     asks `ai`: [PATH]/home/.codex/hooks.json
    ----- stderr -----
    hint: Codex skips a hook until you have trusted it: `/hooks` in its next session
    hint: sessions that begin from now on ask; `ai guard uninstall codex --user` takes it away
    ");
    snapshot!(guard(&sandbox, &["install", "gemini"]), @"
    exit: 0
    ----- stdout -----
    gemini    asks `ai`: [PATH]/repo/.gemini/settings.json
    ----- stderr -----
    hint: [PATH]/repo/.gemini/settings.json names a program of this machine, and a commit of everything takes it along: the line `/.gemini/settings.json` in .git/info/exclude keeps it out
    hint: it heeds the settings of a project in a folder that you trust
    hint: sessions that begin from now on ask; `ai guard uninstall gemini` takes it away
    ");
    snapshot!(guard(&sandbox, &["status"]), @"
    exit: 0
    ----- stdout -----
    claude    project  installed  asks [AI] ([PATH]/repo/.claude/settings.local.json)
    claude    user     absent     the CLI is not on the PATH ([PATH]/home/.claude/settings.json)
    codex     project  absent     the CLI is not on the PATH ([PATH]/repo/.codex/hooks.json)
    codex     user     installed  asks [AI] ([PATH]/home/.codex/hooks.json)
    gemini    project  installed  asks [AI] ([PATH]/repo/.gemini/settings.json)
    gemini    user     absent     the CLI is not on the PATH ([PATH]/home/.gemini/settings.json)
    opencode  project  absent     the CLI is not on the PATH ([PATH]/repo/.opencode/plugin/ai-guard.js)
    opencode  user     absent     the CLI is not on the PATH ([PATH]/home/.config/opencode/plugin/ai-guard.js)
    copilot   project  absent     the CLI is not on the PATH ([PATH]/repo/.github/hooks/ai-guard.json)
    copilot   user     absent     the CLI is not on the PATH ([PATH]/home/.copilot/hooks/ai-guard.json)
    qwen      project  absent     the CLI is not on the PATH ([PATH]/repo/.qwen/settings.json)
    qwen      user     absent     the CLI is not on the PATH ([PATH]/home/.qwen/settings.json)
    ----- stderr -----
    hint: [PATH]/repo/.claude/settings.local.json names a program of this machine, and a commit of everything takes it along: the line `/.claude/settings.local.json` in .git/info/exclude keeps it out
    hint: [PATH]/repo/.gemini/settings.json names a program of this machine, and a commit of everything takes it along: the line `/.gemini/settings.json` in .git/info/exclude keeps it out
    ");
    snapshot!(guard(&sandbox, &["uninstall", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    asks no more; the settings are what they were: [PATH]/repo/.claude/settings.local.json
    ----- stderr -----
    ");
    snapshot!(guard(&sandbox, &["uninstall", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    has no hook of `ai` here: [PATH]/repo/.claude/settings.local.json
    ----- stderr -----
    ");
}

#[test]
fn what_stands_in_the_settings_stays_with_its_mode_and_comes_back() {
    let sandbox = Sandbox::project();
    let theirs = "\u{feff}{\r\n\t// mine\r\n\t\"hooks\": {\"Stop\": [] , \"PreToolUse\":[{\"matcher\":\"Bash\"}]},\r\n\t\"a\":1}";
    sandbox.write(CLAUDE, theirs);
    let file = sandbox.root().join(CLAUDE);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let before = bytes(&sandbox);
    sandbox.ai_ok(&["guard", "install", "claude"]);
    let with = sandbox.read(CLAUDE);
    let (head, tail) = theirs.split_at(theirs.find("{\"matcher\"").unwrap());
    assert!(with.starts_with(head) && with.ends_with(tail), "{with}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    sandbox.ai_ok(&["guard", "uninstall", "claude"]);
    assert_eq!(bytes(&sandbox), before);
}

/// A link to a file within is followed and stays a link.
#[test]
fn a_file_that_is_not_this_users_to_write_is_left_with_the_reason() {
    let sandbox = Sandbox::project();
    let file = sandbox.root().join(CLAUDE);
    let answer = |set_up: &dyn Fn(&Path)| {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        set_up(&file);
        let before = bytes(&sandbox);
        let told = guard(&sandbox, &["install", "claude"]);
        let state = state(&sandbox, "claude", false);
        assert_eq!(bytes(&sandbox), before, "{told}");
        let kind = file.symlink_metadata().unwrap();
        if kind.is_dir() {
            std::fs::remove_dir(&file).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        format!("{state} {}\n", told.stderr)
    };
    let out = sandbox.base().join("elsewhere.json");
    std::fs::write(&out, "{}").unwrap();
    let told = [
        answer(&|file| symlink(&out, file).unwrap()),
        answer(&|file| symlink("nowhere", file).unwrap()),
        answer(&|file| std::fs::create_dir(file).unwrap()),
        answer(&|file| std::fs::write(file, "{\"a\": 1,}").unwrap()),
        answer(&|file| std::fs::write(file, b"{\"a\": \"\xff\"}").unwrap()),
        answer(&|file| std::fs::write(file, "{\"hooks\": []}").unwrap()),
    ];
    snapshot!(told.concat(), @"
    unreadable error: [PATH]/repo/.claude/settings.local.json leads out of [PATH]/repo by a link, or nowhere
      next: put a file of its own there, then the same command again

    unreadable error: [PATH]/repo/.claude/settings.local.json leads out of [PATH]/repo by a link, or nowhere
      next: put a file of its own there, then the same command again

    unreadable error: [PATH]/repo/.claude/settings.local.json is no file
      next: move it away, then the same command again

    unreadable error: [PATH]/repo/.claude/settings.local.json is left as it is: it is no JSON, with or without comments: trailing comma at line 1 column 9
      next: mend the file by hand, then the same command again

    unreadable error: [PATH]/repo/.claude/settings.local.json is not written in UTF-8
      next: save it as UTF-8, then the same command again

    unreadable error: [PATH]/repo/.claude/settings.local.json is left as it is: `hooks` in it is not an object
      next: mend the file by hand, then the same command again
    ");
    std::fs::write(sandbox.root().join(".claude/real.json"), "{}").unwrap();
    symlink("real.json", &file).unwrap();
    let before = bytes(&sandbox);
    sandbox.ai_ok(&["guard", "install", "claude"]);
    assert!(file.is_symlink());
    sandbox.ai_ok(&["guard", "uninstall", "claude"]);
    assert_eq!(bytes(&sandbox), before);
    // Above the checkout it is nobody's file that a link of the folder leads to.
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    symlink(sandbox.base(), file.parent().unwrap()).unwrap();
    assert_eq!(guard(&sandbox, &["install", "claude"]).code, Some(4));
}

#[test]
fn what_somebody_has_changed_since_is_theirs() {
    let sandbox = Sandbox::project();
    sandbox.ai_ok(&["guard", "install", "claude"]);
    let ours = sandbox.read(CLAUDE);
    sandbox.write(CLAUDE, ours.replace("\"*\"", "\"Bash\""));
    assert_eq!(state(&sandbox, "claude", false), "edited");
    snapshot!(guard(&sandbox, &["uninstall", "claude"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: an entry in [PATH]/repo/.claude/settings.local.json starts `ai` in other words than it is written here, and is left as it is
      next: take the entry out by hand, then the same command again
    ");
    assert_eq!(guard(&sandbox, &["install", "claude"]).code, Some(4));
    // A CLI that saves its settings writes all of them in its own look.
    let mut anew: Value = serde_json::from_str(&ours).unwrap();
    anew["model"] = "big".into();
    sandbox.write(CLAUDE, serde_json::to_string_pretty(&anew).unwrap());
    assert_eq!(state(&sandbox, "claude", false), "installed");
    let done = sandbox.ai_json(&["guard", "uninstall", "claude"]);
    assert_eq!(done["change"], "cut_out");
    assert_eq!(sandbox.read(CLAUDE), "{\n  \"model\": \"big\"\n}");
    // A plugin of somebody else is not replaced.
    sandbox.write(".opencode/plugin/ai-guard.js", "export const Mine = 1\n");
    assert_eq!(guard(&sandbox, &["install", "opencode"]).code, Some(4));
    assert_eq!(guard(&sandbox, &["uninstall", "opencode"]).code, Some(4));
}

#[test]
fn a_program_that_has_moved_is_told_and_named_anew() {
    let sandbox = Sandbox::project();
    sandbox.write(CLAUDE, "{\"disableAllHooks\": true}");
    let theirs = bytes(&sandbox);
    sandbox.ai_ok(&["guard", "install", "claude"]);
    assert_eq!(state(&sandbox, "claude", false), "off");
    let ours = sandbox.read(CLAUDE);
    let moved = ours.replace(env!("CARGO_BIN_EXE_ai"), "/gone/ai");
    sandbox.write(CLAUDE, moved.replace("true", "false"));
    assert_eq!(state(&sandbox, "claude", false), "broken");
    assert_eq!(
        sandbox.ai_json(&["guard", "install", "claude"])["change"],
        "renewed"
    );
    assert_eq!(sandbox.read(CLAUDE), ours.replace("true", "false"));
    sandbox.write(CLAUDE, ours);
    sandbox.ai_ok(&["guard", "uninstall", "claude"]);
    assert_eq!(bytes(&sandbox), theirs);
}

/// The nearest file that says anything counts, as the CLI reads them.
#[test]
fn hooks_that_another_file_switches_off_are_told_and_named() {
    let sandbox = Sandbox::project();
    let off = "{\"disableAllHooks\": true}";
    sandbox.write(".claude/settings.json", off);
    snapshot!(guard(&sandbox, &["install", "claude"]), @"
    exit: 0
    ----- stdout -----
    claude    asks `ai`: [PATH]/repo/.claude/settings.local.json
    ----- stderr -----
    hint: [PATH]/repo/.claude/settings.local.json names a program of this machine, and a commit of everything takes it along: the line `/.claude/settings.local.json` in .git/info/exclude keeps it out
    hint: sessions that begin from now on ask; `ai guard uninstall claude` takes it away
    warning: [PATH]/repo/.claude/settings.json switches all hooks off, so this one is never asked
    ");
    snapshot!(guard(&sandbox, &["install", "claude", "--user"]), @"
    exit: 0
    ----- stdout -----
    claude    asks `ai`: [PATH]/home/.claude/settings.json
    ----- stderr -----
    hint: sessions that begin from now on ask; `ai guard uninstall claude --user` takes it away
    warning: [PATH]/repo/.claude/settings.json switches all hooks off, so this one is never asked
    ");
    let told = guard(&sandbox, &["status"]);
    assert_eq!(told.code, Some(1));
    let off_there: Vec<&str> = told
        .stdout
        .lines()
        .filter(|line| line.starts_with("claude"))
        .collect();
    snapshot!(mask(&off_there.join("\n")), @"
    claude    project  off        [PATH]/repo/.claude/settings.json switches all hooks off ([PATH]/repo/.claude/settings.local.json)
    claude    user     off        [PATH]/repo/.claude/settings.json switches all hooks off ([PATH]/home/.claude/settings.json)
    ");
    let ours = sandbox.read(CLAUDE);
    sandbox.write(
        CLAUDE,
        ours.replacen('{', "{\"disableAllHooks\": false,", 1),
    );
    for user in [false, true] {
        assert_eq!(state(&sandbox, "claude", user), "installed");
    }
    // What nobody can read says nothing.
    sandbox.write(CLAUDE, ours);
    sandbox.write(".claude/settings.json", "{");
    assert_eq!(state(&sandbox, "claude", false), "installed");
    // The user's own file is the last that is asked.
    let home = sandbox.base().join("home/.gemini");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(
        home.join("settings.json"),
        "{\"hooksConfig\": {\"enabled\": false}}",
    )
    .unwrap();
    sandbox.ai_ok(&["guard", "install", "gemini"]);
    assert_eq!(state(&sandbox, "gemini", false), "off");
}

#[test]
fn a_file_that_is_tracked_is_told_and_policy_is_asked() {
    let sandbox = Sandbox::project();
    sandbox.write(CLAUDE, "{}\n");
    sandbox.commit("settings");
    assert_eq!(
        sandbox.ai_json(&["guard", "install", "claude"])["tracked"],
        true
    );
    let log = sandbox.ai_json_lines(&["policy", "log"]);
    let last = log.last().unwrap();
    let asked = (&last["actor"], &last["action"], &last["resource"]["paths"]);
    assert_eq!(
        format!("{asked:?}"),
        r#"(String("human:tester"), String("edit"), Array [String(".claude/settings.local.json")])"#
    );
    sandbox.ai_ok(&["guard", "uninstall", "claude"]);
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nrules:\n  - {id: settings, on: [edit], paths: [.claude/], effect: deny, reason: settings are mended by the team}\n",
    );
    snapshot!(guard(&sandbox, &["install", "claude"]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies edit: settings are mended by the team (.claude/settings.local.json) (rule `settings`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
    assert_eq!(sandbox.read(CLAUDE), "{}\n");
}

#[test]
fn a_file_that_a_commit_would_take_along_is_told_until_it_is_left_out() {
    let sandbox = Sandbox::project();
    let open = |verb: &str| {
        let done = sandbox.ai_json_lines(&["guard", verb, "gemini"]);
        done[0]["open"].clone()
    };
    assert_eq!(open("install"), true);
    assert_eq!(open("uninstall"), false);
    let dry = sandbox.ai_json(&["guard", "install", "gemini", "--dry-run"]);
    assert_eq!(
        (&dry["open"], &dry["tracked"]),
        (&true.into(), &false.into())
    );
    assert_eq!(open("install"), true);
    let status = guard(&sandbox, &["status"]);
    snapshot!(status.stderr, @"hint: [PATH]/repo/.gemini/settings.json names a program of this machine, and a commit of everything takes it along: the line `/.gemini/settings.json` in .git/info/exclude keeps it out");
    std::fs::create_dir_all(sandbox.root().join(".git/info")).unwrap();
    sandbox.write(".git/info/exclude", "/.gemini/settings.json\n");
    assert_eq!(guard(&sandbox, &["status"]).stderr, "");
    assert_eq!(open("install"), false);
    let user = sandbox.ai_json(&["guard", "install", "gemini", "--user"]);
    assert_eq!(user["open"], false);
}

#[test]
fn only_a_person_may_do_it_and_nobody_needs_a_project() {
    let sandbox = Sandbox::project();
    snapshot!(guard(&sandbox, &["install", "claude", "--as", "agent:ben"]), @"
exit: 5
----- stdout -----
----- stderr -----
error: only a person may change what the CLI of an agent asks
  next: ask a person to give this command
");
    let mut within = sandbox.ai_command(&["guard", "uninstall", "claude", "--user"]);
    assert_eq!(run(within.env("AI_RUN", "t-1.1")).code, Some(5));
    let bare = Sandbox::empty();
    assert_eq!(
        bare.ai(&["guard", "install", "claude", "--user"]).code,
        Some(0)
    );
    snapshot!(shown(&guard(&bare, &["install", "claude"])), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: there is no checkout here in which a CLI would look for settings
      next: `--user` sets it up for all your projects
    ");
    assert_eq!(bare.ai_json_lines(&["guard", "status"]).len(), 6);
    let mut homeless = bare.ai_command(&["guard", "install", "qwen", "--user"]);
    snapshot!(run(homeless.env_remove("HOME")), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: HOME is not set to an absolute path, so that your own settings cannot be found
      next: set HOME, then the same command again
    ");
}

/// What is left would ask a project that is none any more.
#[test]
fn an_uninstall_of_all_takes_the_entries_out_of_the_settings_of_clis() {
    let sandbox = Sandbox::project();
    let mine = "{ \"hooks\": {} }\r\n";
    sandbox.write(".gemini/settings.json", mine);
    for cli in ["claude", "gemini"] {
        sandbox.ai_ok(&["guard", "install", cli]);
    }
    // Of what cannot be read nothing is promised.
    sandbox.write(".qwen/settings.json", "{");
    let planned = sandbox.ai(&["uninstall", "--dry-run"]).stdout;
    let settings = planned.lines().filter(|line| line.ends_with(".json"));
    assert_eq!(settings.count(), 2, "{planned}");
    sandbox.ai_ok(&["uninstall", "--yes"]);
    assert_eq!(sandbox.read(".gemini/settings.json"), mine);
    assert_eq!(sandbox.read(".qwen/settings.json"), "{");
    assert!(!sandbox.root().join(".claude").exists());
}

/// Where nothing can be asked the hook refuses everything, so that it can be taken away all the same.
#[test]
fn a_person_takes_it_away_where_the_policy_or_the_store_cannot_be_read() {
    let sandbox = Sandbox::project();
    for broken in [".ai/policy.yaml", ".git/ai/ai.db"] {
        let before = std::fs::read(sandbox.root().join(broken)).unwrap_or_default();
        sandbox.ai_ok(&["guard", "install", "claude"]);
        sandbox.write(broken, "default: [");
        sandbox.ai_ok(&["guard", "uninstall", "claude"]);
        assert!(!sandbox.root().join(CLAUDE).exists());
        std::fs::write(sandbox.root().join(broken), before).unwrap();
    }
}
