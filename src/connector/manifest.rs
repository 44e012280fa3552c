//! The manifest of a connector: everything about one AI CLI that is data. YAML, version 1, no
//! unknown fields.
//!
//! A manifest is code in effect (it names a program to run), so one that a repository brings is
//! used only after `ai trust`.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::base::yaml;
use crate::connector::manifest_check::{check, compile};
use crate::connector::manifest_given::{GuardSetup, ServerSetup, ToolSetup};
use crate::connector::version::VersionRange;
use crate::domain::agent::{Home, Name};
use crate::domain::budget::RunUsage;
use crate::domain::sandbox::Isolation;

/// The description of one AI CLI: how it is detected, started and understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, 1.
    pub version: u32,
    /// Name of the connector.
    pub name: Name,
    /// Other names for it.
    #[serde(default)]
    pub aliases: Vec<Name>,
    /// Name for people.
    pub title: String,
    /// The way to find the CLI and its version; absent where the agent names its own program.
    #[serde(default)]
    pub detect: Option<CliDetection>,
    /// Version of the CLI with which this manifest was tried; absent where nobody has tried it.
    #[serde(default)]
    pub tested_with: Option<String>,
    /// The confinement of the model by the CLI itself.
    #[serde(default, rename = "fence")]
    pub confinement: CliConfinement,
    /// Program and arguments, with placeholders; empty where the agent brings its own.
    #[serde(default)]
    pub argv: Vec<String>,
    /// The way in which the CLI gets the prompt.
    pub prompt: PromptMode,
    /// Added where a model is chosen; contains `{model}`.
    #[serde(default)]
    pub model_args: Vec<String>,
    /// Added to continue a session; contains `{session}`.
    #[serde(default)]
    pub resume_args: Vec<String>,
    /// Added to a new session, which then gets the id `{session}`, a UUID: for a CLI that tells the
    /// id of its own choice so late that one that is killed has not told it.
    #[serde(default)]
    pub session_args: Vec<String>,
    /// Variables that it needs from the user's environment.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// Variables to set; `{run_dir}`, `{files_dir}` and `{worktree}` are replaced in their values.
    #[serde(default)]
    pub env_set: BTreeMap<String, String>,
    /// Files that are written into `{files_dir}` before the start, by name: settings for which the
    /// CLI has no flag.
    #[serde(default)]
    pub files: BTreeMap<Name, String>,
    /// The switch that moves the directory of its login, sessions and settings, where that is
    /// possible.
    #[serde(default)]
    pub home: Option<HomeSwitch>,
    /// Paths in the user's home at which it keeps its login and sessions, which a sandbox leaves to
    /// it: paths relative to the home. What ends in `:ro` it may only read, such as settings that
    /// would run something later. What ends in `/`, or in `/:ro`, is a directory that is made where
    /// it is missing: in a sandbox the CLI cannot make it, so that its sessions would be lost, or
    /// it would make it itself in one of those.
    #[serde(default)]
    pub login: Vec<String>,
    /// `none` for a CLI that can work only in the main checkout itself.
    #[serde(default)]
    pub isolation: Option<Isolation>,
    /// Ids of `.ai/credentials.yaml` that it gets as environment variables.
    #[serde(default)]
    pub credentials: Vec<Name>,
    /// Words of `argv` to replace where the sandbox of `ai` leaves no room for the CLI's own, which
    /// would then refuse everything.
    #[serde(default)]
    pub without_own_sandbox: BTreeMap<String, String>,
    /// The differences of its start inside of a sandbox of `ai`, which bounds what it can do.
    #[serde(default)]
    pub in_sandbox: SandboxedStart,
    /// The hook by which it asks before it calls a tool, as a run gives it one.
    #[serde(default)]
    pub guard: Option<GuardSetup>,
    /// The server by which it uses `ai` within a run, as a run gives it one.
    #[serde(default)]
    pub mcp: Option<ServerSetup>,
    /// The way in which it takes an agent's list of tools.
    #[serde(default)]
    pub tools: Option<ToolSetup>,
    /// Format of its standard output.
    pub output: OutputFormat,
    /// Signs of trouble in its text output.
    #[serde(default)]
    pub patterns: FailurePatterns,
    /// [Exit codes](ExitCodes) with a documented meaning.
    #[serde(default)]
    pub exit_codes: ExitCodes,
    /// The numbers that it tells about tokens and money.
    #[serde(default)]
    pub metering: Metering,
    /// Files that the CLI reads by itself as instructions. Prompts name those of all manifests,
    /// where a worktree has them.
    #[serde(default)]
    pub context_files: Vec<String>,
    /// Files that the CLI leaves in the tree where it works, such as its history: they are no work, and
    /// stay out of the change where they are not tracked. Lines as of `.gitignore`.
    #[serde(default)]
    pub leaves: Vec<String>,
    /// Directories from which the CLI lists skills by itself. Prompts of other agents name them,
    /// where a worktree has them.
    #[serde(default)]
    pub skill_dirs: Vec<String>,
}

