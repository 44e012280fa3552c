//! The document of a notice: one format for every sink, published as `ai schema notice`.
//!
//! Texts are bounded and without control characters from the beginning, so that no sink has to think of it; what
//! a chat makes of its own marks is the business of that sink's shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::shown_time;
use crate::base::text::{flowing, multi_line};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::notice::NoticeCause;
use crate::domain::time::WallMs;

/// Most letters of a title.
const TITLE: usize = 200;
/// Most letters of a text.
const TEXT: usize = 2_000;
/// The version of the format. Fields may be added to it; what is there keeps its meaning.
const VERSION: u32 = 1;

/// The kind of a notice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeType {
    /// A task is done.
    Done,
    /// A task was given up: its attempts are used up, or somebody said so.
    Failed,
    /// A person's word is wanted: a review, or a yes to a decision.
    NeedsApproval,
    /// A task was put on hold.
    Blocked,
    /// A task was taken out of the queue until a person has looked at it.
    Parked,
    /// A budget is nearly used up.
    BudgetNear,
    /// A provider has refused for quota, and its agent rests.
    QuotaPause,
    /// Something is in the daemon's way.
    DaemonTrouble,
    /// Several things in one: what came up in quiet hours.
    Digest,
}

impl NoticeType {
    /// Every type with its word.
    pub const WORDS: [(&'static str, NoticeType); 9] = [
        ("done", NoticeType::Done),
        ("failed", NoticeType::Failed),
        ("needs-approval", NoticeType::NeedsApproval),
        ("blocked", NoticeType::Blocked),
        ("parked", NoticeType::Parked),
        ("budget-near", NoticeType::BudgetNear),
        ("quota-pause", NoticeType::QuotaPause),
        ("daemon-trouble", NoticeType::DaemonTrouble),
        ("digest", NoticeType::Digest),
    ];

    /// The word for it, in the configuration and in JSON.
    pub fn as_str(self) -> &'static str {
        let found = NoticeType::WORDS.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(word, _)| word)
    }
}

/// Something to tell. Fields are added in later versions, never changed or taken away while `version` is 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// The version of this format: 1.
    pub version: u32,
    /// The same for each delivery of one notice, and for no other notice.
    pub id: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: NoticeType,
    /// The time of what it tells, as RFC 3339 in UTC.
    pub time: String,
    /// The name of the repository's directory.
    pub repository: String,
    /// The task that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The run that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// One line, at most 200 letters.
    pub title: String,
    /// More of it, at most 2000 letters; may have several lines, or be empty.
    pub text: String,
    /// The exact next command.
    pub next: String,
}

/// The surroundings of what a notice tells.
#[derive(Clone, Copy, Debug)]
pub struct NoticePlace<'a> {
    /// The name of the repository's directory.
    pub repository: &'a str,
    /// The title of the task, where there is one.
    pub title: Option<&'a str>,
    /// The time of what is told.
    pub at_ms: WallMs,
    /// Different for any two things that are told: the hash of the record, where there is one.
    pub mark: &'a str,
}

impl Notice {
    /// The notice of something worth one.
    pub fn of(cause: &NoticeCause, place: &NoticePlace<'_>) -> Notice {
        let title = match place.title {
            Some(title) => format!("{}: {}", cause.what, flowing(title)),
            None => cause.what.clone(),
        };
        let mark: String = place.mark.chars().take(16).collect();
        Notice {
            version: VERSION,
            id: format!("n-{mark}-{}", cause.kind.as_str()),
            kind: cause.kind,
            time: shown_time::time(place.at_ms),
            repository: clipped(&flowing(place.repository), TITLE),
            task: cause.task.clone(),
            run: cause.run.clone(),
            title: clipped(&flowing(&title), TITLE),
            text: clipped(&multi_line(&cause.text), TEXT),
            next: cause.next.clone(),
        }
    }

    /// The document as one line of JSON.
    pub fn to_json(&self) -> String {
        // Texts and numbers alone: there is nothing in it that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The notice as one line for a person.
    pub fn line(&self) -> String {
        let text = flowing(&self.text);
        let text = if text.is_empty() {
            String::new()
        } else {
            format!(" ({text})")
        };
        let line = format!("{}: {}{text}", self.kind.as_str(), self.title);
        format!("{}; next: {}", clipped(&line, 400), self.next)
    }
}

/// At most so many letters of a text, with a sign where it was cut.
pub fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
