//! Runs that did not come to their end: found, stopped, saved, given back.

pub mod recover;
pub mod salvage;
pub mod stop;