/// The differences of a start inside of a sandbox: a CLI that asks for leave, which nobody can give
/// it, need not ask there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxedStart {
    /// Words of the manifest's own `argv` to replace. What an agent's file adds stays as it is.
    pub words: BTreeMap<String, String>,
    /// Variables to set besides `env_set`.
    pub env_set: BTreeMap<String, String>,
}

/// The way to find a CLI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CliDetection {
    /// Program, looked up on `PATH`.
    pub command: String,
    /// Native programs that the found one is only a wrapper of, as paths relative to its directory
    /// or one above it, links resolved. The first that exists is started instead: signals to a
    /// wrapper often do not reach what it wraps.
    #[serde(default)]
    pub native: Vec<String>,
    /// Arguments that make it print its version.
    pub version_args: Vec<String>,
    /// Finds the version in what it prints (either stream); the first group, else the whole match.
    pub version_regex: String,
    /// The versions for which this manifest is meant.
    #[serde(default)]
    pub versions: VersionRange,
    /// Warnings that it prints at each start where it will not work as it should.
    #[serde(default)]
    pub warnings: Vec<StartWarning>,
}

/// A warning that a CLI prints at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartWarning {
    /// Finds it in a line of what the CLI prints.
    pub pattern: String,
    /// The next step for the user.
    pub next: String,
}

/// The way in which a CLI gets the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptMode {
    /// As an argument; `argv` contains `{prompt}`.
    Arg,
    /// On standard input.
    Stdin,
    /// As the name of a file; `argv` contains `{prompt_file}`.
    File,
}

/// The degree to which a CLI, started as its manifest says, confines what its model does. Whatever
/// it says: the diff decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CliConfinement {
    /// Not at all: commands of the model may write wherever the user may.
    #[default]
    None,
    /// The CLI refuses paths outside of the worktree where it recognises them; a command can still
    /// hide one.
    Paths,
    /// The operating system confines it.
    Sandbox,
}

/// How a CLI is told to keep its login, sessions and settings elsewhere than in the user's home.
///
/// A home of its own for each run keeps sessions and trust decisions from leaking between runs, and
/// starts without a login: the key must then come from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeSwitch {
    /// The variable that names the directory.
    #[serde(default)]
    pub env: Option<String>,
    /// Arguments that name it; they contain `{home}`.
    #[serde(default)]
    pub args: Vec<String>,
    /// The home of agents that do not choose one.
    #[serde(default)]
    pub default: Home,
    /// Defaults for files of settings in the home, as JSON by their paths: for a CLI that takes them
    /// from nowhere else. What the user's own file says outranks them. A run finds them in a home
    /// that leads to the user's in everything else.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// Formats of standard output that `ai` understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// The event lines of claude's `--output-format stream-json`.
    ClaudeStreamJson,
    /// The event lines of qwen's `-o stream-json`.
    QwenStreamJson,
    /// The event lines of `codex exec --json`.
    CodexJson,
    /// The event lines of gemini's `-o stream-json`.
    GeminiStreamJson,
    /// The event lines of `opencode run --format json`.
    OpencodeJson,
    /// The event lines of copilot's `--output-format json`.
    CopilotJson,
    /// The event lines of `cline --json`.
    ClineJson,
    /// The event lines of pi's `--mode json`.
    PiJson,
    /// The Agent Client Protocol, version 1: not only a format, but a conversation over standard
    /// input and output.
    Acp,
    /// Plain text.
    Text,
}

/// Regular expressions over the last lines of a CLI's text output (standard error only, where
/// standard output is a stream of events). Looked at when the process ended badly, so that a model
/// that merely talks about limits does not count as limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailurePatterns {
    /// Rate limit or quota. A group named `seconds` gives the time to wait.
    pub quota: Vec<String>,
    /// Not logged in, key refused, no credit.
    pub auth: Vec<String>,
    /// A permission was refused.
    pub refusal: Vec<String>,
    /// A line by which the CLI tells that its model has answered. Trouble before the last such line
    /// is over, and where the manifest names any, a run without one has not completed, whatever its
    /// exit code. For text output only.
    pub answered: Vec<String>,
    /// A line on standard error by which the CLI tells that it has not taken settings that it was
    /// given. The review of the run repeats it.
    pub unheeded: Vec<String>,
    /// Look also when the exit code is 0: for CLIs that exit 0 after an API error.
    pub even_on_exit_zero: bool,
}

