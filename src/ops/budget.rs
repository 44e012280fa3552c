//! Budgets: what is left of them, whether a run may start, and whether one may go on. What was used
//! is read from sums over ended runs and from what runs at work have recorded, so that neither a
//! restart nor another process changes it.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::domain::agent::Agent;
use crate::domain::budget::{self, Amounts, BudgetLevel, BudgetScope, Spent, Unit};
use crate::domain::ids::TaskId;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, seconds};
use crate::store::Flow;
use crate::store::TaskFilter;
use crate::store::Tx;

/// A ceiling and how far it is used up, for one agent or task where it is about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStanding {
    /// The agent or task, where there is one.
    pub of: Option<String>,
    /// The level that was reached.
    pub level: BudgetLevel,
    /// Runs of which nobody knows the price.
    pub unpriced: u64,
    /// Runs that used at least what is counted, and perhaps more.
    pub bounded: u64,
}

/// Refuses a start for which no budget is left. Returns the ceilings that the run has to stay
/// below, the one that it has to itself among them.
pub fn admit(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
    task: &Task,
    agent: &Agent,
) -> Result<Vec<BudgetLevel>, OpError> {
    let budgets = &config.budgets;
    let own = Amounts {
        tokens: agent.limits.tokens,
        money: agent.limits.money,
        ..Amounts::default()
    };
    let mut levels = budget::levels(BudgetScope::Run, &budgets.run, &Spent::default());
    levels.extend(budget::levels(BudgetScope::Run, &own, &Spent::default()));
    let shared = Used::read(tx, cx, config, Some((task, agent.name.as_str())))?.levels(config);
    if let Some(level) = shared.iter().find(|level| level.is_used_up()) {
        return Err(refusal(cx, level).into());
    }
    levels.extend(shared);
    Ok(levels)
}

/// The first budget of task, agent, day or repository that all runs together have used up, those at
/// work included. Runs are counted at their start alone.
pub fn used_up(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
    task: &Task,
    agent: &str,
) -> Result<Option<BudgetLevel>, OpError> {
    let budgets = &config.budgets;
    let all = [
        &budgets.task,
        &budgets.agent,
        &budgets.day,
        &budgets.repository,
    ];
    if all
        .into_iter()
        .all(|amounts| *amounts == Amounts::default())
    {
        return Ok(None);
    }
    let spent = Used::read(tx, cx, config, Some((task, agent)))?;
    let levels = spent.levels(config);
    Ok(levels
        .into_iter()
        .find(|level| level.unit != Unit::Attempts && level.is_used_up()))
}

/// Returns the budget that keeps `agent` from running the task now.
pub fn gate(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
    task: &Task,
    agent: &str,
) -> Result<Option<Refusal>, OpError> {
    let levels = Used::read(tx, cx, config, Some((task, agent)))?.levels(config);
    Ok(levels
        .iter()
        .find(|level| level.is_used_up())
        .map(|level| refusal(cx, level)))
}

/// Sums up what each agent has used today, with its runs at work.
pub fn of_agents_today(tx: &mut dyn Tx, cx: &Cx) -> Result<BTreeMap<String, Spent>, OpError> {
    let today = tx.day_sums(Some(budget::day_of(cx.now.wall_ms)))?;
    let mut found: BTreeMap<String, Spent> = today
        .into_iter()
        .map(|sum| (sum.agent, sum.spent))
        .collect();
    for run in tx.active_runs()? {
        let spent = at_work(cx, &run);
        let all = found.entry(run.agent).or_default();
        *all = all.plus(spent);
    }
    Ok(found)
}

/// Sums up what a run at work has used: an attempt, its time, and what its CLI has told.
fn at_work(cx: &Cx, run: &Run) -> Spent {
    let used = run.used.unwrap_or_default();
    Spent {
        runs: 0,
        attempts: 1,
        ms: run.age_ms(&cx.now),
        tokens: used.tokens,
        cost: used.cost.unwrap_or_default(),
        unpriced: 0,
        bounded: u64::from(used.at_least),
    }
}

fn refusal(cx: &Cx, level: &BudgetLevel) -> Refusal {
    let name = level.name();
    let why = format!("budget {name} is used up: {level}");
    if !level.scope.is_daily() {
        return Refusal::MergeConflict {
            why,
            hint: format!("raise `budgets.{name}` in .ai/config.yaml"),
        };
    }
    let left = budget::day_ends_ms(cx.now.wall_ms) - cx.now.wall_ms;
    let hint = format!(
        "it is filled again at midnight UTC, in {}; or raise `budgets.{name}` in .ai/config.yaml",
        seconds(left)
    );
    Refusal::TryLater { why, hint }
}

