//! From the store to the state of the queue.
//!
//! Nothing is remembered between two looks: rate, turns and circuits follow from the runs in the
//! store, so that every process finds the same, whoever was killed meanwhile.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::domain::agent::Agent;
use crate::domain::event::HeldLock;
use crate::domain::ids::Subject;
use crate::domain::path_pattern::PathPattern;
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::{
    AgentHealth, AgentStanding, HeldPathsBy, MachineSight, Outlook, PathsInUse, QueueLimits,
    QueueState, QueuedTask, SchedulerSettings, TaskLook, WantedPath, fair_label,
};
use crate::domain::task::{Task, TaskState};
use crate::ops::admission;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::patterns;
use crate::ops::why;
use crate::router::{RouteGate, Trace};
use crate::store::Tx;

/// The newest runs that tell whose turn it is.
const TURNS_REMEMBERED: usize = 256;

/// A run that was started and does not stand in the store yet.
#[derive(Clone, Copy)]
pub struct StartingRun<'a> {
    /// The task.
    pub task: &'a Task,
    /// The agent, where it was chosen.
    pub agent: Option<&'a str>,
}

/// The parts of which the state of the queue is made, beside the store.
#[derive(Clone, Copy)]
pub struct QueueView<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The machine, with nothing used.
    pub machine: &'a MachineSight,
    /// The tasks that wait, those of one priority in the order of their creation.
    pub tasks: &'a [Task],
    /// Every agent whose file can be read.
    pub agents: &'a [Agent],
    /// The agent that a person has named, who knows how much is given to it.
    pub named: Option<&'a str>,
    /// Runs of the caller that the store does not know of.
    pub starting: &'a [StartingRun<'a>],
    /// Tasks whose reviewed work a landing at work is about to bring in.
    pub landing: &'a [Task],
}

impl QueueView<'_> {
    /// Reads the state. Outlooks and paths of the tasks are left to [`look_of`], when it is a task's
    /// turn.
    pub fn state(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<QueueState, OpError> {
        let mut active = tx.active_runs()?;
        let used = admission::used_by(&active);
        if self.settings().max_concurrency.is_some() {
            active.retain(|run| why::dead(run).is_none());
        }
        let past = self.past(tx)?;
        let count = |name: &str| {
            let at_work = active.iter().filter(|run| run.agent == name).count();
            let starting = self.starting.iter().filter(|one| one.agent == Some(name));
            u32::try_from(at_work + starting.count()).unwrap_or(u32::MAX)
        };
        let agents = self.agents.iter().map(|agent| {
            let name = agent.name.to_string();
            let standing = AgentStanding {
                load: count(&name),
                parallel: match self.named {
                    Some(named) if named == name => u32::MAX,
                    _ => agent.limits.parallel,
                },
                health: past.health.get(&name).copied().unwrap_or_default(),
                needs: agent.resources,
            };
            (name, standing)
        });
        let agents = agents.collect();
        let in_use = in_use_of(cx, self.starting.iter().map(|one| one.task))?;
        let state = QueueState {
            tasks: (0..)
                .zip(self.tasks)
                .map(|(number, task)| self.queued(number, task))
                .collect(),
            outlooks: BTreeMap::new(),
            in_use,
            landing: in_use_of(cx, self.landing.iter())?,
            running: u32::try_from(active.len() + self.starting.len()).unwrap_or(u32::MAX),
            agents,
            starts_ms: past.starts_ms,
            served_ms: past.served_ms,
            harmless: cx.rules.harmless.clone(),
            machine: self.machine.using(used.and(self.used_by_starting())),
        };
        Ok(self.with_starting(state, cx))
    }

    fn settings(&self) -> &SchedulerSettings {
        &self.config.scheduler
    }

    fn queued(&self, number: u32, task: &Task) -> QueuedTask {
        QueuedTask {
            needs: admission::checks_need(self.config, task),
            ..queued(number, task)
        }
    }

    /// Resources of the runs that the store does not know of yet.
    fn used_by_starting(&self) -> ResourceAmounts {
        let needs = self.starting.iter().map(|one| {
            let named = |agent: &&Agent| one.agent == Some(agent.name.as_str());
            let agent = self.agents.iter().find(named);
            let of_agent = agent.map(|agent| agent.resources).unwrap_or_default();
            of_agent.enough_for(admission::checks_need(self.config, one.task))
        });
        needs.fold(ResourceAmounts::default(), ResourceAmounts::and)
    }

    /// Counts the runs that the store does not know of yet.
    fn with_starting(&self, mut state: QueueState, cx: &Cx) -> QueueState {
        for one in self.starting {
            state.starts_ms.push(cx.now.wall_ms);
            let label = fair_label(&one.task.labels, &self.settings().fairness);
            state.served_ms.insert(label.to_owned(), cx.now.wall_ms);
        }
        state
    }

    /// Reads what the runs so far say, as far as a setting asks for it: without one, no run is read.
    fn past(&self, tx: &mut dyn Tx) -> Result<QueuePast, OpError> {
        let settings = self.settings();
        let mut past = QueuePast::default();
        let (rate, breaker) = (settings.rate_limit.is_some(), settings.breaker.is_some());
        if !rate && !breaker && settings.fairness.is_empty() {
            return Ok(past);
        }
        let mut runs = tx.all_runs()?;
        if rate {
            past.starts_ms = runs.iter().map(|run| run.started_ms).collect();
        }
        if !settings.fairness.is_empty() {
            runs.sort_by_key(|run| run.started_ms);
            for run in runs.iter().rev().take(TURNS_REMEMBERED) {
                let Some(task) = tx.task(&run.task)? else {
                    continue;
                };
                let label = fair_label(&task.labels, &settings.fairness).to_owned();
                let last = past.served_ms.entry(label).or_insert(run.started_ms);
                *last = run.started_ms.max(*last);
            }
        }
        if breaker {
            past.health = AgentHealth::by_agent(runs);
        }
        Ok(past)
    }
}

