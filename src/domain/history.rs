//! What ended runs say about agents: sums that the store keeps, never the runs themselves.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::budget::{Spent, day_of};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::money::Usd;
use crate::domain::run::Run;
use crate::domain::time::WallMs;
use crate::domain::verdict::{Lifecycle, Outcome};

/// An ended run as the sums take it in. Every backend adds these up, and none of them decides
/// again what a run counts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunUse {
    /// The run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The task's type; empty where there is no such task.
    pub kind: String,
    /// The agent.
    pub agent: String,
    /// When it began.
    pub started_ms: WallMs,
    /// When it ended.
    pub ended_ms: WallMs,
    /// The end of the process.
    pub lifecycle: Lifecycle,
    /// The outcome.
    pub outcome: Outcome,
    /// Milliseconds that it took.
    pub ms: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money, where the price is known.
    pub cost: Option<Usd>,
    /// True where its CLI left something out, so that both are a lower bound.
    pub at_least: bool,
    /// Until when its agent is left alone.
    pub paused_until_ms: Option<WallMs>,
}

impl RunUse {
    /// What a run of a task of this type used; nothing while it has not ended.
    pub fn of(run: &Run, kind: &str) -> Option<RunUse> {
        let end = run.end.as_ref()?;
        let by_wall = u64::try_from(end.at_ms.saturating_sub(run.started_ms)).unwrap_or(0);
        Some(RunUse {
            run: run.id.clone(),
            task: run.task.clone(),
            kind: kind.to_owned(),
            agent: run.agent.clone(),
            started_ms: run.started_ms,
            ended_ms: end.at_ms,
            lifecycle: end.cell.lifecycle,
            outcome: end.outcome,
            ms: end.took_ms.unwrap_or(by_wall),
            tokens: end.usage.map_or(0, |usage| usage.tokens),
            cost: end.usage.and_then(|usage| usage.cost),
            at_least: end.usage.is_some_and(|usage| usage.at_least),
            paused_until_ms: end.paused_until_ms,
        })
    }

    /// The use of the run as a sum of one.
    pub fn spent(&self) -> Spent {
        Spent {
            runs: 1,
            attempts: u64::from(self.is_attempt()),
            ms: self.ms,
            tokens: self.tokens,
            cost: self.cost.unwrap_or_default(),
            unpriced: u64::from(self.cost.is_none()),
            bounded: u64::from(self.at_least),
        }
    }

    /// The day on which it ended.
    pub fn day(&self) -> i64 {
        day_of(self.ended_ms)
    }

    /// True where the work went on to a person.
    pub fn is_good(&self) -> bool {
        match self.outcome {
            Outcome::ReadyForReview
            | Outcome::NeedsApproval
            | Outcome::Unverified
            | Outcome::NeedsRecheck => true,
            Outcome::Denied
            | Outcome::SendBackChecks
            | Outcome::SendBackNoChanges
            | Outcome::SendBackConflict
            | Outcome::Retry
            | Outcome::RetryUncounted
            | Outcome::Environment => false,
        }
    }

    /// True where the agent's work failed or was sent back. A change that others overtook is
    /// neither good nor bad.
    pub fn is_bad(&self) -> bool {
        match self.outcome {
            Outcome::Denied
            | Outcome::SendBackChecks
            | Outcome::SendBackNoChanges
            | Outcome::Retry => true,
            Outcome::ReadyForReview
            | Outcome::NeedsApproval
            | Outcome::Unverified
            | Outcome::NeedsRecheck
            | Outcome::SendBackConflict
            | Outcome::RetryUncounted
            | Outcome::Environment => false,
        }
    }

    /// True where budgets count it as an attempt: quota, login and machines that failed are
    /// nobody's.
    pub fn is_attempt(&self) -> bool {
        self.outcome.is_attempt()
    }
}

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
    /// The use of all runs together.
    pub spent: Spent,
}

/// The use of an agent on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySum {
    /// Days since the epoch, in UTC.
    pub day: i64,
    /// The agent.
    pub agent: String,
    /// The use of its runs that ended on that day.
    pub spent: Spent,
}

/// The end of an agent's last run, and what follows from its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AgentLast {
    /// The agent.
    pub agent: String,
    /// The last run.
    pub run: String,
    /// Time at which that ended, in milliseconds since 1970.
    pub ended_ms: WallMs,
    /// The end of the process.
    pub lifecycle: String,
    /// The outcome.
    pub outcome: String,
    /// Failures since its last good run.
    pub streak: u32,
    /// Until when its provider has refused it for quota, or is left alone since it was down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_until_ms: Option<WallMs>,
    /// Until when it is left alone since its login was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_until_ms: Option<WallMs>,
}

impl AgentLast {
    /// What is known of an agent after another one of its runs has ended. A pause ends early only
    /// where a run that was begun after the refusal came to a good end.
    pub fn after(before: Option<&AgentLast>, used: &RunUse) -> AgentLast {
        let told = |fits: bool| used.paused_until_ms.filter(|_| fits);
        let disproved =
            before.is_some_and(|last| used.is_good() && used.started_ms >= last.ended_ms);
        let known = before.filter(|_| !disproved);
        let quota = known.and_then(|last| last.quota_until_ms);
        let login = known.and_then(|last| last.login_until_ms);
        let streak = before.map_or(0, |last| last.streak);
        AgentLast {
            agent: used.agent.clone(),
            run: used.run.to_string(),
            ended_ms: used.ended_ms,
            lifecycle: used.lifecycle.to_string(),
            outcome: used.outcome.to_string(),
            streak: if used.is_good() {
                0
            } else {
                streak.saturating_add(u32::from(used.is_bad()))
            },
            // A provider may refuse once more with an earlier end: the latest holds.
            quota_until_ms: told(used.lifecycle.passes_by_itself()).max(quota),
            login_until_ms: told(used.lifecycle == Lifecycle::Auth).or(login),
        }
    }
}

/// How an agent fares, by its last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentState {
    /// Nothing speaks against it.
    Fine,
    /// The agent failed so often in a row.
    Failing(u32),
    /// The provider has refused the agent for quota, until then.
    NoQuota(WallMs),
    /// The agent's login was refused; it is left alone until then.
    NoLogin(WallMs),
}

impl AgentLast {
    /// How the agent fares at `now_ms`. What its provider says stands above its failures.
    pub fn state(&self, now_ms: WallMs) -> AgentState {
        let later = |until: &WallMs| *until > now_ms;
        if let Some(until) = self.quota_until_ms.filter(later) {
            AgentState::NoQuota(until)
        } else if let Some(until) = self.login_until_ms.filter(later) {
            AgentState::NoLogin(until)
        } else if self.streak > 0 {
            AgentState::Failing(self.streak)
        } else {
            AgentState::Fine
        }
    }
}

/// How many of the `newest` attempts among `runs`, oldest first, each agent has made. Runs that
/// were no attempts are passed over.
pub fn attempts_by_agent(runs: &[Run], newest: usize) -> BTreeMap<String, u32> {
    let attempts = runs.iter().rev().filter(|run| run.was_an_attempt());
    let mut found = BTreeMap::new();
    for run in attempts.take(newest) {
        *found.entry(run.agent.clone()).or_insert(0) += 1;
    }
    found
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
