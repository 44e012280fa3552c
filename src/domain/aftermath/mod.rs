//! What follows the end of a run: how the attempt ended, what its checks said together, who objects
//! to what it did, how long its agent is left alone, and what becomes of the task.
//!
//! Pure decisions over plain values: the caller measures, asks the policy and records. Where many
//! have a say the strictest wins, and its reason stands: nothing that is said later replaces it.
//! Absent on purpose: the verdict table itself, which is [`crate::domain::verdict`].

mod attempt;
mod cut_off;
mod follow_up;
mod objection;
mod on_base;
mod parked;
pub(crate) mod pause;
mod repeated;
mod summary;
mod verification;

pub use attempt::{AttemptEnd, TreeChange};
#[cfg(test)]
pub use cut_off::STANDSTILLS_PER_LAPSE;
pub use cut_off::{CutOff, CutOffBy, CutOffCounts, is_standstill};
pub use follow_up::JudgedAttempt;
pub use objection::{Objection, used_tool_in_words};
pub use on_base::{FailureOf, failure_of};
pub use parked::Parked;
pub use pause::{MOST_REFUSALS, ProviderRefusal, refused_in_a_row};
pub use repeated::{FailedWay, failed_alike, last_failed};
pub use summary::summary;
pub use verification::{CheckEnd, verification};
