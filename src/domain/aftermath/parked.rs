//! A question of an agent that only a person can answer. The run ends there, and its task waits.

use serde::{Deserialize, Serialize};

use crate::base::text::one_line;
use crate::domain::decision::DecisionRecord;

/// Most paths that are named.
const SHOWN_PATHS: usize = 3;

/// A question of an agent that waits for a person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The decision.
    pub decision: String,
    /// The wish in words.
    pub what: String,
    /// The reason why a person has to say so.
    pub reason: String,
}

impl Parked {
    /// The question behind an answer that needs an approval.
    pub fn on(record: &DecisionRecord) -> Parked {
        let resource = &record.resource;
        let kind = resource.kind.map_or("call", |kind| kind.word());
        let paths: Vec<String> = resource
            .paths
            .iter()
            .take(SHOWN_PATHS)
            .map(ToString::to_string)
            .collect();
        let what = match (&resource.tool, paths.is_empty()) {
            (Some(tool), true) => format!("{kind} `{}`", one_line(tool)),
            (_, false) => format!("{kind} {}", paths.join(", ")),
            (None, true) => kind.to_owned(),
        };
        Parked {
            decision: record.id.clone(),
            what,
            reason: record.reason.clone(),
        }
    }

    /// Tells what the task waits for.
    pub fn waits(&self) -> String {
        format!(
            "waits for your yes to {}: {} ({})",
            self.decision, self.what, self.reason
        )
    }
}

#[cfg(test)]
#[path = "parked_tests.rs"]
mod tests;
