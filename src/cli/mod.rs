//! The command line: parsing, dispatch, and nothing of the work itself.

mod answer;
mod args;
mod branch;
mod cmd;
mod context;
mod error;
mod junit;
mod live;
mod look;
mod mistake;
#[cfg(test)]
mod numbers_tests;
mod progress;
#[cfg(test)]
mod reference;
mod sarif;
mod start;
mod ui;

pub use start::main;
