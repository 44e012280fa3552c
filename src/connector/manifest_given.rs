//! What a manifest says of the things that a run gives to its CLI besides the start itself: the hook, the server, the
//! agent's list of tools.
//!
//! Invariant: all of it stands in arguments, in files of the run, in variables or in the run's own home; nothing of
//! the user's or of the repository is written. Deliberately absent: how it is put there, which is a run's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::connector::announced::HookCli;
use crate::domain::agent::Name;

/// What a CLI is given for one run, with placeholders in it: words, files and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenSettings {
    /// Arguments besides those of `argv`; `{files_dir}` is replaced, too.
    #[serde(default)]
    pub args: Vec<String>,
    /// Files that are written into `{files_dir}` besides.
    #[serde(default)]
    pub files: BTreeMap<Name, String>,
    /// Variables that hold settings as JSON: these go over what the variable holds already. `{files_dir}` is
    /// replaced by the inside of a string of JSON.
    #[serde(default)]
    pub env_json: BTreeMap<String, String>,
    /// Settings of the run's own home, as JSON by their paths there: these go over all others.
    #[serde(default)]
    pub home: BTreeMap<String, String>,
}

/// The way in which a CLI is given, for one run, the hook by which it asks before it calls a tool. `{hook}` stands for
/// the command that it is to start, as a string of JSON; `{guard_file}` for the text of the file of its own in which
/// it looks for such a hook; `{hook_trust}` for the digest by which Codex knows one that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "GuardFields")]
pub struct GuardSetup {
    /// The CLI whose questions these are.
    pub cli: HookCli,
    /// The words and settings that say so.
    #[serde(flatten)]
    pub given: GivenSettings,
}

/// The fields of a guard as they stand in a manifest: what is read into another struct by `flatten` lets through
/// fields that nobody knows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuardFields {
    cli: HookCli,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    files: BTreeMap<Name, String>,
    #[serde(default)]
    env_json: BTreeMap<String, String>,
    #[serde(default)]
    home: BTreeMap<String, String>,
}

impl From<GuardFields> for GuardSetup {
    fn from(fields: GuardFields) -> GuardSetup {
        GuardSetup {
            cli: fields.cli,
            given: GivenSettings {
                args: fields.args,
                files: fields.files,
                env_json: fields.env_json,
                home: fields.home,
            },
        }
    }
}

/// The way in which a CLI is told, for one run, of `ai mcp`. `{ai}` stands for the program, as a string of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerSetup {
    /// The words and settings that say so.
    pub given: GivenSettings,
}

/// The way in which a CLI is told of the tools in an agent's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolSetup {
    /// The tools that it is not to call.
    #[serde(default)]
    pub deny: Option<ToolFlags>,
    /// The only ones of its own that it may.
    #[serde(default)]
    pub allow: Option<ToolFlags>,
}

/// Words and settings with names of tools: `{names}` with commas between them, `{name_list}` as a list of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolFlags {
    /// Arguments besides those of `argv`.
    #[serde(default)]
    pub args: Vec<String>,
    /// Settings of the run's own home, as JSON by their paths there.
    #[serde(default)]
    pub home: BTreeMap<String, String>,
}
