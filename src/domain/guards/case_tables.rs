//! The cases of a parametrised test: how many rows the table beside it has.
//!
//! Over masked text, so that no bracket or comma of a string counts. A table that is made elsewhere, or by a
//! program, cannot be counted.

use std::collections::BTreeMap;

use regex::bytes::Regex;

/// All tables of a file together are looked through so many times at most, so that brackets within brackets take
/// time in proportion to the file.
const LOOKS: usize = 8;
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
    /// In the first list within the brackets, else these themselves.
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

/// A table that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundCases {
    /// The place at which it begins.
    pub at: usize,
    /// The test that has them.
    pub of: CasesOf,
    /// The number of rows; none where they cannot be counted.
    pub rows: Option<u32>,
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
    };
    let mut found = Vec::new();
    for (case, pattern) in spelling {
        for one in pattern.find_iter(code) {
            let open = one.end() - 1;
            let mut name = None;
            let rows = match case.table {
                CaseTable::One => Some(1),
                CaseTable::Elsewhere(row) => reader.rows_elsewhere(row, pattern),
                CaseTable::Argument(number) => reader.argument(open, number),
                CaseTable::Braces => reader.braces_within(open),
                CaseTable::Literal => reader.literal(open),
                CaseTable::LiteralOfRows => match reader.literal_of_rows(open) {
                    None => continue,
                    counted => counted,
                },
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
                name,
            });
        }
    }
    found
}

struct TableReader<'a> {
    text: &'a [u8],
    code: &'a [u8],
    left: usize,
    /// The brackets of lists by the names that this file gives them to, once somebody asks for one.
    lists: Option<BTreeMap<&'a [u8], usize>>,
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

    fn count(parts: &[(usize, usize)]) -> u32 {
        u32::try_from(parts.len()).unwrap_or(u32::MAX)
    }

    /// The place of the first letter from here on that is no blank.
    fn behind_blanks(&self, from: usize) -> usize {
        let rest = &self.code[from..];
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        from + blanks.count()
    }

    fn rows_in(&mut self, open: usize) -> Option<u32> {
        self.parts(open).map(|(parts, _)| Self::count(&parts))
    }

    /// The rows of a list that stands at a place, or to which a name there belongs.
    fn rows_at(&mut self, from: usize, to: usize) -> Option<u32> {
        let from = self.behind_blanks(from);
        match self.code.get(from)? {
            b'[' | b'(' | b'{' => self.rows_in(from),
            _ => self.rows_of_name(self.code[from..to].trim_ascii_end()),
        }
    }

    /// The rows of the list that this file gives to a name.
    fn rows_of_name(&mut self, name: &[u8]) -> Option<u32> {
        if name.is_empty() || name.len() > LONGEST_NAME || !name.iter().all(is_of_name) {
            return None;
        }
        let code = self.code;
        let lists = self.lists.get_or_insert_with(|| lists_by_name(code));
        let open = *lists.get(name)?;
        self.rows_in(open)
    }

    /// The rows of one argument of the call that opens at `open`.
    fn argument(&mut self, open: usize, number: usize) -> Option<u32> {
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

    /// The rows of the first list within the call that opens at `open`, else those of the call.
    fn braces_within(&mut self, open: usize) -> Option<u32> {
        let (parts, end) = self.parts(open)?;
        let mut inside = self.code[open + 1..end].iter();
        match inside.position(|byte| matches!(byte, b'{' | b'[')) {
            Some(at) => self.rows_in(open + 1 + at),
            None => Some(Self::count(&parts)),
        }
    }

    /// The rows of a literal whose type is a bracket that opens at `open`: they stand in the next one.
    fn literal(&mut self, open: usize) -> Option<u32> {
        let (_, behind) = self.parts(open)?;
        let open = self.behind_blanks(behind);
        (self.code.get(open) == Some(&b'{')).then_some(())?;
        self.rows_in(open)
    }

    /// The rows of the braces that open at `open`, where these are braces themselves, with or without a key.
    fn literal_of_rows(&mut self, open: usize) -> Option<u32> {
        let (parts, _) = self.parts(open)?;
        let is_row =
            |(from, to): &(usize, usize)| self.code[*from..*to].trim_ascii().ends_with(b"}");
        (!parts.is_empty() && parts.iter().all(is_row)).then(|| Self::count(&parts))
    }

    /// The rows of a list, or of a table as text, behind which a call with the name of the test stands; and the
    /// place of that name. Nothing where no name follows.
    fn before_name(&mut self, open: usize) -> Option<(Option<u32>, (usize, usize))> {
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

    /// The rows that a file makes by a call, shared among the tests that take theirs from such.
    fn rows_elsewhere(&mut self, row: &str, tests: &Regex) -> Option<u32> {
        self.left = self.left.checked_sub(self.code.len())?;
        let rows = Regex::new(row).ok()?.find_iter(self.code).count();
        let tests = tests.find_iter(self.code).count().max(1);
        let rows = u32::try_from(rows / tests).unwrap_or(u32::MAX);
        (rows > 0).then_some(rows)
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

/// The rows of a table that is written as text: its lines but for the heading.
fn rows_of_text(text: &[u8]) -> u32 {
    let lines = text.split(|byte| *byte == b'\n');
    let filled = lines.filter(|line| !line.trim_ascii().is_empty()).count();
    u32::try_from(filled.saturating_sub(1).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "case_tables_tests.rs"]
mod tests;
