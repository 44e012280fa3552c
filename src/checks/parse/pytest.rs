//! `pytest`: the last line with its counts, the short summary, the sections of the failed tests.

use crate::checks::parse::output::{CheckOutput, number};
use crate::checks::parse::parsed::ParsedTests;
use crate::domain::check::TestCounts;

/// More failed tests are counted but not looked up.
const MAX_NAMES: usize = 200;

/// Reads the output of pytest, with its exit codes: 2 interrupted, 3 internal error, 4 wrong usage,
/// 5 no tests.
pub(super) fn parse(output: &CheckOutput<'_>, code: Option<i32>) -> ParsedTests {
    let lines: Vec<&str> = output.lines().collect();
    let counts = lines.iter().rev().find_map(|line| last_line(line));
    let counts = counts.or_else(|| sugar(&lines));
    let started = lines.iter().any(|line| {
        banner(line) == Some("test session starts") || line.starts_with("ERROR: usage: pytest")
    });
    let mut parsed = ParsedTests {
        recognized: started || counts.is_some(),
        ran_uncounted: counts.is_none() && lines.iter().any(|line| shows_a_pass(line)),
        counts,
        ..ParsedTests::default()
    };
    let sections = sections(&lines);
    let summary = lines
        .iter()
        .rposition(|line| banner(line) == Some("short test summary info"))
        .unwrap_or(lines.len());
    for (name, said) in lines[summary..]
        .iter()
        .filter_map(|line| summary_line(line))
        .take(MAX_NAMES)
    {
        let section = sections.iter().find(|section| section.is_of(&name));
        parsed.fail(&name, section.map_or(vec![said], FailureSection::told));
    }
    if parsed.failures.is_empty() {
        sections
            .iter()
            .for_each(|section| parsed.fail(section.title, section.told()));
    }
    if parsed.failures.is_empty() {
        lines
            .iter()
            .filter_map(|line| verbose_line(line))
            .for_each(|name| parsed.fail(name, []));
    }
    parsed.trouble = trouble(&lines, counts, code);
    parsed
}

fn trouble(lines: &[&str], counts: Option<TestCounts>, code: Option<i32>) -> Option<String> {
    let said = |start: &str| {
        lines
            .iter()
            .find(|line| line.starts_with(start))
            .map(|line| (*line).to_owned())
    };
    match (code, counts) {
        (Some(4), None) => Some(
            said("pytest: error: ")
                .or(said("ERROR: "))
                .unwrap_or("pytest was called wrongly".to_owned()),
        ),
        (Some(3), _) => {
            Some(said("INTERNALERROR> ").unwrap_or("pytest failed inside itself".to_owned()))
        }
        (Some(2), Some(TestCounts { failed: 0, .. })) => Some("pytest was interrupted".to_owned()),
        (Some(5), _) => Some("ran no test".to_owned()),
        _ => None,
    }
}

/// The text between two runs of `=`.
fn banner(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('=')?.strip_suffix('=')?;
    Some(inner.trim_matches('=').trim())
}

/// `== 3 failed, 3 passed, 1 skipped, 1 xfailed, 1 error in 0.05s ==`, with `-q` without the rules.
fn last_line(line: &str) -> Option<TestCounts> {
    let text = banner(line).unwrap_or(line);
    let (words, time) = text.rsplit_once(" in ")?;
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    if seconds.is_empty() || !seconds.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    if words == "no tests ran" {
        return Some(TestCounts::default());
    }
    words
        .split(", ")
        .map(counted)
        .try_fold(TestCounts::default(), |sum, part| Some(sum.plus(part?)))
}

/// `3 failed` as counts; words of plug-ins, such as `1 retried`, count nothing.
fn counted(part: &str) -> Option<TestCounts> {
    let (n, word) = number(part.trim())?;
    Some(match word.trim() {
        "passed" | "xpassed" => TestCounts::of(n, 0, 0),
        "failed" | "error" | "errors" | "subtests failed" => TestCounts::of(0, n, 0),
        "skipped" | "xfailed" => TestCounts::of(0, 0, n),
        word if word.starts_with(|c: char| c.is_ascii_alphabetic()) => TestCounts::default(),
        _ => return None,
    })
}

