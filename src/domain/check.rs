//! Checks: verification commands that `ai` itself runs, and what came of them.
//!
//! A check has four ends. It passed; it failed, and then the work is to blame; it is broken, and
//! then the machine or the check itself is to blame and nothing is known about the work; or it did
//! not run.

use crate::base::{hash, text};
use crate::domain::agent::Name;
use crate::domain::process_end::ProcessEnd;
use serde::{Deserialize, Serialize};

/// One verification command of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// Name of the check and of its log file.
    pub name: Name,
    /// The command.
    pub command: CheckCommand,
    /// Wall time, in minutes.
    #[serde(default = "default_timeout")]
    pub timeout_minutes: u32,
    /// The parser of its output.
    #[serde(default)]
    pub parser: CheckParser,
    /// Names of variables that it gets from the user's environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_pass: Vec<String>,
    /// Without it passing there is no passing verdict.
    #[serde(default = "default_required")]
    pub required: bool,
}

fn default_timeout() -> u32 {
    30
}

fn default_required() -> bool {
    true
}

/// The command of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum CheckCommand {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// Program and arguments; no shell.
    Argv(Vec<String>),
}

/// The parser of a check's output. In files `auto`, `exit-code`, `cargo`, `nextest`, `pytest`,
/// `go`, or `{junit: GLOB}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "ParserText", into = "ParserText")]
pub enum CheckParser {
    /// Recognize the format; where none is recognized the exit code alone decides.
    #[default]
    Auto,
    /// The exit code alone decides.
    ExitCode,
    /// `cargo test`.
    Cargo,
    /// `cargo nextest run`.
    Nextest,
    /// `pytest`.
    Pytest,
    /// `go test`, plain, `-v` or `-json`.
    Go,
    /// Reports in JUnit's XML format.
    Junit {
        /// Glob of the reports, relative to the root of the tree.
        path: String,
    },
}

/// The form of a parser in files.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected one of auto, exit-code, cargo, nextest, pytest, go, or {junit: GLOB}"
)]
enum ParserText {
    Word(String),
    Junit { junit: String },
}

impl CheckParser {
    /// The words of all parsers, as in files.
    pub const WORDS: [&str; 7] = [
        "auto",
        "cargo",
        "nextest",
        "pytest",
        "go",
        "junit",
        "exit-code",
    ];

    /// The parser of this word; `reports` is the glob of the reports for `junit`.
    pub fn of_word(word: &str, reports: &str) -> Option<Self> {
        Some(match word {
            "auto" => Self::Auto,
            "cargo" => Self::Cargo,
            "nextest" => Self::Nextest,
            "pytest" => Self::Pytest,
            "go" => Self::Go,
            "junit" => Self::Junit {
                path: reports.to_owned(),
            },
            "exit-code" => Self::ExitCode,
            _ => return None,
        })
    }

    /// The word of the parser.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cargo => "cargo",
            Self::Nextest => "nextest",
            Self::Pytest => "pytest",
            Self::Go => "go",
            Self::Junit { .. } => "junit",
            Self::ExitCode => "exit-code",
        }
    }
}

impl TryFrom<ParserText> for CheckParser {
    type Error = String;
    fn try_from(written: ParserText) -> Result<Self, String> {
        let word = match written {
            ParserText::Junit { junit } => return Ok(Self::Junit { path: junit }),
            ParserText::Word(word) => word,
        };
        match Self::of_word(&word, "") {
            Some(Self::Junit { .. }) => {
                Err("parser `junit` needs the place of its reports: {junit: GLOB}".to_owned())
            }
            Some(parser) => Ok(parser),
            None => Err(format!(
                "unknown parser `{}`; known are auto, exit-code, cargo, nextest, pytest, go, {{junit: GLOB}}",
                text::one_line(&word)
            )),
        }
    }
}

impl From<CheckParser> for ParserText {
    fn from(parser: CheckParser) -> Self {
        match parser {
            CheckParser::Junit { path } => Self::Junit { junit: path },
            other => Self::Word(other.word().to_owned()),
        }
    }
}

impl CheckSpec {
    /// A required check of this command with the defaults.
    pub fn new(name: Name, command: CheckCommand) -> Self {
        let (timeout_minutes, required) = (default_timeout(), default_required());
        Self {
            name,
            command,
            timeout_minutes,
            parser: CheckParser::Auto,
            env_pass: Vec::new(),
            required,
        }
    }
}

