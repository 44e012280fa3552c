//! The hosts that a run asks for: each is decided once, by the lists and then by the policy, and the
//! decision is recorded.
//!
//! The records are written by a thread with a connection of its own, so that no byte of a run waits for
//! a busy store. The first answer about a host counts for the whole run, though the policy ask for a
//! person's yes: a yes that was given before counts, one that is given meanwhile counts for the next run.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect, MatchedRule, PolicyLayer};
use crate::domain::egress::{Host, HostAnswer, HostPort};
use crate::domain::event::Event;
use crate::domain::task::Task;
use crate::domain::time::Now;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::store::{Access, StorePlace};

/// Hosts that one run may ask for: each leaves a record for ever.
const HOSTS: usize = 200;
/// The name of the lists in a record.
pub const LIST_RULE: &str = "runs.network";

/// The surroundings of the decisions.
pub struct HostJudge {
    /// In the name of the run's session.
    pub(crate) cx: Cx,
    /// Reads both clocks.
    pub(crate) clock: fn() -> Now,
    /// Where the store is kept.
    pub(crate) store: StorePlace,
    /// The run's task.
    pub(crate) task: Task,
    /// The answers so far, and who writes them down.
    pub(crate) book: Mutex<HostBook>,
}

/// The answers so far.
#[derive(Default)]
pub struct HostBook {
    answers: HashMap<HostPort, HostAnswer>,
    recorder: Option<Recorder>,
}

/// The thread that writes records.
struct Recorder {
    records: Sender<DecisionRecord>,
    thread: JoinHandle<Result<(), OpError>>,
}

impl fmt::Debug for HostJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostJudge").finish_non_exhaustive()
    }
}

impl HostJudge {
    /// The answer about a host, given that of the lists.
    pub(crate) fn answer(&self, to: &HostPort, listed: HostAnswer) -> HostAnswer {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = book.answers.get(to) {
            return known.clone();
        }
        if book.answers.len() >= HOSTS {
            return Err(format!("this run has asked for {HOSTS} hosts already"));
        }
        let record = self.decide(to, listed);
        let answer = self.answer_of(&record);
        book.answers.insert(to.clone(), answer.clone());
        self.write_down(&mut book, record);
        answer
    }

    fn decide(&self, to: &HostPort, listed: HostAnswer) -> DecisionRecord {
        let cx = self.cx.at((self.clock)());
        let mut question = Question::on_task(Action::NetworkConnect, &self.task);
        question.resource.patterns.clear();
        question.resource.host = Some(match &to.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        });
        question.resource.port = Some(to.port);
        let mut record = ask::answer_outside(&self.store, &cx, &question);
        if let Err(reason) = listed {
            record.matched.push(MatchedRule {
                layer: PolicyLayer::Project,
                rule: LIST_RULE.to_owned(),
                effect: Effect::Deny,
                reason: reason.clone(),
                path: None,
                needs: None,
                when: None,
            });
            record.effect = Effect::Deny;
            record.layer = PolicyLayer::Project;
            record.rule = LIST_RULE.to_owned();
            record.reason = reason;
        }
        record
    }

    fn answer_of(&self, record: &DecisionRecord) -> HostAnswer {
        let (rule, reason, id) = (&record.rule, &record.reason, &record.id);
        match record.effect {
            Effect::Allow | Effect::Warn => Ok(()),
            Effect::Deny if rule == LIST_RULE => Err(reason.clone()),
            Effect::Deny => Err(format!("{reason} (rule `{rule}` of the policy)")),
            Effect::RequireApproval if self.has_a_yes(record) => Ok(()),
            Effect::RequireApproval => Err(format!(
                "{reason} (rule `{rule}` of the policy); a person can say yes for the next run: ai approve {id}"
            )),
        }
    }

    /// A store that cannot be read knows of no yes.
    fn has_a_yes(&self, record: &DecisionRecord) -> bool {
        let now_ms = (self.clock)().wall_ms;
        let found = self.store.open(Access::Read).map_err(OpError::from);
        found
            .and_then(|mut store| store.read(|tx| ask::approved(tx, now_ms, record)))
            .unwrap_or(false)
    }

    fn write_down(&self, book: &mut HostBook, record: DecisionRecord) {
        if book.recorder.is_none() {
            let (records, heard) = channel();
            let (store, cx) = (self.store.clone(), self.cx.clone());
            let begun = thread::Builder::new().spawn(move || write_all(&store, &cx, &heard));
            book.recorder = begun.ok().map(|thread| Recorder { records, thread });
        }
        if let Some(recorder) = &book.recorder {
            // A thread that has ended says why when it is waited for.
            let _sent = recorder.records.send(record);
        }
    }

    /// Waits until all records are written.
    ///
    /// # Errors
    /// Where one could not be.
    pub(crate) fn settle(&self) -> Result<(), OpError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Recorder { records, thread }) = book.recorder.take() else {
            return Ok(());
        };
        drop(records);
        // A panic of the thread has been printed.
        thread.join().unwrap_or(Ok(()))
    }
}

fn write_all(
    place: &StorePlace,
    cx: &Cx,
    records: &Receiver<DecisionRecord>,
) -> Result<(), OpError> {
    let mut store = place.open(Access::Write)?;
    while let Ok(record) = records.recv() {
        let event = Event::Decided {
            record: Box::new(record),
        };
        commit(&mut *store, cx, |tx, cx| cx.record(tx, &event))?;
    }
    Ok(())
}

/// A judge that several commands of a run ask.
pub type SharedJudge = Arc<HostJudge>;
/// The judge of a run, made when it is first wanted.
pub type JudgeSlot = OnceLock<SharedJudge>;
