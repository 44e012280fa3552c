//! Where the text of a new task comes from: standard input, the editor.

use std::io::Read;

use crate::app::error::AppError;
use crate::base::text::one_line;
use crate::base::{duration, env, fs};
use crate::domain::error_class::ErrorClass;
use crate::process::editor;

/// Largest text on standard input.
const CAP: u64 = 256 << 20;

/// The value of `--priority`.
pub(super) fn priority(text: &str) -> Result<u8, String> {
    let wanted = text.parse().ok().filter(|level| *level <= 4);
    wanted.ok_or_else(|| "priority goes from 0 (most urgent) to 4".to_owned())
}

/// The text of `--body`.
pub(super) fn body(given: String) -> Result<String, AppError> {
    if given == "-" { stdin() } else { Ok(given) }
}

pub(in crate::cli::cmd) fn stdin() -> Result<String, AppError> {
    let mut text = String::new();
    let read = std::io::stdin().take(CAP).read_to_string(&mut text);
    read.map_err(|e| {
        AppError::usage(format!("standard input cannot be read as UTF-8 text: {e}"))
            .hint("give it UTF-8 text, or the text itself: `--body TEXT`")
    })?;
    Ok(text)
}

/// Opens the user's editor and returns title and body.
pub(super) fn from_editor(title: &str) -> Result<(String, String), AppError> {
    let editor = env::text("VISUAL")
        .or_else(|| env::text("EDITOR"))
        .unwrap_or_else(|| "vi".into());
    let dir = tempfile::tempdir().map_err(|e| {
        AppError::new(ErrorClass::Failed, format!("no place for a draft: {e}"))
            .hint("set TMPDIR to a directory that you may write, or give --title and --body")
    })?;
    let draft = dir.path().join("task.md");
    let help = "<!-- The first line is the title, the rest the prompt. An empty title creates nothing. -->";
    fs::write_atomic(&draft, format!("{title}\n\n{help}\n").as_bytes())?;
    editor::open(&editor, &draft).map_err(|e| {
        AppError::new(ErrorClass::Failed, e.to_string())
            .hint("set EDITOR to an editor that is there, or give --title and --body")
    })?;
    let text = fs::read_text(&draft, CAP)?;
    let mut lines = text.lines().filter(|line| !line.starts_with("<!--"));
    let title = lines.next().unwrap_or_default().trim().to_owned();
    if title.is_empty() {
        return Err(
            AppError::usage("no title was written, so no task was created")
                .hint("write it on the first line, or say `ai task create \"TITLE\"`"),
        );
    }
    Ok((
        title,
        lines.collect::<Vec<_>>().join("\n").trim().to_owned(),
    ))
}

/// A point in time: `now`, RFC 3339, or a duration from now.
pub(super) fn when(text: &str, now_ms: i64) -> Result<i64, AppError> {
    if text == "now" {
        return Ok(0);
    }
    if let Ok(ahead) = duration::parse(text) {
        return Ok(now_ms + i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX / 2));
    }
    let stamp: Result<jiff::Timestamp, _> = text.parse();
    stamp.map(jiff::Timestamp::as_millisecond).map_err(|_| {
        AppError::usage(format!("`{}` is no time", one_line(text)))
            .hint("write 2h, or 2026-12-24T18:00:00Z")
    })
}
