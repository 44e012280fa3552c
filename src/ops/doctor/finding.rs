//! One line of the examination.

use schemars::JsonSchema;
use serde::Serialize;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// The thing works, and something about it should be known.
    Warn,
    /// Something does not work.
    Bad,
}

impl Level {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Bad => "bad",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The check's name: `git`, `store`, `trust` …
    pub check: &'static str,
    /// Severity of a finding.
    pub level: Level,
    /// The finding in one sentence.
    pub text: String,
    /// The command that helps, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, text: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Ok,
            text: text.into(),
            next: None,
        }
    }

    /// Worth knowing.
    pub fn warn(check: &'static str, text: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Warn,
            text: text.into(),
            next: None,
        }
    }

    /// Broken.
    pub fn bad(check: &'static str, text: impl Into<String>) -> Finding {
        Finding {
            check,
            level: Level::Bad,
            text: text.into(),
            next: None,
        }
    }

    /// The same with the command that helps.
    pub fn next(self, next: impl Into<String>) -> Finding {
        Finding {
            next: Some(next.into()).filter(|next| !next.is_empty()),
            ..self
        }
    }
}
