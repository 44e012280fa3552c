//! What a run has used so far: told by the agent's stream, recorded in the store by the thread that renews the lease, and held against
//! the budgets together with what all other runs have used.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::budget::RunUsage;

/// A word to the thread that renews the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// There is something new to record.
    News,
    /// It may end.
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
    listener: Option<Sender<Word>>,
}

impl Ledger {
    /// The agent's CLI has told what it used.
    pub fn report(&self, used: RunUsage) {
        let mut inside = self.inside();
        if inside.used == Some(used) {
            return;
        }
        inside.used = Some(used);
        // Nobody listens before the first heartbeat and after the last.
        let _heard = inside.listener.as_ref().map(|listener| listener.send(Word::News));
    }

    /// What it has used so far, where its CLI has told.
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
    pub(super) fn listen(&self, listener: Sender<Word>) {
        self.inside().listener = Some(listener);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Whoever panicked has left whole values behind.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
