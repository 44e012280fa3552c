//! The examination of all agents, one after the other.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::fs;
use crate::base::text::{counted, one_line};
use crate::connector::api::Connector;
use crate::connector::registry::ConnectorRegistry;
use crate::domain::agent::{Agent, Name};
use crate::domain::history::AgentLast;
use crate::domain::ids::RunId;
use crate::ops::agent_doctor::start::{self, StartTried};
use crate::ops::agent_doctor::{login, program, surroundings};
use crate::ops::doctor::Finding;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing, seconds};
use crate::ops::trust::{self, Change};
use crate::ops::world::World;
use crate::ops::{agents, route};
use crate::store::Store;
use crate::store::StoreError;

/// A finding about one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentFinding {
    /// The agent.
    pub agent: String,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The end of a trial: `answered`, `quota`, `auth`, `refused`, `failed`, `timed_out`, `killed`
    /// or `not_started`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
}

impl AgentFinding {
    /// A finding about the agent of this name.
    pub fn of(agent: &str, finding: Finding) -> AgentFinding {
        AgentFinding {
            agent: agent.to_owned(),
            finding,
            class: None,
        }
    }
}

/// The surroundings that all examined agents share.
pub(super) struct Ward<'a> {
    pub(super) world: &'a World,
    pub(super) untrusted: Vec<Change>,
    agents: &'a [Agent],
    connectors: &'a ConnectorRegistry,
    versions: HashMap<Name, program::Version>,
    starts: HashMap<String, StartTried>,
    last: HashMap<String, AgentLast>,
    load: HashMap<String, u32>,
    spent: HashMap<String, (String, i64)>,
    now_ms: i64,
}

/// Looks at the agents of these names, or at all of them.
pub fn examine(
    world: &World,
    store: &mut dyn Store,
    names: &[String],
) -> Result<Vec<AgentFinding>, OpError> {
    let files = agents::list(&world.root)?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let mut broken = broken_files(world, &files.agents)?;
    broken.retain(|(name, _)| wanted(name));
    let known = |name: &String| {
        files.agents.iter().any(|a| a.name.as_str() == name)
            || broken.iter().any(|(other, _)| other == name)
    };
    if let Some(nobody) = names.iter().find(|name| !known(name)) {
        return Err(Refusal::NotFound {
            what: Thing::Agent,
            id: one_line(nobody),
        }
        .into());
    }
    let connectors = agents::connectors(&world.root)?;
    let chosen: Vec<&Agent> = files
        .agents
        .iter()
        .filter(|agent| wanted(agent.name.as_str()))
        .collect();
    let ward = Ward::read(world, store, &files.agents, &connectors, &chosen)?;
    let mut found = Vec::new();
    for (name, why) in broken {
        let next = format!("correct .ai/agents/{name}.yaml");
        found.push(AgentFinding::of(
            &name,
            Finding::bad("file", why).next(next),
        ));
    }
    for agent in chosen {
        found.extend(
            ward.look(agent)
                .into_iter()
                .map(|finding| AgentFinding::of(agent.name.as_str(), finding)),
        );
    }
    Ok(found)
}

/// Agents whose file cannot be read, by the name of the file, with the reader's words.
fn broken_files(world: &World, usable: &[Agent]) -> Result<Vec<(String, String)>, OpError> {
    let mut found = Vec::new();
    for path in fs::list_dir(&agents::dir(&world.root)).map_err(StoreError::from)? {
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let is_agent = path.extension().is_some_and(|end| end == "yaml") && !path.is_dir();
        if is_agent && !usable.iter().any(|agent| agent.name.as_str() == stem) {
            let why = agents::load(&world.root, &stem)
                .err()
                .map_or("it is no agent".to_owned(), |e| e.to_string());
            found.push((stem, why));
        }
    }
    Ok(found)
}

