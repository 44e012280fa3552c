//! The parser that reads nothing: for linters, formatters and scripts, where the exit code is the
//! whole message.

use crate::checks::parse::output::{CheckOutput, excerpt};
use crate::checks::parse::parsed::ParsedTests;

const LAST_LINES: usize = 12;

/// No counts and no names; the exit code decides.
pub(super) fn parse() -> ParsedTests {
    ParsedTests {
        recognized: true,
        ..ParsedTests::default()
    }
}

/// The last lines of the output, to show why a command failed that names no test.
pub fn end_of(output: &CheckOutput<'_>) -> String {
    let mut last: Vec<&str> = output
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(LAST_LINES)
        .collect();
    last.reverse();
    excerpt(last)
}
