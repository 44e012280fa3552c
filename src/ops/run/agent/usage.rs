//! What a run has used so far: told by the agent's stream, recorded in the store by the thread that
//! renews the lease, and held against the budgets together with what all other runs have used.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::budget::RunUsage;

/// A word to the thread that renews the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// There is something new to record.
    News,
    /// The agent may end.
    Stop,
}

/// Shared by the listener of one run and the thread that renews its lease.
#[derive(Debug, Default)]
pub struct Ledger {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    used: Option<RunUsage>,
    reached: Option<String>,
    stage: AgentStage,
    listener: Option<Sender<Word>>,
}

/// The stage of an agent: whether there is still something to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentStage {
    /// The agent works.
    AtWork,
    /// The agent has not begun, or has told its result: what it did is to be judged, whatever it
    /// cost.
    #[default]
    Idle,
}

impl Ledger {
    /// The agent begins, or has come to its end.
    pub fn set_stage(&self, stage: AgentStage) {
        self.inside().stage = stage;
    }

    /// A budget is used up: `stop` is called where the agent is at work, which it still is when
    /// this returns.
    pub fn reach_while_at_work(&self, budget: String, stop: impl FnOnce()) {
        let mut inside = self.inside();
        if inside.stage == AgentStage::AtWork {
            inside.reached.get_or_insert(budget);
            stop();
        }
    }

    /// The agent's CLI has told what it used.
    pub fn report(&self, used: RunUsage) {
        let mut inside = self.inside();
        if inside.used == Some(used) {
            return;
        }
        inside.used = Some(used);
        // Nobody listens before the first heartbeat and after the last.
        let _heard = inside
            .listener
            .as_ref()
            .map(|listener| listener.send(Word::News));
    }

    /// Returns its use so far, where its CLI has told.
    pub fn used(&self) -> Option<RunUsage> {
        self.inside().used
    }

    /// A budget is used up; the first one stands.
    pub fn reach(&self, budget: String) {
        self.inside().reached.get_or_insert(budget);
    }

    /// The budget that was found used up.
    pub fn reached(&self) -> Option<String> {
        self.inside().reached.clone()
    }

    /// From now on `listener` hears of news.
    pub(crate) fn listen(&self, listener: Sender<Word>) {
        self.inside().listener = Some(listener);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Whoever panicked has left whole values behind.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stopped_that_has_told_its_result() {
        let ledger = Ledger::default();
        let stopped = std::cell::Cell::new(0);
        let reach =
            || ledger.reach_while_at_work("day.tokens".into(), || stopped.set(stopped.get() + 1));
        reach();
        assert_eq!(
            (stopped.get(), ledger.reached()),
            (0, None),
            "before it begins"
        );
        ledger.set_stage(AgentStage::AtWork);
        reach();
        assert_eq!(
            (stopped.get(), ledger.reached().as_deref()),
            (1, Some("day.tokens"))
        );
        ledger.set_stage(AgentStage::Idle);
        reach();
        assert_eq!(stopped.get(), 1, "checks go on");
    }

    #[test]
    fn news_are_told_once() {
        let (ledger, (sender, heard)) = (Ledger::default(), std::sync::mpsc::channel());
        ledger.listen(sender);
        let used = RunUsage {
            tokens: 1,
            cost: None,
            at_least: false,
        };
        ledger.report(used);
        ledger.report(used);
        assert_eq!((heard.try_iter().count(), ledger.used()), (1, Some(used)));
    }
}
