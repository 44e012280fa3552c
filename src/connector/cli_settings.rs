//! The places at which the CLIs look for hooks and for servers, and the text by which each of them is told of
//! `ai`.
//!
//! Invariant: what stands in a settings file tells by itself how it came there, so that it can be taken out
//! without a record elsewhere; what is not, word for word, what is written here is somebody else's.
//! Deliberately absent: files. Where a place lies on this machine, and whether it may be written, is for the
//! operations.

use serde_json::Value;

use crate::connector::announced::HookCli;
use crate::connector::json_text::{self, Cut, EntryPlace, SettingsFault};
use crate::domain::hook_shim::{quoted, unquoted};

/// The thing of which a CLI is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CliSetup {
    /// The hook that is asked before a tool is called.
    Guard,
}

/// The settings that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsScope {
    /// The settings of this checkout.
    Project,
    /// The settings of the user, for every project.
    User,
}

/// A settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingsFile {
    /// Path below the checkout, or below the home.
    pub path: &'static str,
    /// A variable that names another directory, and the path below that.
    pub moved: Option<(&'static str, &'static str)>,
}

/// An entry of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEntry {
    /// The program that is started, by an absolute path.
    pub program: String,
    /// The number of folders that were made for the file.
    pub folders: usize,
}

/// The standing of an entry in the text of a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryStanding {
    /// There is none.
    Absent,
    /// One stands there as it was written, with this number in its list.
    Ours(usize, SetEntry),
    /// One stands there that starts `ai`, too, in other words.
    Changed,
    /// One stands there, and the settings switch all of its kind off.
    Off(usize, SetEntry),
}

/// The form in which a CLI is told.
enum Wording {
    /// An entry in a file that holds other things, too. `{hook}` is the command, as a string of JSON.
    Entry(EntryPlace, &'static str),
    /// A file of our own, with the same mark.
    File(&'static str),
}

const PRE_TOOL_USE: EntryPlace = EntryPlace {
    path: &["hooks", "PreToolUse"],
    member: None,
};
const BEFORE_TOOL: EntryPlace = EntryPlace {
    path: &["hooks", "BeforeTool"],
    member: None,
};
/// Claude Code counts in seconds, and knows since 2.1.295 what to do where the hook does not end.
const OF_CLAUDE: &str = r#"{"matcher": "*", "hooks": [{"type": "command", "command": {hook}, "timeout": 60, "onFailure": "block"}]}"#;
const OF_CODEX: &str =
    r#"{"matcher": "*", "hooks": [{"type": "command", "command": {hook}, "timeout": 60}]}"#;
/// Gemini CLI and Qwen Code count in thousandths.
const OF_GEMINI: &str = r#"{"matcher": "*", "hooks": [{"name": "ai-guard", "type": "command", "command": {hook}, "timeout": 60000}]}"#;
const OF_COPILOT: &str = r#"{
  "version": 1,
  "hooks": {
    "preToolUse": [
      {"type": "command", "bash": {hook}, "timeoutSec": 60}
    ]
  }
}
"#;
/// The plugin waits without holding OpenCode up, and takes every end but a yes for a no.
const OF_OPENCODE: &str = include_str!("opencode_guard.js");
/// Before the command in a file that is no JSON.
const IN_PLUGIN: &str = "const HOOK = ";

/// The file in which a CLI looks for what is set up.
pub fn file(setup: CliSetup, cli: HookCli, scope: SettingsScope) -> SettingsFile {
    let CliSetup::Guard = setup;
    let of = |path, moved| SettingsFile { path, moved };
    match (cli, scope) {
        // The one that names programs of this machine is kept out of commits.
        (HookCli::Claude, SettingsScope::Project) => of(".claude/settings.local.json", None),
        (HookCli::Claude, SettingsScope::User) => of(
            ".claude/settings.json",
            Some(("CLAUDE_CONFIG_DIR", "settings.json")),
        ),
        (HookCli::Codex, SettingsScope::Project) => of(".codex/hooks.json", None),
        (HookCli::Codex, SettingsScope::User) => {
            of(".codex/hooks.json", Some(("CODEX_HOME", "hooks.json")))
        }
        (HookCli::Gemini, SettingsScope::Project) => of(".gemini/settings.json", None),
        (HookCli::Gemini, SettingsScope::User) => of(
            ".gemini/settings.json",
            Some(("GEMINI_CLI_HOME", ".gemini/settings.json")),
        ),
        (HookCli::Qwen, _) => of(".qwen/settings.json", None),
        (HookCli::Opencode, SettingsScope::Project) => of(".opencode/plugin/ai-guard.js", None),
        (HookCli::Opencode, SettingsScope::User) => of(
            ".config/opencode/plugin/ai-guard.js",
            Some(("XDG_CONFIG_HOME", "opencode/plugin/ai-guard.js")),
        ),
        (HookCli::Copilot, SettingsScope::Project) => of(".github/hooks/ai-guard.json", None),
        (HookCli::Copilot, SettingsScope::User) => of(
            ".copilot/hooks/ai-guard.json",
            Some(("COPILOT_HOME", "hooks/ai-guard.json")),
        ),
    }
}

/// The word by which the CLI is started.
pub fn command_of(cli: HookCli) -> &'static str {
    cli.as_str()
}

/// The command of a hook: whatever else comes of the program, a crash or its absence, is a no.
pub fn hook_command(program: &str, cli: HookCli) -> String {
    let program = quoted(program.as_bytes());
    let program = String::from_utf8_lossy(&program);
    format!("{program}{}", asking(cli))
}

