//! The children of `ai run --all`: starts what the scheduler says is next, hears them, and goes on
//! until nothing more can be started. What conflicts or finds no free agent waits for the next one to end.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::base::clock;
use crate::domain::ids::TaskId;
use crate::domain::schedule::QueueWait;
use crate::domain::task::{Task, TaskState};
use crate::domain::time::WallMs;
use crate::ops::cx;
use crate::ops::error::{Doing as _, OpError};
use crate::ops::route;
use crate::ops::run::batch::answer::ChildEnd;
use crate::ops::run::batch::line::{Line, Summary};
use crate::ops::run::batch::pick::{OwnStart, PickManner, Picker, Waiting};
use crate::ops::run::choose::Registered;
use crate::ops::signals::Signals;
use crate::ops::world::World;
use crate::ops::{claim, trust};
use crate::process::reexec::{self, ChildLeash, ReexecEnd};
use crate::process::supervise::CancelToken;
use crate::store::Store;

/// Interval at which a stop by a person is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// The order to run many tasks.
pub struct Order<'a> {
    /// Number of runs at a time.
    pub parallel: usize,
    /// The agent for all of them, where a person has named one.
    pub agent: Option<&'a str>,
    /// The arguments with which this program runs one task and prints JSON.
    pub args: &'a dyn Fn(&TaskId) -> Vec<OsString>,
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
    let registered = Registered::read(world)?;
    claim::record_lapses(
        store,
        &world.cx(&world.checkout_policy())?,
        &claim::Which::Next,
    )?;
    let (sender, receiver) = mpsc::channel();
    let mut team = Team {
        world,
        order,
        picker: Picker {
            world,
            registered: &registered,
            named: order.agent,
            parallel: order.parallel,
            manner: PickManner::ForOnce,
            landing: &[],
        },
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
            for one in told {
                let line = team.picker.not_started(one);
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
                team.tried.remove(&active.start.task.id);
                team.deferred.insert(active.start.task.id);
                continue;
            }
            team.deferred.clear();
            if cancel.reason().is_none()
                && end.was_refused()
                && team.goes_on(store, &active.start.task)?
            {
                team.tried.remove(&active.start.task.id);
                continue;
            }
            let line = Line::of(store, &active.start.task, end)?;
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
    start: OwnStart,
    leash: Option<ChildLeash>,
}

enum Heard {
    Said(TaskId, String),
    Ended(TaskId, Option<ReexecEnd>),
}

struct Team<'a> {
    world: &'a World,
    order: &'a Order<'a>,
    picker: Picker<'a>,
    sender: Sender<Heard>,
    active: Vec<Active>,
    /// Started or done with.
    tried: BTreeSet<TaskId>,
    /// Turned away for somebody who is at work; tried again when one has ended.
    deferred: BTreeSet<TaskId>,
}

impl Team<'_> {
    /// Starts the next task that can go now.
    fn start_next(&mut self, store: &mut dyn Store) -> Result<NextStart, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let own: Vec<&OwnStart> = self.active.iter().map(|active| &active.start).collect();
        let is_out =
            |task: &Task| self.tried.contains(&task.id) || self.deferred.contains(&task.id);
        let picked = store.read(|tx| self.picker.pick(tx, &cx, (&own, 0), &is_out))?;
        let Some(start) = picked.start else {
            return Ok(NextStart::Nobody(picked.waiting));
        };
        let task = start.task.id.clone();
        let (leash, child) = reexec::start(&(self.order.args)(&task)).doing("start a run")?;
        let (sender, id) = (self.sender.clone(), task.clone());
        std::thread::spawn(move || {
            // Nobody listens any more where the parent has failed; the child ends with the leash.
            let ended = child.wait(|line| drop(sender.send(Heard::Said(id.clone(), line))));
            drop(sender.send(Heard::Ended(id, ended.ok())));
        });
        self.tried.insert(task);
        self.active.push(Active {
            start,
            leash: Some(leash),
        });
        Ok(NextStart::Started)
    }

    /// Waits until a time, or until somebody stops it.
    fn wait_until(&self, at_ms: WallMs, cancel: &CancelToken) {
        while cancel.reason().is_none() && (self.world.clock)().wall_ms < at_ms {
            clock::pause(LOOK);
        }
    }

    /// True where a task whose agent was refused by its provider will go on without anybody's help
    /// while we are at work: a fallback has room by now, or will have it when one of our runs ends.
    fn goes_on(&self, store: &mut dyn Store, task: &Task) -> Result<bool, OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let field = self.picker.registered.field(self.world);
        let (task, trace) = store.read(|tx| -> Result<_, OpError> {
            let task = cx::load(tx, &task.id)?;
            let trace = route::trace(tx, &cx, &field, &task, self.picker.wish())?;
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
                    .position(|active| active.start.task.id == task)?;
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

/// The time at which the rate limit lets the next one start, where that is what all wait for.
fn rate_of(waiting: &[Waiting]) -> Option<WallMs> {
    waiting.iter().find_map(|(_, wait)| match wait {
        QueueWait::Rate { at_ms } => Some(*at_ms),
        _ => None,
    })
}
