//! Landing several works at once: which combination of them is checked next, which lands, which goes
//! back, and why.
//!
//! One pure value, [`LandingAttempt`], holds what was checked as which combination with which result;
//! [`LandingAttempt::next`] says what is to be done with it. It is asked again after every answer and
//! remembers nothing else, so that an attempt that was cut off is begun anew from answers that are
//! known by their trees. Nothing lands whose very combination has not passed; nobody is sent back
//! but for a failure that was seen twice and that the base does not have; the order is kept
//! (ADR 0080). Absent on purpose: how a combination is made, checked or landed.

mod answer;
mod attempt;
mod order;
mod search;

pub use answer::{CheckPurpose, Combination, CombinationAnswer};
pub use attempt::{BatchWork, Blame, LandingAttempt, LandingStep, PartnerSearch, WorkFate};
pub use order::{WaitingWork, landing_order};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod testing;
