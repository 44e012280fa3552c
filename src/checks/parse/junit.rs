//! Reports in JUnit's XML format, as many tools write them.
//!
//! A report is hostile input: bounded in size, depth and number; a document type is refused, so
//! that there are no entities to expand and nothing to fetch.

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::base::text::one_line;
use crate::checks::parse::parsed::ParsedTests;
use crate::checks::reports::{MAX_REPORT, ReportFile};
use crate::domain::check::TestCounts;

const MAX_DEPTH: usize = 64;
const MAX_TEXT: usize = 16 << 10;

/// Reads all reports of one check together; `glob` is what they were looked for with.
pub(super) fn parse(reports: &[ReportFile], glob: &str) -> ParsedTests {
    if reports.is_empty() {
        return ParsedTests {
            trouble: Some(format!("no new report matches {glob}")),
            ..ParsedTests::default()
        };
    }
    reports
        .iter()
        .map(one)
        .fold(ParsedTests::default(), ParsedTests::plus)
}

fn one(report: &ReportFile) -> ParsedTests {
    let mut document = JunitDocument::default();
    let read = document.read(&report.bytes);
    let mut parsed = document.finish();
    parsed.trouble = read
        .err()
        .map(|why| format!("report {}: {why}", one_line(&report.path)));
    parsed
}

/// The kind of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Suites,
    Suite,
    Case,
    Failure,
    Other,
}

#[derive(Default)]
struct JunitDocument {
    open: Vec<ElementKind>,
    /// Failures and errors by the attributes of the root, and by those of the outermost suites.
    declared: (u64, u64),
    case: JunitCase,
    counts: TestCounts,
    parsed: ParsedTests,
}

/// The test case that is being read.
#[derive(Default)]
struct JunitCase {
    name: String,
    skipped: bool,
    failed: bool,
    message: String,
    text: String,
}

impl JunitDocument {
    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 > MAX_REPORT {
            return Err(format!("larger than {MAX_REPORT} bytes"));
        }
        let mut reader = Reader::from_reader(bytes);
        loop {
            match reader.read_event().map_err(|e| format!("malformed: {e}"))? {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&String::from_utf8_lossy(&text)),
                Event::CData(text) => self.text(&String::from_utf8_lossy(&text)),
                Event::GeneralRef(name) => self.text(&reference(&name)),
                Event::DocType(_) => return Err("has a document type, which is refused".to_owned()),
                Event::Eof if !self.open.is_empty() => return Err("ends too early".to_owned()),
                Event::Eof if !self.parsed.recognized => {
                    return Err("is not a JUnit report".to_owned());
                }
                Event::Eof => return Ok(()),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let in_case = self.open.contains(&ElementKind::Case);
        let kind = match tag.local_name().as_ref() {
            b"testsuites" => ElementKind::Suites,
            b"testsuite" => ElementKind::Suite,
            b"testcase" if !in_case => ElementKind::Case,
            b"failure" | b"error" if in_case => ElementKind::Failure,
            _ => ElementKind::Other,
        };
        match kind {
            ElementKind::Suites => self.declared.0 = self.declared.0.saturating_add(declared(tag)),
            ElementKind::Suite if !self.open.contains(&ElementKind::Suite) => {
                self.declared.1 = self.declared.1.saturating_add(declared(tag))
            }
            ElementKind::Case => {
                self.case = JunitCase {
                    name: case_name(tag),
                    ..JunitCase::default()
                }
            }
            ElementKind::Failure => self.case.fail(tag),
            _ if tag.local_name().as_ref() == b"skipped" => self.case.skipped = true,
            _ => {}
        }
        self.parsed.recognized |= matches!(kind, ElementKind::Suites | ElementKind::Suite);
        self.open.push(kind);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.open.last() == Some(&ElementKind::Failure) && self.case.text.len() < MAX_TEXT {
            self.case.text.extend(text.chars().take(MAX_TEXT));
        }
    }

    fn end(&mut self) {
        if self.open.pop() != Some(ElementKind::Case) {
            return;
        }
        let case = std::mem::take(&mut self.case);
        let count = match (case.failed, case.skipped) {
            (true, _) => TestCounts::of(0, 1, 0),
            (false, true) => TestCounts::of(0, 0, 1),
            (false, false) => TestCounts::of(1, 0, 0),
        };
        self.counts = self.counts.plus(count);
        if case.failed {
            self.parsed.fail(&case.name, case.told().lines());
        }
    }

    /// Counts the failures that a suite declares beyond those that it shows, they count: a report
    /// may be cut down, and the worse one wins.
    fn finish(mut self) -> ParsedTests {
        let hidden = self
            .declared
            .0
            .max(self.declared.1)
            .saturating_sub(self.counts.failed);
        let counts = self.counts.plus(TestCounts::of(0, hidden, 0));
        self.parsed.counts = self.parsed.recognized.then_some(counts);
        self.parsed
    }
}

impl JunitCase {
    fn fail(&mut self, tag: &BytesStart<'_>) {
        self.failed = true;
        if self.message.is_empty() {
            self.message = attribute(tag, "message").unwrap_or_default();
        }
    }

    /// The message, or the text where it goes on from the message.
    fn told(&self) -> &str {
        let first = self.message.lines().next().unwrap_or_default();
        if self.text.trim_start().starts_with(first) {
            &self.text
        } else {
            &self.message
        }
    }
}

fn case_name(tag: &BytesStart<'_>) -> String {
    let name = attribute(tag, "name").unwrap_or_default();
    match attribute(tag, "classname").filter(|class| !class.is_empty()) {
        Some(class) => format!("{class} {name}"),
        None => name,
    }
}

fn declared(tag: &BytesStart<'_>) -> u64 {
    let number = |key| {
        attribute(tag, key)
            .and_then(|text| text.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    number("failures").saturating_add(number("errors"))
}

/// The value of an attribute, cut when long; one that is malformed is as good as none.
fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    let found = tag
        .attributes()
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == key.as_bytes())?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.chars().take(MAX_TEXT / 4).collect())
}

/// The character that a reference stands for; there are only the five of XML and numbers.
fn reference(name: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return c.to_string();
    }
    let name = String::from_utf8_lossy(name);
    resolve_xml_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned)
}
