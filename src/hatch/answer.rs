//! Answers one request: the words of the caller into the operations of the command line, and what
//! comes of them into words.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::app::error::AppError;
use crate::app::guard::told;
use crate::app::in_run::{
    self, AgentAnswer, AgentAsk, AgentRequest, GatesTold, LeaseTold, LockTold, MOST_PATHS,
    NoteTold, RefusalTold, Reply, ReplyOutcome, TaskTold, VERSION,
};
use crate::base::text::one_line;
use crate::connector::dialogue::AskedCall;
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::RunId;
use crate::domain::lease::Lease;
use crate::domain::message::{MessageReader, MessageWay};
use crate::ops::cx::{Cx, commit, typed_prefix};
use crate::ops::error::OpError;
use crate::ops::guard::{self, GuardAsked, RefusalRecord};
use crate::ops::hatch::HatchOrder;
use crate::ops::mail::{self, MessagesMeant};
use crate::ops::refusal::Refusal;
use crate::ops::send::{self, AddressBook};
use crate::ops::whereabouts::SessionPlace;
use crate::ops::{edit, friction, lease, lock, why};
use crate::store::{Access, Store, Tx};

/// Writes that one run may ask for. Each grows the log or flushes the disk, and a run that means
/// well needs a few dozen.
const WRITES: u32 = 1_000;
/// The agent's statement that it has finished, as it stands among the notes.
const FINISHED: &str = "The agent says that the work is finished.";
/// Time for looking through locks.
const PATIENCE: Duration = Duration::from_secs(2);

/// The one who answers for a run.
pub(super) struct Clerk {
    order: HatchOrder,
    written: AtomicU32,
    closed: AtomicBool,
}

/// The part of a request that every version has.
#[derive(Deserialize)]
struct AnyVersion {
    version: Value,
}

