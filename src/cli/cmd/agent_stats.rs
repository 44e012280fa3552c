//! How agents fare: `ai agent stats`, and the last columns of `ai agent list`. From sums in the
//! store, never from all runs.

use std::collections::BTreeMap;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::env;
use crate::base::text::one_line;
use crate::cli::answer::{AgentStats, AgentStatus};
use crate::cli::context::{Context, Outcome};
use crate::connector::agent_file::AgentFiles;
use crate::domain::agent::Agent;
use crate::domain::history::AgentSum;
use crate::ops::agents;
use crate::ops::error::OpError;
use crate::ops::health::Healths;
use crate::ops::refusal::seconds;
use crate::ops::unready::unready;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct StatsArgs {
    /// Only this agent
    name: Option<String>,
}

/// The reason why a list of agents is empty, with the way on.
pub(super) fn none_listed(files: &AgentFiles) -> &'static str {
    match (files.agents.len(), files.broken.len()) {
        (0, 0) => {
            "no agent is registered; `ai agent detect --write` registers the AI CLIs that are installed"
        }
        (0, _) => "no agent can be used as long as its file has an error",
        _ => "no agent has this label; `ai agent list` shows all of them",
    }
}

pub(super) fn run(args: &StatsArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let mut sums = store.read(|tx| tx.agent_sums(None).map_err(OpError::from))?;
    sums.retain(|sum| args.name.as_ref().is_none_or(|name| *name == sum.agent));
    let all: Vec<AgentStats<'_>> = sums.iter().map(stats).collect();
    if context.ui.json() {
        context.ui.objects(&all);
    } else {
        let rows: Vec<Vec<String>> = all.iter().map(row).collect();
        context.ui.table(&HEADINGS, &rows);
    }
    if sums.is_empty() {
        context.ui.say("no run has ended yet");
    }
    Ok(exit::OK)
}

fn stats(sum: &AgentSum) -> AgentStats<'_> {
    let judged = sum.good + sum.bad;
    AgentStats {
        agent: &sum.agent,
        kind: &sum.kind,
        runs: sum.spent.runs,
        good: sum.good,
        bad: sum.bad,
        success: (judged > 0).then(|| sum.good as f64 / judged as f64),
        average_ms: sum.spent.ms.checked_div(sum.spent.runs).unwrap_or(0),
        tokens: sum.spent.tokens,
        cost_usd: sum.spent.cost.dollars(),
        unpriced_runs: sum.spent.unpriced,
        lower_bound_runs: sum.spent.bounded,
    }
}

/// Above the columns.
const HEADINGS: [&str; 7] = ["AGENT", "TYPE", "RUNS", "GOOD", "TIME", "TOKENS", "COST"];

fn row(stats: &AgentStats<'_>) -> Vec<String> {
    let success = stats
        .success
        .map_or("-".to_owned(), |share| format!("{:.0}%", share * 100.0));
    let least = if stats.lower_bound_runs > 0 {
        "at least "
    } else {
        ""
    };
    let cost = if stats.unpriced_runs == stats.runs {
        "price unknown".to_owned()
    } else {
        format!("{least}${:.2}", stats.cost_usd)
    };
    vec![
        one_line(stats.agent),
        one_line(stats.kind),
        format!(
            "{:>4} {}",
            stats.runs,
            if stats.runs == 1 { "run" } else { "runs" }
        ),
        format!("{success:>4} good"),
        format!(
            "{:>6} on average",
            seconds(i64::try_from(stats.average_ms).unwrap_or(i64::MAX))
        ),
        format!("{least}{} tokens", stats.tokens),
        cost,
    ]
}

/// The health of every agent now; empty where there is no store yet.
pub(super) struct Fares {
    healths: Option<Healths>,
    /// Reasons why agents cannot be started on this machine, by agent.
    unready: BTreeMap<String, String>,
}

impl Fares {
    pub(super) fn read(agents: &[Agent], context: &mut Context) -> Result<Fares, AppError> {
        let root = context.workspace.root()?.to_owned();
        let unready = match agents::connectors(&root) {
            Ok(connectors) => unready(&root, &env::all(), &connectors, agents),
            // Agents are listed whatever has become of a connector.
            Err(error) => {
                context.ui.warn(&error.to_string());
                BTreeMap::new()
            }
        };
        let healths = Fares::healths(context)?;
        Ok(Fares { healths, unready })
    }

    fn healths(context: &mut Context) -> Result<Option<Healths>, AppError> {
        let now_ms = now().wall_ms;
        let store = match context.store(Access::Read) {
            Ok(store) => store,
            // Agents are files, and are listed whatever has become of the store.
            Err(error) => {
                context.ui.warn(&error.message);
                return Ok(None);
            }
        };
        Ok(Some(store.read(|tx| Healths::read(tx, now_ms))?))
    }

    pub(super) fn status(&self, agent: &Agent) -> Option<AgentStatus> {
        self.healths
            .as_ref()
            .map(|all| AgentStatus::of(all.of(agent)))
    }

    /// The reason why the agent cannot be started on this machine.
    pub(super) fn cannot_start(&self, agent: &Agent) -> Option<&str> {
        self.unready.get(agent.name.as_str()).map(String::as_str)
    }

    /// The same in words.
    pub(super) fn text(&self, agent: &Agent) -> String {
        let off = if agent.enabled { "" } else { "disabled" };
        let health = self.healths.as_ref().map(|all| all.of(agent));
        let cannot = self.cannot_start(agent).map_or(String::new(), |why| {
            format!("cannot start: {}", one_line(why))
        });
        // Of an agent that cannot start there is nothing more to say, unless it is at work.
        let known = health
            .filter(|health| cannot.is_empty() || health.is_of_note())
            .map_or(String::new(), |health| health.text());
        let parts: Vec<&str> = [off, &cannot, &known]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!("[{}]", parts.join(", "))
        }
    }
}