impl CheckSpec {
    /// A digest of what is run and how its output is read: an answer belongs to a tree and to this.
    pub fn definition(&self) -> String {
        let what = serde_json::json!([self.command, self.parser, self.env_pass]);
        hash::sha256_hex(what.to_string().as_bytes())
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckResult {
    /// Name of the check.
    pub name: Name,
    /// The end.
    pub status: CheckStatus,
    /// The reason why the status is not simply what the exit code says, such as counts that
    /// contradict it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The end of its process; `None` where it did not run.
    pub exit: Option<ProcessEnd>,
    /// Wall time, in milliseconds.
    pub duration_ms: u64,
    /// Tests, where the output tells.
    pub counts: Option<TestCounts>,
    /// Failures (the first 100), with excerpts.
    pub failures: Vec<FailedTest>,
    /// SHA-256 of its log, in hex; `None` where it did not run.
    pub log_sha256: Option<String>,
}

impl CheckResult {
    /// One line on a result: `passed (12 passed)`, `failed (1 of 12 failed: parser::tests::empty)`.
    pub fn in_words(&self) -> String {
        let word = match &self.status {
            CheckStatus::Passed => "passed".to_owned(),
            CheckStatus::Failed => "failed".to_owned(),
            CheckStatus::Broken { why } => format!("broken ({why})"),
            CheckStatus::NotRun => "not run".to_owned(),
        };
        let counts = self
            .counts
            .as_ref()
            .map(|c| format!("{} passed, {} failed", c.passed, c.failed));
        let failures: Vec<&str> = self
            .failures
            .iter()
            .take(3)
            .map(|f| f.name.as_str())
            .collect();
        let detail: Vec<String> = counts
            .into_iter()
            .chain((!failures.is_empty()).then(|| failures.join(", ")))
            .collect();
        if detail.is_empty() {
            word
        } else {
            format!("{word} ({})", detail.join(": "))
        }
    }
}

/// The end of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The check ran and found nothing wrong.
    Passed,
    /// The check ran and found the work wrong.
    Failed,
    /// The check could not tell: the machine or the check itself is to blame. Never a pass, never a
    /// failure of the work.
    Broken {
        /// The reason.
        why: String,
    },
    /// The check was not run.
    NotRun,
}

/// Numbers of tests.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct TestCounts {
    /// Ran and passed.
    pub passed: u64,
    /// Ran and failed, errors in set-up included.
    pub failed: u64,
    /// Known but not run: skipped, ignored, expected to fail, left out after a failure.
    pub skipped: u64,
    /// All of them.
    pub total: u64,
}

impl TestCounts {
    /// The counts with their sum.
    pub fn of(passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed,
            failed,
            skipped,
            total: passed.saturating_add(failed).saturating_add(skipped),
        }
    }

    /// Tests that really ran.
    pub fn ran(&self) -> u64 {
        self.passed.saturating_add(self.failed)
    }

    /// The sum of two suites.
    pub fn plus(self, other: Self) -> Self {
        let add = u64::saturating_add;
        Self::of(
            add(self.passed, other.passed),
            add(self.failed, other.failed),
            add(self.skipped, other.skipped),
        )
    }
}

/// One failed test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FailedTest {
    /// Name as the tool gives it.
    pub name: String,
    /// Start of its message; may be empty.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_spec_in_files() {
        let text = "name: unit\ncommand: cargo test\nparser: {junit: 'target/**/junit.xml'}\n";
        let spec: CheckSpec = serde_yaml::from_str(text).unwrap();
        assert_eq!(spec.command, CheckCommand::Shell("cargo test".into()));
        assert_eq!(
            spec.parser,
            CheckParser::Junit {
                path: "target/**/junit.xml".into()
            }
        );
        assert_eq!((spec.timeout_minutes, spec.required), (30, true));
        let back: CheckSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(back, spec);
        for word in ["auto", "exit-code", "cargo", "nextest", "pytest", "go"] {
            let spec: CheckSpec =
                serde_yaml::from_str(&format!("name: a\ncommand: [x]\nparser: {word}\n")).unwrap();
            assert_eq!(serde_json::to_value(&spec.parser).unwrap(), word);
            assert_eq!(spec.command, CheckCommand::Argv(vec!["x".into()]));
        }
    }

    #[test]
    fn bad_specs_say_what_is_wrong() {
        for (line, words) in [
            ("parser: junit", "needs the place of its reports"),
            ("parser: jest", "unknown parser `jest`"),
            ("parser: [go]", "expected one of auto"),
            ("requird: true", "unknown field `requird`"),
        ] {
            let error =
                serde_yaml::from_str::<CheckSpec>(&format!("name: a\ncommand: x\n{line}\n"))
                    .unwrap_err()
                    .to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn a_status_is_one_word_or_carries_its_reason() {
        assert_eq!(
            serde_json::to_string(&CheckStatus::Passed).unwrap(),
            r#""passed""#
        );
        let broken = CheckStatus::Broken { why: "gone".into() };
        assert_eq!(
            serde_json::to_string(&broken).unwrap(),
            r#"{"broken":{"why":"gone"}}"#
        );
    }
}
