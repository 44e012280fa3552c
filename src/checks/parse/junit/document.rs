//! The elements of one report, as they are read.
//!
//! A report is hostile input: read as a stream in bounded memory and depth; a document type is
//! refused, so that there are no entities to expand and nothing to fetch. It is also written by
//! tools that break the rules of XML: control characters, bytes of another encoding and ampersands
//! that begin nothing are read as what they are.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::checks::parse::junit::case::{CaseEnd, JunitCase};
use crate::checks::parse::junit::clipped::ClippedXml;
use crate::checks::parse::parsed::ParsedTests;
use crate::domain::check::TestCounts;

const MAX_DEPTH: usize = 64;
const MAX_VALUE: usize = 4 << 10;
/// More cases of one report are not compared by name.
const MAX_NAMES: usize = 1 << 20;

/// The kind of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Suites,
    Suite,
    Case,
    Failure,
    Other,
}

/// One report.
#[derive(Default)]
pub(super) struct JunitDocument {
    open: Vec<ElementKind>,
    suites: Vec<JunitSuite>,
    case: Option<JunitCase>,
    /// Failures and errors by the attributes of the root, and by those of the outermost suites.
    declared: (u64, u64),
    /// Failed tests by the comments at the end of a report of `node:test`, whose elements leave some
    /// out.
    summed_up: u64,
    /// Elements of failures, those of tests that may fail included. A test can have several.
    elements: u64,
    counts: TestCounts,
    parsed: ParsedTests,
    /// The ends of all cases by name, in a report of pytest: there a test has one name, and one that
    /// was run again, or broke in its teardown, stands there twice.
    ends: Option<HashMap<u64, CaseEnd>>,
    has_element: bool,
}

/// A suite that is open.
#[derive(Default)]
struct JunitSuite {
    name: String,
    tests: Option<u64>,
    /// Cases directly within, and those of them that passed.
    cases: u64,
    passed: u64,
    /// The failure of the suite itself.
    own: Option<JunitCase>,
}

