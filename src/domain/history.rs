//! What ended runs say about agents: sums that the store keeps, never the runs themselves.

use serde::Serialize;

use crate::domain::budget::Spent;
use crate::domain::time::WallMs;

/// An agent's ended runs of one type of task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSum {
    /// The type of task.
    pub kind: String,
    /// The agent.
    pub agent: String,
    /// Runs whose work went on to a person.
    pub good: u64,
    /// Runs that failed or were sent back; the rest was nobody's fault.
    pub bad: u64,
    /// What they used together.
    pub spent: Spent,
}

/// What an agent used on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySum {
    /// Days since the epoch, in UTC.
    pub day: i64,
    /// The agent.
    pub agent: String,
    /// What its runs used that ended on that day.
    pub spent: Spent,
}

/// How an agent's last run ended, and what follows from its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AgentLast {
    /// The agent.
    pub agent: String,
    /// Its last run.
    pub run: String,
    /// When that ended.
    pub ended_ms: WallMs,
    /// How the process ended.
    pub lifecycle: String,
    /// What followed.
    pub outcome: String,
    /// Failures since its last good run.
    pub streak: u32,
    /// Until when its provider has refused it for quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_until_ms: Option<WallMs>,
    /// Until when it is left alone since its login was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_until_ms: Option<WallMs>,
}
