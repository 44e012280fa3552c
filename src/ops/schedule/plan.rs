//! `ai schedule`: what would start now, why every other task waits, and when each would be done.
//! Reads the store, the agents' files and, of runs, whether their supervisor lives; changes nothing.

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::meter;
use crate::domain::ids::TaskId;
use crate::domain::schedule::{
    HeldPathsBy, Outlook, PastRun, QueueAction, QueueState, QueuedTask, RangeBasis, RangeQuality,
    RunRange, TaskLook, TaskStart, TickScope, forecast, tick_by,
};
use crate::domain::task::{Task, TaskState};
use crate::domain::time::WallMs;
use crate::ops::admission;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, READY, gate};
use crate::ops::recurring::{self, UpcomingRecurring};
use crate::ops::route::{self, Field, Wish};
use crate::ops::run::choose::Registered;
use crate::ops::schedule::at_work::{RangeEnd, RunNow};
use crate::ops::schedule::lands;
use crate::ops::schedule::queue::{QueueView, agents_of, held_by, limits_of, paths_of};
use crate::ops::schedule::words::gate_of;
use crate::ops::world::World;
use crate::ops::{why, why_agent};
use crate::router::Trace;
use crate::store::{Flow, Store, StoreError, TaskFilter, Tx};

/// The states of tasks that are told of.
const OPEN: [&str; 4] = ["queued", "blocked", "claimed", "running"];
/// The newest runs of which ranges are made.
const RUNS_READ: usize = 1_000;
/// The first tasks of the queue for which it is played on.
const PLAYED: usize = 200;
/// Gates that time alone opens.
const TIMED: [&str; 2] = ["not_before", "backoff"];

/// The plan.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QueuePlan {
    /// Runs at a time that it plans with.
    pub parallel: u32,
    /// Runs that are at work.
    pub running: u32,
    /// Every task that is queued, blocked or at work: those that would start first, the rest by urgency.
    pub tasks: Vec<PlannedTask>,
    /// The quality of the last ranges.
    pub ranges: RangeQuality,
    /// The next moment of each recurring work that is switched on, the nearest first. A daemon at work creates its task then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recurring: Vec<UpcomingRecurring>,
}

/// A task of the plan.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlannedTask {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The state.
    pub status: String,
    /// The step that the scheduler would take.
    pub plan: PlannedStep,
    /// The agent that it would start on, or that is at work on it.
    pub agent: Option<String>,
    /// Gates that hold it, in the words of `ai why`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// The time in which its run would be done, should nothing come in between; null where nobody can tell.
    pub done: Option<DoneBetween>,
}

/// The step that the scheduler would take with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedStep {
    /// Start it now.
    Start,
    /// Let it wait.
    Wait,
    /// Nothing: it is claimed or at work.
    AtWork,
}

/// A range of time in which a run would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoneBetween {
    /// The begin, in milliseconds since 1970.
    pub from_ms: WallMs,
    /// The end.
    pub to_ms: WallMs,
    /// The number of earlier runs of which the range of its own run is made.
    pub runs: usize,
    /// The kind of these runs.
    pub basis: RangeBasis,
}

/// Plans for a caller that holds `parallel` runs at a time, of which `own` are at work.
pub fn plan(
    world: &World,
    store: &mut dyn Store,
    (parallel, own): (usize, usize),
) -> Result<QueuePlan, OpError> {
    let registered = Registered::read(world)?;
    let cx = world.cx(&world.checkout_policy())?;
    let around = (world.root.as_path(), world.location.common_dir.as_path());
    // Files that cannot be read are told of elsewhere, and keep nobody from the plan.
    let recurring = recurring::next_of_each(around, store, cx.now.wall_ms).unwrap_or_default();
    let landing = lands::about_to_land(world, store)?;
    let plan: Result<QueuePlan, OpError> = store.read(|tx| {
        let tasks = open_tasks(tx)?;
        let planner = Planner {
            world,
            registered: &registered,
            cx: &cx,
            by_id: tasks.iter().map(|task| (&task.id, task)).collect(),
            tasks: &tasks,
            landing: &landing,
        };
        planner.plan(tx, (parallel, own))
    });
    Ok(QueuePlan { recurring, ..plan? })
}

