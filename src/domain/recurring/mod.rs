//! Recurring work: tasks that a clock creates.
//!
//! [`due()`] decides, from the clock, the rules, and how the work stands by the words of the log. A moment is dealt with
//! once. Absent on purpose: the files that say what is created, trust in them, and any clock or time zone table.

mod clock;
mod cron;
mod due;
mod word;

pub use clock::{ClockKind, RecurringClock};
pub use due::{AskedMoment, CatchUpRule, DueSight, OverlapRule, RecurringDue, RecurringRules, due};
pub use word::{RecurringMemory, RecurringStanding, RecurringSwitch, RecurringWord};
