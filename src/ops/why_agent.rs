//! The gate that a queued task meets where no agent can have it: the one that it names is missing,
//! the one that would run it cannot start here, nobody is able, or all of them rest until some time.
//! A busy agent is no such gate.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::agent::Agent;
use crate::domain::eligibility::TaskDemands;
use crate::domain::run::RoutedBy;
use crate::domain::task::{Task, TaskState};
use crate::ops::admission;
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, READY, gate};
use crate::ops::route::Wish;
use crate::ops::run::choose::Registered;
use crate::ops::world::World;
use crate::router::{Considered, RouteGate, Trace};
use crate::store::Store;

/// Most agents that are told one by one.
const TOLD: usize = 3;

/// Adds that gate to those of a queued task, which is not ready then. Where no agent is registered at
/// all, people and agents of their own claim the tasks, and it is ready for them. Starts nothing and
/// changes nothing.
pub fn add(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    gates: &mut Vec<Gate>,
) -> Result<(), OpError> {
    if task.state != TaskState::Queued {
        return Ok(());
    }
    let registered = Registered::read(world)?;
    if registered.agents().is_empty() && task.agent.is_none() {
        for gate in gates.iter_mut().filter(|gate| gate.gate == READY) {
            gate.text
                .push_str("; no agent is registered that could run it");
            gate.next = Some(format!(
                "ai task claim {}, or `ai agent detect --write`",
                task.id
            ));
        }
        return Ok(());
    }
    let trace = registered.trace(world, store, task, Wish::Open)?;
    let capabilities = &world.config.router.capabilities;
    if let Some(nobody) = nobody(&registered, capabilities, task, &trace) {
        gates.retain(|gate| gate.gate != READY);
        gates.push(nobody);
    } else if gates.iter().all(|gate| gate.gate == READY) {
        let in_time = match later(task, &trace) {
            None => by_machine(world, store, &registered, (task, &trace))?,
            gate => gate,
        };
        if let Some(gate) = in_time {
            *gates = vec![gate];
        }
    }
    Ok(())
}

/// The gate of a task that nobody may have before some time has passed: a quota, a login, a budget of the day.
/// Nothing where an agent has it, or will once it has room.
pub(in crate::ops) fn later(task: &Task, trace: &Trace) -> Option<Gate> {
    let will_have_room = [RouteGate::Room, RouteGate::Breaker]
        .into_iter()
        .any(|gate| trace.lost_at(gate).next().is_some());
    if trace.chosen.is_some() || will_have_room {
        return None;
    }
    let (agent, lost) = trace.considered.iter().find_map(|one| {
        let lost = one.lost.as_ref().filter(|lost| lost.until_ms.is_some())?;
        Some((&one.agent, lost))
    })?;
    let text = format!("{agent}: {}", lost.why);
    let next = format!("ai route explain {}", task.id);
    Some(gate(
        lost.gate.as_str(),
        text,
        Some(agent.clone()),
        Some(next),
    ))
}

/// The gate of a task that an agent could have, where the machine has no room for it now.
fn by_machine(
    world: &World,
    store: &mut dyn Store,
    registered: &Registered,
    (task, trace): (&Task, &Trace),
) -> Result<Option<Gate>, OpError> {
    let (config, agents) = (&world.config, registered.agents());
    let machine = admission::sight(config, agents, &world.pool_dir());
    let active = store.read(|tx| tx.active_runs())?;
    let machine = machine.using(admission::used_by(&active));
    let checks = admission::checks_need(config, task);
    let scored = trace.considered.iter().filter(|one| one.score.is_some());
    let names = trace.chosen.iter().chain(scored.map(|one| &one.agent));
    let named = names.filter_map(|name| agents.iter().find(|one| one.name.as_str() == name));
    let needs = named.map(|agent| {
        let need = agent.resources.enough_for(checks);
        (agent.name.as_str(), need)
    });
    let needs: Vec<_> = needs.collect();
    let now = (world.clock)().wall_ms;
    Ok(admission::gate_for(&task.id, (&machine, &needs), now))
}

