//! Stores in memory: the tables that a log replays into, and for tests a whole store of them.

#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod store;
mod tables;

#[cfg(test)]
pub(crate) use store::MemoryPlace;
pub use tables::MemoryTables;
