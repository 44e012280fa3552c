//! Each CLI is told of `ai` in its own words, which are known again.

use super::*;
use crate::connector::cli_places::{SettingsScope, file};

fn entry(program: &str, folders: usize) -> SetEntry {
    SetEntry {
        program: program.to_owned(),
        folders,
    }
}

const GUARD: CliSetup = CliSetup::Guard;
const SERVER: CliSetup = CliSetup::Server;

fn all() -> impl Iterator<Item = (CliSetup, HookCli)> {
    let each = CliSetup::ALL.into_iter();
    each.flat_map(|setup| HookCli::ALL.map(|cli| (setup, cli)))
}

#[test]
fn what_is_written_is_known_again_and_leaves_nothing() {
    for (setup, cli) in all() {
        for program in [
            "/usr/bin/ai",
            "/a b/'q\"\\{hook}{ai}{made}/é/ai",
            "/x || exit 2 # folders made for this file: 3/ai",
        ] {
            for folders in [0, 2] {
                let own = entry(program, folders);
                let text = with(setup, cli, (None, &own)).unwrap();
                let ours = EntryStanding::Ours(0, own.clone());
                assert_eq!(
                    standing(setup, cli, &text).unwrap(),
                    ours,
                    "{setup:?} {cli}"
                );
                let cut = without(setup, cli, &text, (0, &own)).unwrap();
                assert_eq!(cut, Cut::Whole(None), "{setup:?} {cli}");
            }
        }
    }
}

#[test]
fn each_cli_is_told_in_its_own_words() {
    let told: Vec<String> = all()
        .map(|(setup, cli)| {
            let text = with(setup, cli, (None, &entry("/usr/bin/ai", 1))).unwrap();
            let shown = text.lines().take(6).collect::<Vec<_>>().join("\n");
            let path = file(setup, cli, SettingsScope::Project).path;
            format!("{path}\n{shown}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn an_entry_that_was_changed_is_no_longer_ours() {
    let own = entry("/usr/bin/ai", 0);
    for (setup, cli, from, to) in [
        (GUARD, HookCli::Claude, "\"timeout\": 60", "\"timeout\": 5"),
        (GUARD, HookCli::Claude, "|| exit 2", "|| exit 2; true"),
        (GUARD, HookCli::Claude, "'/usr/bin/ai'", "/usr/bin/ai"),
        (GUARD, HookCli::Claude, "\"*\"", "\"Bash\""),
        (GUARD, HookCli::Gemini, "60000", "1"),
        (GUARD, HookCli::Codex, " || exit 2", ""),
        (
            GUARD,
            HookCli::Opencode,
            "PATIENCE_MS = 60000",
            "PATIENCE_MS = 1",
        ),
        (GUARD, HookCli::Copilot, "60", "61"),
        (GUARD, HookCli::Copilot, "{", "["),
        (SERVER, HookCli::Claude, "\"mcp\"", "\"other\""),
        (SERVER, HookCli::Claude, "agent:claude", "agent:ben"),
        (SERVER, HookCli::Claude, "\"stdio\"", "\"sse\""),
        (SERVER, HookCli::Gemini, "\"/usr/bin/ai\"", "7"),
        (SERVER, HookCli::Qwen, "\"args\"", "\"env\": {}, \"args\""),
        (SERVER, HookCli::Codex, "\nargs", "\nenabled = false\nargs"),
        (SERVER, HookCli::Opencode, "true", "false"),
        (SERVER, HookCli::Copilot, "\"*\"", "\"show\""),
    ] {
        let text = with(setup, cli, (None, &own)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{cli} {from}");
        assert_eq!(
            standing(setup, cli, &changed).unwrap(),
            EntryStanding::Changed,
            "{cli} {from}"
        );
    }
}

#[test]
fn hooks_that_are_switched_off_are_told_apart_and_those_of_others_are_nobodys_business() {
    let own = entry("/usr/bin/ai", 0);
    for (cli, settings, is_off) in [
        (HookCli::Claude, r#"{"disableAllHooks": true}"#, true),
        (
            HookCli::Claude,
            "{\"disableAllHooks\": false, // no\n \"a\": 1}",
            false,
        ),
        (HookCli::Qwen, "\u{feff}{\"disableAllHooks\": true}", true),
        (
            HookCli::Gemini,
            r#"{"hooksConfig": {"enabled": false}}"#,
            true,
        ),
        (HookCli::Gemini, r#"{"hooksConfig": {}}"#, false),
        (HookCli::Codex, r#"{"disableAllHooks": true}"#, false),
    ] {
        assert_eq!(
            standing(GUARD, cli, settings).unwrap(),
            EntryStanding::Absent
        );
        let text = with(GUARD, cli, (Some(settings), &own)).unwrap();
        let expected = if is_off {
            EntryStanding::Off(0, own.clone())
        } else {
            EntryStanding::Ours(0, own.clone())
        };
        assert_eq!(standing(GUARD, cli, &text).unwrap(), expected, "{settings}");
        let cut = without(GUARD, cli, &text, (0, &own)).unwrap();
        assert_eq!(cut, Cut::Whole(Some(settings.to_owned())), "{settings}");
    }
    let theirs = r#"{"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"command": "mine"}]}]}}"#;
    assert_eq!(
        standing(GUARD, HookCli::Claude, theirs).unwrap(),
        EntryStanding::Absent
    );
}

#[test]
fn a_server_that_the_settings_leave_out_is_told_apart_and_other_servers_are_nobodys_business() {
    let own = entry("/usr/bin/ai", 0);
    for (cli, settings, is_off) in [
        (
            HookCli::Gemini,
            r#"{"mcp": {"excluded": ["b", "ai"]}}"#,
            true,
        ),
        (HookCli::Gemini, r#"{"mcp": {"excluded": ["b"]}}"#, false),
        (HookCli::Qwen, r#"{"mcp": {"allowed": ["b"]}}"#, true),
        (HookCli::Qwen, r#"{"mcp": {"allowed": ["ai", "b"]}}"#, false),
        (
            HookCli::Claude,
            r#"{"mcpServers": {"b": {"command": "/usr/bin/ai"}}}"#,
            false,
        ),
        (
            HookCli::Codex,
            "[mcp_servers.b]\ncommand = \"/usr/bin/ai\"\n",
            false,
        ),
    ] {
        assert_eq!(
            standing(SERVER, cli, settings).unwrap(),
            EntryStanding::Absent
        );
        let text = with(SERVER, cli, (Some(settings), &own)).unwrap();
        let expected = if is_off {
            EntryStanding::Off(0, own.clone())
        } else {
            EntryStanding::Ours(0, own.clone())
        };
        assert_eq!(
            standing(SERVER, cli, &text).unwrap(),
            expected,
            "{settings}"
        );
        let cut = without(SERVER, cli, &text, (0, &own)).unwrap();
        assert_eq!(cut, Cut::Whole(Some(settings.to_owned())), "{settings}");
    }
}

/// As `hooks/list` of Codex 0.171.0 tells it.
#[test]
fn codex_knows_a_hook_by_the_digest_of_its_words() {
    assert_eq!(
        codex_trust("exit 2"),
        "sha256:a5bc74fc1c9113c13249b5e7159c61556bb3c1ba927b147086e9004da8f5826d"
    );
}
