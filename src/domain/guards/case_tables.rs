//! The cases of a parametrised test: the rows of the table beside it.
//!
//! Over masked text, so that no bracket or comma of a string counts. A table that is made elsewhere, or by a
//! program, cannot be counted. Rows are told apart by their text, blanks and comments aside.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use regex::bytes::Regex;

/// All tables of a file together are looked through so many times at most, so that brackets within brackets take
/// time in proportion to the file.
const LOOKS: usize = 8;
/// Stands beside a block of text whose first line is a heading.
const HEADING: &[u8] = b"useHeadersInDisplayName";
/// The longest name to which a table is looked for.
const LONGEST_NAME: usize = 80;

/// The test that has some cases, by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CasesOf {
    /// The test that comes next; several tables multiply.
    NextByTable,
    /// The test that comes next, one more of them.
    NextByOne,
    /// The test around.
    Around,
}

/// The spelling of the cases of a parametrised test.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaseSpelling {
    /// The beginning, with the bracket where one follows.
    pub pattern: &'static str,
    /// The test that has them.
    pub of: CasesOf,
    /// The place of the rows.
    pub table: CaseTable,
}

/// The place of the rows of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum CaseTable {
    /// A row itself.
    One,
    /// In an argument of this number, from 0, or in the list to which it is a name.
    Argument(usize),
    /// In the first list within the brackets, in the lines of a text block there, else in the brackets themselves.
    Braces,
    /// In the braces behind those of a type.
    Literal,
    /// In these braces, where each of them has braces of its own.
    LiteralOfRows,
    /// In the first argument, or the lines of a text; the name of the test stands in a call behind it.
    BeforeName,
    /// Wherever this file has such a call.
    Elsewhere(&'static str),
}

/// A row, by what tells it from others.
pub(super) type CaseRow = u64;

/// The rows of a table, as far as they can be counted, and the place of the name of their test.
type NamedRows = (Option<Vec<CaseRow>>, (usize, usize));

/// A table that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundCases {
    /// The place at which it begins.
    pub at: usize,
    /// The test that has them.
    pub of: CasesOf,
    /// The rows, those that repeat others included; none where they cannot be counted.
    pub rows: Option<Vec<CaseRow>>,
    /// The place behind it, where that is known.
    end: usize,
    /// The name of the test, where it stands behind the table.
    pub name: Option<(usize, usize)>,
}

/// The tables of a file, by their spelling.
pub(super) fn cases_in(
    spelling: &[(CaseSpelling, Regex)],
    text: &[u8],
    code: &[u8],
) -> Vec<FoundCases> {
    let mut reader = TableReader {
        text,
        code,
        left: code.len().saturating_mul(LOOKS),
        lists: None,
        elsewhere: BTreeMap::new(),
    };
    let mut found = Vec::new();
    for (case, pattern) in spelling {
        for one in pattern.find_iter(code) {
            let open = one.end() - 1;
            let (mut name, mut end) = (None, one.end());
            let rows = match case.table {
                CaseTable::One => Some(vec![reader.row_of_call(open)]),
                CaseTable::Elsewhere(row) => reader.rows_elsewhere(row, (pattern, one.start())),
                CaseTable::Argument(number) => reader.argument(open, number),
                CaseTable::Braces => reader.braces_within(open),
                CaseTable::Literal => reader.literal(open).map(|(rows, behind)| {
                    end = behind;
                    rows
                }),
                CaseTable::LiteralOfRows => {
                    let Some((rows, behind)) = reader.literal_of_rows(open) else {
                        continue;
                    };
                    end = behind;
                    Some(rows)
                }
                CaseTable::BeforeName => {
                    let Some((rows, behind)) = reader.before_name(open) else {
                        continue;
                    };
                    name = Some(behind);
                    rows
                }
            };
            found.push(FoundCases {
                at: one.start(),
                of: case.of,
                rows,
                end,
                name,
            });
        }
    }
    found.sort_by_key(|one| one.at);
    // A list in a row of a table is a value, and no table.
    let mut behind = 0;
    found.retain(|one| {
        let is_within = one.of == CasesOf::Around && one.at < behind;
        if !is_within {
            behind = behind.max(one.end);
        }
        !is_within
    });
    found
}

