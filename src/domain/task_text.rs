//! The bounds of what people write into tasks.

use crate::base::text::one_line;

/// Longest title in bytes.
const MAX_TITLE: usize = 2_000;
/// Longest body in bytes.
const MAX_BODY: usize = 1 << 20;
/// Longest word in bytes.
const MAX_WORD: usize = 64;
/// The least urgent priority.
const MAX_PRIORITY: u8 = 4;

/// A text that a task cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Nothing but blanks stands where a title is wanted.
    #[error("a task needs a title")]
    NoTitle,
    /// The title is too long.
    #[error("the title is longer than {MAX_TITLE} bytes; put the text into the body")]
    LongTitle,
    /// The body is too long.
    #[error("the body is longer than {MAX_BODY} bytes; put large material into a file and name it")]
    LongBody,
    /// There is no such priority.
    #[error("priority goes from 0 (most urgent) to 4")]
    Priority,
    /// Not a single word.
    #[error("`{}` is not a word of 1 to 64 characters without spaces and commas", one_line(.0))]
    Word(String),
}

/// Refuses a title that says nothing, and any text beyond its bounds.
pub fn check_text(title: Option<&str>, body: Option<&str>) -> Result<(), BadText> {
    if title.is_some_and(|title| title.trim().is_empty()) {
        return Err(BadText::NoTitle);
    }
    if title.is_some_and(|title| title.len() > MAX_TITLE) {
        return Err(BadText::LongTitle);
    }
    if body.is_some_and(|body| body.len() > MAX_BODY) {
        return Err(BadText::LongBody);
    }
    Ok(())
}

/// Refuses a priority that does not exist.
pub fn check_priority(priority: Option<u8>) -> Result<(), BadText> {
    if priority.is_some_and(|priority| priority > MAX_PRIORITY) {
        return Err(BadText::Priority);
    }
    Ok(())
}

/// Refuses what is no single word: labels, types and names have to fit into filters and command
/// lines.
pub fn check_word(word: &str) -> Result<(), BadText> {
    let splits = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    if word.is_empty() || word.len() > MAX_WORD || word.contains(splits) {
        return Err(BadText::Word(word.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
#[path = "task_text_tests.rs"]
mod tests;
