//! Recognizes the tool by its output, also of several tools after each other, as a script or
//! Makefile runs them.

use crate::checks::parse::output::CheckOutput;
use crate::checks::parse::parsed::ParsedTests;
use crate::checks::parse::{cargo, go, nextest, pytest};

/// Reads whatever is recognized; nothing recognized is fine, then the exit code alone decides.
pub(super) fn parse(output: &CheckOutput<'_>, code: Option<i32>) -> ParsedTests {
    let rust = rust(output);
    let others = [pytest::parse(output, code), go::parse(output)];
    std::iter::once(rust)
        .chain(others)
        .filter(|parsed| parsed.recognized)
        .fold(ParsedTests::default(), ParsedTests::plus)
}

/// Under nextest each test prints a little libtest suite of its own, which must not count again;
/// doc tests run beside it do.
fn rust(output: &CheckOutput<'_>) -> ParsedTests {
    if !nextest::was_run(output) {
        return cargo::parse(output);
    }
    let nextest = nextest::parse(output);
    if !output
        .lines()
        .any(|line| line.trim_start().starts_with("Doc-tests "))
    {
        return nextest;
    }
    let mut beside = cargo::parse(output);
    beside
        .failures
        .retain(|failure| !failure.name.starts_with("build of "));
    nextest.plus(beside)
}