impl JunitDocument {
    pub(super) fn read(&mut self, mut source: impl BufRead) -> Result<(), String> {
        let start = source.fill_buf().map_err(|e| e.to_string())?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err("is encoded in UTF-16".to_owned());
        }
        let mut reader = Reader::from_reader(BufReader::new(ClippedXml::new(source)));
        reader.config_mut().allow_dangling_amp = true;
        let (mut block, mut has_type) = (Vec::new(), false);
        loop {
            block.clear();
            let event = reader.read_event_into(&mut block);
            match event.map_err(|e| format!("malformed: {e}"))? {
                Event::Start(tag) => self.start(&tag)?,
                Event::Empty(tag) => {
                    self.start(&tag)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&String::from_utf8_lossy(&text)),
                Event::CData(text) => self.text(&String::from_utf8_lossy(&text)),
                Event::GeneralRef(name) => self.text(&reference(&name)),
                Event::Comment(text) => self.comment(&String::from_utf8_lossy(&text)),
                Event::DocType(_) => has_type = true,
                Event::Eof if !self.open.is_empty() => return Err("ends too early".to_owned()),
                Event::Eof if !self.parsed.recognized => {
                    return Err("is not a JUnit report".to_owned());
                }
                Event::Eof => return Ok(()),
                Event::PI(_) | Event::Decl(_) => {}
            }
            if has_type && self.parsed.recognized {
                return Err("has a document type, which is refused".to_owned());
            }
        }
    }

    /// Returns true for a file with elements, none of which is of JUnit.
    pub(super) fn is_other_xml(&self) -> bool {
        self.has_element && !self.parsed.recognized
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        self.has_element = true;
        if self.open.len() == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        let kind = match tag.local_name().as_ref() {
            b"testsuites" => ElementKind::Suites,
            b"testsuite" => ElementKind::Suite,
            b"testcase" if self.case.is_none() => ElementKind::Case,
            b"failure" | b"error" => ElementKind::Failure,
            _ => ElementKind::Other,
        };
        match kind {
            ElementKind::Suites => {
                self.declared.0 = self.declared.0.saturating_add(declared(tag));
                self.look_for_pytest(tag, "pytest tests");
            }
            ElementKind::Suite => self.suite(tag),
            ElementKind::Case => self.case = Some(JunitCase::of(tag)),
            ElementKind::Failure | ElementKind::Other => self.inner(tag),
        }
        self.parsed.recognized |= matches!(kind, ElementKind::Suites | ElementKind::Suite);
        self.open.push(kind);
        Ok(())
    }

    fn suite(&mut self, tag: &BytesStart<'_>) {
        if self.suites.is_empty() {
            self.declared.1 = self.declared.1.saturating_add(declared(tag));
            self.look_for_pytest(tag, "pytest");
        }
        self.suites.push(JunitSuite {
            name: attribute(tag, "name").unwrap_or_default(),
            tests: attribute(tag, "tests").and_then(|text| text.trim().parse().ok()),
            ..JunitSuite::default()
        });
    }

    fn look_for_pytest(&mut self, tag: &BytesStart<'_>, name: &str) {
        if attribute(tag, "name").as_deref() == Some(name) {
            self.ends.get_or_insert_default();
        }
    }

    /// An element within a case, or a failure of a suite that belongs to no case.
    fn inner(&mut self, tag: &BytesStart<'_>) {
        let is_in_suite = self.open.last() == Some(&ElementKind::Suite);
        let failed = match (&mut self.case, self.suites.last_mut()) {
            (Some(case), _) => case.element(tag),
            (None, Some(suite)) if is_in_suite => {
                let own = suite.own.get_or_insert_default();
                own.name.clone_from(&suite.name);
                own.element(tag)
            }
            _ => false,
        };
        self.elements = self.elements.saturating_add(u64::from(failed));
    }

    fn text(&mut self, text: &str) {
        if self.open.last() != Some(&ElementKind::Failure) {
            return;
        }
        let own = self.suites.last_mut().and_then(|suite| suite.own.as_mut());
        if let Some(case) = self.case.as_mut().or(own) {
            case.text(text);
        }
    }

    fn comment(&mut self, text: &str) {
        let count = |word: &str| text.trim().strip_prefix(word)?.trim().parse::<u64>().ok();
        if self.open == [ElementKind::Suites] {
            let failed = count("fail ").or_else(|| count("cancelled "));
            self.summed_up = self.summed_up.saturating_add(failed.unwrap_or(0));
        }
    }

    fn end(&mut self) {
        match self.open.pop() {
            Some(ElementKind::Case) => self.end_of_case(),
            Some(ElementKind::Suite) => self.end_of_suite(),
            _ => {}
        }
    }

    fn end_of_case(&mut self) {
        let Some(case) = self.case.take() else {
            return;
        };
        let end = case.end();
        if end == CaseEnd::Failed {
            self.parsed.fail(&case.name, case.told().lines());
        }
        if let Some(ends) = &mut self.ends {
            let has_room = ends.len() < MAX_NAMES;
            if let Some(earlier) = ends.get_mut(&case.key) {
                if *earlier < end {
                    let better = std::mem::replace(earlier, end);
                    *slot(&mut self.counts, better) -= 1;
                    *slot(&mut self.counts, end) += 1;
                }
                return;
            }
            if has_room {
                ends.insert(case.key, end);
            }
        }
        *slot(&mut self.counts, end) += 1;
        if let Some(suite) = self.suites.last_mut() {
            suite.cases += 1;
            suite.passed += u64::from(end == CaseEnd::Passed);
        }
    }

    /// A suite that counts fewer tests than it shows names some that did not run.
    fn end_of_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        if let Some(own) = suite.own.filter(|own| own.end() == CaseEnd::Failed) {
            self.parsed.fail(&own.name, own.told().lines());
            self.counts.failed += 1;
        }
        let tests = suite.tests.unwrap_or(suite.cases);
        let left_out = suite.cases.saturating_sub(tests).min(suite.passed);
        self.counts.passed = self.counts.passed.saturating_sub(left_out);
        self.counts.skipped = self.counts.skipped.saturating_add(left_out);
    }

    /// Counts the failures that a report declares beyond those that it shows: it may be cut down, and
    /// the worse one wins.
    pub(super) fn finish(mut self) -> ParsedTests {
        let failed = self.counts.failed;
        let declared = self.declared.0.max(self.declared.1);
        let hidden = declared.saturating_sub(failed.max(self.elements));
        let hidden = hidden.max(self.summed_up.saturating_sub(failed));
        let counts = TestCounts::of(
            self.counts.passed,
            failed.saturating_add(hidden),
            self.counts.skipped,
        );
        self.parsed.counts = self.parsed.recognized.then_some(counts);
        self.parsed
    }
}

/// The number of the cases with this end.
fn slot(counts: &mut TestCounts, end: CaseEnd) -> &mut u64 {
    match end {
        CaseEnd::Skipped => &mut counts.skipped,
        CaseEnd::Passed => &mut counts.passed,
        CaseEnd::Failed => &mut counts.failed,
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

/// The value of an attribute, cut when long. What cannot be read in it is replaced.
pub(super) fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    let found = tag
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == key.as_bytes())?;
    let raw = String::from_utf8_lossy(&found.value);
    let mut value = String::new();
    let mut rest = &*raw;
    while let Some((before, behind)) = rest.split_once('&') {
        value.push_str(before);
        let name = behind.split_once(';').filter(|(name, _)| name.len() < 16);
        let (shown, after) = match name {
            Some((name, after)) => (reference(&BytesRef::new(name)), after),
            None => ("&".to_owned(), behind),
        };
        value.push_str(&shown);
        rest = after;
    }
    value.push_str(rest);
    Some(value.chars().take(MAX_VALUE).collect())
}

/// The character that a reference stands for; there are only the five of XML and numbers.
fn reference(name: &BytesRef<'_>) -> String {
    if let Ok(Some(c)) = name.resolve_char_ref() {
        return c.to_string();
    }
    let name = String::from_utf8_lossy(name);
    resolve_xml_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned)
}
