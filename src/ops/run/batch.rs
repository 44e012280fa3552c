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
use crate::domain::verdict::Lifecycle;
use crate::ops::cx::{self, Cx};
use crate::ops::error::{Doing as _, OpError};
use crate::ops::route::{self, Field, Wish};
use crate::ops::run::model::RunReport;
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

/// The answer of a child, `ai run TASK --leashed`: one JSON object on its standard output. Its talk
/// on standard error is for people, and is handed on behind the id of the task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildAnswer {
    /// The run; absent where none was started.
    pub run: Option<String>,
    /// The agent of the run.
    pub agent: Option<String>,
    /// The agent in whose place that one stood.
    pub fallback_of: Option<String>,
    /// The end of the agent, on the first axis of the verdict table.
    pub lifecycle: Option<Lifecycle>,
    /// The outcome of the run.
    pub outcome: Option<String>,
    /// The short of it.
    pub summary: String,
    /// The error that ended the command, and why.
    pub error: Option<String>,
    /// The next command against that error.
    pub hint: Option<String>,
}

impl ChildAnswer {
    /// The answer of a child whose run has come to its verdict.
    pub fn of_run(report: &RunReport) -> ChildAnswer {
        let run = &report.run;
        ChildAnswer {
            run: Some(run.id.to_string()),
            agent: Some(run.agent.clone()),
            fallback_of: run
                .routed
                .as_ref()
                .and_then(|routed| routed.fallback_of.clone()),
            lifecycle: Some(report.cell.lifecycle),
            outcome: Some(report.outcome.as_str().to_owned()),
            summary: report.summary.clone(),
            error: None,
            hint: None,
        }
    }

    /// The answer of a child that did not get so far.
    pub fn of_error(error: &str, hint: Option<&str>) -> ChildAnswer {
        ChildAnswer {
            error: Some(error.to_owned()),
            hint: hint.map(str::to_owned),
            ..ChildAnswer::default()
        }
    }
}

/// The end of a child with its answer.
struct ChildEnd {
    code: u8,
    answer: ChildAnswer,
}

impl ChildEnd {
    fn of(ended: Option<&ReexecEnd>) -> ChildEnd {
        let code = ended.and_then(|ended| ended.code);
        let answer = ended.and_then(|ended| serde_json::from_str(&ended.output).ok());
        let mut answer: ChildAnswer = answer.unwrap_or_default();
        if code.is_none() && answer.error.is_none() {
            answer.error = Some("its process was killed".to_owned());
        }
        let code = code.and_then(|code| u8::try_from(code).ok());
        ChildEnd {
            code: code.unwrap_or(ErrorClass::Failed.code()),
            answer,
        }
    }

    /// True where a run was started, and its agent's provider has refused it.
    fn was_refused(&self) -> bool {
        let lifecycle = self.answer.lifecycle;
        self.answer.run.is_some() && lifecycle.is_some_and(Lifecycle::is_refused_by_provider)
    }

    /// True where no run was started, since another one is at work that may end soon.
    fn is_in_the_way(&self) -> bool {
        self.answer.run.is_none()
            && matches!(
                ErrorClass::of_code(self.code),
                Some(ErrorClass::Conflict | ErrorClass::TryLater)
            )
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verdict::Outcome;

    fn end(code: Option<i32>, output: &str) -> ChildEnd {
        ChildEnd::of(Some(&ReexecEnd {
            code,
            output: output.to_owned(),
        }))
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let answer = ChildAnswer {
            run: Some("t-1.1".into()),
            agent: Some("b".into()),
            fallback_of: Some("a".into()),
            lifecycle: Some(Lifecycle::Quota),
            outcome: Some(Outcome::RetryUncounted.as_str().into()),
            summary: "the provider asks to come back later".into(),
            error: None,
            hint: None,
        };
        let end = end(Some(75), &serde_json::to_string(&answer).unwrap());
        assert_eq!((end.code, &end.answer), (75, &answer));
        assert!(end.was_refused() && !end.is_in_the_way());
    }

    #[test]
    fn a_child_without_a_run_is_told_by_its_class_and_not_by_its_words() {
        let error = ChildAnswer::of_error("it is locked", Some("ai lock list"));
        let text = serde_json::to_string(&error).unwrap();
        for (code, waits) in [(1, false), (3, false), (4, true), (75, true), (130, false)] {
            let end = end(Some(code), &text);
            assert_eq!(end.is_in_the_way(), waits, "{code}");
            assert_eq!(end.answer, error);
        }
    }

    #[test]
    fn one_that_says_nothing_is_told_of_all_the_same() {
        for (code, output, seen, error) in [
            (None, "", 1, Some("its process was killed")),
            (Some(101), "panicked", 101, None),
            (Some(0), "{}", 0, None),
        ] {
            let end = end(code, output);
            assert_eq!((end.code, end.answer.error.as_deref()), (seen, error));
        }
        assert_eq!(ChildEnd::of(None).code, 1);
    }
}
