//! A registered AI instance: a connector with model, labels, capabilities and limits. Holds no
//! secret and no state.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::text;
use crate::domain::egress::NetworkSetting;
use crate::domain::mode::AgentMode;
use crate::domain::money::Usd;
use crate::domain::resources::ResourceAmounts;
use crate::domain::sandbox::{Demand, Isolation};
use crate::domain::stall;

/// The longest name of an agent or a connector, in bytes.
pub const MAX_NAME: usize = 64;

/// A name of an agent, a connector or a check: lower-case letters, digits, `-`, `_` and `.`,
/// starting with a letter or digit.
///
/// Such a name is safe as a file name, as a part of a git ref and in a shell.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is not a [`Name`], with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a valid name: {why}", text::one_line(name))]
pub struct BadName {
    /// The given text, cut when very long.
    pub name: String,
    /// The broken rule.
    pub why: &'static str,
}

impl Name {
    /// Checks `text` against the rules of a name.
    pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
        let text = text.into();
        match broken_rule(&text) {
            None => Ok(Self(text)),
            Some(why) => Err(BadName {
                name: text.chars().take(80).collect(),
                why,
            }),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let first = text.bytes().next();
    match first {
        None => Some("it is empty"),
        _ if text.len() > MAX_NAME => Some("it is longer than 64 bytes"),
        Some(b) if !plain(b) => Some("it must start with a lower-case letter or a digit"),
        _ if !text
            .bytes()
            .all(|b| plain(b) || matches!(b, b'-' | b'_' | b'.')) =>
        {
            Some("only lower-case letters, digits, `-`, `_` and `.` are allowed")
        }
        _ if text.contains("..") => Some("two dots in a row are not allowed"),
        _ if text.ends_with('.') || text.ends_with(".lock") => {
            Some("it must not end with `.` or `.lock`")
        }
        _ => None,
    }
}

impl TryFrom<String> for Name {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A registered agent; the content of `.ai/agents/<name>.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Format version of the file, 1.
    #[serde(default = "one")]
    pub version: u32,
    /// Equals the file's name.
    pub name: Name,
    /// The connector that drives it.
    pub connector: Name,
    /// Model, in the connector's own vocabulary; `None` leaves the choice to the CLI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// For the connector `command` the whole command line, else further arguments for the CLI.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Free words for routing, such as `fast`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// Abilities, such as `rust` or `review`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<String>,
    /// Ceilings of each run.
    #[serde(default)]
    pub limits: AgentLimits,
    /// Resources of the machine that each run of it takes.
    #[serde(default, skip_serializing_if = "ResourceAmounts::is_nothing")]
    pub resources: ResourceAmounts,
    /// Agents that take a task over where this one is out of quota or not logged in, in order;
    /// nobody else does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Name>,
    /// Names of variables that the agent gets from the user's environment, beyond those of its
    /// connector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_pass: Vec<String>,
    /// The directory in which its CLI keeps login, sessions and settings; absent leaves it to the
    /// connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<Home>,
    /// `none` lets it work in the main checkout itself, for tools that can work nowhere else;
    /// absent leaves it to connector and project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// The sandbox that it must have; can only be stricter than the project's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Demand>,
    /// `off` takes the network away from it, lists of hosts leave it those that the project allows, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkSetting>,
    /// The upper bound on all that it may do; can only be narrower than the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<AgentMode>,
    /// The tools that it may call; can only be fewer than the policy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolLists>,
    /// Ids of `.ai/credentials.yaml` that it gets as environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Name>,
    /// A disabled agent is never chosen.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Lists of tools by globs over their names, as the CLI calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolLists {
    /// The only ones that may be called; all where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<ToolNames>,
    /// The ones that are never called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<ToolNames>,
}

/// One name of a tool, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum ToolNames {
    /// A list.
    List(Vec<String>),
    /// One alone.
    One(String),
}

/// The directory in which a CLI keeps its login, sessions and settings.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Home {
    /// In the user's own home, with the user's login.
    #[default]
    User,
    /// In an empty directory of each run, removed after it: nothing leaks from run to run, and the
    /// key must come from the environment.
    Run,
}

impl Home {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Home::User => "user",
            Home::Run => "run",
        }
    }
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// Ceilings of one agent. Policy may lower them, never raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AgentLimits {
    /// Wall time of one run, in minutes.
    pub minutes: u32,
    /// Time without any sign of work, in minutes.
    pub silence_minutes: u32,
    /// Runs at the same time.
    pub parallel: u32,
    /// Attempts at one task.
    pub attempts: u32,
    /// Output of one run, in MiB.
    pub output_mb: u32,
    /// Tokens of one run, where its CLI reports them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money of one run in US dollars, where its CLI knows the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Usd>,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            minutes: 60,
            silence_minutes: stall::SILENCE_MINUTES,
            parallel: 1,
            attempts: 3,
            output_mb: 256,
            tokens: None,
            money: None,
        }
    }
}

/// A field of an agent, a check or a manifest whose value is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct BadField {
    /// The field, such as `limits.minutes`.
    pub field: String,
    /// The fault.
    pub why: String,
}

impl Agent {
    /// A new enabled agent without model, arguments or labels.
    pub fn new(name: Name, connector: Name) -> Self {
        Self {
            version: 1,
            name,
            connector,
            model: None,
            argv: Vec::new(),
            labels: BTreeSet::new(),
            capabilities: BTreeSet::new(),
            limits: AgentLimits::default(),
            resources: ResourceAmounts::default(),
            fallback: Vec::new(),
            env_pass: Vec::new(),
            home: None,
            isolation: None,
            sandbox: None,
            network: None,
            mode: None,
            tools: None,
            credentials: Vec::new(),
            enabled: true,
        }
    }

    /// Checks what types alone cannot; run on everything that is loaded or saved.
    pub fn validate(&self) -> Result<(), BadField> {
        if self.version != 1 {
            let why = format!(
                "format {} is newer than this `ai` understands (1)",
                self.version
            );
            return Err(BadField {
                field: "version".into(),
                why,
            });
        }
        self.limits.validate()?;
        if let Some(kind) = self.resources.first_zero() {
            return Err(BadField {
                field: format!("resources.{}", kind.as_str()),
                why: "must be more than nothing".into(),
            });
        }
        if let Some(model) = &self.model {
            check_word("model", model)?;
        }
        for label in &self.labels {
            check_word("labels", label)?;
        }
        for capability in &self.capabilities {
            check_word("capabilities", capability)?;
        }
        if self.fallback.contains(&self.name) {
            return Err(BadField {
                field: "fallback".into(),
                why: "an agent cannot stand in for itself".into(),
            });
        }
        check_argv("argv", &self.argv)?;
        check_env_names("env_pass", &self.env_pass)
    }
}

impl AgentLimits {
    fn validate(&self) -> Result<(), BadField> {
        let limits = [
            ("limits.minutes", self.minutes, 7 * 24 * 60),
            ("limits.silence_minutes", self.silence_minutes, 7 * 24 * 60),
            ("limits.parallel", self.parallel, 1000),
            ("limits.attempts", self.attempts, 1000),
            ("limits.output_mb", self.output_mb, 100 * 1024),
        ];
        for (field, value, most) in limits {
            if value == 0 || value > most {
                return Err(BadField {
                    field: field.into(),
                    why: format!("{value} is not between 1 and {most}"),
                });
            }
        }
        if self.tokens == Some(0) || self.money == Some(Usd(0)) {
            let field = if self.tokens == Some(0) {
                "limits.tokens"
            } else {
                "limits.money"
            };
            return Err(BadField {
                field: field.into(),
                why: "must be more than nothing".into(),
            });
        }
        Ok(())
    }
}

fn check_word(field: &str, word: &str) -> Result<(), BadField> {
    let bad = |why: &str| {
        Err(BadField {
            field: field.into(),
            why: why.into(),
        })
    };
    if word.is_empty() || word.len() > 200 {
        return bad("must have 1 to 200 bytes");
    }
    if word.starts_with('-') {
        return bad("must not start with `-`");
    }
    if word.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return bad("must not contain blanks or control characters");
    }
    Ok(())
}

fn check_argv(field: &str, argv: &[String]) -> Result<(), BadField> {
    if argv.first().is_some_and(String::is_empty) {
        return Err(BadField {
            field: format!("{field}[0]"),
            why: "is empty".into(),
        });
    }
    match argv.iter().position(|arg| arg.contains('\0')) {
        Some(at) => Err(BadField {
            field: format!("{field}[{at}]"),
            why: "contains a NUL byte".into(),
        }),
        None => Ok(()),
    }
}

/// Checks names of environment variables. What steers `git`, the dynamic loader or `ai` itself may
/// not be handed on.
pub fn check_env_names<'a, I>(field: &str, names: I) -> Result<(), BadField>
where
    I: IntoIterator<Item = &'a String>,
{
    for name in names {
        if let Some(why) = bad_env_name(name) {
            return Err(BadField {
                field: field.into(),
                why: format!("`{}` {why}", text::one_line(name)),
            });
        }
    }
    Ok(())
}

fn bad_env_name(name: &str) -> Option<&'static str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty()
        || name.len() > 200
        || !name.bytes().all(plain)
        || name.as_bytes()[0].is_ascii_digit()
    {
        return Some("is not the name of an environment variable");
    }
    let reserved = ["GIT_", "AI_", "LD_", "DYLD_"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    reserved.then_some("is reserved: it would steer `git`, `ai` or the dynamic loader")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::ByteSize;
    use proptest::prelude::*;

    #[test]
    fn names_are_safe_words() {
        for good in ["a", "claude-code", "gpt_5.5", "0day", &"x".repeat(64)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-rf",
            ".hid",
            "_x",
            "A",
            "a/b",
            "a b",
            "a..b",
            "a.",
            "x.lock",
            "é",
            "a\n",
            &"x".repeat(65),
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        let error = Name::new("a\u{1b}[2J").unwrap_err().to_string();
        assert!(
            !error.contains('\u{1b}') && error.contains("only lower-case"),
            "{error}"
        );
    }

    #[test]
    fn values_that_could_hurt_are_refused_with_their_field() {
        let agent = || Agent::new(Name::new("a").unwrap(), Name::new("command").unwrap());
        assert_eq!(agent().validate(), Ok(()));
        let field = |change: fn(&mut Agent)| {
            let mut bad = agent();
            change(&mut bad);
            bad.validate().unwrap_err().field
        };
        assert_eq!(field(|a| a.version = 2), "version");
        assert_eq!(field(|a| a.model = Some("--dangerous".into())), "model");
        assert_eq!(field(|a| a.limits.minutes = 0), "limits.minutes");
        assert_eq!(
            field(|a| a.resources.memory = Some(ByteSize(0))),
            "resources.memory"
        );
        assert_eq!(field(|a| a.limits.parallel = 5000), "limits.parallel");
        assert_eq!(
            field(|a| a.env_pass = vec!["LD_PRELOAD".into()]),
            "env_pass"
        );
        assert_eq!(field(|a| a.env_pass = vec!["A=B".into()]), "env_pass");
        assert_eq!(field(|a| a.argv = vec!["x".into(), "\0".into()]), "argv[1]");
        assert_eq!(field(|a| a.labels = ["a b".to_owned()].into()), "labels");
    }

    proptest! {
        #[test]
        fn a_name_never_leaves_its_directory(text in "[a-z0-9./_-]{0,12}") {
            if let Ok(name) = Name::new(text) {
                prop_assert!(!name.as_str().contains('/') && !name.as_str().starts_with('.') && !name.as_str().contains(".."));
            }
        }
    }
}

#[cfg(test)]
#[path = "agent_tables.rs"]
mod tables;
