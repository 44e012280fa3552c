//! What the tests of one file are: their names, what each asserts, and which are skipped.

use crate::base::hash;
use crate::base::text::one_line;
use crate::domain::guards::case_tables::{CaseRow, CasesOf, FoundCases, cases_in};
use crate::domain::guards::languages::{Language, Patterns};
use crate::domain::guards::masked::masked;
use regex::bytes::{Captures, Regex};
use std::collections::{BTreeMap, BTreeSet};

/// So many bytes to either side belong to the line of a skip, and at most so many to a name.
const NEAR: usize = 400;
/// Longest name that is kept.
const LONGEST_NAME: usize = 100;

/// The tests of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TestFile {
    /// Each test by its name; what stands before the first one has the empty name.
    pub tests: BTreeMap<String, OneTest>,
    /// The skips, in the order of the file.
    pub skips: Vec<Skip>,
}

/// A test; several of one name are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OneTest {
    /// The line of the first of that name.
    pub line: u64,
    /// The number of tests of that name.
    pub count: u32,
    /// The number of assertions that follow, up to the next test.
    pub assertions: u32,
    /// The number of rows in its tables of cases, those that repeat others aside; 0 for a test without one.
    pub cases: u32,
    /// The rows that stand within it.
    rows: BTreeSet<CaseRow>,
    /// True where it has a table whose rows cannot be counted.
    pub is_uncounted: bool,
}

impl OneTest {
    /// The number of times that it is run, as far as can be told.
    pub fn times(&self) -> u32 {
        self.cases.max(1)
    }

    /// The assertions in all cases.
    pub fn weight(&self) -> u32 {
        self.assertions.saturating_mul(self.times())
    }

    /// The worth of it by itself: the number of its cases, one where it only asserts something, and nothing where it
    /// only holds others.
    pub fn own(&self) -> u32 {
        self.cases.max(u32::from(self.assertions > 0))
    }
}

/// A skip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip {
    /// The same for the same skip of the same test, wherever it stands.
    pub key: String,
    pub line: u64,
    /// The test that is skipped, or the line that skips a group.
    pub of: String,
}

/// Something that stands at a place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Spot {
    Mark,
    SkipBefore,
    SkipItself,
    /// A test whose name is at this place.
    Test(usize, usize),
    Function(usize, usize),
    SkipInside,
    Assertion,
    Trivial,
    /// The table of this number.
    Cases(usize),
}

impl TestFile {
    /// Reads the tests of a file of this language.
    pub fn read(language: &Language, text: &[u8]) -> TestFile {
        let Some(patterns) = language.patterns() else {
            return TestFile::default();
        };
        let code = masked(text, &language.quoting);
        let tables = cases_in(&patterns.cases, text, &code);
        let spots = spots(patterns, (text, &code), &tables);
        let mut walk = Walk::new(text, tables);
        for (at, spot) in spots {
            walk.meet(at, spot);
        }
        walk.file
    }

    /// The names of its tests.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.tests.keys().filter(|name| !name.is_empty())
    }
}

/// Everything that is found, in the order of the file.
fn spots(
    patterns: &Patterns,
    (text, code): (&[u8], &[u8]),
    tables: &[FoundCases],
) -> Vec<(usize, Spot)> {
    let mut found = Vec::new();
    let mut find = |pattern: &Option<Regex>, within: &[u8], spot: Spot| {
        let all = pattern.iter().flat_map(|pattern| pattern.find_iter(within));
        found.extend(all.map(|one| (begin(within, one.start()), spot)));
    };
    find(&patterns.mark, code, Spot::Mark);
    find(&patterns.skip_before, code, Spot::SkipBefore);
    find(&patterns.skip_itself, code, Spot::SkipItself);
    find(&patterns.skip_in_comment, text, Spot::SkipItself);
    find(&patterns.skip_inside, code, Spot::SkipInside);
    find(&patterns.assertion, code, Spot::Assertion);
    find(&patterns.trivial, code, Spot::Trivial);
    let all = patterns
        .test
        .iter()
        .flat_map(|pattern| pattern.captures_iter(code));
    found.extend(all.filter_map(|one| test_at(text, &one)));
    for (number, one) in tables.iter().enumerate() {
        let start = begin(code, one.at);
        let at = match one.name {
            Some((from, to)) => {
                found.push((start, Spot::Test(from, to)));
                from
            }
            None => start,
        };
        found.push((at, Spot::Cases(number)));
    }
    let all = patterns.function.iter().filter(|_| patterns.mark.is_some());
    let all = all.flat_map(|pattern| pattern.captures_iter(code));
    found.extend(all.filter_map(|one| {
        let name = one.name("name")?;
        Some((name.start(), Spot::Function(name.start(), name.end())))
    }));
    found.sort_unstable();
    found
}

/// The place of the first letter of what was found: a pattern may begin with the line end before.
fn begin(code: &[u8], start: usize) -> usize {
    let blanks = code[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace());
    start + blanks.count()
}

fn test_at(text: &[u8], found: &Captures<'_>) -> Option<(usize, Spot)> {
    let start = begin(text, found.get(0)?.start());
    if let Some(name) = found.name("name").or_else(|| found.name("method")) {
        return Some((start, Spot::Test(name.start(), name.end())));
    }
    let quote = found.name("q")?;
    let mark = *text.get(quote.start())?;
    let content = &text[quote.end()..];
    let content = &content[..content.len().min(NEAR)];
    let end = content
        .iter()
        .position(|byte| *byte == mark || *byte == b'\n');
    let end = quote.end() + end.unwrap_or(content.len());
    Some((start, Spot::Test(quote.end(), end)))
}

