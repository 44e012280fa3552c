//! Notices: what came up is found in the log, and delivered beside the work.
//!
//! A command or the daemon that sees something worth a notice starts `ai notify deliver`, which outlives it, and goes on;
//! each such helper looks through the log from where the last one stopped, and tells the sinks that nobody tells at that
//! moment (ADR 0084, ADR 0092). So a sink that hangs delays nobody but itself. Absent: any delivery in a process that does work.

mod courier;
mod kept;
mod news;

pub use courier::{Courier, SettingsAt, deliver};
pub use kept::{NoticePaths, is_set_aside_next, read, set_aside, take_trial_down, waits_until_ms};
pub use news::{NewsSight, NoticeNews, news, quiet_until_ms, reviewer};
