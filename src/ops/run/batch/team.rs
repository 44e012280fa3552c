//! The children of `ai run --all`: starts what the scheduler says is next, hears them, and goes on
//! until nothing more can be started. What conflicts or finds no free agent waits for the next one to end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde::Serialize;

use crate::base::clock;
use crate::connector::registry::ConnectorRegistry;
use crate::domain::agent::Agent;
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::domain::schedule::{
    Outlook, QueueAction, QueueWait, QueuedTask, TaskLook, TaskStart, TickScope, tick_by,
};
use crate::domain::task::{Task, TaskState};
use crate::domain::time::WallMs;
use crate::ops::cx::{self, Cx};
use crate::ops::error::{Doing as _, OpError};
use crate::ops::route::{self, Field, Wish};
use crate::ops::run::batch::answer::ChildEnd;
use crate::ops::schedule::{QueueView, StartingRun, gate_of, limits_of, look_of};
use crate::ops::signals::Signals;
use crate::ops::unready::unready;
use crate::ops::world::World;
use crate::ops::{agents, claim, trust};
use crate::process::reexec::{self, ChildLeash, ReexecEnd};
use crate::process::supervise::CancelToken;
use crate::store::{Store, Tx};

/// Interval at which a stop by a person is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Number of ready tasks that are looked at for the next one to start, by priority: ageing brings
/// forward what is among them.
const READY: usize = 16_384;

/// The order to run many tasks.
pub struct Order<'a> {
    /// Number of runs at a time.
    pub parallel: usize,
    /// The agent for all of them, where a person has named one.
    pub agent: Option<&'a str>,
    /// The arguments with which this program runs one task and prints JSON.
    pub args: &'a dyn Fn(&TaskId) -> Vec<OsString>,
}

/// The result for one task.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Line {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The task's state now.
    pub status: String,
    /// The exit code with which `ai run` of it ended.
    pub code: u8,
    /// The run; null where none was started.
    pub run: Option<String>,
    /// The agent of the last run.
    pub agent: Option<String>,
    /// The agent in whose place that one stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_of: Option<String>,
    /// The outcome of the run.
    pub outcome: Option<String>,
    /// The short of it, or why there was no run.
    pub summary: String,
    /// The next command where there was no run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// All lines, and whether a person stopped it.
pub struct Summary {
    /// One a task, in the order in which they ended.
    pub lines: Vec<Line>,
    /// Stopped before everything was tried.
    pub interrupted: bool,
}

/// Runs every task that is ready, or becomes so meanwhile, once. `each` sees the lines as they
/// come.
pub fn all(
    world: &World,
    store: &mut dyn Store,
    order: &Order<'_>,
    each: &mut dyn FnMut(&Line),
) -> Result<Summary, OpError> {
    trust::require(&world.root, &world.location.common_dir, "this run")?;
    let cancel = CancelToken::new();
    let _signals = Signals::listen(cancel.clone())?;
    let connectors = agents::connectors(&world.root)?;
    let files = agents::list(&world.root)?;
    claim::record_lapses(
        store,
        &world.cx(&world.checkout_policy())?,
        &claim::Which::Next,
    )?;
    let (sender, receiver) = mpsc::channel();
    let mut team = Team {
        world,
        order,
        agents: &files.agents,
        connectors: &connectors,
        unready: unready(&world.root, &world.env, &connectors, &files.agents),
        sender,
        active: Vec::new(),
        tried: BTreeSet::new(),
        deferred: BTreeSet::new(),
    };
    let mut lines = Vec::new();
    loop {
        let mut waiting = Vec::new();
        while cancel.reason().is_none() && team.active.len() < order.parallel {
            match team.start_next(store)? {
                NextStart::Started => {}
                NextStart::Nobody(all) => {
                    waiting = all;
                    break;
                }
            }
        }
        if team.active.is_empty() {
            if let Some(at_ms) = rate_of(&waiting).filter(|_| cancel.reason().is_none()) {
                team.wait_until(at_ms, &cancel);
                continue;
            }
            let told = waiting.iter().filter(|_| cancel.reason().is_none());
            for (task, wait) in told {
                let line = team.not_started(task, wait);
                each(&line);
                lines.push(line);
            }
            break;
        }
        if cancel.reason().is_some() {
            // Letting go of a leash asks the child to end gently; its line comes like any other.
            team.active
                .iter_mut()
                .for_each(|active| drop(active.leash.take()));
        }
        if let Some((active, ended)) = team.hear(&receiver) {
            let end = ChildEnd::of(ended.as_ref());
            if end.is_in_the_way() && !team.active.is_empty() && cancel.reason().is_none() {
                team.tried.remove(&active.task.id);
                team.deferred.insert(active.task.id);
                continue;
            }
            team.deferred.clear();
            if cancel.reason().is_none()
                && end.was_refused()
                && team.goes_on(store, &active.task)?
            {
                team.tried.remove(&active.task.id);
                continue;
            }
            let line = line(store, &active.task, end)?;
            each(&line);
            lines.push(line);
        }
    }
    Ok(Summary {
        lines,
        interrupted: cancel.reason().is_some(),
    })
}