fn open_tasks(tx: &mut dyn Tx) -> Result<Vec<Task>, StoreError> {
    let filter = TaskFilter {
        statuses: OPEN.map(String::from).into(),
        ..TaskFilter::default()
    };
    let mut tasks = Vec::new();
    tx.list(&filter, &mut |line| {
        let task = serde_json::from_str(line.json).map_err(|source| StoreError::Row {
            row: format!("task {}", line.id),
            source: source.into(),
        })?;
        tasks.push(task);
        Ok(Flow::More)
    })?;
    Ok(tasks)
}

/// True for a task that is claimed or at work.
fn is_held(task: &Task) -> bool {
    matches!(task.state, TaskState::Claimed | TaskState::Running { .. })
}

struct Planner<'a> {
    world: &'a World,
    registered: &'a Registered,
    cx: &'a Cx,
    by_id: HashMap<&'a TaskId, &'a Task>,
    /// Every open task, as created.
    tasks: &'a [Task],
    /// Tasks whose work is about to land.
    landing: &'a [Task],
}

/// The findings about the tasks beside the decisions of the tick.
#[derive(Default)]
struct PlanFindings {
    /// Gates that held a task before the tick.
    gates: BTreeMap<TaskId, Vec<Gate>>,
    /// Outlooks and paths for playing the queue on: of tasks that would start some time.
    outlooks: BTreeMap<TaskId, TaskLook>,
}

