//! How the choice of an agent is tuned, and who takes over from one that is refused.

use serde::Serialize;

use crate::domain::time::WallMs;

/// Weights of the parts of a score; 0 takes a part out.
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

/// Agents that could go on with a task whose agent was refused by its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Somebody who is configured for it, at once.
    Now,
    /// Somebody who is configured for it, as soon as one of its runs has ended.
    Room,
    /// Somebody who is configured for it, not before this time.
    At(WallMs),
    /// Nobody.
    Nobody,
}

impl Relief {
    /// Until when the task itself pauses where its agent is to be left alone until `agent_until`:
    /// the pause is that agent's, and holds the task only as long as it holds everybody who may
    /// have it.
    pub fn pause(self, agent_until: Option<WallMs>) -> Option<WallMs> {
        match self {
            Relief::Now | Relief::Room => None,
            Relief::At(until) => Some(agent_until.map_or(until, |own| own.min(until))),
            Relief::Nobody => agent_until,
        }
    }
}
