//! The daemon's decisions: when it looks at the queue again, what follows an order to stop, how long a
//! task rests that was turned away.
//!
//! Pure functions of plain values; times are milliseconds of a clock that nobody sets. Which task starts is
//! not decided here but by the scheduler ([`schedule`](crate::domain::schedule)), and what becomes of a run
//! by the run itself.

mod build;
mod land;
mod rest;
mod standing;
mod step;
mod unit;

pub use build::{DaemonBuild, DaemonDifference, ProgramOnDisk, differences};
pub use land::{LandEnd, LandRest, LandSight, LandStep};
pub use rest::{RestMark, RestNews, Rests, TurnedAway};
pub use standing::{DaemonPresence, DaemonState, OrderKind, StandingOrder, StartBar};
pub use step::{
    DaemonEnding, DaemonMoment, DaemonStep, LookNotice, QueueSight, RunsAtStop, StopOrder,
    UnsettledWrite, WhenEmpty,
};
pub use unit::{
    ServiceAuthor, ServiceManager, ServiceMark, ServiceOrder, UnfitForService, lasting_places,
};
