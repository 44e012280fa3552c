//! How the choice of an agent is tuned.

use serde::Serialize;

/// How the parts of a score weigh; 0 takes a part out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Weights {
    /// Share of good runs of this type of task.
    pub success: u32,
    /// Share of the task's labels that the agent bears.
    pub labels: u32,
    /// Place in the list of preferred agents.
    pub prefer: u32,
    /// Failures in a row, against it.
    pub health: u32,
    /// Runs that it is at work on, against it.
    pub load: u32,
    /// Price of its runs, against it.
    pub cost: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            success: 4,
            labels: 2,
            prefer: 3,
            health: 2,
            load: 2,
            cost: 1,
        }
    }
}
