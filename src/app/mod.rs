//! What every front end stands on: the workspace, lease tokens, error classes and exit codes.
//!
//! A front end (the command line is one) shows; what it shows and with which code a command ends is
//! decided here, so that none of them reads another's English. Deliberately absent: terminals,
//! argument parsers and formats.

pub mod daemon_orders;
pub mod daemon_words;
pub mod done;
pub mod doors;
pub mod error;
pub mod exit;
#[cfg(test)]
mod front_end_tests;
pub mod guard;
pub mod in_run;
pub mod lease_time;
pub mod store_news;
pub mod token;
pub mod workspace;
