//! Budgets: what is left of them, and whether a run may start. What was used is read from sums over ended runs, so that neither a
//! restart nor another process changes it.

use crate::config::Config;
use crate::domain::agent::Agent;
use crate::domain::budget::{self, Amounts, Level, Scope, Spent};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::ops::cx::Cx;
use crate::ops::refusal::{OpError, Refusal, seconds};
use crate::store::Tx;

/// A ceiling and how far it is used up, for one agent or task where it is about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The agent or task, where there is one.
    pub of: Option<String>,
    /// How far.
    pub level: Level,
    /// Runs of which nobody knows the price.
    pub unpriced: u64,
}

/// Refuses a start for which no budget is left. Returns the ceilings that the run has to stay below, the one that it has to itself
/// among them.
pub fn admit(tx: &mut dyn Tx, cx: &Cx, config: &Config, task: &Task, agent: &Agent) -> Result<Vec<Level>, OpError> {
    let budgets = &config.budgets;
    let own = Amounts { tokens: agent.limits.tokens, money: agent.limits.money, ..Amounts::default() };
    let mut levels = budget::levels(Scope::Run, &budgets.run, &Spent::default());
    levels.extend(budget::levels(Scope::Run, &own, &Spent::default()));
    let spent = Used::read(tx, cx, config, Some((task, agent.name.as_str())))?;
    for (scope, amounts, spent) in [
        (Scope::Task, &budgets.task, spent.task),
        (Scope::Agent, &budgets.agent, spent.agent),
        (Scope::Day, &budgets.day, spent.day),
        (Scope::Repository, &budgets.repository, spent.repository),
    ] {
        let of_scope = budget::levels(scope, amounts, &spent);
        if let Some(level) = of_scope.iter().find(|level| level.is_used_up()) {
            return Err(refusal(cx, level).into());
        }
        levels.extend(of_scope);
    }
    Ok(levels)
}

fn refusal(cx: &Cx, level: &Level) -> Refusal {
    let name = level.name();
    let why = format!("budget {name} is used up: {level}");
    if !level.scope.is_daily() {
        return Refusal::MergeConflict { why, next: format!("raise `budgets.{name}` in .ai/config.yaml") };
    }
    let left = budget::day_ends_ms(cx.now.wall_ms) - cx.now.wall_ms;
    let next = format!(
        "it is filled again at midnight UTC, in {}; or raise `budgets.{name}` in .ai/config.yaml",
        seconds(left)
    );
    Refusal::TryLater { why, next }
}

#[derive(Default)]
struct Used {
    task: Spent,
    agent: Spent,
    day: Spent,
    repository: Spent,
}

impl Used {
    fn read(tx: &mut dyn Tx, cx: &Cx, config: &Config, of: Option<(&Task, &str)>) -> Result<Used, OpError> {
        let budgets = &config.budgets;
        let none = Amounts::default();
        let mut used = Used::default();
        if budgets.day != none || budgets.agent != none {
            for sum in tx.day_sums(Some(budget::day_of(cx.now.wall_ms)))? {
                used.day = used.day.plus(sum.spent);
                if of.is_some_and(|(_, agent)| agent == sum.agent) {
                    used.agent = sum.spent;
                }
            }
        }
        if budgets.repository != none {
            used.repository = tx.day_sums(None)?.into_iter().fold(Spent::default(), |all, sum| all.plus(sum.spent));
        }
        if let Some((task, agent)) = of {
            if budgets.task != none {
                used.task = tx.task_spent(&task.id)?;
            }
            used.count_active(&tx.active_runs()?, task, agent);
        }
        Ok(used)
    }

    /// Runs at work have used an attempt already; what else they use is known when they end.
    fn count_active(&mut self, active: &[Run], task: &Task, agent: &str) {
        let count = |wanted: &dyn Fn(&&Run) -> bool| active.iter().filter(wanted).count() as u64;
        self.task.attempts += count(&|run| run.task == task.id);
        self.agent.attempts += count(&|run| run.agent == agent);
        self.day.attempts += active.len() as u64;
        self.repository.attempts += active.len() as u64;
    }
}

/// Every ceiling that is configured and how far it is used up: those of the day and the repository, each agent's, and each open task's
/// that has used any.
pub fn overview(tx: &mut dyn Tx, cx: &Cx, config: &Config, agents: &[Agent]) -> Result<Vec<Standing>, OpError> {
    let budgets = &config.budgets;
    let used = Used::read(tx, cx, config, None)?;
    let mut all = Vec::new();
    let mut add = |of: Option<&str>, scope, amounts: &Amounts, spent: Spent| {
        let standing = |level| Standing { of: of.map(str::to_owned), level, unpriced: spent.unpriced };
        all.extend(budget::levels(scope, amounts, &spent).into_iter().map(standing));
    };
    add(None, Scope::Repository, &budgets.repository, used.repository);
    add(None, Scope::Day, &budgets.day, used.day);
    let today = tx.day_sums(Some(budget::day_of(cx.now.wall_ms)))?;
    for agent in agents {
        let sum = today.iter().find(|sum| sum.agent == agent.name.as_str());
        add(Some(agent.name.as_str()), Scope::Agent, &budgets.agent, sum.map_or_else(Spent::default, |sum| sum.spent));
    }
    if budgets.task != Amounts::default() {
        for task in open_tasks(tx)? {
            let spent = tx.task_spent(&task)?;
            if spent.runs > 0 {
                add(Some(task.as_str()), Scope::Task, &budgets.task, spent);
            }
        }
    }
    Ok(all)
}

fn open_tasks(tx: &mut dyn Tx) -> Result<Vec<crate::domain::ids::TaskId>, OpError> {
    let statuses = ["queued", "claimed", "running", "blocked", "review", "failed"].map(str::to_owned).to_vec();
    let filter = crate::store::TaskFilter { statuses, ..Default::default() };
    let mut found = Vec::new();
    tx.list(&filter, &mut |line| {
        found.push(crate::domain::ids::TaskId(line.id.to_owned()));
        Ok(crate::store::Flow::More)
    })?;
    Ok(found)
}
