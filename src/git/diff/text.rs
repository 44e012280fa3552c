//! Per-file differences for people: hunks of lines, with the changed words of a line marked. Binary
//! and huge files are named by size and digest instead. For display only; evidence uses the
//! byte-exact patch of Git.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::base::hash::sha256_hex;
use crate::base::text::multi_line;

/// Files larger than this are not compared line by line.
const TEXT_CAP: usize = 2 << 20;
/// A comparison that takes longer falls back to a coarser one.
const PATIENCE: Duration = Duration::from_secs(2);
/// Git looks this far for a NUL to tell binary from text.
const BINARY_PROBE: usize = 8000;

/// The difference of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileDiff {
    /// Text, line by line.
    Text {
        /// The changed regions with three lines around them.
        hunks: Vec<Hunk>,
    },
    /// Binary or too large to compare.
    Opaque {
        /// The side before.
        old: Option<BlobSummary>,
        /// The side after.
        new: Option<BlobSummary>,
    },
}

/// A file by size and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlobSummary {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A region of changed lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// The `@@ -1,3 +1,4 @@` line.
    pub header: String,
    /// The lines.
    pub lines: Vec<DiffLine>,
}

/// The part that a line plays in a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// On both sides.
    Context,
    /// Only before.
    Removed,
    /// Only after.
    Added,
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// The part that it plays.
    pub kind: LineKind,
    /// Line number before, from 1.
    pub old: Option<usize>,
    /// Line number after, from 1.
    pub new: Option<usize>,
    /// The parts, without the line end.
    pub spans: Vec<LineSpan>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineSpan {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// True for the words that differ.
    pub changed: bool,
}

/// Compares two versions of a file; `None` is a file that does not exist on that side.
pub fn file_diff(old: Option<&[u8]>, new: Option<&[u8]>) -> FileDiff {
    if is_opaque(old) || is_opaque(new) {
        return FileDiff::Opaque {
            old: old.map(blob),
            new: new.map(blob),
        };
    }
    let (old, new) = (
        String::from_utf8_lossy(old.unwrap_or_default()),
        String::from_utf8_lossy(new.unwrap_or_default()),
    );
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_lines(&*old, &*new);
    let mut hunks = Vec::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        let mut lines = Vec::new();
        for op in hunk.ops() {
            for change in diff.iter_inline_changes(op) {
                let spans = change.iter_strings_lossy().map(|(changed, text)| LineSpan {
                    text: text.trim_end_matches(['\n', '\r']).to_owned(),
                    changed,
                });
                let kind = match change.tag() {
                    ChangeTag::Equal => LineKind::Context,
                    ChangeTag::Delete => LineKind::Removed,
                    ChangeTag::Insert => LineKind::Added,
                };
                let number = |index: Option<usize>| index.map(|n| n + 1);
                let spans = spans.filter(|span| !span.text.is_empty()).collect();
                lines.push(DiffLine {
                    kind,
                    old: number(change.old_index()),
                    new: number(change.new_index()),
                    spans,
                });
            }
        }
        hunks.push(Hunk {
            header: hunk.header().to_string(),
            lines,
        });
    }
    FileDiff::Text { hunks }
}

/// The difference as unified text under a file name, safe for a terminal; empty where nothing
/// differs.
pub fn unified(name: &str, diff: &FileDiff) -> String {
    let mut out = String::new();
    match diff {
        FileDiff::Text { hunks } if hunks.is_empty() => return out,
        FileDiff::Text { hunks } => {
            let _ = writeln!(out, "--- a/{name}\n+++ b/{name}");
            hunks.iter().for_each(|hunk| push_hunk(&mut out, hunk));
        }
        FileDiff::Opaque { old, new } => {
            let show = |side: &Option<BlobSummary>| {
                side.as_ref().map_or("nothing".to_owned(), |b| {
                    format!("{} bytes, sha256 {}", b.bytes, b.sha256)
                })
            };
            let _ = writeln!(
                out,
                "{name}: binary or too large: {} → {}",
                show(old),
                show(new)
            );
        }
    }
    multi_line(&out)
}

fn push_hunk(out: &mut String, hunk: &Hunk) {
    let _ = writeln!(out, "{}", hunk.header);
    for line in &hunk.lines {
        out.push(match line.kind {
            LineKind::Context => ' ',
            LineKind::Removed => '-',
            LineKind::Added => '+',
        });
        line.spans.iter().for_each(|span| out.push_str(&span.text));
        out.push('\n');
    }
}

fn is_opaque(side: Option<&[u8]>) -> bool {
    side.is_some_and(|bytes| {
        bytes.len() > TEXT_CAP || bytes[..bytes.len().min(BINARY_PROBE)].contains(&0)
    })
}

fn blob(bytes: &[u8]) -> BlobSummary {
    BlobSummary {
        bytes: bytes.len() as u64,
        sha256: sha256_hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_words_are_marked() {
        let diff = file_diff(Some(b"one two three\nsame\n"), Some(b"one 2 three\nsame\n"));
        let FileDiff::Text { hunks } = &diff else {
            panic!("{diff:?}")
        };
        let changed: Vec<&str> = hunks[0]
            .lines
            .iter()
            .flat_map(|l| &l.spans)
            .filter(|s| s.changed)
            .map(|s| s.text.as_str())
            .collect();
        assert_eq!(changed, ["two", "2"]);
        let text = unified("f", &diff);
        assert_eq!(
            text,
            "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n-one two three\n+one 2 three\n same\n"
        );
        assert_eq!(
            (hunks[0].lines[2].old, hunks[0].lines[2].new),
            (Some(2), Some(2))
        );
    }

    #[test]
    fn binary_and_missing_sides() {
        let diff = file_diff(None, Some(b"a\0b"));
        assert!(matches!(&diff, FileDiff::Opaque { old: None, new: Some(b) } if b.bytes == 3));
        assert!(unified("f", &diff).contains("nothing → 3 bytes, sha256 "));
        assert!(matches!(
            file_diff(Some(&vec![b'x'; TEXT_CAP + 1]), None),
            FileDiff::Opaque { .. }
        ));
        assert_eq!(unified("f", &file_diff(Some(b"a\n"), Some(b"a\n"))), "");
    }

    #[test]
    fn escape_sequences_do_not_pass() {
        let text = unified("f", &file_diff(None, Some(b"\x1b[2Jx\xff\n")));
        assert!(text.contains("+\\e[2Jx\u{fffd}\n"), "{text:?}");
    }
}