impl Planner<'_> {
    fn plan(&self, tx: &mut dyn Tx, (parallel, own): (usize, usize)) -> Result<QueuePlan, OpError> {
        let settings = &self.world.config.scheduler;
        let waiting: Vec<Task> = self.tasks.iter().filter(|t| !is_held(t)).cloned().collect();
        let config = &self.world.config;
        let agents = self.registered.agents();
        let machine = admission::sight(config, agents, &self.world.pool_dir());
        let view = QueueView {
            config,
            machine: &machine,
            tasks: &waiting,
            agents,
            named: None,
            starting: &[],
            landing: self.landing,
        };
        let mut state = view.state(tx, self.cx)?;
        let limits = limits_of(settings, parallel, own);
        let now = self.cx.now.wall_ms;
        let mut found = PlanFindings::default();
        let work = meter::begin("asking for every task", waiting.len());
        let mut look = |queued: &QueuedTask, starts: &[TaskStart]| {
            work.step();
            self.look(tx, queued, starts, &mut found)
        };
        let actions = tick_by(now, &state, &limits, TickScope::WholeQueue, &mut look)?;
        let past = self.past(tx)?;
        let at_work = self.at_work(tx, &past)?;
        let mut done = Vec::new();
        keep_played(&mut state, &actions, &found);
        for end in [RangeEnd::First, RangeEnd::Last] {
            let runs = at_work.iter().map(|run| run.for_forecast(end)).collect();
            let took = |task: &QueuedTask, agent: &str| {
                let range = RunRange::of(&past, agent, &task.kind, now)?;
                Some(end.of(&range))
            };
            done.push(forecast(now, &state, &limits, runs, &took));
        }
        let between = |task: &TaskId, range: Option<RunRange>| {
            let (range, a, b) = (range?, *done.first()?.get(task)?, *done.get(1)?.get(task)?);
            Some(DoneBetween {
                from_ms: a.min(b),
                to_ms: a.max(b),
                runs: range.runs,
                basis: range.basis,
            })
        };
        let (mut starts, mut waits) = (Vec::new(), Vec::new());
        for action in actions {
            match action {
                QueueAction::Start(start) => {
                    starts.extend(self.planned(&start.task).map(|planned| {
                        let range = self.range(&past, &start.task, start.agent.as_deref());
                        PlannedTask {
                            plan: PlannedStep::Start,
                            done: between(&start.task, range),
                            agent: start.agent,
                            ..planned
                        }
                    }))
                }
                QueueAction::Wait { task, wait } => {
                    waits.extend(self.planned(&task).map(|planned| {
                        let agent = found.agent_of(&task);
                        let told = gate_of(&task, &wait, now).map(|gate| vec![gate]);
                        PlannedTask {
                            gates: told
                                .or_else(|| found.gates.remove(&task))
                                .unwrap_or_default(),
                            done: between(&task, self.range(&past, &task, agent.as_deref())),
                            ..planned
                        }
                    }))
                }
            }
        }
        let mut tasks = starts;
        tasks.extend(waits);
        for task in self.tasks.iter().filter(|task| is_held(task)) {
            let gates = why::gates(tx, self.cx, &self.world.config, task)?;
            tasks.extend(self.planned(&task.id).map(|planned| PlannedTask {
                plan: PlannedStep::AtWork,
                gates,
                ..at_work_with(planned, &at_work)
            }));
        }
        Ok(QueuePlan {
            parallel: limits.parallel,
            running: u32::try_from(at_work.len()).unwrap_or(u32::MAX),
            tasks,
            ranges: RangeQuality::of(&past),
            recurring: Vec::new(),
        })
    }

    /// A task of the plan that waits, as far as the task itself tells.
    fn planned(&self, id: &TaskId) -> Option<PlannedTask> {
        let task = self.by_id.get(id)?;
        Some(PlannedTask {
            task: task.id.clone(),
            title: task.title.clone(),
            status: task.status_text().to_owned(),
            plan: PlannedStep::Wait,
            agent: None,
            gates: Vec::new(),
            done: None,
        })
    }

    fn range(&self, past: &[PastRun], id: &TaskId, agent: Option<&str>) -> Option<RunRange> {
        let task = self.by_id.get(id)?;
        RunRange::of(past, agent?, &task.kind, self.cx.now.wall_ms)
    }

    /// The gates of a task, and what the router says where none of them is closed for long.
    fn look(
        &self,
        tx: &mut dyn Tx,
        queued: &QueuedTask,
        starts: &[TaskStart],
        found: &mut PlanFindings,
    ) -> Result<TaskLook, OpError> {
        let task = self
            .by_id
            .get(&queued.id)
            .ok_or_else(|| OpError::internal("a task of the queue was not looked up"))?;
        let gates = why::gates(tx, self.cx, &self.world.config, task)?;
        let is_queued = matches!(task.state, TaskState::Queued);
        let of_a_run = is_queued && self.runs_hold(tx, &gates)?;
        let passes = |gate: &Gate| {
            gate.gate == READY || TIMED.contains(&&*gate.gate) || gate.gate == "lock" && of_a_run
        };
        let mut held = Outlook::Held {
            paths: HeldPathsBy::Other,
        };
        let paths = paths_of(self.cx, task)?;
        if is_queued && gates.iter().all(passes) {
            let trace = self.trace(tx, task, starts)?;
            match self.nobody(task, &trace) {
                Some(nobody) => {
                    found.gates.insert(task.id.clone(), vec![nobody]);
                    return Ok(TaskLook {
                        outlook: held,
                        paths,
                    });
                }
                None => {
                    let outlook = Outlook::Open {
                        agents: agents_of(&trace),
                    };
                    let look = TaskLook { outlook, paths };
                    found.outlooks.insert(task.id.clone(), look.clone());
                    if gates.iter().all(|gate| gate.gate == READY) {
                        return Ok(look);
                    }
                    if gates.iter().all(|gate| gate.gate == "lock") {
                        held = Outlook::Held {
                            paths: HeldPathsBy::ARun,
                        };
                    }
                    found.gates.insert(task.id.clone(), gates);
                    return Ok(TaskLook {
                        outlook: held,
                        paths: look.paths,
                    });
                }
            }
        }
        found.gates.insert(task.id.clone(), gates);
        Ok(TaskLook {
            outlook: held,
            paths,
        })
    }

    /// True where every lock among the gates is that of a run.
    fn runs_hold(&self, tx: &mut dyn Tx, gates: &[Gate]) -> Result<bool, OpError> {
        for gate in gates.iter().filter(|gate| gate.gate == "lock") {
            let holder = gate.by.clone().map(TaskId);
            let by_run = match holder {
                Some(task) => held_by(tx, &task.subject())? == HeldPathsBy::ARun,
                None => false,
            };
            if !by_run {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn trace(&self, tx: &mut dyn Tx, task: &Task, starts: &[TaskStart]) -> Result<Trace, OpError> {
        let mut reserved: BTreeMap<String, u32> = BTreeMap::new();
        for agent in starts.iter().filter_map(|start| start.agent.clone()) {
            *reserved.entry(agent).or_insert(0) += 1;
        }
        let field = Field {
            reserved: &reserved,
            ..self.registered.field(self.world)
        };
        route::trace(tx, self.cx, &field, task, Wish::Open)
    }

    /// The gate of a task that no agent can have now, unless one only lacks room or rests.
    fn nobody(&self, task: &Task, trace: &Trace) -> Option<Gate> {
        if self.registered.agents().is_empty() && task.agent.is_none() {
            let text = "no agent is registered that could run it".to_owned();
            let next = Some("ai agent detect --write".to_owned());
            return Some(gate("agent", text, None, next));
        }
        let capabilities = &self.world.config.router.capabilities;
        if let Some(nobody) = why_agent::nobody(self.registered, capabilities, task, trace) {
            return Some(nobody);
        }
        if !agents_of(trace).is_empty() {
            return None;
        }
        why_agent::later(task, trace).or_else(|| {
            let next = Some(format!("ai route explain {}", task.id));
            Some(gate("agent", trace.why.clone(), None, next))
        })
    }

    /// The newest runs that ended by themselves.
    fn past(&self, tx: &mut dyn Tx) -> Result<Vec<PastRun>, OpError> {
        let mut runs = tx.all_runs()?;
        runs.sort_by_key(|run| std::cmp::Reverse(run.started_ms));
        let mut past = Vec::new();
        for run in runs
            .iter()
            .filter(|run| run.was_an_attempt())
            .take(RUNS_READ)
        {
            let (Some(end), Some(task)) = (&run.end, tx.task(&run.task)?) else {
                continue;
            };
            let by_wall = end.at_ms.saturating_sub(run.started_ms).max(0);
            let took = end.took_ms.and_then(|ms| i64::try_from(ms).ok());
            past.push(PastRun {
                agent: run.agent.clone(),
                kind: task.kind,
                started_ms: run.started_ms,
                ended_ms: end.at_ms,
                took_ms: took.unwrap_or(by_wall),
            });
        }
        Ok(past)
    }

    /// The runs that are at work, with the range in which each will end.
    fn at_work(&self, tx: &mut dyn Tx, past: &[PastRun]) -> Result<Vec<RunNow>, OpError> {
        let now = self.cx.now.wall_ms;
        let mut all = Vec::new();
        for run in tx.active_runs()? {
            let Some(task) = self
                .by_id
                .get(&run.task)
                .filter(|_| why::dead(&run).is_none())
            else {
                continue;
            };
            all.push(RunNow {
                takes: RunRange::of(past, &run.agent, &task.kind, run.started_ms.min(now)),
                paths: paths_of(self.cx, task)?,
                now,
                run,
            });
        }
        Ok(all)
    }
}

impl PlanFindings {
    /// The agent that a task would get first.
    fn agent_of(&self, task: &TaskId) -> Option<String> {
        match &self.outlooks.get(task)?.outlook {
            Outlook::Open { agents } => agents.first().cloned(),
            Outlook::Try { .. } | Outlook::Held { .. } => None,
        }
    }
}

/// Leaves in the state what is played on: the first tasks that would start some time.
fn keep_played(state: &mut QueueState, actions: &[QueueAction], found: &PlanFindings) {
    let order = actions.iter().map(|action| match action {
        QueueAction::Start(start) => &start.task,
        QueueAction::Wait { task, .. } => task,
    });
    let played = order.filter(|task| found.outlooks.contains_key(*task));
    let played: Vec<&TaskId> = played.take(PLAYED).collect();
    state.tasks.retain(|task| played.contains(&&task.id));
    for task in &mut state.tasks {
        if let Some(look) = found.outlooks.get(&task.id) {
            task.paths = look.paths.clone();
            state.outlooks.insert(task.id.clone(), look.outlook.clone());
        }
    }
}

/// The same with its run, where it has one that is at work.
fn at_work_with(planned: PlannedTask, at_work: &[RunNow]) -> PlannedTask {
    let Some(now) = at_work.iter().find(|now| now.run.task == planned.task) else {
        return planned;
    };
    let done = now.takes.as_ref().and_then(|range| {
        Some(DoneBetween {
            from_ms: now.ends_ms(RangeEnd::First)?,
            to_ms: now.ends_ms(RangeEnd::Last)?,
            runs: range.runs,
            basis: range.basis,
        })
    });
    PlannedTask {
        agent: Some(now.run.agent.clone()),
        done,
        ..planned
    }
}
