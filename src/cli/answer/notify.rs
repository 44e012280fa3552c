//! Answers of `ai notify`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::notice::{
    Notice, NoticeSettings, NoticeSink, NoticeType, Outbox, SinkEnd, SinkStanding,
};

/// The answer to `ai notify test`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct NotifyTested<'a> {
    /// The sink, by its name.
    sink: &'a str,
    /// The kind of sink.
    #[serde(rename = "type")]
    kind: &'static str,
    /// True where the sink has taken it.
    delivered: bool,
    /// The result, in one sentence.
    what: String,
    /// The time that it took, in milliseconds.
    took_ms: u64,
    /// A step that helps, where it was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The notice that was sent.
    notice: &'a Notice,
}

impl<'a> NotifyTested<'a> {
    /// The answer about one try.
    pub(in crate::cli) fn new(
        (sink, kind): (&'a str, &NoticeSink),
        notice: &'a Notice,
        end: &SinkEnd,
        took_ms: u64,
    ) -> NotifyTested<'a> {
        let what = match end {
            SinkEnd::Taken => "delivered".to_owned(),
            SinkEnd::Absent(why) => format!("not there on this machine now: {why}"),
            SinkEnd::Failed(why) | SinkEnd::Refused(why) => format!("not delivered: {why}"),
            SinkEnd::Later => "not tried".to_owned(),
        };
        let next = match (end, kind) {
            (SinkEnd::Taken | SinkEnd::Later, _) => None,
            (_, NoticeSink::Console | NoticeSink::Desktop) => {
                Some("log in to a desktop that shows notices, or use another sink".to_owned())
            }
            (_, NoticeSink::Webhook(_) | NoticeSink::Command(_) | NoticeSink::File(_)) => {
                Some(format!(
                    "mend it, or `notices.sinks.{sink}` in .ai/config.yaml; then `ai notify test {sink}`"
                ))
            }
        };
        NotifyTested {
            sink,
            kind: kind.kind(),
            delivered: *end == SinkEnd::Taken,
            what,
            took_ms,
            next,
            notice,
        }
    }

    /// The result, in one sentence.
    pub(in crate::cli) fn what(&self) -> &str {
        &self.what
    }

    /// A step that helps.
    pub(in crate::cli) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// A line of `ai notify list`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct NotifySinkLine {
    /// The sink, by its name.
    sink: String,
    /// The kind of sink.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `ok`, `failing`, `untrusted`, or `untried`.
    state: &'static str,
    /// Types of notices that it is told of.
    told_of: Vec<NoticeType>,
    /// Notices that wait for it.
    waiting: usize,
    /// The record of its deliveries.
    #[serde(flatten)]
    standing: SinkStanding,
}

impl NotifySinkLine {
    /// The line of one sink; `is_barred` where nobody trusts what it would do.
    pub(in crate::cli) fn new(
        (name, sink): (&str, &NoticeSink),
        settings: &NoticeSettings,
        outbox: &Outbox,
        is_barred: bool,
    ) -> NotifySinkLine {
        let standing = outbox.sinks.get(name).cloned().unwrap_or_default();
        let state = match (is_barred, standing.failed_in_row, standing.last_ms) {
            (true, ..) => "untrusted",
            (false, 1.., _) => "failing",
            (false, 0, Some(_)) => "ok",
            (false, 0, None) => "untried",
        };
        let types = NoticeType::WORDS.iter().map(|(_, kind)| *kind);
        let told_of = types.filter(|kind| settings.sinks_of(*kind).contains(&name));
        NotifySinkLine {
            sink: name.to_owned(),
            kind: sink.kind(),
            state,
            told_of: told_of.collect(),
            waiting: outbox.waiting_for(name).len(),
            standing,
        }
    }

    /// The word for its state.
    pub(in crate::cli) fn state(&self) -> &'static str {
        self.state
    }

    /// True where nothing reaches it.
    pub(in crate::cli) fn is_in_trouble(&self) -> bool {
        matches!(self.state, "failing" | "untrusted")
    }

    /// The line for a table.
    pub(in crate::cli) fn cells(&self) -> Vec<String> {
        let told_of = match self.told_of.len() {
            0 => "nothing".to_owned(),
            all if all == NoticeType::WORDS.len() => "everything".to_owned(),
            _ => {
                let words: Vec<&str> = self.told_of.iter().map(|kind| kind.as_str()).collect();
                words.join(", ")
            }
        };
        vec![
            self.sink.clone(),
            self.kind.to_owned(),
            self.state.to_owned(),
            self.standing.delivered.to_string(),
            self.waiting.to_string(),
            self.standing.dropped.to_string(),
            told_of,
        ]
    }
}