impl Clerk {
    pub(super) fn new(order: HatchOrder) -> Clerk {
        Clerk {
            order,
            written: AtomicU32::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Answers nobody any more: the agent has ended.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// The reply to a request as it came; nothing for a caller who never finished one.
    pub(super) fn reply(&self, request: io::Result<Vec<u8>>) -> Option<Vec<u8>> {
        let asked = match request {
            Ok(line) if line.is_empty() => return None,
            Ok(line) => read(&line),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(in_run::too_long()),
            Err(_) => return None,
        };
        if self.closed.load(Ordering::SeqCst) {
            return None;
        }
        let outcome = match asked.and_then(|request| self.answer(request)) {
            Ok(answer) => ReplyOutcome::Answer(answer),
            Err(error) => ReplyOutcome::Error(RefusalTold::from(&error)),
        };
        let reply = Reply {
            version: VERSION,
            outcome,
        };
        serde_json::to_vec(&reply).ok()
    }

    fn answer(&self, request: AgentRequest) -> Result<AgentAnswer, AppError> {
        if request.key != self.order.key {
            let message = "this socket answers the agent of its own run alone";
            return Err(AppError::new(ErrorClass::Denied, message));
        }
        match request.ask {
            AgentAsk::Show { task } => {
                self.own(&task)?;
                self.show()
            }
            AgentAsk::Why { task } => {
                task.map_or(Ok(()), |task| self.own(&task))?;
                self.why()
            }
            AgentAsk::Heartbeat { task } => {
                self.own(&task)?;
                self.renew(|tx, cx| lease::heartbeat(tx, cx, &self.order.token, None))
            }
            AgentAsk::Checkpoint { task, next_step } => {
                self.own(&task)?;
                self.renew(|tx, cx| lease::checkpoint(tx, cx, &self.order.token, next_step))
            }
            AgentAsk::Note { task, text } => {
                self.own(&task)?;
                Ok(AgentAnswer::Noted(self.note(&text)?))
            }
            AgentAsk::Friction { text, task } => {
                task.map_or(Ok(()), |task| self.own(&task))?;
                self.friction(&text)
            }
            AgentAsk::Send { to, text } => self.send(&to, &text),
            AgentAsk::Inbox { ack } => self.inbox(ack.as_deref()),
            AgentAsk::Submit { task } => {
                self.own(&task)?;
                self.submit()
            }
            AgentAsk::LockCheck { paths } => self.lock_check(&paths),
            AgentAsk::PreTool { call } => self.pre_tool(&call),
        }
    }

    /// Refuses every task but the run's own. Other tasks are not looked for, so that nobody learns
    /// which ones there are.
    fn own(&self, typed: &str) -> Result<(), AppError> {
        let own = &self.order.task;
        let prefix = typed_prefix(typed);
        if prefix.is_some_and(|prefix| own.as_str().starts_with(&prefix)) {
            return Ok(());
        }
        let message = format!(
            "inside of a run only its own task can be asked about: {own}, not `{}`",
            one_line(typed)
        );
        Err(AppError::new(ErrorClass::Denied, message)
            .hint(format!("leave the id away, or name {own}")))
    }

    fn store(&self, access: Access) -> Result<Box<dyn Store>, OpError> {
        Ok(self.order.store.open(access)?)
    }

    /// The surroundings of an operation, now.
    fn cx(&self) -> Cx {
        self.order.cx.at((self.order.clock)())
    }

    fn show(&self) -> Result<AgentAnswer, AppError> {
        let (cx, id) = (self.cx(), &self.order.task);
        let told = self.store(Access::Read)?.read(|tx| -> Result<_, OpError> {
            let (task, gates) = why::why(tx, &cx, &self.order.config, id.as_str())?;
            let lease = tx.lease(&id.subject())?;
            let deps = tx.deps(&task.id)?;
            Ok(TaskTold {
                task,
                lease: lease.map(|lease| LeaseTold::of(&lease, &cx.now)),
                gates,
                deps,
                messages: mail::of_task(tx, id)?,
            })
        })?;
        Ok(AgentAnswer::Task(Box::new(told)))
    }

    fn why(&self) -> Result<AgentAnswer, AppError> {
        let (cx, id) = (self.cx(), &self.order.task);
        let told = self.store(Access::Read)?.read(|tx| -> Result<_, OpError> {
            let (task, gates) = why::why(tx, &cx, &self.order.config, id.as_str())?;
            let messages = mail::of_task(tx, id)?;
            Ok(GatesTold {
                task,
                gates,
                messages,
            })
        })?;
        Ok(AgentAnswer::Gates(Box::new(told)))
    }

    fn renew(
        &self,
        write: impl FnOnce(&mut dyn Tx, &Cx) -> Result<Lease, OpError>,
    ) -> Result<AgentAnswer, AppError> {
        self.may_write()?;
        let cx = self.cx();
        let lease = commit(&mut *self.store(Access::Write)?, &cx, write)?;
        Ok(AgentAnswer::Lease(LeaseTold::of(&lease, &cx.now)))
    }

    fn may_write(&self) -> Result<(), AppError> {
        if self.written.fetch_add(1, Ordering::SeqCst) >= WRITES {
            let message =
                format!("this run has written {WRITES} times, which is the most that one may");
            return Err(AppError::new(ErrorClass::Denied, message));
        }
        Ok(())
    }

    fn note(&self, text: &str) -> Result<NoteTold, AppError> {
        self.may_write()?;
        let (cx, own) = (self.cx(), &self.order.token);
        let id = self.order.task.as_str();
        let task = commit(&mut *self.store(Access::Write)?, &cx, |tx, cx| {
            lease::fenced(tx, cx, own, "note")?;
            edit::note(tx, cx, id, text.to_owned())
        })?;
        Ok(NoteTold {
            task: task.id,
            notes: task.notes.len(),
            next: None,
        })
    }

    fn friction(&self, text: &str) -> Result<AgentAnswer, AppError> {
        self.may_write()?;
        let (cx, own) = (self.cx(), &self.order.token);
        let task = self.order.task.as_str();
        let told = commit(&mut *self.store(Access::Write)?, &cx, |tx, cx| {
            lease::fenced(tx, cx, own, "tell of a friction")?;
            friction::add(tx, cx, text, Some(task))
        })?;
        Ok(AgentAnswer::Friction(Box::new(told)))
    }

    fn send(&self, to: &str, text: &str) -> Result<AgentAnswer, AppError> {
        self.may_write()?;
        let (cx, own) = (self.cx(), &self.order.token);
        let book = AddressBook::of(&self.order.root)?.within_a_run();
        let sent = commit(&mut *self.store(Access::Write)?, &cx, |tx, cx| {
            lease::fenced(tx, cx, own, "send a message")?;
            send::send(tx, cx, &book, (to, text))
        })?;
        Ok(AgentAnswer::Sent(Box::new(sent)))
    }

    fn run(&self) -> RunId {
        RunId(format!("{}.{}", self.order.task, self.order.token.epoch))
    }

    /// The messages to the agent and to its task, without those that another run at work was given; with ids, or an empty list for all,
    /// they are marked as seen.
    fn inbox(&self, ack: Option<&[String]>) -> Result<AgentAnswer, AppError> {
        let (cx, own) = (self.cx(), &self.order.token);
        let (held, run) = ([self.order.task.clone()], self.run());
        let Some(ids) = ack else {
            let reader = MessageReader {
                actor: &cx.actor,
                held: &held,
                run: Some(&run),
            };
            let mut store = self.store(Access::Read)?;
            let messages = store.read(|tx| mail::inbox(tx, Some(&reader)))?;
            return Ok(AgentAnswer::Messages(messages));
        };
        self.may_write()?;
        let meant = match ids {
            [] => MessagesMeant::Waiting,
            ids => MessagesMeant::Named(ids),
        };
        let marked = commit(&mut *self.store(Access::Write)?, &cx, |tx, cx| {
            lease::fenced(tx, cx, own, "read messages")?;
            let reader = MessageReader {
                actor: &cx.actor,
                held: &held,
                run: Some(&run),
            };
            mail::mark(tx, cx, (&reader, meant), &MessageWay::Inbox)
        })?;
        Ok(AgentAnswer::Messages(marked))
    }

    /// Takes down that the agent says it has finished. That proves nothing and ends nothing: what follows is the
    /// run's end, as without this word.
    fn submit(&self) -> Result<AgentAnswer, AppError> {
        let told = self.note(FINISHED)?;
        let next = "end your turn: the run's checks and its verdict follow";
        Ok(AgentAnswer::Noted(NoteTold {
            next: Some(next.to_owned()),
            ..told
        }))
    }

    /// Answers the hook of the agent's CLI. After so many refusals that no more may be written they stay
    /// refusals.
    fn pre_tool(&self, call: &AskedCall) -> Result<AgentAnswer, AppError> {
        if call.paths.len() > MOST_PATHS {
            let message =
                format!("inside of a run a tool changes at most {MOST_PATHS} files at once");
            return Err(AppError::usage(message));
        }
        self.order.asked.fetch_add(1, Ordering::SeqCst);
        let (cx, own) = (self.cx(), &self.order.token);
        let run = self.run();
        let place = SessionPlace::of_tree(self.order.worktree.clone());
        let asked = GuardAsked {
            call,
            place: &place,
            holder: &cx.actor,
            kept: &[],
            run: Some(&run),
            imports: self.order.imports.as_ref(),
        };
        let keep = if self.written.load(Ordering::SeqCst) < WRITES {
            RefusalRecord::Kept
        } else {
            RefusalRecord::Dropped
        };
        let mut store = self.store(Access::Write)?;
        store.read(|tx| lease::fenced(tx, &cx, own, "tool call").map(drop))?;
        let ruled = guard::judge(&mut *store, &cx, asked, keep);
        if ruled.is_err() {
            self.written.fetch_add(1, Ordering::SeqCst);
        }
        ruled.map_err(told)?;
        Ok(AgentAnswer::MayCall)
    }

    fn lock_check(&self, paths: &[String]) -> Result<AgentAnswer, AppError> {
        let paths: BTreeSet<&String> = paths.iter().collect();
        if paths.len() > MOST_PATHS {
            let message =
                format!("inside of a run at most {MOST_PATHS} paths are asked about at once");
            return Err(AppError::usage(message));
        }
        let (cx, own) = (self.cx(), [self.order.token.subject.clone()]);
        let until = Instant::now() + PATIENCE;
        let blocked = self.store(Access::Read)?.read(|tx| {
            let mut blocked = Vec::new();
            for path in paths {
                // Each may be held against every lock that there is, and the run's end waits for nobody.
                if self.closed.load(Ordering::SeqCst) || Instant::now() > until {
                    let why = "there are too many locks to look through at once".to_owned();
                    let hint = "ask about fewer paths".to_owned();
                    return Err(OpError::from(Refusal::TryLater { why, hint }));
                }
                blocked.extend(lock::check(tx, &cx, std::slice::from_ref(path), &own)?);
            }
            Ok(blocked)
        })?;
        Ok(AgentAnswer::Locked(
            blocked.iter().map(LockTold::from).collect(),
        ))
    }
}

/// Reads a request. Its version is looked at before its words, which another version may not have.
fn read(line: &[u8]) -> Result<AgentRequest, AppError> {
    let unreadable = |why: serde_json::Error| {
        AppError::usage(format!(
            "inside of a run a request is one line of JSON: {why}"
        ))
    };
    let AnyVersion { version } = serde_json::from_slice(line).map_err(unreadable)?;
    if version != VERSION {
        let version = one_line(&version.to_string());
        return Err(AppError::usage(format!(
            "the supervisor of this run speaks version {VERSION} of the protocol, not {version}"
        )));
    }
    serde_json::from_slice(line).map_err(unreadable)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