#[derive(Default)]
struct QueuePast {
    starts_ms: Vec<i64>,
    served_ms: BTreeMap<String, i64>,
    health: BTreeMap<String, AgentHealth>,
}

fn queued(number: u32, task: &Task) -> QueuedTask {
    QueuedTask {
        id: task.id.clone(),
        number,
        kind: task.kind.clone(),
        priority: task.priority,
        labels: task.labels.clone(),
        created_ms: task.created_ms,
        not_before_ms: task.not_before_ms,
        paths: Vec::new(),
        needs: ResourceAmounts::default(),
    }
}

fn wanted(cx: &Cx, locks: &[HeldLock]) -> Result<Vec<WantedPath>, OpError> {
    let mut all = Vec::with_capacity(locks.len());
    for lock in locks {
        all.push(WantedPath {
            pattern: PathPattern::parse(&lock.pattern, cx.rules.case)?,
            mode: lock.mode,
        });
    }
    Ok(all)
}

/// Looks a task up when it is its turn: its paths, who holds them, and what the router says.
pub fn look_of(tx: &mut dyn Tx, cx: &Cx, task: &Task, trace: &Trace) -> Result<TaskLook, OpError> {
    let locks = patterns::locks_for(cx, &task.id.subject(), &task.paths)?;
    let paths = wanted(cx, &locks)?;
    let outlook = match patterns::first_conflict(tx, cx, &locks)? {
        Some(conflict) => Outlook::Held {
            paths: held_by(tx, &conflict.held.subject)?,
        },
        None => match agents_of(trace) {
            agents if agents.is_empty() => Outlook::Try { agent: None },
            agents => Outlook::Open { agents },
        },
    };
    Ok(TaskLook { outlook, paths })
}

fn in_use_of<'t>(
    cx: &Cx,
    tasks: impl Iterator<Item = &'t Task>,
) -> Result<Vec<PathsInUse>, OpError> {
    let in_use = tasks.map(|task| {
        Ok(PathsInUse {
            task: task.id.clone(),
            paths: paths_of(cx, task)?,
        })
    });
    in_use.collect()
}

/// The paths that a task locks.
pub(super) fn paths_of(cx: &Cx, task: &Task) -> Result<Vec<WantedPath>, OpError> {
    wanted(
        cx,
        &patterns::locks_for(cx, &task.id.subject(), &task.paths)?,
    )
}

/// Tells whether a run holds the paths, which will end by itself.
pub(super) fn held_by(tx: &mut dyn Tx, subject: &Subject) -> Result<HeldPathsBy, OpError> {
    let Some(id) = subject.task() else {
        return Ok(HeldPathsBy::Other);
    };
    let task = tx.task(&id)?;
    let runs = task.is_some_and(|task| matches!(task.state, TaskState::Running { .. }));
    Ok(if runs {
        HeldPathsBy::ARun
    } else {
        HeldPathsBy::Other
    })
}

/// The agents that could have a task, the best first; where nobody can now, those that could as soon as
/// they have room, or have rested.
pub(super) fn agents_of(trace: &Trace) -> Vec<String> {
    let Some(chosen) = &trace.chosen else {
        let gates = [RouteGate::Room, RouteGate::Breaker];
        let busy = gates.into_iter().flat_map(|gate| trace.lost_at(gate));
        return busy.map(|(name, _)| name.to_owned()).collect();
    };
    // Those who stand behind the chosen one are there by a score, or else for another time.
    let others = trace.considered.iter().filter(|one| one.score.is_some());
    let mut agents = vec![chosen.clone()];
    agents.extend(
        others
            .map(|one| one.agent.clone())
            .filter(|name| name != chosen),
    );
    agents
}

/// The limits of a caller that holds `own` runs and at most `parallel`.
pub fn limits_of(settings: &SchedulerSettings, parallel: usize, own: usize) -> QueueLimits {
    QueueLimits {
        settings: settings.clone(),
        parallel: u32::try_from(parallel).unwrap_or(u32::MAX),
        own: u32::try_from(own).unwrap_or(u32::MAX),
    }
}
