//! The choice of the next start: the queue, the agents and what is at work, put before the scheduler.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::domain::schedule::{
    HeldPathsBy, Outlook, QueueAction, QueueWait, QueuedTask, TaskLook, TaskStart, TickScope,
    tick_by,
};
use crate::domain::task::Task;
use crate::domain::time::WallMs;
use crate::ops::admission;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::route::{self, Field, Wish};
use crate::ops::run::batch::line::Line;
use crate::ops::run::choose::Registered;
use crate::ops::schedule::{QueueView, StartingRun, gate_of, limits_of, look_of};
use crate::ops::world::World;
use crate::router::{RouteGate, Trace};
use crate::store::Tx;

/// Number of ready tasks that are looked at for the next one to start, by priority: ageing brings
/// forward what is among them.
const READY: usize = 16_384;

/// The manner in which tasks are tried for which no agent was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickManner {
    /// By somebody who ends when nothing starts: with nothing of its own at work there is nothing to wait
    /// for but what the settings of the queue say. Else the start itself says what is in the way.
    ForOnce,
    /// By somebody who stays and looks again: a task is started when an agent can have it, or to ask a
    /// person where policy wants one.
    Standing,
}

/// A task that was started, as far as its starter knows.
#[derive(Debug, Clone)]
pub struct OwnStart {
    /// The task, as it was before.
    pub task: Task,
    /// The agent, where one was chosen.
    pub agent: Option<String>,
}

/// A task that waits, and for what.
pub type Waiting = (Task, QueueWait);

/// Result of a look at the queue.
#[derive(Debug, Default)]
pub struct Picked {
    /// The task that starts now.
    pub start: Option<OwnStart>,
    /// Tasks that the queue holds back, with the reasons; all of them where nothing starts.
    pub waiting: Vec<Waiting>,
    /// The next time at which a task may start by itself, by the wall clock.
    pub due_ms: Option<WallMs>,
}

/// Picks tasks for somebody who starts runs.
pub struct Picker<'a> {
    /// The project and its machine.
    pub world: &'a World,
    /// The agents.
    pub registered: &'a Registered,
    /// The agent that a person has named for all tasks.
    pub named: Option<&'a str>,
    /// Runs at a time.
    pub parallel: usize,
    /// The manner of asking.
    pub manner: PickManner,
    /// Tasks whose reviewed work a landing at work is about to bring in: nothing begins on their paths meanwhile.
    pub landing: &'a [Task],
}

