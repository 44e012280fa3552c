//! Routing at size: what it costs must not grow with the number of runs that there ever were.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::*;
use crate::domain::agent::Name;
use crate::domain::run::RoutedBy;
use crate::ops::testing::World;
use crate::store::testing::{created, run, task};

const AGENTS: usize = 1_000;
const RUNS: usize = 10_000;
/// The promise is five milliseconds of an optimized build; without optimization it is a multiple.
const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 250 } else { 5 });

fn agents() -> Vec<Agent> {
    let agent = |n: usize| {
        let mut agent = Agent::new(Name::new(format!("agent-{n:04}")).unwrap(), Name::new("command").unwrap());
        agent.capabilities = BTreeSet::from(["rust".to_owned()]);
        agent
    };
    (0..AGENTS).map(agent).collect()
}

/// Runs of all agents; those of `agent-0777` alone always went well.
fn with_runs() -> World {
    let mut world = World::new();
    let filled = world.run(|tx, cx| {
        cx.record(tx, &created(task("one"), &[]))?;
        for n in 0..RUNS {
            let mut one = run("one", n as u64 + 1);
            one.agent = format!("agent-{:04}", n % AGENTS);
            let outcome = if n % AGENTS == 777 || n % 3 == 0 { "ready_for_review" } else { "retry" };
            let end = serde_json::json!({
                "at_ms": 1_000 + n, "lifecycle": "finished", "verification": "passed", "policy": "allow", "freshness": "current",
                "outcome": outcome, "summary": "", "usage": { "tokens": 10, "cost": 0.5 },
            });
            one.end = Some(serde_json::from_value(end).unwrap());
            tx.put_run(&one)?;
        }
        cx.record(tx, &created(task("next"), &[]))?;
        Ok(())
    });
    filled.unwrap();
    world
}

#[test]
fn a_thousand_agents_and_ten_thousand_runs_are_routed_at_once() {
    let mut world = with_runs();
    let (agents, connectors) = (agents(), Registry::shipped());
    let config = Config::default();
    let none = BTreeMap::new();
    let field = Field { agents: &agents, connectors: &connectors, config: &config, reserved: &none };
    let cx = world.cx.clone();
    let next = task("next");
    let mut once = || {
        let started = Instant::now();
        let trace = world.read(|tx| trace(tx, &cx, &field, &next, Wish::Open));
        (started.elapsed(), trace)
    };
    let (_, trace) = once();
    assert_eq!((trace.chosen.as_deref(), trace.by), (Some("agent-0777"), RoutedBy::Score));
    assert_eq!(trace.considered.len(), AGENTS);
    let best = (0..10).map(|_| once().0).min().unwrap();
    eprintln!("routed in {best:?}");
    assert!(best < MOST, "routing took {best:?}");
}

#[test]
fn sums_agree_with_the_runs_that_they_stand_for() {
    let mut world = with_runs();
    let (sums, days, spent) = world.read(|tx| {
        Ok((tx.agent_sums(Some("task"))?, tx.day_sums(Some(0))?, tx.task_spent(&crate::store::testing::id("one"))?))
    });
    assert_eq!((sums.len(), days.len()), (AGENTS, AGENTS));
    let runs = RUNS as u64;
    assert_eq!(sums.iter().map(|sum| sum.spent.runs).sum::<u64>(), runs);
    assert_eq!(days.iter().map(|sum| sum.spent.tokens).sum::<u64>(), 10 * runs);
    assert_eq!((spent.runs, spent.cost.dollars(), spent.unpriced), (runs, runs as f64 / 2.0, 0));
    let good: u64 = sums.iter().map(|sum| sum.good).sum();
    assert_eq!(good + sums.iter().map(|sum| sum.bad).sum::<u64>(), runs);
}
