//! Which task, and which agent for it: the choice before a run starts. The start itself judges
//! again in its own transaction.

use std::collections::BTreeMap;

use crate::connector::api::Connector;
use crate::connector::registry::ConnectorRegistry;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent::Agent;
use crate::domain::ids::TaskId;
use crate::domain::run::RoutedBy;
use crate::domain::task::Task;
use crate::ops::admission;
use crate::ops::agents;
use crate::ops::claim::{self, Which};
use crate::ops::cx::{self, Cx};
use crate::ops::error::{Bug as _, NO_ACTOR, OpError};
use crate::ops::fitness::{AgentRoster, Fitness};
use crate::ops::refusal::Refusal;
use crate::ops::refusal_words::after_unfit;
use crate::ops::route::{self, Field, Wish};
use crate::ops::run::model::CommandCx;
use crate::ops::unready::unready;
use crate::ops::world::World;
use crate::router::Trace;
use crate::store::{Store, Tx};

/// A task and the agent that is to run it.
pub(crate) struct Choice {
    /// The task.
    pub(crate) task: TaskId,
    /// The agent.
    pub(crate) agent: Agent,
    /// The trace of the choice.
    pub(crate) trace: Trace,
    /// The task that was asked for.
    pub(crate) which: Which,
    named: Option<String>,
    after: Option<String>,
}

impl Choice {
    /// True where another choice may help against a refusal: somebody was quicker.
    pub(crate) fn may_change(&self, why: &Refusal) -> bool {
        let task_is_free = matches!(self.which, Which::Next);
        match why {
            Refusal::TryLater { .. } => matches!(self.trace.by, RoutedBy::Score),
            Refusal::Taken { .. } | Refusal::Locked { .. } | Refusal::WrongState { .. } => {
                task_is_free
            }
            _ => false,
        }
    }

    /// Returns the wish about its agent.
    pub(crate) fn wish(&self) -> Wish<'_> {
        match (&self.named, &self.after) {
            (Some(name), _) => Wish::Named(name),
            (None, Some(name)) => Wish::After(name),
            (None, None) => Wish::Open,
        }
    }

    /// True where choosing again has changed nothing.
    pub(crate) fn is_same(&self, other: &Choice) -> bool {
        self.task == other.task && self.agent.name == other.agent.name
    }
}

/// Chooses a task, where none is named, and its agent.
pub(crate) fn choose(
    stage: &CommandCx<'_>,
    store: &mut dyn Store,
    which: &Which,
    wish: Wish<'_>,
) -> Result<Choice, OpError> {
    let world = stage.world;
    let files = agents::list(&world.root)?;
    let none = BTreeMap::new();
    let (connectors, config) = (stage.connectors, &world.config);
    let mut unready = unready(&world.root, &world.env, connectors, &files.agents);
    unready.extend(admission::never_here(
        config,
        &files.agents,
        &world.pool_dir(),
    ));
    let field = Field {
        agents: &files.agents,
        connectors,
        config,
        reserved: &none,
        unready: &unready,
    };
    let cx = asking(stage, &field, wish)?;
    let roster = match wish {
        Wish::Named(_) => Some(AgentRoster::read(&cx)?),
        Wish::Open | Wish::After(_) => None,
    };
    let task = find(store, &cx, (which, roster.as_ref()))?;
    refuse_unusable(stage, &task, wish)?;
    if let Some(roster) = &roster {
        store.read(|tx| refuse_unfit(tx, &cx, (roster, &task)))?;
    }
    let trace = store.read(|tx| route::trace(tx, &cx, &field, &task, wish))?;
    let name = route::agent_of(&trace, cx.now.wall_ms)?;
    let agent = agents::load(&world.root, &name)?;
    let (named, after) = match wish {
        Wish::Open => (None, None),
        Wish::Named(name) => (Some(name.to_owned()), None),
        Wish::After(name) => (None, Some(name.to_owned())),
    };
    Ok(Choice {
        task: task.id,
        agent,
        trace,
        which: which.clone(),
        named,
        after,
    })
}

/// Refuses an agent that was named for a task which asks for another one, as it would be refused if it claimed the
/// task itself. Whoever names it may give it the task, and that is recorded.
fn refuse_unfit(
    tx: &mut dyn Tx,
    cx: &Cx,
    (roster, task): (&AgentRoster, &Task),
) -> Result<(), OpError> {
    match Fitness::of(tx, cx, roster)?.unmet(task) {
        None => Ok(()),
        Some(why) => {
            let agent = cx.actor.name.as_str();
            Err(Refusal::MergeConflict {
                why: format!("{agent} cannot run {}: {why}", task.id),
                hint: after_unfit(&task.id, agent, &why),
            }
            .into())
        }
    }
}

fn find(
    store: &mut dyn Store,
    cx: &Cx,
    (which, named): (&Which, Option<&AgentRoster>),
) -> Result<Task, OpError> {
    match which {
        Which::Task(typed) => store.read(|tx| {
            let id = cx::resolve(tx, typed)?;
            cx::load(tx, &id)
        }),
        Which::Next => {
            claim::record_lapses(store, cx, which)?;
            store.read(|tx| claim::next_for_run(tx, cx, named))
        }
    }
}