/// The walk through what was found.
struct Walk<'a> {
    text: &'a [u8],
    counted_to: usize,
    line: u64,
    test: String,
    /// True behind a mark, up to the function that it makes a test.
    is_marked: bool,
    /// Skips in front of a test that has not come yet: the text, and its line.
    waiting: Vec<(String, u64)>,
    /// The cases of a test that has not come yet.
    cases: WaitingCases,
    tables: Vec<FoundCases>,
    file: TestFile,
}

fn number(rows: &BTreeSet<CaseRow>) -> u32 {
    u32::try_from(rows.len()).unwrap_or(u32::MAX)
}

/// Cases in front of a test.
#[derive(Debug, Default)]
struct WaitingCases {
    /// The rows of all tables, multiplied; none where there is none.
    rows: Option<u32>,
    /// Cases that stand one by one.
    ones: BTreeSet<CaseRow>,
    is_uncounted: bool,
}

impl WaitingCases {
    fn all(&self) -> u32 {
        let ones = number(&self.ones);
        match self.rows {
            Some(rows) => rows.saturating_mul(ones.max(1)),
            None => ones,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(text: &'a [u8], tables: Vec<FoundCases>) -> Walk<'a> {
        Walk {
            text,
            counted_to: 0,
            line: 1,
            test: String::new(),
            is_marked: false,
            waiting: Vec::new(),
            cases: WaitingCases::default(),
            tables,
            file: TestFile::default(),
        }
    }

    fn meet(&mut self, at: usize, spot: Spot) {
        let passed = &self.text[self.counted_to.min(at)..at];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.counted_to = at;
        match spot {
            Spot::Mark => self.is_marked = true,
            Spot::Test(from, to) => self.begin_test(from, to),
            // A skip that stands before a plain function is that of a group, or of the next test.
            Spot::Function(from, to) => {
                if std::mem::take(&mut self.is_marked) {
                    self.begin_test(from, to);
                }
            }
            Spot::SkipBefore => self.waiting.push((self.line_of(at), self.line)),
            Spot::SkipInside => {
                let (text, test) = (self.line_of(at), self.test.clone());
                self.skip(&text, self.line, test);
            }
            Spot::SkipItself => {
                let text = self.line_of(at);
                self.skip(&text.clone(), self.line, text);
            }
            Spot::Assertion => self.of_test().assertions += 1,
            Spot::Cases(number) => self.meet_cases(number),
            Spot::Trivial => {
                let test = self.of_test();
                test.assertions = test.assertions.saturating_sub(1);
            }
        }
    }

    fn meet_cases(&mut self, table: usize) {
        let of = self.tables[table].of;
        let rows = self.tables[table].rows.take();
        let is_uncounted = rows.is_none();
        // A row that repeats another tests nothing more.
        let rows: BTreeSet<CaseRow> = rows.into_iter().flatten().collect();
        let count = if is_uncounted { 1 } else { number(&rows) };
        match of {
            CasesOf::Around => {
                let test = self.of_test();
                let before = number(&test.rows);
                test.rows.extend(rows);
                let more = number(&test.rows).saturating_sub(before);
                test.cases = test
                    .cases
                    .saturating_add(if is_uncounted { 1 } else { more });
                test.is_uncounted |= is_uncounted;
            }
            CasesOf::NextByTable => {
                let before = self.cases.rows.unwrap_or(1);
                self.cases.rows = Some(before.saturating_mul(count));
                self.cases.is_uncounted |= is_uncounted;
            }
            CasesOf::NextByOne => self.cases.ones.extend(rows),
        }
    }

    fn begin_test(&mut self, from: usize, to: usize) {
        let name = &self.text[from..to];
        self.test = match one_line_of(name) {
            // A name without a letter is a name, too.
            name if name.is_empty() => "\"\"".to_owned(),
            name => name,
        };
        let line = self.line;
        let cases = std::mem::take(&mut self.cases);
        let test = self.of_test();
        if test.count == 0 {
            test.line = line;
        }
        test.count += 1;
        test.cases = test.cases.saturating_add(cases.all());
        test.is_uncounted |= cases.is_uncounted;
        for (text, line) in std::mem::take(&mut self.waiting) {
            self.skip(&text, line, self.test.clone());
        }
    }

    fn of_test(&mut self) -> &mut OneTest {
        self.file.tests.entry(self.test.clone()).or_default()
    }

    fn skip(&mut self, text: &str, line: u64, of: String) {
        let key = format!("{text}\n{of}");
        self.file.skips.push(Skip { key, line, of });
    }

    /// The line around a place, as far as it is near: a whole program may stand on one line.
    fn line_of(&self, at: usize) -> String {
        let (before, behind) = (
            at.saturating_sub(NEAR),
            at.saturating_add(NEAR).min(self.text.len()),
        );
        let is_end = |byte: &u8| *byte == b'\n';
        let from = self.text[before..at].iter().rposition(is_end);
        let from = from.map_or(before, |end| before + end + 1);
        let to = self.text[at..behind].iter().position(is_end);
        let to = to.map_or(behind, |length| at + length);
        one_line_of(&self.text[from..to])
    }
}

/// The text on one line, with its blanks made one; what is long is told apart by its digest.
fn one_line_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = one_line(&words.join(" "));
    if text.chars().count() <= LONGEST_NAME {
        return text;
    }
    let begin: String = text.chars().take(LONGEST_NAME).collect();
    format!("{begin}… {}", &hash::sha256_hex(text.as_bytes())[..8])
}

#[cfg(test)]
#[path = "test_file_tables.rs"]
mod tables;
