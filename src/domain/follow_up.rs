//! The consequence of a run for its task, as the end of the run records it.

use serde::{Deserialize, Serialize};

use crate::domain::attempt_count::AttemptCount;
use crate::domain::task::{Hold, Note};
use crate::domain::time::WallMs;

/// The consequence for a task whose run has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "to", rename_all = "snake_case")]
#[schemars(rename = "After")]
pub enum FollowUp {
    /// A person looks at it.
    Review {
        /// The count of the attempt against the limit; absent where it counts.
        #[serde(default, skip_serializing_if = "AttemptCount::does_count")]
        attempt: AttemptCount,
    },
    /// Another attempt.
    Requeue {
        /// The count of the attempt against the limit.
        attempt: AttemptCount,
        /// Not before this wall time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before_ms: Option<WallMs>,
        /// For the next prompt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Note>,
    },
    /// The task waits for a person.
    Hold {
        /// The hold.
        hold: Hold,
        /// The count of the attempt against the limit.
        attempt: AttemptCount,
    },
    /// Attempts are used up.
    Fail {
        /// The reason.
        reason: String,
    },
}
