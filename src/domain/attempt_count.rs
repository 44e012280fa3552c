//! Whether an attempt at a task counts against the limit of its attempts.

use serde::{Deserialize, Serialize};

/// The count of an attempt against the limit.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Attempt")]
pub enum AttemptCount {
    /// The attempt counts.
    #[default]
    Counts,
    /// The attempt does not count: quota, or a machine that failed.
    Free,
    /// The attempt was cut off; it counts as a lapse.
    Lapse,
}

impl AttemptCount {
    /// True where it counts, as it does where nothing is said.
    pub fn does_count(&self) -> bool {
        *self == Self::Counts
    }
}