#[derive(Default)]
struct Used {
    task: Spent,
    agent: Spent,
    day: Spent,
    repository: Spent,
}

impl Used {
    fn read(
        tx: &mut dyn Tx,
        cx: &Cx,
        config: &Config,
        of: Option<(&Task, &str)>,
    ) -> Result<Used, OpError> {
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
            used.repository = tx
                .day_sums(None)?
                .into_iter()
                .fold(Spent::default(), |all, sum| all.plus(sum.spent));
        }
        if let Some((task, _)) = of.filter(|_| budgets.task != none) {
            used.task = tx.task_spent(&task.id)?;
        }
        used.count_active(tx, cx, of)?;
        Ok(used)
    }

    fn levels(&self, config: &Config) -> Vec<BudgetLevel> {
        let budgets = &config.budgets;
        let scopes = [
            (BudgetScope::Task, &budgets.task, &self.task),
            (BudgetScope::Agent, &budgets.agent, &self.agent),
            (BudgetScope::Day, &budgets.day, &self.day),
            (
                BudgetScope::Repository,
                &budgets.repository,
                &self.repository,
            ),
        ];
        scopes
            .into_iter()
            .flat_map(|(scope, amounts, spent)| budget::levels(scope, amounts, spent))
            .collect()
    }

    /// Runs at work count with what they have told so far.
    fn count_active(
        &mut self,
        tx: &mut dyn Tx,
        cx: &Cx,
        of: Option<(&Task, &str)>,
    ) -> Result<(), OpError> {
        for run in tx.active_runs()? {
            let spent = at_work(cx, &run);
            if of.is_some_and(|(task, _)| run.task == task.id) {
                self.task = self.task.plus(spent);
            }
            if of.is_some_and(|(_, agent)| run.agent == agent) {
                self.agent = self.agent.plus(spent);
            }
            self.day = self.day.plus(spent);
            self.repository = self.repository.plus(spent);
        }
        Ok(())
    }
}

/// Every ceiling that is configured and how far it is used up: those of the day and the repository,
/// each agent's, and each open task's that has used any.
pub fn overview(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
    agents: &[Agent],
) -> Result<Vec<BudgetStanding>, OpError> {
    let budgets = &config.budgets;
    let used = Used::read(tx, cx, config, None)?;
    let mut all = Vec::new();
    let mut add = |of: Option<&str>, scope, amounts: &Amounts, spent: Spent| {
        let standing = |level| BudgetStanding {
            of: of.map(str::to_owned),
            level,
            unpriced: spent.unpriced,
            bounded: spent.bounded,
        };
        all.extend(
            budget::levels(scope, amounts, &spent)
                .into_iter()
                .map(standing),
        );
    };
    add(
        None,
        BudgetScope::Repository,
        &budgets.repository,
        used.repository,
    );
    add(None, BudgetScope::Day, &budgets.day, used.day);
    let today = of_agents_today(tx, cx)?;
    for agent in agents {
        let spent = today.get(agent.name.as_str()).copied().unwrap_or_default();
        add(
            Some(agent.name.as_str()),
            BudgetScope::Agent,
            &budgets.agent,
            spent,
        );
    }
    if budgets.task != Amounts::default() {
        let active = tx.active_runs()?;
        for task in open_tasks(tx)? {
            let own = active.iter().filter(|run| run.task == task);
            let spent = own
                .map(|run| at_work(cx, run))
                .fold(tx.task_spent(&task)?, Spent::plus);
            if spent.runs > 0 || spent.attempts > 0 {
                add(Some(task.as_str()), BudgetScope::Task, &budgets.task, spent);
            }
        }
    }
    Ok(all)
}

fn open_tasks(tx: &mut dyn Tx) -> Result<Vec<TaskId>, OpError> {
    let statuses = [
        "queued", "claimed", "running", "blocked", "review", "failed",
    ]
    .map(str::to_owned)
    .to_vec();
    let filter = TaskFilter {
        statuses,
        ..Default::default()
    };
    let mut found = Vec::new();
    tx.list(&filter, &mut |line| {
        found.push(TaskId(line.id.to_owned()));
        Ok(Flow::More)
    })?;
    Ok(found)
}
