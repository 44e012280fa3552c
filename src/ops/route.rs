//! Choosing an agent for a task: gathers what is known about every agent, and asks the router.
//! Looking changes nothing.

use std::collections::{BTreeMap, HashMap};

use crate::config::Config;
use crate::connector::registry::ConnectorRegistry;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent::Agent;
use crate::domain::budget::{self, BudgetScope};
use crate::domain::decision::Effect;
use crate::domain::eligibility::{TaskDemands, is_demand};
use crate::domain::history::{AgentLast, AgentSum, attempts_by_agent};
use crate::domain::run::{Routed, Run};
use crate::domain::schedule::{AgentHealth, Circuit};
use crate::domain::task::Task;
use crate::ops::ask::{self, Question};
use crate::ops::budget::of_agents_today;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, seconds};
use crate::ops::unready::no_connector;
pub use crate::router::Wish;
use crate::router::{
    self, Candidate, History, Pin, RouteGate, RouteRequest, Trace, pass_over_unready,
};
use crate::store::Tx;

/// Agents, what drives them, and what the project says about them.
pub struct Field<'a> {
    /// Every agent whose file can be read.
    pub agents: &'a [Agent],
    /// Connectors that drive them.
    pub connectors: &'a ConnectorRegistry,
    /// The project's configuration.
    pub config: &'a Config,
    /// Runs that are about to start, by agent.
    pub reserved: &'a BTreeMap<String, u32>,
    /// Reasons why agents cannot be started on this machine, by agent.
    pub unready: &'a BTreeMap<String, String>,
}

/// Finds the agent that would run the task now, with the reasons.
pub fn trace(
    tx: &mut dyn Tx,
    cx: &Cx,
    field: &Field<'_>,
    task: &Task,
    wish: Wish<'_>,
) -> Result<Trace, OpError> {
    let runs = tx.runs(&task.id)?;
    let ask = asked(cx, field, task, &runs, wish);
    let mut candidates = candidates(tx, cx, field, task, &runs)?;
    pass_over_unready(field.unready, &ask.pin, &mut candidates);
    Ok(router::route(&ask, &candidates))
}

fn asked(cx: &Cx, field: &Field<'_>, task: &Task, runs: &[Run], wish: Wish<'_>) -> RouteRequest {
    let defaults = &field.config.defaults;
    let router = &field.config.router;
    let plain = |label: &&String| !is_demand(label);
    // Where a refusal still stands, nobody but the fallbacks of the refused agent may go on.
    let refused = runs
        .last()
        .filter(|last| last.refused_until_ms(cx.now.wall_ms).is_some())
        .map(Run::first_agent);
    let pin = Pin::of(
        wish,
        task.agent.as_deref(),
        refused,
        defaults.agent.as_deref(),
    );
    RouteRequest {
        labels: task.labels.iter().filter(plain).cloned().collect(),
        demands: TaskDemands::of(task, &router.capabilities),
        pin,
        prefer: router.prefer.clone(),
        weights: router.weights,
        now_ms: cx.now.wall_ms,
    }
}

fn candidates(
    tx: &mut dyn Tx,
    cx: &Cx,
    field: &Field<'_>,
    task: &Task,
    runs: &[Run],
) -> Result<Vec<Candidate>, OpError> {
    let active = tx.active_runs()?;
    let known = AgentRecords {
        sums: tx
            .agent_sums(Some(&task.kind))?
            .into_iter()
            .map(|sum| (sum.agent.clone(), sum))
            .collect(),
        last: tx
            .agents_last()?
            .into_iter()
            .map(|last| (last.agent.clone(), last))
            .collect(),
        spent: budgets_used_up(tx, cx, field.config)?,
        load: count(active.iter().map(|run| run.agent.clone())),
        circuits: circuits(tx, cx, field.config)?,
        attempts: attempts_by_agent(runs, task.attempts as usize),
    };
    let mut question = Question::on_task(Action::RunStart, task);
    question.facts.runs_alive = u32::try_from(active.len()).ok();
    let mut all = Vec::with_capacity(field.agents.len());
    for agent in field.agents {
        question.resource.tool = Some(agent.name.to_string());
        let denied = denied(tx, cx, agent, &question)?;
        all.push(known.candidate(field, agent, denied));
    }
    Ok(all)
}

struct AgentRecords {
    sums: HashMap<String, AgentSum>,
    last: HashMap<String, AgentLast>,
    spent: HashMap<String, (String, i64)>,
    load: HashMap<String, u32>,
    circuits: HashMap<String, Circuit>,
    attempts: BTreeMap<String, u32>,
}

impl AgentRecords {
    fn candidate(&self, field: &Field<'_>, agent: &Agent, denied: Option<String>) -> Candidate {
        let name = agent.name.as_str();
        let last = self.last.get(name);
        let sum = self.sums.get(name);
        let reserved = field.reserved.get(name).copied().unwrap_or(0);
        Candidate {
            name: name.to_owned(),
            model: agent.model.clone(),
            unusable: unusable(field.connectors, agent),
            labels: agent.labels.clone(),
            capabilities: agent.capabilities.clone(),
            fallback: fallbacks(&field.config.router.fallback, agent),
            denied,
            quota_until_ms: last.and_then(|last| last.quota_until_ms),
            login_until_ms: last.and_then(|last| last.login_until_ms),
            circuit: self.circuits.get(name).copied().unwrap_or_default(),
            budget: self.spent.get(name).cloned(),
            attempts: self.attempts.get(name).copied().unwrap_or(0),
            max_attempts: agent.limits.attempts,
            load: self.load.get(name).copied().unwrap_or(0) + reserved,
            parallel: agent.limits.parallel,
            streak: last.map_or(0, |last| last.streak),
            history: sum.map_or_else(History::default, history),
        }
    }
}