/// Exit codes with a documented meaning, for CLIs that only print text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExitCodes {
    /// Come back later.
    pub quota: Vec<i32>,
    /// Not logged in.
    pub auth: Vec<i32>,
}

/// The numbers that a CLI tells about its use of tokens and money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metering {
    /// The kind of numbers.
    pub kind: MeteringKind,
    /// The numbers of a resumed session that include those of the runs before: subtract.
    pub cumulative_on_resume: CumulativeUsage,
}

/// The numbers that a CLI counts on in a resumed session. Manifests of before said yes (both) or
/// no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CumulativeUsage {
    /// None: each run is counted from zero.
    #[default]
    None,
    /// Tokens.
    Tokens,
    /// US dollars.
    Cost,
    /// Both.
    Both,
}

impl<'de> Deserialize<'de> for CumulativeUsage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CumulativeWord)
    }
}

struct CumulativeWord;

impl Visitor<'_> for CumulativeWord {
    type Value = CumulativeUsage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`none`, `tokens`, `cost` or `both`")
    }

    fn visit_bool<E: de::Error>(self, is_both: bool) -> Result<CumulativeUsage, E> {
        Ok(if is_both {
            CumulativeUsage::Both
        } else {
            CumulativeUsage::None
        })
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<CumulativeUsage, E> {
        match word {
            "none" => Ok(CumulativeUsage::None),
            "tokens" => Ok(CumulativeUsage::Tokens),
            "cost" => Ok(CumulativeUsage::Cost),
            "both" => Ok(CumulativeUsage::Both),
            other => Err(E::unknown_variant(
                other,
                &["none", "tokens", "cost", "both"],
            )),
        }
    }
}

impl CumulativeUsage {
    /// Returns the part of earlier use that comes again in the numbers of the next run.
    pub fn of(self, before: RunUsage) -> RunUsage {
        let tokens = if matches!(self, Self::Tokens | Self::Both) {
            before.tokens
        } else {
            0
        };
        let cost = before
            .cost
            .filter(|_| matches!(self, Self::Cost | Self::Both));
        RunUsage {
            tokens,
            cost,
            at_least: false,
        }
    }
}

/// The numbers that a CLI tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeteringKind {
    /// None.
    #[default]
    None,
    /// Tokens.
    Tokens,
    /// Tokens and US dollars.
    TokensAndCost,
}

/// A manifest that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connector {origin}: {why}")]
pub struct ManifestError {
    /// The file, or the name of a shipped manifest.
    pub origin: String,
    /// The field and what is wrong with it.
    pub why: String,
}

impl Manifest {
    /// Reads and validates a manifest; `origin` names it in errors.
    pub fn parse(origin: &str, text: &str) -> Result<Self, ManifestError> {
        yaml::check_bounds(text).map_err(|problem| ManifestError {
            origin: origin.to_owned(),
            why: problem.to_string(),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let manifest: Self = serde_yaml::from_str(text).map_err(|e| ManifestError {
            origin: origin.to_owned(),
            why: e.to_string(),
        })?;
        check(&manifest).map_err(|why| ManifestError {
            origin: origin.to_owned(),
            why,
        })?;
        Ok(manifest)
    }

    /// True where the CLI is talked to, and so takes another prompt when it has answered one.
    pub fn converses(&self) -> bool {
        self.output == OutputFormat::Acp
    }
}

impl FailurePatterns {
    /// The patterns of lines that tell of settings that were not taken.
    pub fn of_unheeded_settings(&self) -> Vec<Regex> {
        let patterns = self.unheeded.iter();
        patterns.filter_map(|text| compile(text).ok()).collect()
    }
}

impl CliDetection {
    /// The first of its warnings that stands in a text, with the line.
    pub fn warned<'t>(&self, text: &'t str) -> Option<(&StartWarning, &'t str)> {
        self.warnings.iter().find_map(|warning| {
            let pattern = compile(&warning.pattern).ok()?;
            let line = text.lines().find(|line| pattern.is_match(line))?;
            Some((warning, line))
        })
    }

    /// The version in what the CLI printed; some print it on standard error.
    pub fn version_in(&self, stdout: &[u8], stderr: &[u8]) -> Option<String> {
        let regex = compile(&self.version_regex).ok()?;
        [stdout, stderr].into_iter().find_map(|stream| {
            let text = String::from_utf8_lossy(stream);
            let found = regex.captures(&text)?;
            found
                .get(1)
                .or_else(|| found.get(0))
                .map(|m| m.as_str().to_owned())
        })
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