/// The counts of pytest-sugar, a word a line below `Results (0.05s):`.
fn sugar(lines: &[&str]) -> Option<TestCounts> {
    let start = lines
        .iter()
        .rposition(|line| line.starts_with("Results (") && line.trim_end().ends_with("s):"))?;
    // The place of each failed test stands between the words.
    let parts = lines[start + 1..].iter().map(|line| line.trim());
    let parts = parts.take_while(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    parts
        .filter(|line| !line.starts_with('-'))
        .map(counted)
        .try_fold(TestCounts::default(), |sum, part| Some(sum.plus(part?)))
}

/// A line of progress by which a test has passed: `..F.s    [100%]`, `test_a.py .. [2/2]`, and in the
/// classic style `..` alone. With `-qq` pytest says no more than this.
fn shows_a_pass(line: &str) -> bool {
    let is_progress = |text: &str| text.ends_with("%]") || text.contains('/');
    let (head, is_marked) = match line.trim_end().rsplit_once('[') {
        Some((head, tail)) if tail.ends_with(']') && is_progress(tail) => (head, true),
        _ => (line, false),
    };
    let (file, marks) = head
        .trim_end()
        .rsplit_once(' ')
        .unwrap_or(("", head.trim_end()));
    let file = file.trim();
    let is_mark = |c: char| ".FEsxXRu,-".contains(c);
    let is_place =
        file.is_empty() || (file.ends_with(".py") && is_marked) || file.starts_with("[gw");
    is_place && marks.chars().all(is_mark) && marks.contains(['.', 'X'])
}

/// `FAILED bad/test_bad.py::test_total - AssertionError: total is off`, and for a subtest
/// `SUBFAILED[part] (i=1) test_a.py::test_sub - assert 1 != 1`, before pytest 9 `[part] (i=1)
/// SUBFAIL test_a.py::test_sub - assert 1 != 1`: its name stands behind that of its test.
fn summary_line(line: &str) -> Option<(String, &str)> {
    if let Some(rest) = line.strip_prefix("FAILED ").or(line.strip_prefix("ERROR ")) {
        let (name, said) = split_message(rest);
        return is_node(name).then(|| (name.to_owned(), said));
    }
    let (part, rest) = match line.strip_prefix("SUBFAILED") {
        // The name of a part may hold anything, blanks included.
        Some(rest) => {
            let (head, _) = split_message(rest);
            head.match_indices(' ')
                .map(|(at, _)| (&rest[..at], &rest[at + 1..]))
                .find(|(_, node)| is_node(split_message(node).0.split(' ').next().unwrap_or("")))?
        }
        None => line
            .split_once(" SUBFAIL ")
            .filter(|(part, _)| part.starts_with(['[', '(']))?,
    };
    let (name, said) = split_message(rest);
    is_node(name).then(|| (format!("{name} {}", part.trim()), said))
}

fn is_node(name: &str) -> bool {
    name.contains("::") || name.ends_with(".py")
}

/// Splits at the first ` - ` outside of square brackets: parameters of a test may hold one.
fn split_message(text: &str) -> (&str, &str) {
    let balanced = |head: &str| head.matches('[').count() <= head.matches(']').count();
    let at = text
        .match_indices(" - ")
        .map(|(at, _)| at)
        .take(20)
        .find(|at| balanced(&text[..*at]));
    at.map_or((text, ""), |at| (&text[..at], &text[at + 3..]))
}

/// `bad/test_bad.py::test_total FAILED                  [ 44%]`
fn verbose_line(line: &str) -> Option<&str> {
    let (name, rest) = line.rsplit_once(" FAILED").or(line.rsplit_once(" ERROR"))?;
    let rest = rest.trim();
    let percent = rest.is_empty() || (rest.starts_with('[') && rest.ends_with("%]"));
    (percent && name.contains("::")).then_some(name)
}

/// The report of one failed test.
struct FailureSection<'a> {
    title: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> FailureSection<'a> {
    /// Returns true for the section of a test like `bad/test_bad.py::TestThing::test_in_class`.
    fn is_of(&self, node: &str) -> bool {
        let inner = node
            .split_once("::")
            .map_or(node, |(_, inner)| inner)
            .replace("::", ".");
        let title = [
            "ERROR at setup of ",
            "ERROR at teardown of ",
            "ERROR collecting ",
        ]
        .iter()
        .find_map(|start| self.title.strip_prefix(start));
        title.unwrap_or(self.title) == inner
    }

    /// The lines that pytest marks with `E`, else all.
    fn told(&self) -> Vec<&'a str> {
        let marked: Vec<&str> = self
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix("E   "))
            .map(|l| l.trim_start_matches("    "))
            .collect();
        if marked.is_empty() {
            self.lines.clone()
        } else {
            marked
        }
    }
}

/// The sections between the banners ERRORS or FAILURES and the next banner.
fn sections<'a>(lines: &[&'a str]) -> Vec<FailureSection<'a>> {
    let mut found: Vec<FailureSection<'a>> = Vec::new();
    let mut inside = false;
    for line in lines {
        if let Some(title) = banner(line) {
            inside = title == "FAILURES" || title == "ERRORS";
        } else if let Some(title) = section_title(line).filter(|_| inside && found.len() < 1000) {
            found.push(FailureSection {
                title,
                lines: Vec::new(),
            });
        } else if let Some(section) = found
            .last_mut()
            .filter(|section| inside && section.lines.len() < 1000)
        {
            section.lines.push(line);
        }
    }
    found
}

/// `_____________________ test_total _____________________`; a very long name leaves one rule on
/// each side.
fn section_title(line: &str) -> Option<&str> {
    let inner = line.strip_prefix('_')?.strip_suffix('_')?;
    let title = inner.trim_start_matches('_').trim_end_matches('_');
    let title = title.strip_prefix(' ')?.strip_suffix(' ')?;
    (!title.trim_matches(['_', ' ']).is_empty()).then_some(title)
}
