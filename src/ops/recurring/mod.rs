//! Recurring work: files say what is created and when, people switch it on, and a tick creates what is due.
//!
//! A file does nothing by itself: it has to be switched on in this store and trusted on this machine, byte for byte, and
//! each task is asked about like any other, in the name `daemon:recurring:NAME` (ADR 0087). Nothing here waits: who calls
//! [`tick()`] and when is the daemon's matter, or a person's.

mod file;
mod fire;
mod look;
mod memory;
mod switch;
mod tick;

pub use file::{RecurringFileShape, load};
pub use look::{
    ListedRecurring, RecurringOverview, RecurringState, UpcomingRecurring, due_after, last_open,
    next_of_each, overview, upcoming,
};
pub use switch::{Switched, disable, enable, require_trust, run, unknown};
pub use tick::{RecurringDone, RecurringTrouble, tick};
