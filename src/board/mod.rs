//! The board: a front end for a person who watches at a terminal. Tasks in columns by what becomes of them next, those
//! that wait for a person first, and below them everything about the one that is chosen.
//!
//! Invariants: what stands on the screen is a function of a state, and the state a function of keys and of what was
//! looked up, neither of which touches the machine; the store is read only when it was written to, and the words of an
//! agent only for the chosen task; nothing is drawn that stands there already; the terminal is given back whatever
//! happens but SIGKILL; texts of people and agents reach the screen without control characters.
//!
//! Deliberately absent: lines for whoever is no terminal, which are the command line's (`cli/cmd/watch.rs`), and any
//! rule about who may do what.

mod act;
mod detail;
mod draw;
mod eye;
mod help;
mod keys;
mod model;
mod news;
mod picture;
mod plan;
mod screen;
mod serve;
mod signals;
mod story;
#[cfg(test)]
mod testing;

pub use serve::serve;