impl<'a> Ward<'a> {
    fn read(
        world: &'a World,
        store: &mut dyn Store,
        agents: &'a [Agent],
        connectors: &'a ConnectorRegistry,
        chosen: &[&Agent],
    ) -> Result<Ward<'a>, OpError> {
        let cx = world.cx(&world.checkout_policy())?;
        let (active, last, spent) = store.read(|tx| -> Result<_, OpError> {
            Ok((
                tx.active_runs()?,
                tx.agents_last()?,
                route::budgets_used_up(tx, &cx, &world.config)?,
            ))
        })?;
        let mut load = HashMap::new();
        active
            .into_iter()
            .for_each(|run| *load.entry(run.agent).or_insert(0) += 1);
        let untrusted = trust::missing(&world.root, &world.location.common_dir)?;
        // A connector of the project names a program; before it is trusted, not even that program's
        // version is asked for.
        let may_ask = |connector: &dyn Connector| {
            !untrusted
                .iter()
                .any(|change| change.path.starts_with("connectors/"))
                || ConnectorRegistry::shipped()
                    .get(connector.describe().name.as_str())
                    .is_some()
        };
        let asked: Vec<(&Agent, &dyn Connector)> = chosen
            .iter()
            .filter_map(|agent| Some((*agent, connectors.get(agent.connector.as_str())?)))
            .filter(|(_, connector)| may_ask(*connector))
            .collect();
        let starts = start::try_all(world, &asked);
        // Whoever has told it inside need not be asked outside.
        let is_known = |connector: &&dyn Connector| {
            let of = |(agent, one): &(&Agent, &dyn Connector)| {
                one.describe().name == connector.describe().name
                    && starts
                        .get(agent.name.as_str())
                        .is_some_and(|start| start.version.is_some())
            };
            asked.iter().any(of)
        };
        let others = asked.iter().map(|(_, connector)| *connector);
        let mut versions = program::versions(world, others.filter(|one| !is_known(one)));
        for (agent, connector) in &asked {
            let told = starts
                .get(agent.name.as_str())
                .and_then(|start| start.version.clone());
            if let Some(version) = told {
                versions.insert(connector.describe().name.clone(), Ok(version));
            }
        }
        let last = last
            .into_iter()
            .map(|last| (last.agent.clone(), last))
            .collect();
        Ok(Ward {
            world,
            untrusted,
            agents,
            connectors,
            versions,
            starts,
            last,
            load,
            spent,
            now_ms: cx.now.wall_ms,
        })
    }

    /// Everything about one agent, in reading order.
    fn look(&self, agent: &Agent) -> Vec<Finding> {
        let mut found = vec![self.file(agent)];
        match self.connectors.get(agent.connector.as_str()) {
            None => {
                let text = format!("there is no connector `{}`", agent.connector);
                found.push(Finding::bad("connector", text).next("ai agent detect"));
            }
            Some(connector) => {
                found.push(program::look(self.world, agent, connector));
                found.extend(program::version(agent, connector, &self.versions));
                found.push(login::look(self, agent, connector.describe()));
                found.push(login::home(self.world, agent, connector.describe()));
                found.push(surroundings::sandbox(
                    self.world,
                    agent,
                    connector.describe(),
                ));
                found.extend(surroundings::as_root(
                    self.world,
                    agent,
                    connector.describe(),
                ));
                let start = self.starts.get(agent.name.as_str());
                found.extend(start.map(|start| start.finding.clone()));
            }
        }
        found.push(surroundings::trust(&self.untrusted));
        found.push(self.limits(agent));
        found.extend(self.pause(agent));
        found.push(self.record(agent));
        found.push(self.fallback(agent));
        found
    }

    fn file(&self, agent: &Agent) -> Finding {
        let model = agent
            .model
            .as_deref()
            .map_or("the CLI's own model".to_owned(), |m| {
                format!("model {}", one_line(m))
            });
        if agent.enabled {
            Finding::ok("file", format!("connector {}, {model}", agent.connector))
        } else {
            Finding::warn("file", "disabled, so it is never chosen").next(format!(
                "set `enabled: true` in .ai/agents/{}.yaml, then `ai trust`",
                agent.name
            ))
        }
    }

    fn limits(&self, agent: &Agent) -> Finding {
        // What holds is the shorter of what the agent's file and the project say.
        let (limits, runs) = (agent.limits, &self.world.config.runs);
        let load = self.load.get(agent.name.as_str()).copied().unwrap_or(0);
        let text = format!(
            "at work on {load} of {}; {} min a run, {} min silent, {} at a task",
            counted(limits.parallel, "run"),
            limits.minutes.min(runs.minutes),
            limits.silence_minutes.min(runs.silence_minutes),
            counted(limits.attempts, "attempt")
        );
        match self.spent.get(agent.name.as_str()) {
            Some((why, until)) => Finding::warn(
                "limits",
                format!(
                    "{why}, for another {}; {text}",
                    seconds(until - self.now_ms)
                ),
            )
            .next("ai budget"),
            None => Finding::ok("limits", text),
        }
    }

    /// Reports a pause that the agent's provider asked for.
    fn pause(&self, agent: &Agent) -> Option<Finding> {
        let last = self.last.get(agent.name.as_str())?;
        let left = |until: Option<i64>| {
            until
                .map(|until| until - self.now_ms)
                .filter(|left| *left > 0)
        };
        if let Some(left) = left(last.quota_until_ms) {
            let text = format!(
                "its provider wants to be asked again in {}; nothing is given to it until then",
                seconds(left)
            );
            let next = if route::fallbacks(&self.world.config.router.fallback, agent).is_empty() {
                format!(
                    "wait, or `ai agent register {0} --connector {1} --replace --fallback NAME`",
                    agent.name, agent.connector
                )
            } else {
                "wait; its fallbacks take over meanwhile".to_owned()
            };
            return Some(Finding::warn("pause", text).next(next));
        }
        let left = left(last.login_until_ms)?;
        let text = format!(
            "its login was refused in run {}; it is left alone for another {}",
            last.run,
            seconds(left)
        );
        Some(Finding::bad("pause", text).next(format!(
            "log in with its own program, then `ai run TASK --agent {}`",
            agent.name
        )))
    }

    /// Reports how the agent's last run ended.
    fn record(&self, agent: &Agent) -> Finding {
        match self.last.get(agent.name.as_str()) {
            None => Finding::ok("runs", "no run has ended yet"),
            Some(last) if last.streak > 0 => {
                let text = match last.streak {
                    1 => format!("the last, {}, failed", last.run),
                    many => format!("{many} failed in a row, {} the last of them", last.run),
                };
                let task = RunId(last.run.clone()).task();
                Finding::warn("runs", text).next(format!("ai review {task}"))
            }
            Some(last) => Finding::ok(
                "runs",
                format!(
                    "the last, {}, ended {}",
                    last.run,
                    last.outcome.replace('_', " ")
                ),
            ),
        }
    }

    fn fallback(&self, agent: &Agent) -> Finding {
        let names = route::fallbacks(&self.world.config.router.fallback, agent);
        let state =
            |name: &String| match self.agents.iter().find(|other| other.name.as_str() == name) {
                None => Some(format!("`{}`, and no agent has that name", one_line(name))),
                Some(other) if !other.enabled => Some(format!("`{name}`, which is disabled")),
                Some(_) => None,
            };
        if let Some(why) = names.iter().find_map(state) {
            return Finding::warn("fallback", format!("names {why}")).next("ai agent list");
        }
        if names.is_empty() {
            Finding::ok(
                "fallback",
                "none: where its quota or login ends, its tasks wait",
            )
        } else {
            Finding::ok("fallback", names.join(", then "))
        }
    }
}