/// A child at work.
struct Active {
    task: Task,
    agent: Option<String>,
    leash: Option<ChildLeash>,
}

enum Heard {
    Said(TaskId, String),
    Ended(TaskId, Option<ReexecEnd>),
}

struct Team<'a> {
    world: &'a World,
    order: &'a Order<'a>,
    agents: &'a [Agent],
    connectors: &'a ConnectorRegistry,
    /// Reasons why agents cannot be started here, by agent.
    unready: BTreeMap<String, String>,
    sender: Sender<Heard>,
    active: Vec<Active>,
    /// Started or done with.
    tried: BTreeSet<TaskId>,
    /// Turned away for somebody who is at work; tried again when one has ended.
    deferred: BTreeSet<TaskId>,
}

impl Team<'_> {
    fn field<'a>(&'a self, reserved: &'a BTreeMap<String, u32>) -> Field<'a> {
        Field {
            agents: self.agents,
            connectors: self.connectors,
            config: &self.world.config,
            reserved,
            unready: &self.unready,
        }
    }

    /// Starts the next task that can go now.
    fn start_next(&mut self, store: &mut dyn Store) -> Result<NextStart, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let (task, agent) = match store.read(|tx| self.next(tx, &cx))? {
            (Some(found), _) => found,
            (None, waiting) => return Ok(NextStart::Nobody(waiting)),
        };
        let (leash, child) = reexec::start(&(self.order.args)(&task.id)).doing("start a run")?;
        let (sender, id) = (self.sender.clone(), task.id.clone());
        std::thread::spawn(move || {
            // Nobody listens any more where the parent has failed; the child ends with the leash.
            let ended = child.wait(|line| drop(sender.send(Heard::Said(id.clone(), line))));
            drop(sender.send(Heard::Ended(id, ended.ok())));
        });
        self.tried.insert(task.id.clone());
        self.active.push(Active {
            task,
            agent,
            leash: Some(leash),
        });
        Ok(NextStart::Started)
    }

    /// The task that the scheduler starts first, or what every one waits for. With nothing of ours at
    /// work there is nothing to wait for but what the settings of the queue say: else the start itself
    /// says what is in the way.
    fn next(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<(Option<Chosen>, Vec<Waiting>), OpError> {
        let running: BTreeSet<TaskId> = tx.active_runs()?.into_iter().map(|run| run.task).collect();
        let starting: Vec<StartingRun<'_>> = self
            .active
            .iter()
            .filter(|one| !running.contains(&one.task.id))
            .map(|one| StartingRun {
                task: &one.task,
                agent: one.agent.as_deref(),
            })
            .collect();
        let reserved = reserved(&starting);
        let field = self.field(&reserved);
        let mut tasks = tx.ready(&cx.now, READY)?;
        tasks.retain(|task| !self.tried.contains(&task.id) && !self.deferred.contains(&task.id));
        let view = QueueView {
            settings: &self.world.config.scheduler,
            tasks: &tasks,
            agents: self.agents,
            named: self.order.agent,
            starting: &starting,
        };
        let state = view.state(tx, cx)?;
        let limits = limits_of(view.settings, self.order.parallel, self.active.len());
        let by_id: HashMap<&TaskId, &Task> = tasks.iter().map(|task| (&task.id, task)).collect();
        let wish = self.order.agent.map_or(Wish::Open, Wish::Named);
        let mut look = |queued: &QueuedTask, _: &[TaskStart]| -> Result<TaskLook, OpError> {
            let task = by_id
                .get(&queued.id)
                .ok_or_else(|| OpError::internal("a task of the queue was not looked up"))?;
            let trace = route::trace(tx, cx, &field, task, wish)?;
            if self.active.is_empty() {
                return Ok(TaskLook {
                    outlook: Outlook::Try {
                        agent: trace.chosen,
                    },
                    paths: Vec::new(),
                });
            }
            look_of(tx, cx, task, &trace)
        };
        let scope = TickScope::FirstStart;
        let actions = tick_by(cx.now.wall_ms, &state, &limits, scope, &mut look)?;
        let (mut start, mut waiting) = (None, Vec::new());
        for action in actions {
            match action {
                QueueAction::Start(first) => start = Some(first),
                QueueAction::Wait { task, wait } => {
                    waiting.extend(by_id.get(&task).map(|task| ((*task).clone(), wait)));
                }
            }
        }
        let chosen = start.and_then(|start| {
            let task = by_id.get(&start.task)?;
            Some(((*task).clone(), start.agent))
        });
        Ok((chosen, waiting))
    }

    /// Waits until a time, or until somebody stops it.
    fn wait_until(&self, at_ms: WallMs, cancel: &CancelToken) {
        while cancel.reason().is_none() && (self.world.clock)().wall_ms < at_ms {
            clock::pause(LOOK);
        }
    }

    /// The line of a task that the queue holds back.
    fn not_started(&self, task: &Task, wait: &QueueWait) -> Line {
        let gate = gate_of(&task.id, wait, (self.world.clock)().wall_ms);
        let (summary, next) = gate.map_or_else(Default::default, |gate| (gate.text, gate.next));
        Line {
            task: task.id.clone(),
            title: task.title.clone(),
            status: task.status_text().to_owned(),
            code: ErrorClass::TryLater.code(),
            run: None,
            agent: None,
            fallback_of: None,
            outcome: None,
            summary,
            next,
        }
    }

    /// True where a task whose agent was refused by its provider will go on without anybody's help
    /// while we are at work: a fallback has room by now, or will have it when one of our runs ends.
    fn goes_on(&self, store: &mut dyn Store, task: &Task) -> Result<bool, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let none = BTreeMap::new();
        let field = self.field(&none);
        let (task, trace) = store.read(|tx| -> Result<_, OpError> {
            let task = cx::load(tx, &task.id)?;
            let wish = self.order.agent.map_or(Wish::Open, Wish::Named);
            let trace = route::trace(tx, &cx, &field, &task, wish)?;
            Ok((task, trace))
        })?;
        let is_due = task.not_before_ms.is_none_or(|at| at <= cx.now.wall_ms);
        let waits = trace.waits_for_room() && !self.active.is_empty();
        Ok(matches!(task.state, TaskState::Queued)
            && is_due
            && (waits || trace.fallback_of.is_some()))
    }

    /// Waits a little for a child to end, and hands on what the children say.
    fn hear(&mut self, receiver: &Receiver<Heard>) -> Option<(Active, Option<ReexecEnd>)> {
        match receiver.recv_timeout(LOOK).ok()? {
            Heard::Said(task, line) => {
                self.world.say(&format!("{task}  {line}"));
                None
            }
            Heard::Ended(task, ended) => {
                let at = self
                    .active
                    .iter()
                    .position(|active| active.task.id == task)?;
                Some((self.active.remove(at), ended))
            }
        }
    }
}

