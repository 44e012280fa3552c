//! The queue of a project as the scheduler sees it: its state out of the store, and what a task waits
//! for in words.

mod at_work;
mod kept;
mod lands;
mod plan;
mod queue;
mod words;

pub use kept::add_kept;
pub use lands::add_landing;
pub use plan::{PlannedStep, PlannedTask, QueuePlan, plan};
pub use queue::{QueueView, StartingRun, limits_of, look_of};
pub use words::gate_of;
