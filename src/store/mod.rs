//! The store: tasks, leases, locks, runs, evidence, decisions and the log.
//!
//! Operations are written once, in `ops`, over [`Tx`]: primitives in terms of the domain, no SQL
//! and no logic. A backend implements the primitives and runs the contract suite
//! (`contract/mod.rs`). Isolation that every backend must give: a write transaction sees the state
//! at its start and its own writes, and no two of them interleave (serialisable); what is
//! acknowledged is durable; a closure that returns an error leaves nothing behind.

#[cfg(test)]
pub(crate) mod contract;
mod error;
mod filter;
mod json;
pub mod memory;
mod now;
mod patience;
mod place;
mod replayed;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod testing;
mod tx;

pub use error::StoreError;
pub use filter::{EventFilter, StoredEvent, TaskFilter, TaskLine, TaskSort};
pub use json::id_of;
pub use now::local_now;
pub use patience::waiting_at_most;
pub use place::{Access, StorePlace, newest_format};
pub use replayed::ReplayedTables;
pub use tx::{Flow, Lasting, RowTable, Store, Transaction, Tx};
