//! Scheduling: which tasks start now and on which agent, and what every other one waits for.
//!
//! One pure function, [`tick_by`], over plain values: the queue, what the router says of each task, what
//! is at work, and the settings. The same input gives the same answer, whatever the order of its
//! lists. It never starts two tasks whose path locks conflict, never more than the limits, and a task
//! that could start is overtaken for a bounded time only (ADR 0077). Absent on purpose: who may have a task
//! (the router), what else holds one (the gates of `ai why`), and any start itself.

mod admission;
mod bucket;
mod circuit;
mod desk;
mod durations;
mod forecast;
mod maintenance;
mod settings;
mod state;
mod tick;
mod urgency;

pub use admission::{
    DiskRoom, LineCrossed, MachineSettings, MachineSight, MachineWait, PressureKind, PressureLimits,
};
pub use circuit::{AgentHealth, Circuit};
pub use durations::{PastRun, RangeBasis, RangeQuality, RunRange};
pub use forecast::{RunAtWork, forecast};
pub use maintenance::{MaintenanceWindow, MinuteOfDay, UtcOffset, Weekday};
pub use settings::{Breaker, QueuePolicy, RateLimit, SchedulerSettings};
pub use state::{
    AgentStanding, HeldPathsBy, Outlook, PathsInUse, QueueLimits, QueueState, QueuedTask, TaskLook,
    WantedPath,
};
#[cfg(test)]
pub use tick::tick;
pub use tick::{QueueAction, QueueWait, TaskStart, TickScope, tick_by};
pub use urgency::fair_label;

#[cfg(test)]
mod admission_tables;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod testing;
