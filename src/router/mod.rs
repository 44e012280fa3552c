//! Who works on a task: one pure function from what is known about every agent to a choice with its
//! reasons.
//!
//! A candidate passes gates in a fixed order (usable, capability, label, policy, quota, login,
//! breaker, budget, attempts, room); the first that it does not pass is why it lost. Those that pass all are
//! compared by score. Where a task or the project names its agent, nobody else is considered but
//! the fallbacks configured for that agent, and those only where quota or login is in the way: a
//! model is never changed silently. Nothing is read here: no clock, no file, no store.

mod decide;
#[cfg(test)]
mod gate_tables;
mod model;
#[cfg(test)]
mod pin_tables;
mod score;
#[cfg(test)]
mod tests;
mod unready;

pub use decide::route;
pub use model::{Candidate, Considered, History, Pin, RouteGate, RouteRequest, Score, Trace, Wish};
#[cfg(test)]
pub use model::{Lost, RouteStanding};
pub use unready::pass_over_unready;
