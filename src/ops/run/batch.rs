//! All ready tasks, several at a time. Each is a process of its own, `ai run TASK`, so that one
//! that crashes takes no other with it, and so that a run by this way and one by hand are the same.
//! What conflicts or finds no free agent waits for the next one to end.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connector::registry::ConnectorRegistry;
use crate::domain::agent::Agent;
use crate::domain::error_class::ErrorClass;
use crate::domain::event::HeldLock;
use crate::domain::ids::TaskId;
use crate::domain::task::{Task, TaskState};
use crate::ops::cx::{self, Cx};
use crate::ops::error::Doing as _;
use crate::ops::refusal::OpError;
use crate::ops::route::{self, Field, Wish};
use crate::ops::signals::Signals;
use crate::ops::unready::unready;
use crate::ops::world::World;
use crate::ops::{agents, claim, patterns, trust};
use crate::process::reexec::{self, ChildLeash, ReexecEnd};
use crate::process::supervise::CancelToken;
use crate::store::{Store, Tx};

/// Interval at which a stop by a person is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Number of ready tasks that are looked at for the next one to start.
const READY: usize = 4_096;

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
    /// Its title.
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
        while cancel.reason().is_none()
            && team.active.len() < order.parallel
            && team.start_next(store)?
        {}
        if team.active.is_empty() {
            break;
        }
        if cancel.reason().is_some() {
            // Letting go of a leash asks the child to end gently; its line comes like any other.
            team.active
                .iter_mut()
                .for_each(|active| drop(active.leash.take()));
        }
        if let Some((active, ended)) = team.hear(&receiver) {
            let answer = Answer::of(&ended, &active.errors);
            if answer.is_in_the_way() && !team.active.is_empty() && cancel.reason().is_none() {
                team.tried.remove(&active.task.id);
                team.deferred.insert(active.task.id);
                continue;
            }
            team.deferred.clear();
            if cancel.reason().is_none()
                && answer.was_refused()
                && team.goes_on(store, &active.task)?
            {
                team.tried.remove(&active.task.id);
                continue;
            }
            let line = line(store, &active.task, answer)?;
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
    errors: Vec<String>,
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

    /// Starts the next task that can go now; false where there is none.
    fn start_next(&mut self, store: &mut dyn Store) -> Result<bool, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let Some((task, agent)) = store.read(|tx| self.next(tx, &cx))? else {
            return Ok(false);
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
            errors: Vec::new(),
        });
        Ok(true)
    }

    /// The most urgent task that nothing of ours is in the way of. With nothing at work there is
    /// nothing to wait for: then the start itself says what is in the way.
    fn next(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<Option<(Task, Option<String>)>, OpError> {
        let running: BTreeSet<TaskId> = tx.active_runs()?.into_iter().map(|run| run.task).collect();
        let starting: Vec<&Active> = self
            .active
            .iter()
            .filter(|one| !running.contains(&one.task.id))
            .collect();
        let (reserved, taken) = (reserved(&starting), locks_of(cx, &starting)?);
        let field = self.field(&reserved);
        for task in tx.ready(&cx.now, READY)? {
            if self.tried.contains(&task.id) || self.deferred.contains(&task.id) {
                continue;
            }
            let wish = self.order.agent.map_or(Wish::Open, Wish::Named);
            let trace = route::trace(tx, cx, &field, &task, wish)?;
            if self.active.is_empty() {
                return Ok(Some((task, trace.chosen)));
            }
            let locks = patterns::locks_for(cx, &task.id.subject(), &task.paths)?;
            let free = !trace.waits_for_room()
                && patterns::first_conflict(tx, cx, &locks)?.is_none()
                && !patterns::exclude_each_other(cx, &locks, &taken)?;
            if free {
                return Ok(Some((task, trace.chosen)));
            }
        }
        Ok(None)
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
                let active = self
                    .active
                    .iter_mut()
                    .find(|active| active.task.id == task)?;
                if line.starts_with("{\"error\":") {
                    active.errors.push(line);
                } else if !line.starts_with("look at it with") {
                    self.world.say(&line);
                }
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

/// Agents of children whose run does not stand in the store yet.
fn reserved(starting: &[&Active]) -> BTreeMap<String, u32> {
    let mut reserved = BTreeMap::new();
    for agent in starting.iter().filter_map(|active| active.agent.clone()) {
        *reserved.entry(agent).or_insert(0) += 1;
    }
    reserved
}

/// The locks that those children are about to take.
fn locks_of(cx: &Cx, starting: &[&Active]) -> Result<Vec<HeldLock>, OpError> {
    let mut all = Vec::new();
    for Active { task, .. } in starting {
        all.extend(patterns::locks_for(cx, &task.id.subject(), &task.paths)?);
    }
    Ok(all)
}

/// The output of a child, as far as it is needed here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Printed {
    run: PrintedRun,
    verdict: PrintedVerdict,
    outcome: Option<String>,
    summary: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PrintedVerdict {
    lifecycle: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PrintedRun {
    id: Option<String>,
    agent: Option<String>,
    routed: Option<PrintedRoute>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PrintedRoute {
    fallback_of: Option<String>,
}

struct Answer {
    code: i32,
    printed: Printed,
    why: Option<String>,
    next: Option<String>,
}

impl Answer {
    fn of(ended: &Option<ReexecEnd>, errors: &[String]) -> Answer {
        let code = ended.as_ref().and_then(|ended| ended.code);
        let printed = ended
            .as_ref()
            .and_then(|ended| serde_json::from_str(&ended.output).ok())
            .unwrap_or_default();
        let error = errors
            .last()
            .and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let told = |word: &str| Some(error.as_ref()?["error"][word].as_str()?.to_owned());
        let (message, next) = (told("message"), told("next"));
        let why = message.or_else(|| code.is_none().then(|| "its process was killed".to_owned()));
        Answer {
            code: code.unwrap_or(1),
            printed,
            why,
            next,
        }
    }

    /// A run was started, and its agent's provider has refused it.
    fn was_refused(&self) -> bool {
        self.printed.run.id.is_some()
            && matches!(self.printed.verdict.lifecycle.as_str(), "quota" | "auth")
    }

    /// No run was started, since another one is at work that may end soon.
    fn is_in_the_way(&self) -> bool {
        let class = u8::try_from(self.code).ok().and_then(ErrorClass::of_code);
        self.printed.run.id.is_none()
            && matches!(class, Some(ErrorClass::Conflict | ErrorClass::TryLater))
    }
}

fn line(store: &mut dyn Store, task: &Task, answer: Answer) -> Result<Line, OpError> {
    let (now, run) = store.read(|tx| -> Result<_, OpError> {
        Ok((
            cx::load(tx, &task.id)?,
            tx.runs(&task.id)?
                .pop()
                .filter(|run| run.id.epoch() > task.epoch),
        ))
    })?;
    let Answer {
        code,
        printed,
        why,
        next,
    } = answer;
    let told = run
        .as_ref()
        .and_then(|run| run.end.as_ref())
        .map(|end| end.summary.clone());
    let summary = why
        .or(Some(printed.summary).filter(|text| !text.is_empty()))
        .or(told)
        .unwrap_or_default();
    Ok(Line {
        task: task.id.clone(),
        title: task.title.clone(),
        status: now.status_text().to_owned(),
        code: u8::try_from(code).unwrap_or(1),
        agent: printed
            .run
            .agent
            .or_else(|| run.as_ref().map(|run| run.agent.clone())),
        run: printed.run.id.or_else(|| run.map(|run| run.id.to_string())),
        fallback_of: printed.run.routed.and_then(|routed| routed.fallback_of),
        outcome: printed.outcome,
        summary,
        next,
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
