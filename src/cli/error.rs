//! How an error is shown: to people as text, to programs as one object.

use crate::app::error::AppError;
use crate::base::text;
use crate::base::yaml::YamlProblems;
use crate::cli::answer::{ErrorAnswer, ErrorBody};

/// The share of an error that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The failure and its reason, and the next command.
    Message,
    /// The causes too, down to the first.
    Causes,
}

/// The error as people read it: what failed and why, the causes where they are wanted, then the
/// next command.
///
/// Where a file is to blame, `problems` says which of its lines, shown in so many cells.
pub(super) fn for_people(
    error: &AppError,
    detail: Detail,
    problems: Option<&YamlProblems>,
    room: usize,
) -> String {
    let message = message_with_lines(&error.message, problems, room);
    let mut shown = format!("error: {}\n", text::multi_line(&message));
    for cause in causes(error, detail) {
        shown.push_str(&format!("  caused by: {}\n", text::multi_line(&cause)));
    }
    if let Some(hint) = &error.hint {
        shown.push_str(&format!("  next: {}\n", text::multi_line(hint)));
    }
    shown
}

/// The message with the lines of the file: each behind its problem, where the message tells of all
/// of them, else the first.
fn message_with_lines(message: &str, problems: Option<&YamlProblems>, room: usize) -> String {
    let Some(problems) = problems else {
        return message.to_owned();
    };
    match message.strip_suffix(&problems.to_string()) {
        Some(before) => format!("{before}{}", problems.shown(room).join("\n")),
        None => {
            let lines = problems.first_line(room).into_iter();
            let all: Vec<String> = std::iter::once(message.to_owned()).chain(lines).collect();
            all.join("\n")
        }
    }
}

/// The error as programs read it: one line of JSON.
pub(super) fn for_programs(error: &AppError, detail: Detail) -> String {
    let body = ErrorBody {
        code: error.code(),
        kind: error.class.name(),
        message: &error.message,
        next: error.hint.as_deref().map(Into::into),
        causes: causes(error, detail),
    };
    let text = serde_json::to_string(&ErrorAnswer { error: body });
    // Numbers and text always serialise.
    format!("{}\n", text.unwrap_or_default())
}

fn causes(error: &AppError, detail: Detail) -> Vec<String> {
    match detail {
        Detail::Message => Vec::new(),
        Detail::Causes => error.causes(),
    }
}
