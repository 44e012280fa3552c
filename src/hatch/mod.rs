//! The front end of an agent inside of a run: a Unix socket beside the run's files, at which the
//! supervisor answers for the run's own task.
//!
//! It does what the command line does, by the same operations, under the run's own lease, session and
//! policy. Deliberately absent: every other task, every act that ends a task or moves a branch,
//! and whatever would let its caller choose who acts.

mod answer;
mod listener;

pub use listener::open;
