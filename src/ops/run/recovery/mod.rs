//! Runs that did not come to their end: found, stopped, saved, given back.

pub mod checkout;
pub mod ending;
mod ignored;
pub mod journal;
pub mod leftovers;
pub mod liveness;
mod moved;
pub mod older;
pub mod recover;
pub mod salvage;
pub mod stop;
