//! How an error is shown: to people as text, to programs as one object.

use crate::app::error::AppError;
use crate::base::text;
use crate::base::yaml::YamlProblems;
use crate::cli::answer::{ErrorAnswer, ErrorBody};
use crate::process::redact::Redactor;

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
    let message = without_secrets(&message, problems);
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

/// The same without the secrets that a line of the file may hold, such as the token in an address. Where one stood, the
/// caret below points beside what it means, and is left out.
fn without_secrets(message: &str, problems: Option<&YamlProblems>) -> String {
    if problems.is_none() {
        return message.to_owned();
    }
    let redactor = Redactor::new(&[]);
    let (mut shown, mut is_changed) = (Vec::new(), false);
    for line in message.lines() {
        let is_caret = line.trim_start().strip_prefix('|');
        if is_changed && is_caret.is_some_and(|rest| rest.trim() == "^") {
            continue;
        }
        let plain = redactor.redact_text(line);
        is_changed = plain != line;
        shown.push(plain);
    }
    shown.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::yaml::{SourcePlace, YamlProblem};

    #[test]
    fn the_token_in_an_address_is_not_shown_with_its_line() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let source = format!("version: 1\nurl: 'https://example.com/{token}', bad: 1\n");
        let place = SourcePlace {
            line: 2,
            column: 70,
        };
        let problem = YamlProblem::new(place, "a sink has no field `bad`");
        let problems = YamlProblems::new("a.yaml", vec![problem]).within(source.as_bytes());
        let error = AppError::usage(format!("{problems}"));
        let shown = for_people(&error, Detail::Message, Some(&problems), 200);
        assert_eq!(shown.matches(&token).count(), 0, "{shown}");
        assert_eq!(shown.lines().count(), 2, "{shown}");
        let place = SourcePlace { line: 2, column: 1 };
        let problem = YamlProblem::new(place, "a sink has no field `bad`");
        let source = b"version: 1\nbad: 1\n";
        let plain = YamlProblems::new("a.yaml", vec![problem]).within(source);
        let error = AppError::usage(format!("{plain}"));
        let shown = for_people(&error, Detail::Message, Some(&plain), 200);
        assert_eq!(shown.matches("\n      | ^").count(), 1, "{shown}");
    }
}
