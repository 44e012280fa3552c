//! The text by which each CLI is told of `ai`, as a hook and as a server.
//!
//! Invariant: what stands in a settings file tells by itself how it came there, so that it can be taken out
//! without a record elsewhere; what is not, word for word, what is written here is somebody else's.
//! Deliberately absent: files, and where they are.

use serde_json::{Value, json};

use crate::base::hash;
use crate::connector::announced::HookCli;
use crate::connector::cli_places::CliSetup;
use crate::connector::cli_switches::{SettingsSwitch, switch_in};
use crate::connector::json_text::{self, Cut, EntryPlace, SettingsFault};
use crate::connector::toml_text::{self, TablePlace};
use crate::domain::hook_shim::{quoted, unquoted};

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
    /// An entry in a file that holds other things, too: `{hook}` is the command, `{ai}` the program, each as a
    /// string of JSON, and `{made}` the variable that tells of folders.
    Entry(EntryPlace, &'static str),
    /// A file of our own, with the same marks.
    File(&'static str),
    /// A table in a file of TOML, with the same marks.
    Table(TablePlace, &'static str),
}

const PRE_TOOL_USE: EntryPlace = EntryPlace {
    path: &["hooks", "PreToolUse"],
    member: None,
};
const BEFORE_TOOL: EntryPlace = EntryPlace {
    path: &["hooks", "BeforeTool"],
    member: None,
};
const MCP_SERVERS: EntryPlace = EntryPlace {
    path: &["mcpServers"],
    member: Some("ai"),
};
const MCP_OF_OPENCODE: EntryPlace = EntryPlace {
    path: &["mcp"],
    member: Some("ai"),
};
const MCP_OF_CODEX: TablePlace = TablePlace {
    outer: "mcp_servers",
    name: "ai",
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
const SERVER_OF_CLAUDE: &str =
    r#"{"type": "stdio", "command": {ai}, "args": ["mcp", "--as", "agent:claude"]{made}}"#;
const SERVER_OF_CODEX: &str = "command = {ai}\nargs = [\"mcp\", \"--as\", \"agent:codex\"]\n{made}";
const SERVER_OF_GEMINI: &str =
    r#"{"command": {ai}, "args": ["mcp", "--as", "agent:gemini"]{made}}"#;
const SERVER_OF_QWEN: &str = r#"{"command": {ai}, "args": ["mcp", "--as", "agent:qwen"]{made}}"#;
const SERVER_OF_OPENCODE: &str = r#"{"type": "local", "command": [{ai}, "mcp", "--as", "agent:opencode"], "enabled": true{made}}"#;
/// Without a list of tools Copilot CLI shows none.
const SERVER_OF_COPILOT: &str = r#"{"type": "local", "command": {ai}, "args": ["mcp", "--as", "agent:copilot"], "tools": ["*"]{made}}"#;
/// Before the command in a file that is no JSON.
const IN_PLUGIN: &str = "const HOOK = ";

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

/// The text of the file of its own in which a CLI looks for the hook; none where it looks in one that holds other
/// things, too.
pub fn guard_file(program: &str, cli: HookCli) -> Option<String> {
    let entry = SetEntry {
        program: program.to_owned(),
        folders: 0,
    };
    match wording(CliSetup::Guard, cli) {
        Wording::File(template) => Some(filled(CliSetup::Guard, cli, (template, &entry))),
        Wording::Entry(..) | Wording::Table(..) => None,
    }
}

/// The digest by which Codex knows a hook that is trusted: of what it starts and when, in the order of the names.
pub fn codex_trust(command: &str) -> String {
    let hook = json!({"async": false, "command": command, "timeout": 60, "type": "command"});
    let told = json!({"event_name": "pre_tool_use", "hooks": [hook], "matcher": "*"});
    format!("sha256:{}", hash::sha256_hex(told.to_string().as_bytes()))
}

fn asking(cli: HookCli) -> String {
    format!(" hook pre-tool --cli {cli} || exit 2")
}

/// Before the number of folders that were made, in a comment of the shell.
const FOLDERS: &str = " # folders made for this file: ";
/// The variable of a server that holds the same number; nothing reads it but what takes the entry out.
const FOLDERS_MADE: &str = "AI_FOLDERS_MADE";

fn wording(setup: CliSetup, cli: HookCli) -> Wording {
    match (setup, cli) {
        (CliSetup::Guard, HookCli::Claude) => Wording::Entry(PRE_TOOL_USE, OF_CLAUDE),
        (CliSetup::Guard, HookCli::Codex) => Wording::Entry(PRE_TOOL_USE, OF_CODEX),
        (CliSetup::Guard, HookCli::Gemini) => Wording::Entry(BEFORE_TOOL, OF_GEMINI),
        (CliSetup::Guard, HookCli::Qwen) => Wording::Entry(PRE_TOOL_USE, OF_GEMINI),
        (CliSetup::Guard, HookCli::Opencode) => Wording::File(OF_OPENCODE),
        (CliSetup::Guard, HookCli::Copilot) => Wording::File(OF_COPILOT),
        (CliSetup::Server, HookCli::Claude) => Wording::Entry(MCP_SERVERS, SERVER_OF_CLAUDE),
        (CliSetup::Server, HookCli::Codex) => Wording::Table(MCP_OF_CODEX, SERVER_OF_CODEX),
        (CliSetup::Server, HookCli::Gemini) => Wording::Entry(MCP_SERVERS, SERVER_OF_GEMINI),
        (CliSetup::Server, HookCli::Qwen) => Wording::Entry(MCP_SERVERS, SERVER_OF_QWEN),
        (CliSetup::Server, HookCli::Opencode) => {
            Wording::Entry(MCP_OF_OPENCODE, SERVER_OF_OPENCODE)
        }
        (CliSetup::Server, HookCli::Copilot) => Wording::Entry(MCP_SERVERS, SERVER_OF_COPILOT),
    }
}

/// The text of a template with its command, or its program.
fn filled(setup: CliSetup, cli: HookCli, (template, entry): (&str, &SetEntry)) -> String {
    let (mark, word) = match setup {
        CliSetup::Guard => {
            let mut command = hook_command(&entry.program, cli);
            if entry.folders > 0 {
                command.push_str(&format!("{FOLDERS}{}", entry.folders));
            }
            ("{hook}", command)
        }
        CliSetup::Server => ("{ai}", entry.program.clone()),
    };
    // A program may be called as a mark is, so that its text comes last.
    let template = template.replace("{made}", &made(cli, entry.folders));
    template.replace(mark, &Value::from(word).to_string())
}

/// The variable by which the entry of a server tells how many folders were made.
fn made(cli: HookCli, folders: usize) -> String {
    match (folders, cli) {
        (0, _) => String::new(),
        (_, HookCli::Codex) => format!("env = {{ {FOLDERS_MADE} = \"{folders}\" }}\n"),
        (_, HookCli::Opencode) => {
            format!(r#", "environment": {{"{FOLDERS_MADE}": "{folders}"}}"#)
        }
        _ => format!(r#", "env": {{"{FOLDERS_MADE}": "{folders}"}}"#),
    }
}

/// The standing of what is set up in the text of its file.
pub fn standing(setup: CliSetup, cli: HookCli, text: &str) -> Result<EntryStanding, SettingsFault> {
    let found = match wording(setup, cli) {
        Wording::Entry(place, template) => {
            let all = json_text::entries(text, place)?;
            let mut each = all.iter().enumerate();
            let found = each.find(|(_, entry)| starts_ai(setup, cli, entry));
            found.map(|(number, entry)| {
                let told = told_in(setup, cli, entry);
                let ours =
                    told.filter(|ours| is_json(&filled(setup, cli, (template, ours)), entry));
                (number, ours)
            })
        }
        Wording::File(template) => {
            let ours = command_in_file(text)
                .and_then(|command| told_by(&command, cli))
                .filter(|ours| filled(setup, cli, (template, ours)) == text);
            Some((0, ours))
        }
        Wording::Table(place, template) => toml_text::entry(text, place)?.map(|entry| {
            let ours = server_of(&entry).filter(|ours| {
                let own = toml_text::fresh(place, &filled(setup, cli, (template, ours)));
                toml_text::entry(&own, place).ok().flatten().as_ref() == Some(&entry)
            });
            (0, ours)
        }),
    };
    Ok(match found {
        None => EntryStanding::Absent,
        Some((_, None)) => EntryStanding::Changed,
        Some((number, Some(ours))) if switch_in(setup, cli, text) == Some(SettingsSwitch::Off) => {
            EntryStanding::Off(number, ours)
        }
        Some((number, Some(ours))) => EntryStanding::Ours(number, ours),
    })
}

/// True where an entry is one of those that start `ai`; two servers of one name there are not.
fn starts_ai(setup: CliSetup, cli: HookCli, entry: &Value) -> bool {
    match setup {
        CliSetup::Guard => commands(entry).iter().any(|one| is_asking(one, cli)),
        CliSetup::Server => true,
    }
}

/// What an entry tells of how it was made, where it could have been written here.
fn told_in(setup: CliSetup, cli: HookCli, entry: &Value) -> Option<SetEntry> {
    match setup {
        CliSetup::Guard => {
            let all = commands(entry);
            told_by(all.iter().find(|one| is_asking(one, cli))?, cli)
        }
        CliSetup::Server => server_of(entry),
    }
}

/// The server that an entry starts.
fn server_of(entry: &Value) -> Option<SetEntry> {
    let command = &entry["command"];
    let program = command.as_str().or_else(|| command[0].as_str())?.to_owned();
    let variables = entry.get("env").or_else(|| entry.get("environment"));
    let folders = match variables {
        None => 0,
        Some(variables) => variables[FOLDERS_MADE].as_str()?.parse().ok()?,
    };
    Some(SetEntry { program, folders })
}

/// The text of an entry, as it is put into a file that holds other things; none for a file of its own.
pub fn entry_text(setup: CliSetup, cli: HookCli, entry: &SetEntry) -> Option<String> {
    match wording(setup, cli) {
        Wording::Entry(_, template) => Some(filled(setup, cli, (template, entry))),
        Wording::Table(place, template) => Some(toml_text::fresh(
            place,
            &filled(setup, cli, (template, entry)),
        )),
        Wording::File(_) => None,
    }
}

/// The text of the file with what is set up; `text` is that of the file, where there is one.
pub fn with(
    setup: CliSetup,
    cli: HookCli,
    (text, entry): (Option<&str>, &SetEntry),
) -> Result<String, SettingsFault> {
    let own = |template| filled(setup, cli, (template, entry));
    match (wording(setup, cli), text) {
        (Wording::Entry(place, template), Some(text)) => {
            json_text::insert(text, place, &own(template))
        }
        (Wording::Entry(place, template), None) => Ok(json_text::fresh(place, &own(template))),
        (Wording::Table(place, template), Some(text)) => {
            toml_text::insert(text, place, &own(template))
        }
        (Wording::Table(place, template), None) => Ok(toml_text::fresh(place, &own(template))),
        (Wording::File(template), _) => Ok(own(template)),
    }
}

/// The text of the file without what is set up, as it stands there.
pub fn without(
    setup: CliSetup,
    cli: HookCli,
    text: &str,
    (number, entry): (usize, &SetEntry),
) -> Result<Cut, SettingsFault> {
    let own = |template| filled(setup, cli, (template, entry));
    match wording(setup, cli) {
        Wording::Entry(place, template) => json_text::cut(text, place, number, &own(template)),
        Wording::Table(place, template) => toml_text::cut(text, place, &own(template)),
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

#[cfg(test)]
#[path = "cli_settings_tests.rs"]
mod tests;
