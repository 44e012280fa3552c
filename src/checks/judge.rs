//! From what a check did to what it means: a pure function with one table, worst case first.
//!
//! The machine is never blamed on the work, and no doubt ever ends as a pass. Where counts and exit
//! code contradict each other, the worse one wins and the reason is noted.

use crate::checks::missing_program::missing_program;
use crate::checks::parse::{CheckOutput, ParsedTests, end_of, machine_trouble, parse};
use crate::domain::check::{CheckParser, CheckResult, CheckSpec, CheckStatus, FailedTest};
use crate::domain::process_end::ProcessEnd;

/// The exit code of a shell that did not find a command.
const NOT_FOUND: i32 = 127;

/// One finished run of a check.
#[derive(Debug)]
pub struct CheckRun<'a> {
    /// The end of its process.
    pub end: ProcessEnd,
    /// Standard output, or both streams where they were captured as one.
    pub stdout: &'a [u8],
    /// Standard error.
    pub stderr: &'a [u8],
    /// What the reports tell that this run wrote; see [`super::reports::ReportWatch`]. Nothing where
    /// the parser reads none.
    pub reports: &'a ParsedTests,
    /// Wall time, in milliseconds.
    pub duration_ms: u64,
    /// SHA-256 of the log, in hex.
    pub log_sha256: String,
}

/// Judges the run of a check.
pub fn judge(spec: &CheckSpec, run: &CheckRun<'_>) -> CheckResult {
    let output = CheckOutput::new(run.stdout, run.stderr);
    let mut parsed = parse(&spec.parser, &output, run.reports, run.end.code());
    if !run.end.is_zero() && parsed.trouble.is_none() {
        parsed.trouble = machine_trouble(&output).map(str::to_owned);
    }
    if run.end.code() == Some(NOT_FOUND) {
        parsed.trouble = Some(not_found(run));
    }
    let (status, note) = decide(&spec.parser, &run.end, &parsed);
    let mut failures = parsed.failures;
    if status == CheckStatus::Failed && failures.is_empty() {
        let name = run
            .end
            .code()
            .map_or_else(|| spec.name.to_string(), |code| format!("exit code {code}"));
        failures.push(FailedTest {
            name,
            message: end_of(&output),
        });
    }
    CheckResult {
        name: spec.name.clone(),
        status,
        note,
        exit: Some(run.end.clone()),
        duration_ms: run.duration_ms,
        counts: parsed.counts,
        failures,
        log_sha256: Some(run.log_sha256.clone()),
    }
}

fn decide(
    parser: &CheckParser,
    end: &ProcessEnd,
    parsed: &ParsedTests,
) -> (CheckStatus, Option<String>) {
    let broken = |why: String| (CheckStatus::Broken { why }, None);
    let Some(code) = end.code() else {
        return broken(end.trouble().unwrap_or_default());
    };
    let failed = parsed.failed();
    if failed > 0 {
        let note = (code == 0).then(|| format!("exit code 0 although {failed} failed"));
        return (CheckStatus::Failed, note);
    }
    if let Some(why) = shell_trouble(code).or_else(|| parsed.trouble.clone()) {
        return broken(why);
    }
    if code != 0 {
        let note = parsed
            .counts
            .map(|_| format!("exit code {code} although no test failed"));
        return (CheckStatus::Failed, note);
    }
    match ran_nothing(parser, parsed) {
        Some(why) => broken(why),
        None => (CheckStatus::Passed, None),
    }
}

/// Says which program was not found, and where it was looked for.
fn not_found(run: &CheckRun<'_>) -> String {
    let told = [run.stderr, run.stdout].map(String::from_utf8_lossy);
    let name = told.iter().find_map(|text| missing_program(text));
    let name = name.map_or("a command".to_owned(), |name| format!("`{name}`"));
    format!(
        "{name} was not found (exit code {NOT_FOUND}); where checks run there is the judged tree, and nothing that Git ignores"
    )
}

/// Exit codes by which a shell tells that the command itself never ran or was killed.
fn shell_trouble(code: i32) -> Option<String> {
    match code {
        126 => Some("the command is not executable (exit code 126)".to_owned()),
        // HUP INT QUIT ILL ABRT BUS FPE KILL SEGV PIPE TERM XCPU XFSZ
        129..=132 | 134..=137 | 139 | 141 | 143 | 152 | 153 => Some(format!(
            "killed by signal {} (exit code {code})",
            code - 128
        )),
        _ => None,
    }
}

/// Tells why a clean exit proves nothing where a test tool was named.
fn ran_nothing(parser: &CheckParser, parsed: &ParsedTests) -> Option<String> {
    if matches!(parser, CheckParser::Auto | CheckParser::ExitCode) {
        return None;
    }
    match parsed.counts {
        // How many is not known, which is not none.
        None if parsed.ran_uncounted => None,
        None => Some("ran no test: the output shows no result of the test tool".to_owned()),
        Some(counts) if counts.ran() == 0 && counts.skipped > 0 => {
            Some(format!("ran no test ({} skipped)", counts.skipped))
        }
        Some(counts) if counts.ran() == 0 => Some("ran no test".to_owned()),
        Some(_) => None,
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "judge_tables.rs"]
mod tables;
