//! The circuit breaker of an agent: after some failures of the machinery in a row it rests, then one
//! run tries whether it works again.
//!
//! A failure here is one of the machinery around the work: a provider that was down, a program that
//! could not be started, a supervisor that went away. A quota and a login have pauses of their own,
//! and a failed attempt counts against the task.

use std::collections::BTreeMap;

use crate::domain::run::Run;
use crate::domain::schedule::settings::{Breaker, millis};
use crate::domain::time::WallMs;
use crate::domain::verdict::Lifecycle;

/// The state of the machinery around an agent, by its ended runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgentHealth {
    /// Failures since the last run that came to an end of its own.
    pub failures: u32,
    /// The end of the last of them.
    pub last_failure_ms: WallMs,
}

impl AgentHealth {
    /// The health of each agent, by runs in any order.
    pub fn by_agent(mut runs: Vec<Run>) -> BTreeMap<String, AgentHealth> {
        runs.sort_by_key(|run| run.end.as_ref().map(|end| end.at_ms));
        let mut all: BTreeMap<String, AgentHealth> = BTreeMap::new();
        for run in &runs {
            let health = all.entry(run.agent.clone()).or_default();
            *health = health.after(run);
        }
        all
    }

    /// The health after one more of its runs has ended, in the order of their ends.
    pub fn after(self, run: &Run) -> AgentHealth {
        let Some(end) = &run.end else { return self };
        match end.cell.lifecycle {
            Lifecycle::Provider | Lifecycle::NotStarted | Lifecycle::Lost => AgentHealth {
                failures: self.failures.saturating_add(1),
                last_failure_ms: end.at_ms,
            },
            // They say nothing of the machinery.
            Lifecycle::Quota | Lifecycle::Auth | Lifecycle::Killed => self,
            Lifecycle::Finished
            | Lifecycle::NoChanges
            | Lifecycle::Failed
            | Lifecycle::TimedOut
            | Lifecycle::Parked => AgentHealth::default(),
        }
    }
}

/// The word on giving an agent work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Circuit {
    /// As much as it has room for.
    #[default]
    Closed,
    /// None until then.
    Open {
        /// The end of its rest.
        until_ms: WallMs,
    },
    /// One run, which tries whether it works again.
    HalfOpen,
}

impl Circuit {
    /// The circuit of an agent at `now`; without a breaker it is closed.
    pub fn of(health: AgentHealth, breaker: Option<Breaker>, now: WallMs) -> Circuit {
        match breaker {
            Some(breaker) if health.failures >= breaker.failures => {
                let until_ms = health.last_failure_ms.saturating_add(millis(breaker.rest));
                if until_ms > now {
                    Circuit::Open { until_ms }
                } else {
                    Circuit::HalfOpen
                }
            }
            _ => Circuit::Closed,
        }
    }
}
