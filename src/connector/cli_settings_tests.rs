//! Each CLI is told of `ai` in its own words, which are known again.

use super::*;

fn entry(program: &str, folders: usize) -> SetEntry {
    SetEntry {
        program: program.to_owned(),
        folders,
    }
}

const GUARD: CliSetup = CliSetup::Guard;

#[test]
fn what_is_written_is_known_again_and_leaves_nothing() {
    for cli in HookCli::ALL {
        for program in [
            "/usr/bin/ai",
            "/a b/'q\"\\{hook}/é/ai",
            "/x || exit 2 # folders made for this file: 3/ai",
        ] {
            for folders in [0, 2] {
                let own = entry(program, folders);
                let text = with(GUARD, cli, (None, &own)).unwrap();
                let ours = EntryStanding::Ours(0, own.clone());
                assert_eq!(standing(GUARD, cli, &text).unwrap(), ours, "{cli}");
                let cut = without(GUARD, cli, &text, (0, &own)).unwrap();
                assert_eq!(cut, Cut::Whole(None), "{cli}");
            }
        }
    }
}

#[test]
fn each_cli_is_told_in_its_own_words() {
    let told: Vec<String> = HookCli::ALL
        .into_iter()
        .map(|cli| {
            let text = with(GUARD, cli, (None, &entry("/usr/bin/ai", 1))).unwrap();
            let shown = text.lines().take(6).collect::<Vec<_>>().join("\n");
            let path = file(GUARD, cli, SettingsScope::Project).path;
            format!("{path}\n{shown}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn an_entry_that_was_changed_is_no_longer_ours() {
    let own = entry("/usr/bin/ai", 0);
    for (cli, from, to) in [
        (HookCli::Claude, "\"timeout\": 60", "\"timeout\": 5"),
        (HookCli::Claude, "|| exit 2", "|| exit 2; true"),
        (HookCli::Claude, "'/usr/bin/ai'", "/usr/bin/ai"),
        (HookCli::Claude, "\"*\"", "\"Bash\""),
        (HookCli::Gemini, "60000", "1"),
        (HookCli::Codex, " || exit 2", ""),
        (HookCli::Opencode, "PATIENCE_MS = 60000", "PATIENCE_MS = 1"),
        (HookCli::Copilot, "60", "61"),
        (HookCli::Copilot, "{", "["),
    ] {
        let text = with(GUARD, cli, (None, &own)).unwrap();
        let changed = text.replacen(from, to, 1);
        assert_ne!(text, changed, "{cli} {from}");
        assert_eq!(
            standing(GUARD, cli, &changed).unwrap(),
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