impl Picker<'_> {
    /// Finds the task that the scheduler starts first, or what every one waits for. `own` are the starts of the
    /// caller that have not ended, beside `others` that it answers for; tasks of `except` are left out.
    pub fn pick(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        (own, others): (&[&OwnStart], usize),
        except: &dyn Fn(&Task) -> bool,
    ) -> Result<Picked, OpError> {
        let active = tx.active_runs()?;
        let running: BTreeSet<&TaskId> = active.iter().map(|run| &run.task).collect();
        let starting: Vec<StartingRun<'_>> = own
            .iter()
            .filter(|one| !running.contains(&one.task.id))
            .map(|one| StartingRun {
                task: &one.task,
                agent: one.agent.as_deref(),
            })
            .collect();
        let reserved = reserved(&starting);
        let mut loads = reserved.clone();
        for run in &active {
            *loads.entry(run.agent.clone()).or_insert(0) += 1;
        }
        let agents = self.registered.agents();
        let has_room = |name: &str| {
            let found = agents.iter().find(|agent| agent.name.as_str() == name);
            let load = loads.get(name).copied().unwrap_or(0);
            found.is_none_or(|agent| load < agent.limits.parallel)
        };
        let field = Field {
            reserved: &reserved,
            ..self.registered.field(self.world)
        };
        let mut tasks = tx.ready(&cx.now, READY)?;
        tasks.retain(|task| !except(task));
        let config = &self.world.config;
        let machine = admission::sight(config, agents, &self.world.pool_dir());
        let view = QueueView {
            config,
            machine: &machine,
            tasks: &tasks,
            agents,
            named: self.named,
            starting: &starting,
            landing: self.landing,
        };
        let state = view.state(tx, cx)?;
        let at_work = own.len() + others;
        let limits = limits_of(&config.scheduler, self.parallel, at_work);
        let by_id: HashMap<&TaskId, &Task> = tasks.iter().map(|task| (&task.id, task)).collect();
        let mut due_ms = None;
        let mut look = |queued: &QueuedTask, _: &[TaskStart]| -> Result<TaskLook, OpError> {
            let task = by_id
                .get(&queued.id)
                .ok_or_else(|| OpError::internal("a task of the queue was not looked up"))?;
            let trace = route::trace(tx, cx, &field, task, self.wish())?;
            if self.manner == PickManner::ForOnce && at_work == 0 {
                return Ok(TaskLook {
                    outlook: Outlook::Try {
                        agent: trace.chosen,
                    },
                    paths: Vec::new(),
                });
            }
            let look = look_of(tx, cx, task, &trace)?;
            match (self.manner, &look.outlook) {
                (PickManner::Standing, Outlook::Try { .. })
                    if !asks_a_person(&trace, &has_room) =>
                {
                    due_ms = earlier(due_ms, over_at(&trace));
                    Ok(TaskLook {
                        outlook: Outlook::Held {
                            paths: HeldPathsBy::Other,
                        },
                        paths: look.paths,
                    })
                }
                _ => Ok(look),
            }
        };
        let scope = TickScope::FirstStart;
        let actions = tick_by(cx.now.wall_ms, &state, &limits, scope, &mut look)?;
        let mut picked = Picked::default();
        for action in actions {
            match action {
                QueueAction::Start(start) => {
                    picked.start = by_id.get(&start.task).map(|task| OwnStart {
                        task: (*task).clone(),
                        agent: start.agent,
                    });
                }
                QueueAction::Wait { task, wait } => {
                    due_ms = earlier(due_ms, wait.until_ms());
                    picked
                        .waiting
                        .extend(by_id.get(&task).map(|task| ((*task).clone(), wait)));
                }
            }
        }
        picked.due_ms = earlier(due_ms, tx.next_due(&cx.now)?);
        Ok(picked)
    }

    /// The wish about the agent of a task.
    pub fn wish(&self) -> Wish<'_> {
        self.named.map_or(Wish::Open, Wish::Named)
    }

    /// The line of a task that the queue holds back.
    pub fn not_started(&self, (task, wait): &Waiting) -> Line {
        let gate = gate_of(&task.id, wait, (self.world.clock)().wall_ms);
        let (summary, next) = gate.map_or_else(Default::default, |gate| (gate.text, gate.next));
        Line {
            task: task.id.clone(),
            title: task.title.clone(),
            status: task.status_text().to_owned(),
            code: match wait {
                never if never.is_for_ever() => ErrorClass::Conflict.code(),
                _ => ErrorClass::TryLater.code(),
            },
            run: None,
            agent: None,
            fallback_of: None,
            outcome: None,
            summary,
            next,
        }
    }
}

/// True where policy keeps an agent from a task that could begin it now: the start asks, and is recorded as asking. One
/// that is busy is asked about when it is free: a start takes a place from others, and the answer may be another by then.
fn asks_a_person(trace: &Trace, has_room: &dyn Fn(&str) -> bool) -> bool {
    let mut asking = trace.lost_at(RouteGate::Policy);
    asking.any(|(name, _)| has_room(name))
}

/// The time at which an agent that is out for a time may have the task.
fn over_at(trace: &Trace) -> Option<WallMs> {
    let lost = trace.considered.iter().filter_map(|one| one.lost.as_ref());
    lost.filter_map(|lost| lost.until_ms).min()
}

fn earlier(one: Option<WallMs>, other: Option<WallMs>) -> Option<WallMs> {
    one.into_iter().chain(other).min()
}

/// Agents of children whose run does not stand in the store yet.
fn reserved(starting: &[StartingRun<'_>]) -> BTreeMap<String, u32> {
    let mut reserved = BTreeMap::new();
    for agent in starting.iter().filter_map(|one| one.agent) {
        *reserved.entry(agent.to_owned()).or_insert(0) += 1;
    }
    reserved
}
