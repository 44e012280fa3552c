//! Captured output as lines of plain text, and excerpts from it.

use std::borrow::Cow;

use crate::base::ansi;

/// More than this is not read of one stream; its end is kept, since that is where tools sum up.
const MAX_BYTES: usize = 64 << 20;
const LAST_LINES: usize = 40;
const EXCERPT_LINES: usize = 12;
const EXCERPT_BYTES: usize = 1000;

/// The output of a check as plain text: invalid UTF-8 replaced, colours removed.
#[derive(Debug)]
pub struct CheckOutput<'a> {
    stdout: Cow<'a, str>,
    stderr: Cow<'a, str>,
}

impl<'a> CheckOutput<'a> {
    /// From the bytes of both streams. Where they were captured as one, give it as `stdout`.
    pub fn new(stdout: &'a [u8], stderr: &'a [u8]) -> Self {
        Self {
            stdout: plain(stdout),
            stderr: plain(stderr),
        }
    }

    /// All lines, those of standard output first, each as a terminal would show it in the end.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.stdout.lines().chain(self.stderr.lines()).map(shown)
    }
}

fn plain(bytes: &[u8]) -> Cow<'_, str> {
    let end = &bytes[bytes.len().saturating_sub(MAX_BYTES)..];
    match String::from_utf8_lossy(end) {
        Cow::Borrowed(text) => ansi::strip(text),
        Cow::Owned(text) => Cow::Owned(ansi::strip(&text).into_owned()),
    }
}

/// Progress displays write over a line again and again; what stands after the last return is what
/// stays.
fn shown(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rsplit('\r').next().unwrap_or(line)
}

/// The telling part of a failed test's output, at most a dozen lines: from a panic on, without its
/// backtrace.
pub(super) fn excerpt<'a, I>(lines: I) -> String
where
    I: IntoIterator<Item = &'a str>,
{
    let lines: Vec<&str> = lines.into_iter().map(str::trim_end).collect();
    let start = lines
        .iter()
        .position(|line| line.contains(" panicked at "))
        .unwrap_or(0);
    let kept = lines[start..]
        .iter()
        .take_while(|line| !is_backtrace(line))
        .filter(|line| !line.trim().is_empty());
    let mut text = String::new();
    for line in kept.take(EXCERPT_LINES) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.extend(line.chars().take(EXCERPT_BYTES / 4));
        if text.len() > EXCERPT_BYTES {
            break;
        }
    }
    text
}

fn is_backtrace(line: &str) -> bool {
    let line = line.trim_start();
    line == "stack backtrace:" || line.starts_with("note: run with `RUST_BACKTRACE")
}

/// The number at the start of `text` and what follows it.
pub(super) fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Finds a trouble that no test can help: the machine is out of something, or the network is away.
/// Looks at the last lines only, and is asked only about a command that failed without naming a
/// test.
pub fn machine_trouble(output: &CheckOutput<'_>) -> Option<&'static str> {
    const SIGNS: [(&str, &str); 6] = [
        ("No space left on device", "no space left on the disk"),
        ("Cannot allocate memory", "out of memory"),
        ("Could not resolve host", "the network is not reachable"),
        (
            "Temporary failure in name resolution",
            "the network is not reachable",
        ),
        ("dial tcp: lookup ", "the network is not reachable"),
        ("Too many open files", "too many open files"),
    ];
    let sign_in = |line: &str| {
        SIGNS
            .iter()
            .find(|(sign, _)| line.contains(sign))
            .map(|(_, why)| *why)
    };
    output.lines().rev().take(LAST_LINES).find_map(sign_in)
}
