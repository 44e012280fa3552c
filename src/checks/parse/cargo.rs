//! `cargo test`: the lines of libtest (one suite per test binary) and cargo's own on standard
//! error.

use crate::checks::parse::output::{CheckOutput, number};
use crate::checks::parse::parsed::ParsedTests;
use crate::domain::check::TestCounts;

/// Reads the output of `cargo test`, of all its test binaries together.
pub(super) fn parse(output: &CheckOutput<'_>) -> ParsedTests {
    let mut reader = LibtestReader::default();
    output.lines().for_each(|line| reader.line(line));
    reader.finish()
}

/// Reads cargo's own lines only: builds that broke, commands that are not there.
pub(super) fn parse_build(output: &CheckOutput<'_>) -> ParsedTests {
    let mut build = BuildReader::default();
    output.lines().for_each(|line| build.line(line));
    build.into_parsed()
}

#[derive(Default)]
struct LibtestReader<'a> {
    at: LibtestState,
    counts: TestCounts,
    started: u64,
    results: u64,
    names: Vec<&'a str>,
    blocks: Vec<(&'a str, Vec<&'a str>)>,
    build: BuildReader<'a>,
}

/// The part of libtest's output in which a line stands.
#[derive(Default, Clone, Copy)]
enum LibtestState {
    #[default]
    Outside,
    /// In the captured output of one test. What stands there is the test's own and no mark of
    /// libtest.
    Block,
    /// In the list of failed tests.
    List,
}

impl<'a> LibtestReader<'a> {
    fn line(&mut self, line: &'a str) {
        if let Some(name) = block_header(line) {
            self.at = LibtestState::Block;
            self.blocks.push((name, Vec::new()));
            return;
        }
        if line == "failures:" {
            self.at = LibtestState::List;
            return;
        }
        match self.at {
            LibtestState::Block => self.block_line(line),
            LibtestState::List if line.starts_with("    ") => self.name(line.trim()),
            LibtestState::List if line.is_empty() => {}
            LibtestState::List | LibtestState::Outside => {
                self.at = LibtestState::Outside;
                self.outside(line);
            }
        }
    }

    fn block_line(&mut self, line: &'a str) {
        if let Some((_, lines)) = self.blocks.last_mut() {
            lines.push(line);
        }
    }

    fn outside(&mut self, line: &'a str) {
        if let Some(counts) = line.strip_prefix("test result: ").and_then(counts) {
            self.results += 1;
            self.counts = self.counts.plus(counts);
        } else if is_start(line) {
            self.started += 1;
        } else if let Some(name) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            self.name(name);
        } else {
            self.build.line(line);
        }
    }

    fn name(&mut self, name: &'a str) {
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        if !self.names.contains(&name) && self.names.len() < 1000 {
            self.names.push(name);
        }
    }

    fn finish(mut self) -> ParsedTests {
        if self.results > 0 {
            // Cargo did its part, so a line that looks like its complaint was a test's own.
            self.build.trouble = None;
        }
        let mut parsed = ParsedTests {
            recognized: self.started > 0 || self.results > 0,
            ..ParsedTests::default()
        };
        for name in &self.names {
            let block = self.blocks.iter().find(|(of, _)| of == name);
            parsed.fail(
                name,
                block
                    .into_iter()
                    .flat_map(|(_, lines)| lines.iter().copied()),
            );
        }
        let mut build = self.build.into_parsed();
        let crashed = self.started.saturating_sub(self.results);
        if self.results > 0 || crashed > 0 {
            let broken_off = TestCounts::of(
                0,
                if build.failures.is_empty() {
                    0
                } else {
                    crashed
                },
                0,
            );
            parsed.counts = Some(self.counts.plus(broken_off));
        }
        // Named tests explain a failed target; without any, the target itself is what failed.
        if !self.names.is_empty() {
            build
                .failures
                .retain(|failure| !failure.name.starts_with("target "));
        }
        let counts = parsed.counts;
        let mut both = parsed.plus(build);
        both.counts = counts;
        both
    }
}

/// `---- NAME stdout ----`
fn block_header(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    inner
        .strip_suffix(" stdout")
        .or(inner.strip_suffix(" stderr"))
}

