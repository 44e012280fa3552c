//! What keeps hooks from being installed, and what a person can do about it.

/// Something that stands in the way of the hooks.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct HooksInTheWay {
    /// What it is.
    pub why: String,
    /// What helps.
    pub hint: String,
}
