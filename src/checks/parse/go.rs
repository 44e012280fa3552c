//! `go test`: plain, with `-v`, or with `-json`.
//!
//! Without `-v` and `-json` it does not name the tests that passed; then a package that passed
//! counts as one.

use serde_json::Value;

use crate::checks::parse::output::{CheckOutput, excerpt};
use crate::checks::parse::parsed::ParsedTests;
use crate::domain::check::TestCounts;

/// Reads the output of `go test`.
pub(super) fn parse(output: &CheckOutput<'_>) -> ParsedTests {
    let mut reader = GoReader::default();
    for line in output.lines() {
        match json_event(line) {
            Some(event) => reader.event(&event),
            None => reader.line(line),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct GoReader {
    recognized: bool,
    passed: u64,
    failed: u64,
    skipped: u64,
    packages_passed: u64,
    /// Failed tests of the package that is being read, with what they printed.
    open: Vec<OpenTest>,
    /// Lines belong to the test that has just failed, not to one that runs.
    in_failed: bool,
    /// Lines that the running test has printed (`-v`).
    log: Vec<String>,
    /// Lines of a build that broke.
    build: Vec<String>,
    parsed: ParsedTests,
}

struct OpenTest {
    test: String,
    lines: Vec<String>,
}

const MAX_LINES: usize = 200;
const MAX_OPEN: usize = 500;

impl GoReader {
    fn line(&mut self, line: &str) {
        let trimmed = line.trim_start();
        if let Some(test) = line
            .strip_prefix("=== RUN   ")
            .or(line.strip_prefix("=== CONT  "))
        {
            self.recognized |= !test.is_empty();
            self.in_failed = false;
            self.log.clear();
        } else if let Some(test) = result_line(trimmed, "--- FAIL: ") {
            self.failed += 1;
            self.in_failed = true;
            let lines = std::mem::take(&mut self.log);
            self.open.push(OpenTest {
                test: test.to_owned(),
                lines,
            });
        } else if result_line(trimmed, "--- PASS: ").is_some() {
            self.passed += 1;
            self.log.clear();
        } else if result_line(trimmed, "--- SKIP: ").is_some() {
            self.skipped += 1;
            self.log.clear();
        } else {
            self.package_line(line);
        }
    }

    fn package_line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("ok  \t") {
            self.recognized = true;
            self.packages_passed += u64::from(!rest.contains("[no tests to run]"));
            self.close(package_of(rest));
        } else if let Some(rest) = line.strip_prefix("FAIL\t") {
            self.recognized = true;
            self.package_failed(package_of(rest), rest);
        } else if line.starts_with("?   \t") {
            self.recognized = true;
        } else {
            self.other(line);
        }
    }

    fn package_failed(&mut self, package: &str, rest: &str) {
        if rest.ends_with("[build failed]") || rest.ends_with("[setup failed]") {
            let lines = std::mem::take(&mut self.build);
            self.parsed.fail(
                &format!("build of {package}"),
                lines.iter().map(String::as_str),
            );
        } else if self.open.is_empty() {
            let lines = std::mem::take(&mut self.log);
            self.failed += 1;
            self.parsed.fail(package, lines.iter().map(String::as_str));
        }
        self.close(package);
    }

    /// Any other line belongs to the test that has just failed, else to the one that runs; compiler
    /// errors are both.
    fn other(&mut self, line: &str) {
        let failed = self.open.last_mut().filter(|_| self.in_failed);
        let lines = failed.map_or(&mut self.log, |open| &mut open.lines);
        let noise = ["exit status ", "===", "FAIL\t"]
            .iter()
            .any(|start| line.starts_with(start))
            || line == "FAIL"
            || line == "PASS";
        for list in [lines, &mut self.build] {
            if list.len() < MAX_LINES && !noise {
                list.push(line.trim().to_owned());
            }
        }
    }

    fn close(&mut self, package: &str) {
        for open in std::mem::take(&mut self.open) {
            self.parsed.fail(
                &format!("{package} {}", open.test),
                open.lines.iter().map(String::as_str),
            );
        }
        self.log.clear();
        self.in_failed = false;
        self.build.clear();
    }

    fn event(&mut self, event: &Value) {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        self.recognized = true;
        let name = format!("{} {}", text("Package"), text("Test"));
        match (text("Action"), text("Test").is_empty()) {
            ("pass", false) => {
                self.passed += 1;
                self.open.retain(|open| open.test != name);
            }
            ("skip", false) => {
                self.skipped += 1;
                self.open.retain(|open| open.test != name);
            }
            ("fail", false) => {
                self.failed += 1;
                self.json_failed(&name);
            }
            ("fail", true) => self.json_package_failed(text("Package"), event),
            ("output", false) => self.json_output(&name, text("Output")),
            ("output", true) | ("build-output", _) => self.other(text("Output").trim_end()),
            _ => {}
        }
    }

    fn json_output(&mut self, name: &str, output: &str) {
        let mark = ["=== ", "--- "]
            .iter()
            .any(|start| output.trim_start().starts_with(start));
        if mark {
            return;
        }
        let line = output.trim_end().to_owned();
        match self.open.iter().rposition(|open| open.test == name) {
            Some(at) if self.open[at].lines.len() < MAX_LINES => self.open[at].lines.push(line),
            None if self.open.len() < MAX_OPEN => self.open.push(OpenTest {
                test: name.to_owned(),
                lines: vec![line],
            }),
            _ => {}
        }
    }

    fn json_failed(&mut self, name: &str) {
        let at = self.open.iter().rposition(|open| open.test == name);
        let lines = at
            .map(|at| self.open.swap_remove(at).lines)
            .unwrap_or_default();
        self.parsed.fail(name, lines.iter().map(|line| line.trim()));
    }

    fn json_package_failed(&mut self, package: &str, event: &Value) {
        let named = self
            .parsed
            .failures
            .iter()
            .any(|failure| failure.name.starts_with(&format!("{package} ")));
        if event.get("FailedBuild").is_some() {
            let lines = std::mem::take(&mut self.build);
            self.parsed.fail(
                &format!("build of {package}"),
                lines.iter().map(String::as_str),
            );
        } else if !named {
            self.failed += 1;
            let lines = std::mem::take(&mut self.build);
            self.parsed.fail(package, lines.iter().map(String::as_str));
        }
    }

    fn finish(mut self) -> ParsedTests {
        if self.parsed.failures.is_empty() {
            // Cut off before the line of the package.
            let plain = std::mem::take(&mut self.open);
            let failed = self.failed > 0;
            plain.iter().filter(|_| failed).for_each(|open| {
                self.parsed
                    .fail(&open.test, open.lines.iter().map(String::as_str))
            });
        }
        // Compiler errors stand on standard error, after all lines of standard output.
        for failure in self
            .parsed
            .failures
            .iter_mut()
            .filter(|failure| failure.name.starts_with("build of "))
        {
            if failure.message.is_empty() {
                failure.message = excerpt(self.build.iter().map(String::as_str));
            }
        }
        let passed = if self.passed + self.skipped == 0 {
            self.packages_passed
        } else {
            self.passed
        };
        self.parsed.recognized = self.recognized;
        self.parsed.counts = self
            .recognized
            .then(|| TestCounts::of(passed, self.failed, self.skipped));
        self.parsed
    }
}

/// A line of `-json`.
fn json_event(line: &str) -> Option<Value> {
    let event: Value = line
        .starts_with('{')
        .then(|| serde_json::from_str(line).ok())??;
    let of_go = event.get("Package").or(event.get("ImportPath")).is_some();
    (event.get("Action")?.is_string() && of_go).then_some(event)
}

/// `--- FAIL: TestAdd/negative (0.00s)` → the test.
fn result_line<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    let (test, time) = line.strip_prefix(start)?.rsplit_once(" (")?;
    time.ends_with("s)").then_some(test)
}

/// `example.org/tiny\t0.003s` → the package.
fn package_of(rest: &str) -> &str {
    rest.split(['\t', ' ']).next().unwrap_or(rest)
}