/// The end of a look for the next task.
enum NextStart {
    /// One was started.
    Started,
    /// None could be; these are what the queue holds back, with the reasons.
    Nobody(Vec<Waiting>),
}

/// A task that is started now, and its agent where one was chosen.
type Chosen = (Task, Option<String>);
/// A task that waits, and for what.
type Waiting = (Task, QueueWait);

/// The time at which the rate limit lets the next one start, where that is what all wait for.
fn rate_of(waiting: &[Waiting]) -> Option<WallMs> {
    waiting.iter().find_map(|(_, wait)| match wait {
        QueueWait::Rate { at_ms } => Some(*at_ms),
        _ => None,
    })
}

/// Agents of children whose run does not stand in the store yet.
fn reserved(starting: &[StartingRun<'_>]) -> BTreeMap<String, u32> {
    let mut reserved = BTreeMap::new();
    for agent in starting.iter().filter_map(|one| one.agent) {
        *reserved.entry(agent.to_owned()).or_insert(0) += 1;
    }
    reserved
}

fn line(store: &mut dyn Store, task: &Task, end: ChildEnd) -> Result<Line, OpError> {
    let (now, run) = store.read(|tx| -> Result<_, OpError> {
        Ok((
            cx::load(tx, &task.id)?,
            tx.runs(&task.id)?
                .pop()
                .filter(|run| run.id.epoch() > task.epoch),
        ))
    })?;
    let ChildEnd { code, answer } = end;
    let told = run
        .as_ref()
        .and_then(|run| run.end.as_ref())
        .map(|end| end.summary.clone());
    let summary = answer
        .error
        .or(Some(answer.summary).filter(|text| !text.is_empty()))
        .or(told)
        .unwrap_or_default();
    Ok(Line {
        task: task.id.clone(),
        title: task.title.clone(),
        status: now.status_text().to_owned(),
        code,
        agent: answer
            .agent
            .or_else(|| run.as_ref().map(|run| run.agent.clone())),
        run: answer.run.or_else(|| run.map(|run| run.id.to_string())),
        fallback_of: answer.fallback_of,
        outcome: answer.outcome,
        summary,
        next: answer.hint,
    })
}

impl Summary {
    /// The exit code of the whole: 0 where everything went well, else the code that all the others
    /// share, else 1.
    pub fn code(&self) -> u8 {
        if self.interrupted {
            return ErrorClass::Interrupted.code();
        }
        let mut bad = self
            .lines
            .iter()
            .map(|line| line.code)
            .filter(|code| *code != 0);
        match bad.next() {
            None => 0,
            Some(first) if bad.all(|code| code == first) => first,
            Some(_) => ErrorClass::Failed.code(),
        }
    }
}