/// The surroundings in the name of the one agent that will ask, where it is known already; a policy
/// may hold tasks back from it.
fn asking(stage: &CommandCx<'_>, field: &Field<'_>, wish: Wish<'_>) -> Result<Cx, OpError> {
    let mut enabled = field
        .agents
        .iter()
        .filter(|agent| agent.enabled)
        .map(|agent| agent.name.as_str());
    let only = enabled.next().filter(|_| enabled.next().is_none());
    let name = match wish {
        Wish::Named(name) | Wish::After(name) => Some(name),
        Wish::Open => stage.world.config.defaults.agent.as_deref().or(only),
    };
    match name {
        Some(name) => {
            let name = agents::agent_name(name)?;
            stage.world.cx_as(
                stage.policy,
                Actor::new(ActorKind::Agent, name.as_str()).bug(NO_ACTOR)?,
            )
        }
        None => stage.world.cx(stage.policy),
    }
}

/// An agent that was named and cannot be used is told of by its file, whatever the router would
/// say.
fn refuse_unusable(stage: &CommandCx<'_>, task: &Task, wish: Wish<'_>) -> Result<(), OpError> {
    let name = match wish {
        Wish::Named(name) => Some(name),
        Wish::After(_) => None,
        Wish::Open => task
            .agent
            .as_deref()
            .or(stage.world.config.defaults.agent.as_deref()),
    };
    let Some(name) = name else { return Ok(()) };
    let agent = agents::load(&stage.world.root, name)?;
    connector_of(stage.connectors, &agent)?;
    if agent.enabled {
        Ok(())
    } else {
        Err(Refusal::Conflict {
            why: format!("agent {} is disabled in its file", agent.name),
            hint: format!(
                "set `enabled: true` in .ai/agents/{}.yaml, or name another with `--agent`",
                agent.name
            ),
        }
        .into())
    }
}

/// Finds the connector of an agent.
pub(crate) fn connector_of<'r>(
    connectors: &'r ConnectorRegistry,
    agent: &Agent,
) -> Result<&'r dyn Connector, OpError> {
    connectors.get(agent.connector.as_str()).ok_or_else(|| {
        let broken: Vec<String> = connectors
            .broken()
            .iter()
            .map(ToString::to_string)
            .collect();
        let detail = if broken.is_empty() {
            String::new()
        } else {
            format!(" ({})", broken.join("; "))
        };
        Refusal::Unclear {
            why: format!(
                "agent {} wants connector `{}`, which is not known{detail}",
                agent.name, agent.connector
            ),
            hint: format!(
                "name another one in .ai/agents/{0}.yaml, or put its manifest into .ai/connectors/; `ai agent doctor {0}` says how it stands",
                agent.name
            ),
        }
        .into()
    })
}

/// Explains who would run a task now, without doing anything.
pub fn explain(
    world: &World,
    store: &mut dyn Store,
    typed: &str,
    named: Option<&str>,
) -> Result<(Task, Trace), OpError> {
    let registered = Registered::read(world)?;
    let task = store.read(|tx| {
        let id = cx::resolve(tx, typed)?;
        cx::load(tx, &id)
    })?;
    let wish = named.map_or(Wish::Open, Wish::Named);
    let trace = registered.trace(world, store, &task, wish)?;
    Ok((task, trace))
}

/// The registry as it stands now, for one question.
pub(crate) struct Registered {
    agents: Vec<Agent>,
    connectors: ConnectorRegistry,
    reserved: BTreeMap<String, u32>,
    unready: BTreeMap<String, String>,
    /// The same, and those for which this machine is too small.
    passed_over: BTreeMap<String, String>,
}

impl Registered {
    /// Every agent whose file can be read.
    pub(crate) fn agents(&self) -> &[Agent] {
        &self.agents
    }

    /// Reasons why agents cannot be started on this machine, by agent.
    pub(crate) fn unready(&self) -> &BTreeMap<String, String> {
        &self.unready
    }

    /// Finds the agent that would run a task now.
    pub(crate) fn trace(
        &self,
        world: &World,
        store: &mut dyn Store,
        task: &Task,
        wish: Wish<'_>,
    ) -> Result<Trace, OpError> {
        let cx = world.cx(&world.checkout_policy())?;
        store.read(|tx| route::trace(tx, &cx, &self.field(world), task, wish))
    }

    /// Reads it.
    pub(crate) fn read(world: &World) -> Result<Registered, OpError> {
        let agents = agents::list(&world.root)?.agents;
        let connectors = agents::connectors(&world.root)?;
        let unready = unready(&world.root, &world.env, &connectors, &agents);
        let mut passed_over = unready.clone();
        passed_over.extend(admission::never_here(
            &world.config,
            &agents,
            &world.pool_dir(),
        ));
        Ok(Registered {
            agents,
            connectors,
            reserved: BTreeMap::new(),
            unready,
            passed_over,
        })
    }

    /// Returns the field from which the router chooses.
    pub(crate) fn field<'a>(&'a self, world: &'a World) -> Field<'a> {
        Field {
            agents: &self.agents,
            connectors: &self.connectors,
            config: &world.config,
            reserved: &self.reserved,
            unready: &self.passed_over,
        }
    }
}
