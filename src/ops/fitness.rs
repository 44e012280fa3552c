//! Whether who acts may have a task, as far as the task asks for somebody: the door of every claim
//! that nobody else has decided. The decision is `domain::eligibility`, which the router asks too.
//!
//! The agent that somebody names for a run is asked about likewise; people may have any task.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::connector::agent_file::{self, AgentFileError};
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent::{Agent, Name};
use crate::domain::eligibility::{AgentTraits, StandIn, TaskDemands, UnmetDemand, stand_ins};
use crate::domain::task::Task;
use crate::ops::agents;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::route;
use crate::store::Tx;

/// The agents' files, as far as a claim needs them: that of who acts, and the others only where a
/// task names one of them.
pub struct AgentRoster {
    home: Option<PathBuf>,
    own: AgentTraits,
    others: OnceCell<BTreeMap<String, Agent>>,
}

impl AgentRoster {
    /// Reads the file of the agent that acts: better before the store is held. Nobody else is asked
    /// what stands there.
    pub fn read(cx: &Cx) -> Result<AgentRoster, OpError> {
        let home = cx.rules.home.clone().filter(|_| is_agent(&cx.actor));
        let own = match (&home, Name::new(cx.actor.name.as_str())) {
            (Some(home), Ok(name)) => match agent_file::load(&agents::dir(home), &name) {
                Ok(agent) => traits(&agent),
                Err(AgentFileError::NotFound { .. }) => AgentTraits::Unregistered,
                Err(error) => AgentTraits::Unreadable(error.to_string()),
            },
            _ => AgentTraits::Unregistered,
        };
        Ok(AgentRoster {
            home,
            own,
            others: OnceCell::new(),
        })
    }

    /// Every agent whose file can be used.
    fn others(&self) -> &BTreeMap<String, Agent> {
        self.others.get_or_init(|| {
            let files = self.home.as_ref().and_then(|home| agents::list(home).ok());
            let agents = files.map_or_else(Vec::new, |files| files.agents);
            let agents = agents.into_iter();
            agents
                .map(|agent| (agent.name.to_string(), agent))
                .collect()
        })
    }
}

fn traits(agent: &Agent) -> AgentTraits {
    if agent.enabled {
        AgentTraits::Registered {
            capabilities: agent.capabilities.clone(),
            labels: agent.labels.clone(),
        }
    } else {
        AgentTraits::Disabled
    }
}

/// Somebody who wants a task.
pub struct Fitness<'a> {
    cx: &'a Cx,
    roster: &'a AgentRoster,
    /// Agents that their providers refuse for now.
    refused: BTreeSet<String>,
}

impl<'a> Fitness<'a> {
    /// The one who acts, with what is known of the agents now.
    pub fn of(
        tx: &mut dyn Tx,
        cx: &'a Cx,
        roster: &'a AgentRoster,
    ) -> Result<Fitness<'a>, OpError> {
        let mut refused = BTreeSet::new();
        if is_agent(&cx.actor) {
            let now_ms = cx.now.wall_ms;
            let until = |until: Option<i64>| until.is_some_and(|until| until > now_ms);
            let all = tx.agents_last()?.into_iter();
            let all = all.filter(|last| until(last.quota_until_ms) || until(last.login_until_ms));
            refused.extend(all.map(|last| last.agent));
        }
        Ok(Fitness {
            cx,
            roster,
            refused,
        })
    }

    /// The first demand of the task that the actor does not meet.
    pub fn unmet(&self, task: &Task) -> Option<UnmetDemand> {
        if !is_agent(&self.cx.actor) {
            return None;
        }
        let demands = TaskDemands::of(task, &self.cx.rules.capabilities);
        let who = self.cx.actor.name.as_str();
        demands.unmet_by(who, &self.roster.own, self.stand_in(&demands, who))
    }

    /// True where a task, as it is stored, asks for somebody else.
    pub fn passes_over(&self, json: &str) -> bool {
        is_agent(&self.cx.actor)
            && serde_json::from_str(json).is_ok_and(|task: Task| self.unmet(&task).is_some())
    }

    /// Refuses a task that asks for somebody else.
    pub fn or_refuse(&self, task: &Task) -> Result<(), OpError> {
        match self.unmet(task) {
            None => Ok(()),
            Some(why) => Err(Refusal::UnmetDemand {
                task: task.id.clone(),
                actor: self.cx.actor.label(),
                why,
            }
            .into()),
        }
    }

    /// The standing of the actor towards the agent that the task names.
    fn stand_in(&self, demands: &TaskDemands, who: &str) -> StandIn {
        let named = demands.named.as_deref();
        let Some(named) = named.filter(|named| self.refused.contains(*named)) else {
            return StandIn::Nobody;
        };
        let is_fit = self.roster.others().get(named).is_some_and(|agent| {
            let unmet = demands.unmet_by(named, &traits(agent), StandIn::Nobody);
            unmet.is_none()
        });
        if is_fit && self.chain(named).iter().skip(1).any(|name| name == who) {
            StandIn::WhileRefused
        } else {
            StandIn::Nobody
        }
    }

    fn chain(&self, first: &str) -> Vec<String> {
        let agents = self.roster.others().iter();
        let next: BTreeMap<&str, Vec<String>> = agents
            .map(|(name, agent)| {
                let names = route::fallbacks(&self.cx.rules.fallback, agent);
                (name.as_str(), names)
            })
            .collect();
        stand_ins(first, |name| next.get(name).map_or(&[], Vec::as_slice))
    }
}

fn is_agent(actor: &Actor) -> bool {
    actor.kind == ActorKind::Agent
}
