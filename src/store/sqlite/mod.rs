//! The embedded backend: one SQLite file shared by many short-lived processes.
//!
//! Every trap here was measured: a deferred transaction that upgrades fails at once, so writers
//! begin IMMEDIATE; the built-in busy timeout backs off to 100 ms and starves whoever waits
//! longest, so the handler sleeps short and jittered; the last close would checkpoint and delete
//! the WAL (five syncs for one commit), so that is off and a commit that fills the log empties it
//! (`checkpoint`); a file unlinked under a writer swallows commits, so its identity is compared
//! before each write.
//!
//! Nothing else in the process may open the database file: closing any descriptor of it drops the
//! process's locks.

mod asks;
mod backup;
mod checkpoint;
mod connect;
#[cfg(test)]
mod contract_tests;
mod copy;
mod damage_note;
#[cfg(test)]
mod damage_tests;
mod files;
mod history;
mod list;
mod mark;
mod migrate;
mod piles;
mod query;
mod replace;
mod store;
mod sums;
mod tables;
mod tx;

pub use backup::{BackupInfo, backups, contents, copy_to, inspect, integrity, roll};
pub use files::writers;
pub use migrate::FORMAT;
pub use replace::replace;
pub use store::SqliteStore;
