//! A front end for agents: a server of the Model Context Protocol on standard input and output.
//!
//! Invariants: a tool does what the command of its name does, by the same operation, under the same
//! policy, with the same records; whoever asks is an agent, never a person; each server is a session of
//! its own, so that a lease is of no use in another one; within a run the supervisor answers, for its own
//! task alone. A refusal is a result that the model reads, with the next step in its text, since
//! clients lose the data of protocol errors.
//!
//! Deliberately absent: prompts, resources and subscriptions; the protocol itself, which is the official
//! SDK's; the settings of a CLI, which are for `ops::cli_setup`.

mod answer;
mod outside;
mod server;
mod session;
mod tools;
mod within;

#[cfg(test)]
mod tools_tests;

pub use server::serve;