struct TableReader<'a> {
    text: &'a [u8],
    code: &'a [u8],
    left: usize,
    /// The brackets of lists by the names that this file gives them to, once somebody asks for one.
    lists: Option<BTreeMap<&'a [u8], usize>>,
    /// The calls that make rows and the tests that take theirs from them, by the spellings of both.
    elsewhere: BTreeMap<(&'static str, String), RowsElsewhere>,
}

/// The rows that calls of a file make, and the places of the tests that take theirs from such.
#[derive(Debug, Clone, Default)]
struct RowsElsewhere {
    rows: Vec<CaseRow>,
    tests: Vec<usize>,
}

impl<'a> TableReader<'a> {
    /// The parts between the commas of the bracket that opens at `open`, each by its places, and the place behind it.
    fn parts(&mut self, open: usize) -> Option<(Vec<(usize, usize)>, usize)> {
        let mut depth = 0_u32;
        let (mut parts, mut from) = (Vec::new(), open + 1);
        for (step, byte) in self.code[open..].iter().enumerate() {
            self.left = self.left.checked_sub(1)?;
            let at = open + step;
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        parts.push((from, at));
                        parts.retain(|(from, to)| !self.is_blank(*from, *to));
                        return Some((parts, at + 1));
                    }
                }
                b',' if depth == 1 => {
                    parts.push((from, at));
                    from = at + 1;
                }
                _ => {}
            }
        }
        None
    }

    /// True where nothing stands there, not even a string. A comment is nothing.
    fn is_blank(&self, from: usize, to: usize) -> bool {
        self.code[from..to].iter().all(u8::is_ascii_whitespace)
    }

    /// A row by its text: comments and blanks outside of strings do not count.
    fn row(&self, from: usize, to: usize) -> CaseRow {
        let (mut hash, mut quote) = (DefaultHasher::new(), None);
        for at in from..to {
            let byte = self.code[at];
            match quote {
                Some(mark) if byte == mark => quote = None,
                Some(_) => {
                    self.text[at].hash(&mut hash);
                    continue;
                }
                None if byte.is_ascii_whitespace() => continue,
                None if matches!(byte, b'"' | b'\'' | b'`') => quote = Some(byte),
                None => {}
            }
            byte.hash(&mut hash);
        }
        hash.finish()
    }

    fn rows(&self, parts: &[(usize, usize)]) -> Vec<CaseRow> {
        parts
            .iter()
            .map(|(from, to)| self.row(*from, *to))
            .collect()
    }

    /// The row that a call is, by its arguments.
    fn row_of_call(&mut self, open: usize) -> CaseRow {
        match self.parts(open) {
            Some((_, end)) => self.row(open, end),
            // What cannot be read is like no other.
            None => open as CaseRow,
        }
    }

    /// The place of the first letter from here on that is no blank.
    fn behind_blanks(&self, from: usize) -> usize {
        let rest = &self.code[from..];
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        from + blanks.count()
    }

    fn rows_in(&mut self, open: usize) -> Option<Vec<CaseRow>> {
        self.parts(open).map(|(parts, _)| self.rows(&parts))
    }

    /// The rows of a list that stands at a place, or to which a name there belongs.
    fn rows_at(&mut self, from: usize, to: usize) -> Option<Vec<CaseRow>> {
        let from = self.behind_blanks(from);
        match self.code.get(from)? {
            b'[' | b'(' | b'{' => self.rows_in(from),
            _ => self.rows_of_name(self.code[from..to].trim_ascii_end()),
        }
    }

    /// The rows of the list that this file gives to a name.
    fn rows_of_name(&mut self, name: &[u8]) -> Option<Vec<CaseRow>> {
        if name.is_empty() || name.len() > LONGEST_NAME || !name.iter().all(is_of_name) {
            return None;
        }
        let code = self.code;
        let lists = self.lists.get_or_insert_with(|| lists_by_name(code));
        let open = *lists.get(name)?;
        self.rows_in(open)
    }

    /// The rows of one argument of the call that opens at `open`.
    fn argument(&mut self, open: usize, number: usize) -> Option<Vec<CaseRow>> {
        let (parts, _) = self.parts(open)?;
        let (from, to) = *parts.get(number)?;
        let equals = self.code[from..to].iter().position(|byte| *byte == b'=');
        let is_name = |at: &usize| {
            let before = self.code[from..from + at].trim_ascii();
            !before.is_empty() && before.iter().all(is_of_name)
        };
        let from = equals.filter(is_name).map_or(from, |at| from + at + 1);
        self.rows_at(from, to)
    }

    /// The rows of the first list within the call that opens at `open`, of a block of text there, else those of the
    /// call.
    fn braces_within(&mut self, open: usize) -> Option<Vec<CaseRow>> {
        const BLOCK: &[u8] = b"\"\"\"";
        let (parts, end) = self.parts(open)?;
        let inside = &self.code[open + 1..end];
        let list = inside.iter().position(|byte| matches!(byte, b'{' | b'['));
        let find = |code: &[u8]| code.windows(BLOCK.len()).position(|part| part == BLOCK);
        if let Some(at) = find(inside).filter(|at| list.is_none_or(|list| *at < list)) {
            let from = open + 1 + at + BLOCK.len();
            let length = find(&self.code[from..end])?;
            let has_heading = inside.windows(HEADING.len()).any(|part| part == HEADING);
            let lines = self.text[from..from + length].split(|byte| *byte == b'\n');
            let lines = lines.map(<[u8]>::trim_ascii);
            let rows = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
            return Some(
                rows.skip(usize::from(has_heading))
                    .map(row_of_csv)
                    .collect(),
            );
        }
        let parts = match list {
            Some(at) => self.parts(open + 1 + at)?.0,
            None => parts,
        };
        let row = |(from, to): &(usize, usize)| {
            let text = self.text[*from..*to].trim_ascii();
            match text
                .strip_prefix(b"\"")
                .and_then(|text| text.strip_suffix(b"\""))
            {
                Some(line) => row_of_csv(line),
                None => self.row(*from, *to),
            }
        };
        Some(parts.iter().map(row).collect())
    }

    /// The rows of a literal whose type is a bracket that opens at `open`, which stand in the next one, and the place
    /// behind them.
    fn literal(&mut self, open: usize) -> Option<(Vec<CaseRow>, usize)> {
        let (_, behind) = self.parts(open)?;
        let open = self.behind_blanks(behind);
        (self.code.get(open) == Some(&b'{')).then_some(())?;
        let (parts, end) = self.parts(open)?;
        Some((self.rows(&parts), end))
    }

    /// The rows of the braces that open at `open`, where these are braces themselves, with or without a key, and the
    /// place behind them.
    fn literal_of_rows(&mut self, open: usize) -> Option<(Vec<CaseRow>, usize)> {
        let (parts, end) = self.parts(open)?;
        let is_row =
            |(from, to): &(usize, usize)| self.code[*from..*to].trim_ascii().ends_with(b"}");
        let are_rows = !parts.is_empty() && parts.iter().all(is_row);
        are_rows.then(|| (self.rows(&parts), end))
    }

    /// The rows of a list, or of a table as text, behind which a call with the name of the test stands; and the
    /// place of that name. Nothing where no name follows.
    fn before_name(&mut self, open: usize) -> Option<NamedRows> {
        let (rows, behind) = if self.code[open] == b'`' {
            let length = self.code[open + 1..]
                .iter()
                .position(|byte| *byte == b'`')?;
            let end = open + 1 + length;
            (Some(rows_of_text(&self.text[open + 1..end])), end + 1)
        } else {
            let (parts, end) = self.parts(open)?;
            let (from, to) = *parts.first()?;
            (self.rows_at(from, to), end)
        };
        let call = self.behind_blanks(behind);
        (self.code.get(call) == Some(&b'(')).then_some(())?;
        let quote = self.behind_blanks(call + 1);
        let mark = *self.code.get(quote)?;
        matches!(mark, b'"' | b'\'' | b'`').then_some(())?;
        let rest = &self.code[quote + 1..];
        let length = rest.iter().position(|byte| *byte == mark || *byte == b'\n');
        Some((rows, (quote + 1, quote + 1 + length?)))
    }

    /// The rows that a file makes by a call, shared among the tests that take theirs from such: each has as many as
    /// the others, or one more, so that none goes unseen.
    fn rows_elsewhere(
        &mut self,
        row: &'static str,
        (tests, own): (&Regex, usize),
    ) -> Option<Vec<CaseRow>> {
        let spelling = (row, tests.as_str().to_owned());
        if !self.elsewhere.contains_key(&spelling) {
            let all = self.look_elsewhere(row, tests)?;
            self.elsewhere.insert(spelling.clone(), all);
        }
        let all = self.elsewhere.get(&spelling)?;
        let number = all.tests.binary_search(&own).ok()?;
        let own = all.rows.iter().skip(number).step_by(all.tests.len());
        let own: Vec<CaseRow> = own.copied().collect();
        (!own.is_empty()).then_some(own)
    }

    /// Looks through the file once, however many tests take their rows from calls.
    fn look_elsewhere(&mut self, row: &str, tests: &Regex) -> Option<RowsElsewhere> {
        self.left = self.left.checked_sub(self.code.len())?;
        let calls = Regex::new(row).ok()?;
        let opens = calls.find_iter(self.code).map(|one| one.end() - 1);
        let opens: Vec<usize> = opens.collect();
        let mut rows: Vec<CaseRow> = opens.iter().map(|open| self.row_of_call(*open)).collect();
        rows.sort_unstable();
        rows.dedup();
        let tests = tests.find_iter(self.code).map(|one| one.start());
        Some(RowsElsewhere {
            rows,
            tests: tests.collect(),
        })
    }
}

