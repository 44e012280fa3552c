//! How an error is shown: to people as text, to programs as one object.

use crate::app::error::AppError;
use crate::base::text;
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
pub(super) fn for_people(error: &AppError, detail: Detail) -> String {
    let mut shown = format!("error: {}\n", text::multi_line(&error.message));
    for cause in causes(error, detail) {
        shown.push_str(&format!("  caused by: {}\n", text::multi_line(&cause)));
    }
    if let Some(hint) = &error.hint {
        shown.push_str(&format!("  next: {}\n", text::multi_line(hint)));
    }
    shown
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
