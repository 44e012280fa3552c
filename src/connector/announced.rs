//! The question that a CLI asks by its own hook before it calls a tool: what the call would do, read out
//! of the payload of that CLI.
//!
//! Invariant: a tool that is known to change files, or to run a command, is never taken for one that does
//! less; where it does not say which file or command, the question cannot be answered. A tool that nobody
//! here knows is what its name says. Deliberately absent: answers, and where the paths lead.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::hash;
use crate::base::text::one_line;
use crate::connector::clip;
use crate::connector::dialogue::{AskedCall, GoneFile};
use crate::connector::json::{field, text_at};
use crate::connector::tool_input::{
    DIRECTORY_FIELDS, MOST_FILES, NamedFiles, PATCH, all_texts, command_in, gone_to, in_field,
    kind_of_unknown, named_anywhere, named_in,
};
use crate::domain::tool_kind::ToolKind;

/// A CLI whose hook is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookCli {
    /// Claude Code, `PreToolUse`.
    Claude,
    /// Codex CLI, `PreToolUse`.
    Codex,
    /// Gemini CLI, `BeforeTool`.
    Gemini,
    /// OpenCode, `tool.execute.before` of a plugin, which hands it on in these words.
    Opencode,
    /// GitHub Copilot CLI, `preToolUse`.
    Copilot,
    /// Qwen Code, `PreToolUse`.
    Qwen,
}

/// A word that names no such CLI.
#[derive(Debug, thiserror::Error)]
#[error("known are claude, codex, gemini, opencode, copilot and qwen")]
pub struct UnknownCli;

/// A question that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadPayload {
    /// It is no JSON.
    #[error("what the CLI says of the tool call is no JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// No tool stands in it.
    #[error("the CLI does not say which tool it is about to call")]
    NoTool,
    /// A tool that changes files, and no file.
    #[error("`{0}` changes a file and does not say which")]
    NoFile(String),
    /// More files than are looked at.
    #[error("`{0}` names more than {MOST_FILES} files")]
    TooManyFiles(String),
    /// A tool that runs commands, and no command.
    #[error("`{0}` runs a command and does not say which")]
    NoCommand(String),
    /// A patch within a command that goes somewhere first.
    #[error(
        "`{0}` applies a patch in a command that changes the directory, and it cannot be told to which files"
    )]
    Elsewhere(String),
}

/// Longest command that is looked at; a part of a longer one would say another thing.
const MOST_COMMAND: usize = 8 << 10;
/// The place in its input where a tool says what it is about.
#[derive(Clone, Copy)]
enum Says {
    /// The file, in the first of these fields that is there.
    File(&'static [&'static str]),
    /// Files within a patch.
    Patch,
    /// A command in a field that tells one.
    Command,
    /// Nothing that is asked about.
    Nothing,
}

