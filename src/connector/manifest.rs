//! The manifest of a connector: everything about one AI CLI that is data. YAML, version 1, no unknown fields.
//!
//! A manifest is code in effect (it names a program to run), so one that a repository brings is used only after `ai trust`.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::domain::agent::{Name, check_env_names};

use super::launch::{PLACEHOLDERS, placeholders};

/// How one AI CLI is detected, started and understood.
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
    /// How to find the CLI and its version; absent where the agent names its own program.
    #[serde(default)]
    pub detect: Option<Detect>,
    /// Program and arguments, with placeholders; empty where the agent brings its own.
    #[serde(default)]
    pub argv: Vec<String>,
    /// How the CLI gets the prompt.
    pub prompt: PromptMode,
    /// Added where a model is chosen; contains `{model}`.
    #[serde(default)]
    pub model_args: Vec<String>,
    /// Added where a new session is given an id; contains `{session}`.
    #[serde(default)]
    pub session_args: Vec<String>,
    /// Added to continue a session; contains `{session}`.
    #[serde(default)]
    pub resume_args: Vec<String>,
    /// Variables that it needs from the user's environment.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// Variables to set.
    #[serde(default)]
    pub env_set: BTreeMap<String, String>,
    /// Format of its standard output.
    pub output: OutputFormat,
    /// Signs of trouble in its text output.
    #[serde(default)]
    pub patterns: Patterns,
    /// Exit codes with a documented meaning.
    #[serde(default)]
    pub exit_codes: ExitCodes,
    /// What it tells about tokens and money.
    #[serde(default)]
    pub metering: Metering,
    /// Files that it reads by itself as instructions.
    #[serde(default)]
    pub context_files: Vec<String>,
    /// Directories from which it lists skills.
    #[serde(default)]
    pub skill_dirs: Vec<String>,
}

/// How to find a CLI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Program, looked up on `PATH`.
    pub command: String,
    /// Arguments that make it print its version.
    pub version_args: Vec<String>,
    /// Finds the version in what it prints (either stream); the first group, else the whole match.
    pub version_regex: String,
}

/// How a CLI gets the prompt.
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

/// Formats of standard output that `ai` understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// The event lines of claude's `--output-format stream-json`.
    ClaudeStreamJson,
    /// Plain text.
    Text,
}

/// Regular expressions over the last lines of a CLI's text output (standard error only, where standard output is a stream of
/// events). Looked at when the process ended badly, so that a model that merely talks about limits does not count as limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Patterns {
    /// Rate limit or quota. A group named `seconds` gives the time to wait.
    pub quota: Vec<String>,
    /// Not logged in, key refused, no credit.
    pub auth: Vec<String>,
    /// A permission was refused.
    pub refusal: Vec<String>,
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

/// What a CLI tells about its use of tokens and money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metering {
    /// Which numbers.
    pub kind: MeteringKind,
    /// The numbers of a resumed session include those of the runs before: subtract.
    pub cumulative_on_resume: bool,
}

/// Which numbers a CLI tells.
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
        let fail = |why: String| ManifestError { origin: origin.to_owned(), why };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let manifest: Self = serde_yaml::from_str(text).map_err(|e| fail(e.to_string()))?;
        manifest.validate().map_err(fail)?;
        Ok(manifest)
    }

    fn validate(&self) -> Result<(), String> {
        if self.version != 1 {
            return Err(format!("version: {} is not 1, the only one this `ai` understands", self.version));
        }
        self.validate_templates()?;
        self.validate_prompt()?;
        check_env_names("env_pass", &self.env_pass).map_err(|e| e.to_string())?;
        check_env_names("env_set", self.env_set.keys()).map_err(|e| e.to_string())?;
        if let Some((name, _)) = self.env_set.iter().find(|(_, value)| value.contains('\0')) {
            return Err(format!("env_set.{name}: contains a NUL byte"));
        }
        self.validate_regexes()
    }

    fn validate_templates(&self) -> Result<(), String> {
        let always: &[&str] = &["prompt", "prompt_file", "model", "worktree", "run_dir"];
        check_templates("argv", &self.argv, always, None)?;
        check_templates("model_args", &self.model_args, always, Some("model"))?;
        check_templates("session_args", &self.session_args, &PLACEHOLDERS, Some("session"))?;
        check_templates("resume_args", &self.resume_args, &PLACEHOLDERS, Some("session"))?;
        if self.argv.first().is_some_and(|program| program.is_empty() || program.contains('{')) {
            return Err("argv[0]: must be the plain name or path of a program".to_owned());
        }
        Ok(())
    }

    fn validate_prompt(&self) -> Result<(), String> {
        let mentions = |word| self.argv.iter().any(|arg| placeholders(arg).contains(&word));
        match self.prompt {
            PromptMode::Arg if !mentions("prompt") => Err("prompt: `arg` needs {prompt} in argv".to_owned()),
            PromptMode::File if !mentions("prompt_file") => {
                Err("prompt: `file` needs {prompt_file} in argv".to_owned())
            }
            PromptMode::Stdin if mentions("prompt") => {
                Err("prompt: `stdin` and {prompt} in argv would give the prompt twice".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn validate_regexes(&self) -> Result<(), String> {
        let groups =
            [("quota", &self.patterns.quota), ("auth", &self.patterns.auth), ("refusal", &self.patterns.refusal)];
        for (field, patterns) in groups {
            for (at, pattern) in patterns.iter().enumerate() {
                compile(pattern).map_err(|e| format!("patterns.{field}[{at}]: {e}"))?;
            }
        }
        if let Some(detect) = &self.detect {
            if detect.command.is_empty() || detect.command.contains('\0') {
                return Err("detect.command: must be the name of a program".to_owned());
            }
            compile(&detect.version_regex).map_err(|e| format!("detect.version_regex: {e}"))?;
        }
        Ok(())
    }
}

impl Detect {
    /// The version in what the CLI printed; some print it on standard error.
    pub fn version_in(&self, stdout: &[u8], stderr: &[u8]) -> Option<String> {
        let regex = compile(&self.version_regex).ok()?;
        [stdout, stderr].into_iter().find_map(|stream| {
            let text = String::from_utf8_lossy(stream);
            let found = regex.captures(&text)?;
            found.get(1).or_else(|| found.get(0)).map(|m| m.as_str().to_owned())
        })
    }
}

/// Compiles a pattern of a manifest with a bound on its size.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    let regex = built.map_err(|e| format!("not a usable regular expression: {e}"))?;
    match regex.is_match("") {
        true => Err("matches the empty text, so it would match everything".to_owned()),
        false => Ok(regex),
    }
}

fn check_templates(field: &str, args: &[String], allowed: &[&str], needed: Option<&str>) -> Result<(), String> {
    for (at, arg) in args.iter().enumerate() {
        if arg.contains('\0') {
            return Err(format!("{field}[{at}]: contains a NUL byte"));
        }
        if let Some(word) = placeholders(arg).into_iter().find(|word| !allowed.contains(word)) {
            let known = allowed.iter().map(|w| format!("{{{w}}}")).collect::<Vec<_>>().join(" ");
            return Err(format!("{field}[{at}]: {{{word}}} is not known here; known are {known}"));
        }
    }
    match needed {
        Some(word) if !args.is_empty() && !args.iter().any(|arg| placeholders(arg).contains(&word)) => {
            Err(format!("{field}: must contain {{{word}}}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
