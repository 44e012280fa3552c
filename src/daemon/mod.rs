//! A front end that nobody looks at: the queue of a repository worked unattended.
//!
//! Invariants: it does nothing that a command does not do, by the same operations (a run is `ai run TASK` as a
//! process of its own, a landing `ai land`, recovery `ai recover`); what it knows it has looked up since it last waited, so that
//! it may stand still for hours and go on; its runs live without it, and another daemon counts them as its own; a
//! fault of its own starts nothing and ends no run.
//!
//! Deliberately absent: any order of tasks, which is the scheduler's (`domain/schedule`), and any rule about what
//! becomes of a run.

mod clerk;
mod door;
mod hands;
mod journal;
mod landing;
mod look;
mod notices;
mod recurring;
mod report;
mod serve;
mod settings;
mod sight;
mod wake;

pub use serve::serve;