/// One tool: its name, its kind, and where it says what it is about.
type Row = (&'static str, ToolKind, Says);

const CLAUDE: &[Row] = &[
    ("Write", ToolKind::Edit, Says::File(&["file_path"])),
    ("Edit", ToolKind::Edit, Says::File(&["file_path"])),
    ("MultiEdit", ToolKind::Edit, Says::File(&["file_path"])),
    (
        "NotebookEdit",
        ToolKind::Edit,
        Says::File(&["notebook_path"]),
    ),
    ("Read", ToolKind::Read, Says::File(&["file_path"])),
    (
        "NotebookRead",
        ToolKind::Read,
        Says::File(&["notebook_path"]),
    ),
    ("Bash", ToolKind::Execute, Says::Command),
    ("BashOutput", ToolKind::Read, Says::Nothing),
    ("KillShell", ToolKind::Other, Says::Nothing),
    ("KillBash", ToolKind::Other, Says::Nothing),
    ("SlashCommand", ToolKind::Other, Says::Nothing),
    ("Monitor", ToolKind::Execute, Says::Command),
    ("TodoWrite", ToolKind::Think, Says::Nothing),
    ("AskUserQuestion", ToolKind::Think, Says::Nothing),
    ("EnterPlanMode", ToolKind::Think, Says::Nothing),
    ("ExitPlanMode", ToolKind::Think, Says::Nothing),
];
const CODEX: &[Row] = &[
    ("apply_patch", ToolKind::Edit, Says::Patch),
    ("Bash", ToolKind::Execute, Says::Command),
    // What it writes, a program that waits for it reads.
    ("write_stdin", ToolKind::Execute, Says::Command),
    ("update_plan", ToolKind::Think, Says::Nothing),
    ("request_user_input", ToolKind::Think, Says::Nothing),
];
const GEMINI: &[Row] = &[
    ("write_file", ToolKind::Edit, Says::File(&["file_path"])),
    ("replace", ToolKind::Edit, Says::File(&["file_path"])),
    (
        "read_file",
        ToolKind::Read,
        Says::File(&["file_path", "absolute_path"]),
    ),
    ("run_shell_command", ToolKind::Execute, Says::Command),
    ("write_todos", ToolKind::Think, Says::Nothing),
    ("ask_user", ToolKind::Think, Says::Nothing),
    ("enter_plan_mode", ToolKind::Think, Says::Nothing),
    ("exit_plan_mode", ToolKind::Think, Says::Nothing),
];
const QWEN: &[Row] = &[
    ("write_file", ToolKind::Edit, Says::File(&["file_path"])),
    ("edit", ToolKind::Edit, Says::File(&["file_path"])),
    (
        "read_file",
        ToolKind::Read,
        Says::File(&["file_path", "absolute_path"]),
    ),
    ("run_shell_command", ToolKind::Execute, Says::Command),
    ("monitor", ToolKind::Execute, Says::Command),
    ("todo_write", ToolKind::Think, Says::Nothing),
    ("ask_user_question", ToolKind::Think, Says::Nothing),
    ("exit_plan_mode", ToolKind::Think, Says::Nothing),
];
const OPENCODE: &[Row] = &[
    ("write", ToolKind::Edit, Says::File(&["filePath"])),
    ("edit", ToolKind::Edit, Says::File(&["filePath"])),
    ("multiedit", ToolKind::Edit, Says::File(&["filePath"])),
    ("apply_patch", ToolKind::Edit, Says::Patch),
    ("patch", ToolKind::Edit, Says::Patch),
    ("read", ToolKind::Read, Says::File(&["filePath"])),
    ("bash", ToolKind::Execute, Says::Command),
    ("todowrite", ToolKind::Think, Says::Nothing),
    ("todoread", ToolKind::Think, Says::Nothing),
    ("question", ToolKind::Think, Says::Nothing),
];
const COPILOT: &[Row] = &[
    ("create", ToolKind::Edit, Says::File(&["path"])),
    ("edit", ToolKind::Edit, Says::File(&["path"])),
    ("str_replace_editor", ToolKind::Edit, Says::File(&["path"])),
    ("apply_patch", ToolKind::Edit, Says::Patch),
    ("view", ToolKind::Read, Says::File(&["path"])),
    ("bash", ToolKind::Execute, Says::Command),
    // What it writes, a shell that waits for it runs.
    ("write_bash", ToolKind::Execute, Says::Command),
    ("read_bash", ToolKind::Read, Says::Nothing),
    ("stop_bash", ToolKind::Other, Says::Nothing),
    ("list_bash", ToolKind::Read, Says::Nothing),
    ("ask_user", ToolKind::Think, Says::Nothing),
    ("update_todo", ToolKind::Think, Says::Nothing),
    ("report_intent", ToolKind::Think, Says::Nothing),
];
impl HookCli {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::Opencode,
        Self::Copilot,
        Self::Qwen,
    ];

    /// The word for it, as it is typed and as an agent without a name is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Copilot => "copilot",
            Self::Qwen => "qwen",
        }
    }

    fn rows(self) -> &'static [Row] {
        match self {
            Self::Claude => CLAUDE,
            Self::Codex => CODEX,
            Self::Gemini => GEMINI,
            Self::Opencode => OPENCODE,
            Self::Copilot => COPILOT,
            Self::Qwen => QWEN,
        }
    }
}

impl fmt::Display for HookCli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HookCli {
    type Err = UnknownCli;

    fn from_str(text: &str) -> Result<Self, UnknownCli> {
        let mut all = Self::ALL.into_iter();
        all.find(|cli| cli.as_str() == text).ok_or(UnknownCli)
    }
}

