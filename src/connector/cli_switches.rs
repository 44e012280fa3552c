//! The switches by which the settings of a CLI turn all hooks off, or leave a server out.
//!
//! Invariant: the nearest file that says anything counts, as the CLI has been seen to read it. Deliberately
//! absent: the settings of administrators, and what a person chooses within a session.

use serde_json::Value;

use crate::connector::announced::HookCli;
use crate::connector::cli_places::{CliSetup, SettingsFile, SettingsScope, of};
use crate::connector::json_text;

/// A switch in settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsSwitch {
    /// Hooks are started.
    On,
    /// Hooks are not started.
    Off,
}

/// The nearest file first. An administrator's settings are not looked at: `ai` can tell nobody to change them.
const SWITCHES_OF_CLAUDE: [(SettingsScope, SettingsFile); 3] = [
    (
        SettingsScope::Project,
        of(".claude/settings.local.json", None),
    ),
    (SettingsScope::Project, of(".claude/settings.json", None)),
    (
        SettingsScope::User,
        of(
            ".claude/settings.json",
            Some(("CLAUDE_CONFIG_DIR", "settings.json")),
        ),
    ),
];
const SWITCHES_OF_GEMINI: [(SettingsScope, SettingsFile); 2] = [
    (SettingsScope::Project, of(".gemini/settings.json", None)),
    (
        SettingsScope::User,
        of(
            ".gemini/settings.json",
            Some(("GEMINI_CLI_HOME", ".gemini/settings.json")),
        ),
    ),
];
const SWITCHES_OF_QWEN: [(SettingsScope, SettingsFile); 2] = [
    (SettingsScope::Project, of(".qwen/settings.json", None)),
    (SettingsScope::User, of(".qwen/settings.json", None)),
];
/// What settings say of all hooks, or of this server; nothing where they say nothing of it.
pub fn switch_in(setup: CliSetup, cli: HookCli, text: &str) -> Option<SettingsSwitch> {
    let plain = json_text::without_comments(text);
    let plain = plain.trim_start_matches('\u{feff}');
    let settings: Value = serde_json::from_str(plain).unwrap_or_default();
    let lists = |list: &str| {
        let names = settings["mcp"][list].as_array();
        names.map(|names| names.iter().any(|name| name == "ai"))
    };
    let is_on = match (setup, cli) {
        (CliSetup::Guard, HookCli::Claude | HookCli::Qwen) => {
            !settings["disableAllHooks"].as_bool()?
        }
        (CliSetup::Guard, HookCli::Gemini) => settings["hooksConfig"]["enabled"].as_bool()?,
        (CliSetup::Server, HookCli::Gemini | HookCli::Qwen) => {
            lists("excluded") != Some(true) && lists("allowed") != Some(false)
        }
        _ => return None,
    };
    Some(if is_on {
        SettingsSwitch::On
    } else {
        SettingsSwitch::Off
    })
}

/// The files whose switch for all hooks a CLI heeds, the one that counts most first, each with the settings of which it
/// is a part. Seen of Claude Code 2.1.197 and Gemini CLI 0.61.0; Qwen
/// Code is of the same descent as the latter.
pub fn switches(cli: HookCli) -> &'static [(SettingsScope, SettingsFile)] {
    match cli {
        HookCli::Claude => &SWITCHES_OF_CLAUDE,
        HookCli::Gemini => &SWITCHES_OF_GEMINI,
        HookCli::Qwen => &SWITCHES_OF_QWEN,
        HookCli::Codex | HookCli::Opencode | HookCli::Copilot => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_one_only_where_it_says_so() {
        let (guard, server) = (CliSetup::Guard, CliSetup::Server);
        let told = |setup, cli, text| switch_in(setup, cli, text);
        for (setup, cli, text, expected) in [
            (
                guard,
                HookCli::Claude,
                r#"{"disableAllHooks": true}"#,
                Some(SettingsSwitch::Off),
            ),
            (
                guard,
                HookCli::Claude,
                r#"{"disableAllHooks": false}"#,
                Some(SettingsSwitch::On),
            ),
            (
                guard,
                HookCli::Claude,
                r#"{"disableAllHooks": "yes"}"#,
                None,
            ),
            (guard, HookCli::Claude, "{", None),
            (
                guard,
                HookCli::Qwen,
                "// x\n{\"disableAllHooks\": true}",
                Some(SettingsSwitch::Off),
            ),
            (
                guard,
                HookCli::Gemini,
                r#"{"hooksConfig": {"enabled": false}}"#,
                Some(SettingsSwitch::Off),
            ),
            (guard, HookCli::Gemini, r#"{"hooksConfig": {}}"#, None),
            (guard, HookCli::Codex, r#"{"disableAllHooks": true}"#, None),
            (
                server,
                HookCli::Gemini,
                r#"{"mcp": {"excluded": ["ai"]}}"#,
                Some(SettingsSwitch::Off),
            ),
            (
                server,
                HookCli::Gemini,
                r#"{"mcp": {"allowed": ["ai"]}}"#,
                Some(SettingsSwitch::On),
            ),
            (
                server,
                HookCli::Claude,
                r#"{"disableAllHooks": true}"#,
                None,
            ),
        ] {
            assert_eq!(told(setup, cli, text), expected, "{cli} {text}");
        }
    }
}
