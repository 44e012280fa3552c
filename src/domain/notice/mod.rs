//! Notices: what a person should hear of without having asked.
//!
//! [`cause_of`] finds in an event of the log what is worth a notice, [`Notice::of`] makes of it the one document
//! that every sink is given, and an [`Outbox`] decides who is told when: rules, quiet hours, what was said
//! already, and how much waits for a sink that does not answer. All of it is plain values. Absent on purpose:
//! any sink, and the reading of the log.

mod cause;
mod chat;
mod document;
mod outbox;
mod settings;

pub use cause::{
    NoticeCause, Reviewer, cause_of, cause_of_budget, cause_of_left, cause_of_mending,
    cause_of_trouble,
};
pub use chat::{ChatShape, check_webhook_url};
pub use document::{Notice, NoticePlace, NoticeType, clipped};
pub use outbox::{NoticeMoment, Outbox, SinkEnd, SinkStanding};
pub use settings::{
    CommandSink, FileSink, NoticeSettings, NoticeSink, QuietHours, SecretAt, TimeZoneName, UrlAt,
    WebhookSink, pause_before_try_ms,
};

#[cfg(test)]
mod tables;