/// Finds that gate by what the router has said; nothing where an agent can have the task, or could once some
/// time has passed. `capabilities` has those for which types of tasks and labels ask.
pub(in crate::ops) fn nobody(
    registered: &Registered,
    capabilities: &BTreeMap<String, Vec<String>>,
    task: &Task,
    trace: &Trace,
) -> Option<Gate> {
    let nobody = Nobody {
        task,
        agents: registered.agents(),
        unready: registered.unready(),
        needs: TaskDemands::of(task, capabilities).capabilities,
    };
    nobody.gate(trace)
}

/// What is known about the agents that a task could go to.
struct Nobody<'a> {
    task: &'a Task,
    agents: &'a [Agent],
    /// Reasons why agents cannot be started on this machine, by agent.
    unready: &'a BTreeMap<String, String>,
    /// Capabilities that the task wants.
    needs: BTreeSet<String>,
}

impl Nobody<'_> {
    fn gate(&self, trace: &Trace) -> Option<Gate> {
        if let Some(name) = &trace.chosen {
            let why = self.unready.get(name)?;
            let text = format!("{name} would run it, and cannot start here: {why}");
            let next = format!("ai agent doctor {name}");
            return Some(gate("agent", text, Some(name.clone()), Some(next)));
        }
        let lost: Vec<&Considered> = trace.considered.iter().filter(|one| is_real(one)).collect();
        let is_over_in_time = |one: &&&Considered| {
            let lost = one.lost.as_ref();
            lost.is_some_and(|lost| {
                let passes = matches!(lost.gate, RouteGate::Room | RouteGate::Breaker);
                lost.until_ms.is_some() || passes
            })
        };
        if lost.iter().any(|one| is_over_in_time(&one)) {
            return None;
        }
        let first = *lost.first()?;
        let text = match trace.by {
            RoutedBy::Score => {
                let told: Vec<String> = lost
                    .iter()
                    .take(TOLD)
                    .map(|one| format!("{}: {}", one.agent, one.why))
                    .collect();
                format!("no agent can have it ({})", told.join("; "))
            }
            _ => trace.why.clone(),
        };
        let next = self.mend(first, trace.by);
        Some(gate("agent", text, Some(first.agent.clone()), Some(next)))
    }

    /// The command by which an agent that was turned away could have the task.
    fn mend(&self, lost: &Considered, by: RoutedBy) -> String {
        let (name, id) = (&lost.agent, &self.task.id);
        let known = self.agents.iter().find(|agent| agent.name.as_str() == name);
        match (known, lost.lost.as_ref().map(|lost| lost.gate)) {
            (None, _) if by == RoutedBy::Default => {
                format!("correct `defaults.agent` in .ai/config.yaml, or register {name}")
            }
            (None, _) => match self.agents.first() {
                Some(other) => format!(
                    "ai task edit {id} --agent {}, or register {name}",
                    other.name
                ),
                None => "ai agent detect --write".to_owned(),
            },
            (Some(_), Some(RouteGate::Usable)) => format!("ai agent doctor {name}"),
            (Some(agent), Some(RouteGate::Capability)) => {
                let all: Vec<&str> = agent
                    .capabilities
                    .union(&self.needs)
                    .map(String::as_str)
                    .collect();
                format!(
                    "ai agent register {name} --replace --capability {}, if it is able to",
                    all.join(",")
                )
            }
            (Some(_), Some(RouteGate::Label)) => {
                let on = self.task.labels.iter();
                let marks: Vec<&str> = on.filter_map(|label| label.strip_prefix("on:")).collect();
                format!("ai agent label {name} {}", marks.join(" "))
            }
            (Some(_), Some(RouteGate::Policy)) => {
                format!("ai approvals, or `ai route explain {id}`")
            }
            _ => format!("ai route explain {id}"),
        }
    }
}

/// True for an agent that came into question and was turned away.
fn is_real(one: &Considered) -> bool {
    let lost = one.lost.as_ref();
    lost.is_some_and(|lost| lost.gate != RouteGate::Asked)
}

#[cfg(test)]
#[path = "why_agent_tables.rs"]
mod tables;
