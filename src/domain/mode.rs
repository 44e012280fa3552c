//! The mode of an agent: an upper bound on all that it may do, whatever the rules of a policy say.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{suggest, text};

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no mode{}", text::one_line(.0), did_you_mean(.0))]
pub struct UnknownMode(pub String);

/// The mode of an agent. Ordered from wide to narrow, so that the strictest of many is their maximum; each
/// bars all that the wider ones bar.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AgentMode")]
pub enum AgentMode {
    /// Whatever the rules allow.
    #[default]
    Normal,
    /// Files are changed, and nothing else: no commands, no network beyond listed hosts, nothing deleted,
    /// nothing pushed.
    Safe,
    /// Nothing is changed.
    AnalysisOnly,
}

impl AgentMode {
    /// All modes from wide to narrow.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Safe, Self::AnalysisOnly];

    /// The word used in files and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Safe => "safe",
            Self::AnalysisOnly => "analysis_only",
        }
    }

    /// The text for whoever writes a file.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Normal => "Whatever the rules allow.",
            Self::Safe => {
                "Files are changed, and nothing else: no commands, no network beyond listed hosts, nothing deleted or pushed."
            }
            Self::AnalysisOnly => "Nothing is changed.",
        }
    }
}

impl fmt::Display for AgentMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AgentMode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let found = Self::ALL.into_iter().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

fn did_you_mean(word: &str) -> String {
    match suggest::nearest(word, AgentMode::ALL.iter().map(|mode| mode.as_str())) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => "; known are normal, safe and analysis_only".to_owned(),
    }
}

#[cfg(test)]
#[path = "mode_tables.rs"]
mod tables;
