//! `cargo nextest run`: status lines while it runs, one summary line, the failed tests once more
//! after it.

use crate::checks::parse::cargo;
use crate::checks::parse::output::{CheckOutput, number};
use crate::checks::parse::parsed::ParsedTests;
use crate::domain::check::TestCounts;

/// More failed tests are counted but not looked up: each costs a walk over all lines.
const MAX_NAMES: usize = 200;

/// Reads the output of nextest.
pub(super) fn parse(output: &CheckOutput<'_>) -> ParsedTests {
    let lines: Vec<&str> = output.lines().collect();
    let build = cargo::parse_build(output);
    // Tests may print the output of another nextest; the outermost summary is the last.
    let Some(at) = lines.iter().rposition(|line| summary(line).is_some()) else {
        return build.plus(without_summary(&lines));
    };
    let counts = summary(lines[at]).unwrap_or_default();
    let mut parsed = ParsedTests {
        recognized: true,
        counts: Some(counts),
        ..ParsedTests::default()
    };
    for failed in lines[at..]
        .iter()
        .filter_map(|line| failed_test(line))
        .take(MAX_NAMES)
    {
        let block = block_of(failed, &lines[..at]);
        parsed.fail(failed, block);
    }
    if lines[at..]
        .iter()
        .any(|line| line.starts_with("error: no tests to run"))
    {
        parsed.trouble = Some("ran no test".to_owned());
    }
    parsed.plus(build)
}

/// Returns true for output of nextest.
pub(super) fn was_run(output: &CheckOutput<'_>) -> bool {
    output
        .lines()
        .any(|line| line.trim_start().starts_with("Nextest run ID ") || summary(line).is_some())
}

/// Reads a run that was cut off: what failed until then is still worth knowing.
fn without_summary(lines: &[&str]) -> ParsedTests {
    let mut parsed = ParsedTests::default();
    for (at, line) in lines.iter().enumerate() {
        parsed.recognized |= line.trim_start().starts_with("Nextest run ID ");
        if let Some(failed) = failed_test(line).filter(|_| !line.trim_start().starts_with("TRY ")) {
            parsed.fail(failed, block_of(failed, &lines[at..]));
        }
    }
    parsed
}

/// `     Summary [   0.101s] 5 tests run: 3 passed (1 slow), 2 failed, 1 skipped`
fn summary(line: &str) -> Option<TestCounts> {
    let (_, rest) = line
        .trim_start()
        .strip_prefix("Summary [")?
        .split_once("] ")?;
    let (head, parts) = rest.split_once(" run: ")?;
    let (ran, of) = number(head)?;
    let planned = of
        .strip_prefix('/')
        .and_then(number)
        .map_or(ran, |(planned, _)| planned);
    let (mut passed, mut failed, mut skipped) = (0u64, 0u64, 0u64);
    for part in without_brackets(parts).split(", ") {
        match number(part.trim()) {
            Some((n, " passed")) => passed = n,
            Some((n, " skipped")) => skipped = n,
            Some((
                n,
                " failed"
                | " exec failed"
                | " timed out"
                | " setup scripts failed"
                | " setup script failed",
            )) => {
                failed = failed.saturating_add(n);
            }
            _ => {}
        }
    }
    Some(TestCounts::of(
        passed,
        failed,
        skipped.saturating_add(planned.saturating_sub(ran)),
    ))
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0u32;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out.replace(" ,", ",")
}

/// `        FAIL [   0.095s] (2/5) tiny tests::adds_wrongly` → word and test.
fn status(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.trim_start().split_once(" [")?;
    let (time, test) = rest.split_once("] ")?;
    let is_time = time.ends_with('s')
        && time
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'.' | b's' | b'>'));
    let is_word = word.bytes().all(|b| {
        b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'+' | b'/')
    });
    let test = test.trim_start();
    let test = test
        .strip_prefix('(')
        .and_then(|t| t.split_once(") "))
        .map_or(test, |(_, test)| test.trim_start());
    (is_time && is_word).then_some((word, test))
}

fn failed_test(line: &str) -> Option<&str> {
    let (word, test) = status(line)?;
    let bad = |token: &str| {
        matches!(
            token,
            "FAIL" | "TIMEOUT" | "ABORT" | "XFAIL" | "LEAK-FAIL" | "FLKY-FL"
        ) || token.starts_with("SIG")
    };
    word.split([' ', '+']).any(bad).then_some(test)
}

/// Returns the output of `test`: the lines after its status line up to the next status line.
fn block_of<'a>(test: &str, lines: &[&'a str]) -> Vec<&'a str> {
    let Some(at) = lines
        .iter()
        .position(|line| failed_test(line) == Some(test))
    else {
        return Vec::new();
    };
    let ends = |line: &&&str| {
        status(line).is_some()
            || line.starts_with("────")
            || line.starts_with("  Cancelling due to ")
    };
    let block: Vec<&str> = lines[at + 1..]
        .iter()
        .take_while(|line| !ends(line))
        .take(2000)
        .copied()
        .collect();
    let stderr = block
        .iter()
        .position(|line| line.trim_end() == "  stderr ───" || line.starts_with("--- STDERR: "));
    let told = stderr
        .map(|at| &block[at + 1..])
        .filter(|lines| lines.iter().any(|line| !line.trim().is_empty()));
    let noise = |line: &str| {
        line.starts_with("running ") || line.starts_with("failures:") || line.ends_with(" ───")
    };
    let lines = told
        .unwrap_or(&block)
        .iter()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    lines.filter(|line| !noise(line.trim())).collect()
}
