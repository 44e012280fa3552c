//! `ai`: Git-native coordination for coding agents.
//!
//! Modules are layers and look one way only; `ARCHITECTURE.md` draws them, and `tests/tidy.rs` fails
//! on an import against them.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests set up real files, processes and repositories"
    )
)]

mod app;
mod base;
pub mod board;
mod checks;
pub mod cli;
mod config;
mod connector;
pub mod daemon;
mod domain;
mod git;
pub mod hatch;
pub mod mcp;
mod notify;
mod ops;
mod policy;
mod process;
mod router;
mod store;

pub use app::doors::Doors;
#[cfg(feature = "fuzz")]
pub use policy::fuzz;