/// Reads the payload of a hook. Paths that are not absolute are taken from where the CLI says that it
/// works, else from `here`.
///
/// # Errors
/// Where it cannot be told what the call would do.
pub fn announced(cli: HookCli, payload: &[u8], here: &Path) -> Result<AskedCall, BadPayload> {
    let payload: Value = match serde_json::from_slice(payload) {
        Ok(payload) => payload,
        Err(_) => serde_json::from_slice(&without_halves(payload))?,
    };
    let (tool, input) = match cli {
        HookCli::Copilot => (text_at(&payload, "toolName"), field(&payload, "toolArgs")),
        HookCli::Opencode => (text_at(&payload, "tool"), field(&payload, "args")),
        _ => (
            text_at(&payload, "tool_name"),
            field(&payload, "tool_input"),
        ),
    };
    let tool = tool
        .filter(|tool| !tool.trim().is_empty())
        .ok_or(BadPayload::NoTool)?;
    // Arguments that were handed on as the text that the model wrote.
    let parsed = input
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .filter(Value::is_object);
    let input = parsed.as_ref().unwrap_or(input);
    let known = cli.rows().iter().find(|(name, ..)| *name == tool);
    let kind = known.map_or_else(|| kind_of_unknown(tool, input), |(_, kind, _)| *kind);
    let shown = || one_line(&clip::text(tool, clip::SUMMARY));
    let mut files = match known.map(|(.., says)| *says) {
        Some(Says::File(fields)) => NamedFiles::staying(named_in(input, fields)),
        Some(Says::Patch) => {
            let mut all = NamedFiles::default();
            for text in all_texts(input) {
                all.add(NamedFiles::of_patch(text));
            }
            all
        }
        Some(Says::Command | Says::Nothing) => NamedFiles::default(),
        None => named_anywhere(tool, input, kind),
    };
    let is_command = kind == ToolKind::Execute;
    let command = is_command.then(|| command_in(input)).flatten();
    let cwd = here.join(text_at(&payload, "cwd").map_or(here, Path::new));
    let mut cwd = match in_field(input, &DIRECTORY_FIELDS).and_then(Value::as_str) {
        Some(dir) if is_command || matches!(known, Some((.., Says::Patch))) => cwd.join(dir),
        _ => cwd,
    };
    if let Some(text) = command.as_deref().filter(|text| text.contains(PATCH)) {
        files.add(NamedFiles::of_patch(text));
        if let Some(dir) = gone_to(text).map_err(|()| BadPayload::Elsewhere(shown()))? {
            cwd = cwd.join(dir);
        }
    }
    let NamedFiles { mut paths, gone } = files;
    if known.is_some() && kind.changes_files() && paths.is_empty() {
        return Err(BadPayload::NoFile(shown()));
    }
    if matches!(known, Some((.., Says::Command))) && command.is_none() {
        return Err(BadPayload::NoCommand(shown()));
    }
    paths.sort();
    paths.dedup();
    if paths.len() > MOST_FILES {
        return Err(BadPayload::TooManyFiles(shown()));
    }
    let whole_path = |path: &String| {
        // A path that is no text would be looked for somewhere else.
        let path = cwd.join(path);
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| BadPayload::NoFile(shown()))
    };
    let paths: Vec<String> = paths.iter().map(whole_path).collect::<Result<_, _>>()?;
    let gone: Vec<GoneFile> = gone
        .iter()
        .map(|one| {
            Ok(GoneFile {
                from: whole_path(&one.from)?,
                to: one.to.as_ref().map(whole_path).transpose()?,
            })
        })
        .collect::<Result<_, BadPayload>>()?;
    let is_said_by_files = kind.changes_files() && !paths.is_empty();
    let whole = serde_json::json!({ "tool": tool, "input": input });
    Ok(AskedCall {
        kind,
        title: clip::text(tool, clip::SUMMARY),
        paths,
        gone,
        digest: (!is_said_by_files).then(|| hash::sha256_hex(whole.to_string().as_bytes())),
        command: command.filter(|text| text.len() <= MOST_COMMAND),
    })
}

/// The same JSON with a mark in place of each half of a pair of escapes that stands alone: a writer that cuts
/// a text in the middle of a letter leaves such, and they are no letters.
fn without_halves(json: &[u8]) -> Vec<u8> {
    let escape = |at: usize| -> Option<u16> {
        let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut out, mut at) = (Vec::with_capacity(json.len()), 0);
    while at < json.len() {
        let length = match (json[at], escape(at)) {
            (b'\\', Some(0xD800..=0xDBFF)) if matches!(escape(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            (b'\\', Some(0xD800..=0xDFFF)) => {
                out.extend_from_slice(b"\\ufffd");
                at += 6;
                continue;
            }
            (b'\\', _) => 2,
            _ => 1,
        };
        let end = json.len().min(at + length);
        out.extend_from_slice(&json[at..end]);
        at = end;
    }
    out
}

#[cfg(test)]
#[path = "announced_tests.rs"]
mod tests;