/// `running 3 tests`
fn is_start(line: &str) -> bool {
    let rest = line.strip_prefix("running ").and_then(number);
    rest.is_some_and(|(_, rest)| rest == " tests" || rest == " test")
}

/// `ok. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.09s`
fn counts(text: &str) -> Option<TestCounts> {
    let (_, numbers) = text.split_once(". ")?;
    let mut counts = TestCounts::default();
    for part in numbers.split("; ") {
        match number(part) {
            Some((n, " passed")) => counts.passed = n,
            Some((n, " failed")) => counts.failed = n,
            Some((n, " ignored")) => counts.skipped = n,
            _ => {}
        }
    }
    Some(TestCounts::of(counts.passed, counts.failed, counts.skipped))
}

/// A reader of the lines that cargo itself reports.
#[derive(Default)]
struct BuildReader<'a> {
    first_error: Vec<&'a str>,
    in_error: bool,
    broken: Vec<&'a str>,
    targets: Vec<&'a str>,
    signals: Vec<&'a str>,
    trouble: Option<String>,
}

impl<'a> BuildReader<'a> {
    fn line(&mut self, line: &'a str) {
        if let Some(rest) = line.strip_prefix("error: could not compile `") {
            self.in_error = false;
            push(&mut self.broken, rest);
        } else if let Some(rest) = line.strip_prefix("error: test failed, to rerun pass `") {
            push(&mut self.targets, rest.trim_end_matches('`'));
        } else if let Some(signal) = line
            .trim_start()
            .strip_prefix("process didn't exit successfully: ")
            .and_then(signal)
        {
            push(&mut self.signals, signal);
        } else if is_command_error(line) {
            self.trouble = Some(line.to_owned());
        } else if is_fetch_error(line) {
            self.trouble
                .get_or_insert_with(|| "dependencies could not be fetched".to_owned());
        } else {
            self.compiler_line(line);
        }
    }

    /// Keeps the compiler's first error, up to the blank line that ends it.
    fn compiler_line(&mut self, line: &'a str) {
        let starts = line.starts_with("error[") || line.starts_with("error: ");
        if starts && self.first_error.is_empty() {
            self.in_error = true;
        }
        if line.is_empty() || self.first_error.len() > 20 {
            self.in_error = false;
        }
        if self.in_error {
            self.first_error.push(line);
        }
    }

    fn into_parsed(self) -> ParsedTests {
        let mut parsed = ParsedTests {
            recognized: !self.broken.is_empty(),
            ..ParsedTests::default()
        };
        for broken in &self.broken {
            let what = broken
                .split_once(" due to ")
                .map_or(*broken, |(what, _)| what)
                .replace('`', "");
            parsed.fail(
                &format!("build of {what}"),
                self.first_error.iter().copied(),
            );
        }
        let killed = self
            .signals
            .iter()
            .any(|signal| signal.contains("signal: 9"));
        if killed && self.targets.len() <= 1 {
            parsed.trouble = Some(
                "a test binary was killed by signal 9, which is what the kernel does when memory runs out".to_owned(),
            );
            return parsed;
        }
        for (at, target) in self.targets.iter().enumerate() {
            parsed.fail(&format!("target {target}"), self.signals.get(at).copied());
        }
        parsed.trouble = self.trouble;
        parsed
    }
}

fn push<'a>(list: &mut Vec<&'a str>, item: &'a str) {
    if list.len() < 100 {
        list.push(item);
    }
}

/// "`target/…/outer-3293` (signal: 6, SIGABRT: process abort signal)" → what stands in the
/// brackets.
fn signal(text: &str) -> Option<&str> {
    let inner = text.rsplit_once('(')?.1.strip_suffix(')')?;
    inner.starts_with("signal: ").then_some(inner)
}

fn is_command_error(line: &str) -> bool {
    [
        "error: no such command: ",
        "error: no such subcommand: ",
        "error: unexpected argument ",
        "error: toolchain ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

fn is_fetch_error(line: &str) -> bool {
    ["error: failed to download ", "error: failed to fetch "]
        .iter()
        .any(|start| line.starts_with(start))
}