fn history(sum: &AgentSum) -> History {
    let priced = sum.spent.runs.saturating_sub(sum.spent.unpriced);
    History {
        good: sum.good,
        bad: sum.bad,
        priced,
        cost: sum.spent.cost.0,
    }
}

/// Lists the agents that stand in for an agent: what its file says, then what the configuration
/// adds (`router.fallback`).
pub fn fallbacks(configured: &BTreeMap<String, Vec<String>>, agent: &Agent) -> Vec<String> {
    let mut names: Vec<String> = agent.fallback.iter().map(ToString::to_string).collect();
    let more = configured.get(agent.name.as_str());
    for name in more.into_iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn unusable(connectors: &ConnectorRegistry, agent: &Agent) -> Option<String> {
    if !agent.enabled {
        return Some("it is disabled in its file".to_owned());
    }
    let missing = connectors.get(agent.connector.as_str()).is_none();
    missing.then(|| no_connector(agent))
}

fn denied(
    tx: &mut dyn Tx,
    cx: &Cx,
    agent: &Agent,
    question: &Question,
) -> Result<Option<String>, OpError> {
    let Ok(actor) = Actor::new(ActorKind::Agent, agent.name.as_str()) else {
        return Ok(None);
    };
    let cx = Cx {
        actor,
        ..cx.clone()
    };
    if ask::effect(&cx, question).lets_through() {
        return Ok(None);
    }
    let record = ask::answer_here(tx, &cx, question)?;
    if record.effect.lets_through() || ask::approved(tx, cx.now.wall_ms, &record)? {
        return Ok(None);
    }
    let word = if record.effect == Effect::RequireApproval {
        "wants a person's yes"
    } else {
        "denies"
    };
    Ok(Some(format!(
        "policy {word}: {} (rule `{}`)",
        record.reason, record.rule
    )))
}

/// Agents whose own budget of today is used up.
pub(in crate::ops) fn budgets_used_up(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
) -> Result<HashMap<String, (String, i64)>, OpError> {
    let amounts = &config.budgets.agent;
    if *amounts == Default::default() {
        return Ok(HashMap::new());
    }
    let until = budget::day_ends_ms(cx.now.wall_ms);
    let mut found = HashMap::new();
    for (agent, spent) in of_agents_today(tx, cx)? {
        let levels = budget::levels(BudgetScope::Agent, amounts, &spent);
        if let Some(level) = levels.iter().find(|level| level.is_used_up()) {
            found.insert(
                agent,
                (
                    format!("budget {} is used up: {level}", level.name()),
                    until,
                ),
            );
        }
    }
    Ok(found)
}

/// The circuits of agents that are not closed; runs are read only where a breaker is configured.
fn circuits(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
) -> Result<HashMap<String, Circuit>, OpError> {
    let Some(breaker) = config.scheduler.breaker else {
        return Ok(HashMap::new());
    };
    let all = AgentHealth::by_agent(tx.all_runs()?).into_iter();
    let all = all.map(|(name, health)| {
        let circuit = Circuit::of(health, Some(breaker), cx.now.wall_ms);
        (name, circuit)
    });
    Ok(all.collect())
}

fn count(names: impl Iterator<Item = String>) -> HashMap<String, u32> {
    let mut found = HashMap::new();
    for name in names {
        *found.entry(name).or_insert(0) += 1;
    }
    found
}

/// The agent to start with, out of a trace. Where nobody is free or allowed, it is the one whose
/// refusal says so best: the start itself refuses then, and records what policy has said.
pub fn agent_of(trace: &Trace, now_ms: i64) -> Result<String, OpError> {
    if let Some(name) = &trace.chosen {
        return Ok(name.clone());
    }
    if let Some(name) = trace.last_resort() {
        return Ok(name.to_owned());
    }
    Err(nobody(trace, now_ms).into())
}

fn nobody(trace: &Trace, now_ms: i64) -> Refusal {
    let real = trace.considered.iter().filter(|c| {
        c.lost
            .as_ref()
            .is_some_and(|lost| lost.gate != RouteGate::Asked)
    });
    let told: Vec<String> = real
        .take(3)
        .map(|c| format!("{}: {}", c.agent, c.why))
        .collect();
    if trace.considered.is_empty() {
        let why = "no agent is registered".to_owned();
        return Refusal::Missing {
            why,
            hint: "ai agent register NAME --connector command -- ARGV…".into(),
        };
    }
    let why = format!("no agent can take this task now ({})", told.join("; "));
    let waits = trace
        .considered
        .iter()
        .filter_map(|c| c.lost.as_ref()?.until_ms);
    match waits.min() {
        Some(until) => Refusal::TryLater {
            why,
            hint: format!(
                "wait {}, configure a fallback (docs/routing.md), or name an agent with --agent",
                seconds(until - now_ms)
            ),
        },
        None => Refusal::MergeConflict {
            why,
            hint: "`ai route explain TASK` says what each agent lacks".into(),
        },
    }
}

/// The short of a trace, for the run.
pub fn routed(trace: &Trace) -> Routed {
    Routed {
        by: trace.by,
        why: trace.why.clone(),
        fallback_of: trace.fallback_of.clone(),
        fallbacks: trace.fallbacks.clone(),
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
