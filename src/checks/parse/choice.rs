//! Chooses the parser of a check.

use crate::checks::parse::output::CheckOutput;
use crate::checks::parse::parsed::ParsedTests;
use crate::checks::parse::{auto, cargo, exit_code, go, nextest, pytest};
use crate::domain::check::CheckParser;

/// Reads the output of one check; `reports` is what its reports have told.
pub fn parse(
    parser: &CheckParser,
    output: &CheckOutput<'_>,
    reports: &ParsedTests,
    code: Option<i32>,
) -> ParsedTests {
    match parser {
        CheckParser::Auto => auto::parse(output, code),
        CheckParser::ExitCode => exit_code::parse(),
        CheckParser::Cargo => cargo::parse(output),
        CheckParser::Nextest => nextest::parse(output),
        CheckParser::Pytest => pytest::parse(output, code),
        CheckParser::Go => go::parse(output),
        CheckParser::Junit { .. } => reports.clone(),
    }
}
