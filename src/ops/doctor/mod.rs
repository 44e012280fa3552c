//! `ai doctor`: looks at everything that `ai` stands on and says what is wrong and which command
//! helps. Never writes.
//!
//! A look that fails is a finding, never the end of the examination: what is broken elsewhere still
//! shows.

mod examine;
mod finding;
mod instructions;
mod limits;
mod locks;
mod machine;
mod notices;
mod patient;
mod project;
mod recurring;
mod repository;
mod resources;
mod store;
mod work;

pub use examine::{Examination, examine};
pub use finding::{Finding, Level};
#[cfg(test)]
pub use limits::{RECORDS, WARNED_FROM};
pub use patient::{Depth, Patient};