/// The bracket of the first list that a file gives to each name: all words before `= [` on its line.
fn lists_by_name(code: &[u8]) -> BTreeMap<&[u8], usize> {
    let mut lists = BTreeMap::new();
    let Ok(given) = Regex::new(r"(?-u)([^=\n;(){}]*)=\s*[\[(]") else {
        return lists;
    };
    for found in given.captures_iter(code) {
        let (Some(whole), Some(words)) = (found.get(0), found.get(1)) else {
            continue;
        };
        let words = words.as_bytes().split(|byte| !is_of_name(byte));
        for word in words.filter(|word| !word.is_empty() && word.len() <= LONGEST_NAME) {
            lists.entry(word).or_insert(whole.end() - 1);
        }
    }
    lists
}

fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// A row of values between commas or bars: the blanks around each do not count. What has neither is one value, whose
/// blanks are its own.
fn row_of_csv(line: &[u8]) -> CaseRow {
    let mut hash = DefaultHasher::new();
    let is_between = |byte: &u8| matches!(byte, b',' | b'|');
    if line.iter().any(is_between) {
        for value in line.split(is_between) {
            value.trim_ascii().hash(&mut hash);
        }
    } else {
        line.hash(&mut hash);
    }
    hash.finish()
}

/// The rows of a table that is written as text: its lines but for the heading.
fn rows_of_text(text: &[u8]) -> Vec<CaseRow> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut rows: Vec<CaseRow> = lines
        .filter(|line| !line.is_empty())
        .map(row_of_csv)
        .collect();
    if rows.len() > 1 {
        rows.remove(0);
    }
    rows
}

#[cfg(test)]
#[path = "case_tables_tests.rs"]
mod tests;
