//! The reasons why a settings file is left as it is, and what a person can do about it.

/// Something that stands in the way in the settings of a CLI.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct SettingsInTheWay {
    /// What it is.
    pub why: String,
    /// The next step.
    pub hint: String,
}