fn asking(cli: HookCli) -> String {
    format!(" hook pre-tool --cli {cli} || exit 2")
}

/// Before the number of folders that were made, in a comment of the shell.
const FOLDERS: &str = " # folders made for this file: ";

fn wording(cli: HookCli) -> Wording {
    match cli {
        HookCli::Claude => Wording::Entry(PRE_TOOL_USE, OF_CLAUDE),
        HookCli::Codex => Wording::Entry(PRE_TOOL_USE, OF_CODEX),
        HookCli::Gemini => Wording::Entry(BEFORE_TOOL, OF_GEMINI),
        HookCli::Qwen => Wording::Entry(PRE_TOOL_USE, OF_GEMINI),
        HookCli::Opencode => Wording::File(OF_OPENCODE),
        HookCli::Copilot => Wording::File(OF_COPILOT),
    }
}

/// The text of a template with its command.
fn filled(template: &str, cli: HookCli, entry: &SetEntry) -> String {
    let mut command = hook_command(&entry.program, cli);
    if entry.folders > 0 {
        command.push_str(&format!("{FOLDERS}{}", entry.folders));
    }
    template.replace("{hook}", &Value::from(command).to_string())
}

/// The standing of what is set up in the text of its file.
pub fn standing(setup: CliSetup, cli: HookCli, text: &str) -> Result<EntryStanding, SettingsFault> {
    let CliSetup::Guard = setup;
    match wording(cli) {
        Wording::Entry(place, template) => {
            let all = json_text::entries(text, place)?;
            let asks = |entry: &Value| commands(entry).into_iter().find(|one| is_asking(one, cli));
            let Some((number, entry, command)) = all
                .iter()
                .enumerate()
                .find_map(|(number, entry)| Some((number, entry, asks(entry)?)))
            else {
                return Ok(EntryStanding::Absent);
            };
            let ours =
                told_by(&command, cli).filter(|ours| is_json(&filled(template, cli, ours), entry));
            Ok(match ours {
                None => EntryStanding::Changed,
                Some(ours) if is_off(cli, text) => EntryStanding::Off(number, ours),
                Some(ours) => EntryStanding::Ours(number, ours),
            })
        }
        Wording::File(template) => {
            let ours = command_in_file(text)
                .and_then(|command| told_by(&command, cli))
                .filter(|ours| filled(template, cli, ours) == text);
            Ok(ours.map_or(EntryStanding::Changed, |ours| EntryStanding::Ours(0, ours)))
        }
    }
}

/// The text of the file with what is set up; `text` is that of the file, where there is one.
pub fn with(
    setup: CliSetup,
    cli: HookCli,
    (text, entry): (Option<&str>, &SetEntry),
) -> Result<String, SettingsFault> {
    let CliSetup::Guard = setup;
    match (wording(cli), text) {
        (Wording::Entry(place, template), Some(text)) => {
            json_text::insert(text, place, &filled(template, cli, entry))
        }
        (Wording::Entry(place, template), None) => {
            Ok(json_text::fresh(place, &filled(template, cli, entry)))
        }
        (Wording::File(template), _) => Ok(filled(template, cli, entry)),
    }
}

/// The text of the file without what is set up, as it stands there.
pub fn without(
    setup: CliSetup,
    cli: HookCli,
    text: &str,
    (number, entry): (usize, &SetEntry),
) -> Result<Cut, SettingsFault> {
    let CliSetup::Guard = setup;
    match wording(cli) {
        Wording::Entry(place, template) => {
            json_text::cut(text, place, number, &filled(template, cli, entry))
        }
        Wording::File(_) => Ok(Cut::Whole(None)),
    }
}

fn is_json(text: &str, value: &Value) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|own| own == *value)
}

/// All texts in an entry.
fn commands(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(commands).collect(),
        Value::Object(all) => all.values().flat_map(commands).collect(),
        _ => Vec::new(),
    }
}

fn is_asking(command: &str, cli: HookCli) -> bool {
    command.contains(&format!(" hook pre-tool --cli {cli}"))
}

fn command_in_file(text: &str) -> Option<String> {
    let in_plugin = text.lines().find_map(|line| line.strip_prefix(IN_PLUGIN));
    if let Some(line) = in_plugin {
        return serde_json::from_str(line).ok();
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let all = commands(&value);
    all.into_iter()
        .find(|text| text.contains(" hook pre-tool "))
}

/// The entry whose command this is.
fn told_by(command: &str, cli: HookCli) -> Option<SetEntry> {
    let (program, rest) = command.rsplit_once(&asking(cli))?;
    let folders = match rest {
        "" => 0,
        more => more.strip_prefix(FOLDERS)?.parse().ok()?,
    };
    let program = String::from_utf8(unquoted(program.as_bytes())?).ok()?;
    Some(SetEntry { program, folders })
}

/// True where the settings switch off all hooks.
fn is_off(cli: HookCli, text: &str) -> bool {
    let plain = json_text::without_comments(text);
    let plain = plain.trim_start_matches('\u{feff}');
    let settings: Value = serde_json::from_str(plain).unwrap_or_default();
    match cli {
        HookCli::Claude | HookCli::Qwen => settings["disableAllHooks"] == true,
        HookCli::Gemini => settings["hooksConfig"]["enabled"] == false,
        _ => false,
    }
}

#[cfg(test)]
#[path = "cli_settings_tests.rs"]
mod tests;
