//! A whole store in memory, for tests: as strict as the embedded one, without its disk.
//!
//! A writer works on a copy of what is committed and puts it in the place of the old state when it
//! commits, so that readers never wait and always see whole transactions. Writers take turns.
//! Deliberately absent: durability, migrations, and every error that only a file can have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::history::RunUse;
use crate::domain::ids::TaskId;
use crate::store::memory::MemoryTables;
use crate::store::memory::rows::{LogRecord, MemoryRows};
use crate::store::{Lasting, Store, StoreError, Transaction, Tx};

/// A place that holds one store. Clones are the same place.
#[derive(Clone, Debug)]
pub(crate) struct MemoryPlace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Held by the one who writes.
    turn: Mutex<()>,
    committed: Mutex<Arc<State>>,
}

/// Everything that a store holds.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The tables, as a replay of the log would make them.
    pub(super) tables: MemoryTables,
    /// Edges `(task, on)`, the other way round than in the tables.
    pub(super) waits: BTreeSet<(TaskId, TaskId)>,
    /// Tasks as they were created.
    pub(super) order: Vec<TaskId>,
    /// The log.
    pub(super) log: Vec<Arc<LogRecord>>,
    /// Ended runs, as the sums have taken them in.
    pub(super) uses: Vec<Arc<RunUse>>,
    /// Values of the store's own.
    pub(super) meta: BTreeMap<String, String>,
}

impl MemoryPlace {
    /// A place with a new store in it.
    pub(crate) fn new(store_id: &str) -> MemoryPlace {
        let mut state = State::default();
        state.meta.insert("store".into(), store_id.into());
        MemoryPlace(Arc::new(Shared {
            turn: Mutex::new(()),
            committed: Mutex::new(Arc::new(state)),
        }))
    }

    /// Another connection to it.
    pub(crate) fn open(&self) -> MemoryStore {
        MemoryStore {
            place: self.clone(),
        }
    }

    fn committed(&self) -> Arc<State> {
        Arc::clone(&locked(&self.0.committed))
    }
}

/// An open store in memory.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    place: MemoryPlace,
}

impl Store for MemoryStore {
    fn begin_write(&mut self, _lasting: Lasting) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let turn = locked(&self.place.0.turn);
        Ok(Box::new(MemoryTransaction {
            place: &self.place,
            rows: MemoryRows::of(self.place.committed()),
            turn: Some(turn),
        }))
    }

    fn begin_read(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        Ok(Box::new(MemoryTransaction {
            place: &self.place,
            rows: MemoryRows::of(self.place.committed()),
            turn: None,
        }))
    }
}

/// A transaction on its own copy of the state, which is made at the first change.
struct MemoryTransaction<'a> {
    place: &'a MemoryPlace,
    rows: MemoryRows,
    /// Held by a writer until the end.
    turn: Option<MutexGuard<'a, ()>>,
}

impl Transaction for MemoryTransaction<'_> {
    fn tx(&mut self) -> &mut dyn Tx {
        &mut self.rows
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if self.turn.is_some() {
            *locked(&self.place.0.committed) = self.rows.into_state();
        }
        Ok(())
    }
}

/// Takes a lock; a writer that panicked has committed nothing, so that its lock is as good as new.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
