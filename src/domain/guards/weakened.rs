//! Tests before and after: which are gone, skipped, or assert less.
//!
//! Tests are known by their names, across all files of a change: what is gone here and new there has moved. A
//! file that lost as many tests as it got had them renamed, unless the new ones assert less. A parametrised test is as
//! many as its table has rows.

use crate::base::text::counted;
use crate::domain::guards::kind::{Guard, GuardFinding};
use crate::domain::guards::test_file::{OneTest, TestFile};
use crate::domain::repo_path::RepoPath;
use std::collections::{BTreeSet, HashMap};

/// So many names of tests stand in a finding.
const NAMED: usize = 3;

/// The tests of a changed file; a side without tests is empty.
#[derive(Debug)]
pub(super) struct TestsOfFile {
    pub path: RepoPath,
    pub old: Option<TestFile>,
    pub new: Option<TestFile>,
}

/// A test that is new in its file.
struct Gained<'a> {
    file: usize,
    name: &'a str,
    /// True for a test that has come from another file.
    has_moved: bool,
}

/// All that is weaker in these files, by path and line.
pub(super) fn weakened(files: &[TestsOfFile]) -> Vec<GuardFinding> {
    let mut found = Vec::new();
    let mut arrivals = Arrivals::of(files);
    let mut lost = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let stay: BTreeSet<&String> = file.new.iter().flat_map(TestFile::names).collect();
        let mut gone = Vec::new();
        for name in file.old.iter().flat_map(TestFile::names) {
            if stay.contains(name) {
                found.extend(asserts_less(files, (index, index), name));
            } else if let Some(there) = arrivals.take(name) {
                found.extend(asserts_less(files, (index, there), name));
            } else {
                gone.push(name.as_str());
            }
        }
        found.extend(fewer_of_a_name(file));
        lost.push(gone);
    }
    for (index, gone) in lost.iter().enumerate() {
        found.extend(are_gone(files, index, (gone, &arrivals.left_in(index))));
    }
    found.extend(skipped(files));
    found.sort();
    found
}

/// The tests that are new in a file, by their names.
struct Arrivals<'a> {
    all: Vec<Gained<'a>>,
    by_name: HashMap<&'a str, Vec<usize>>,
    by_file: HashMap<usize, Vec<usize>>,
}

impl<'a> Arrivals<'a> {
    fn of(files: &'a [TestsOfFile]) -> Arrivals<'a> {
        let mut arrivals = Arrivals {
            all: Vec::new(),
            by_name: HashMap::new(),
            by_file: HashMap::new(),
        };
        for (file, tests) in files.iter().enumerate() {
            let before: BTreeSet<&String> = tests.old.iter().flat_map(TestFile::names).collect();
            for name in tests.new.iter().flat_map(TestFile::names) {
                if !before.contains(name) {
                    let index = arrivals.all.len();
                    arrivals.by_name.entry(name).or_default().push(index);
                    arrivals.by_file.entry(file).or_default().push(index);
                    arrivals.all.push(Gained {
                        file,
                        name,
                        has_moved: false,
                    });
                }
            }
        }
        arrivals
    }

    /// The file to which a test has moved; each arrival is one test's.
    fn take(&mut self, name: &str) -> Option<usize> {
        let index = self.by_name.get_mut(name)?.pop()?;
        let gained = &mut self.all[index];
        gained.has_moved = true;
        Some(gained.file)
    }

    /// The arrivals of a file that came from nowhere.
    fn left_in(&self, file: usize) -> Vec<&'a str> {
        let own = self.by_file.get(&file).into_iter().flatten();
        own.map(|index| &self.all[*index])
            .filter(|gained| !gained.has_moved)
            .map(|gained| gained.name)
            .collect()
    }
}

fn finding(path: &RepoPath, line: Option<u64>, what: String) -> GuardFinding {
    GuardFinding {
        guard: Guard::TestsWeakened,
        path: path.clone(),
        line,
        what,
        bytes: None,
    }
}

/// A test that is there on both sides and asserts less.
fn asserts_less(
    files: &[TestsOfFile],
    (from, to): (usize, usize),
    name: &str,
) -> Option<GuardFinding> {
    let before = files[from].old.as_ref()?.tests.get(name)?;
    let now = files[to].new.as_ref()?.tests.get(name)?;
    // Of fewer tests of one name the count says it already.
    if from == to && now.count < before.count {
        return None;
    }
    let what = fewer(before, now)?;
    let what = format!("`{name}` asserts less: {what} fewer");
    Some(finding(&files[to].path, Some(now.line), what))
}

/// The things of which a test has less than before, in words. One with a table asserts in each case, so that a test that was
/// written out three times is none the weaker for three rows.
fn fewer(before: &OneTest, now: &OneTest) -> Option<String> {
    let assertions = before.assertions.saturating_sub(now.assertions);
    let cases = if now.is_uncounted {
        0
    } else {
        before.times().saturating_sub(now.times())
    };
    let is_less = match assertions {
        0 => now.assertions == before.assertions || now.weight() < before.weight(),
        _ => now.weight() < before.weight(),
    };
    let words = [(assertions, "assertion"), (cases, "case")];
    let words: Vec<String> = words
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| counted(n, what))
        .collect();
    (is_less && !words.is_empty()).then(|| words.join(" and "))
}

/// Several tests of one name, of which some are gone.
fn fewer_of_a_name(file: &TestsOfFile) -> Vec<GuardFinding> {
    let (Some(old), Some(new)) = (&file.old, &file.new) else {
        return Vec::new();
    };
    let shared = old
        .names()
        .filter_map(|name| Some((name, old.tests.get(name)?, new.tests.get(name)?)));
    let fewer = shared.filter(|(_, before, now)| now.count < before.count);
    fewer
        .map(|(name, before, now)| {
            let gone = counted(before.count - now.count, "test");
            finding(
                &file.path,
                Some(now.line),
                format!("{gone} named `{name}` gone"),
            )
        })
        .collect()
}

/// The tests of a file that are nowhere any more.
fn are_gone(
    files: &[TestsOfFile],
    index: usize,
    (gone, instead): (&[&str], &[&str]),
) -> Option<GuardFinding> {
    let file = &files[index];
    let old = file.old.as_ref()?;
    let first = gone.first()?;
    let line = old.tests.get(*first).map(|test| test.line);
    let named: Vec<String> = gone
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let named = named.join(", ");
    let more = match gone.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if file.new.is_none() {
        let what = format!(
            "the file is deleted with {}: {named}{more}",
            counted(gone.len(), "test")
        );
        return Some(finding(&file.path, line, what));
    }
    let grown = Growth::of(file);
    let rows = |name: &&str| {
        file.new
            .as_ref()
            .and_then(|new| new.tests.get(*name))
            .map_or(1, OneTest::times)
    };
    let there: u32 = instead.iter().map(rows).sum();
    let there = there.saturating_add(grown.cases) as usize;
    let missing = gone.len().saturating_sub(there);
    if missing > 0 {
        let what = format!("{} gone: {named}{more}", counted(missing, "test"));
        return Some(finding(&file.path, line, what));
    }
    let assertions = |side: Option<&TestFile>, names: &[&str]| -> u32 {
        let tests = names.iter().filter_map(|name| side?.tests.get(*name));
        tests.map(OneTest::weight).sum()
    };
    let before = assertions(file.old.as_ref(), gone);
    let now = assertions(file.new.as_ref(), instead).saturating_add(grown.weight);
    (now < before).then(|| {
        let what = format!("tests are replaced by ones that assert less: {named}{more}");
        finding(&file.path, line, what)
    })
}

/// The growth of tests that stay in a file, by tables: other tests may have become rows of these.
struct Growth {
    cases: u32,
    weight: u32,
}

impl Growth {
    fn of(file: &TestsOfFile) -> Growth {
        let mut grown = Growth {
            cases: 0,
            weight: 0,
        };
        let (Some(old), Some(new)) = (&file.old, &file.new) else {
            return grown;
        };
        for (name, now) in &new.tests {
            let Some(before) = old.tests.get(name) else {
                continue;
            };
            if now.cases > before.cases {
                let cases = now.cases.saturating_sub(before.own());
                let weight = now.weight().saturating_sub(before.weight());
                grown.cases = grown.cases.saturating_add(cases);
                grown.weight = grown.weight.saturating_add(weight);
            }
        }
        grown
    }
}

/// The skips that are new: in their file, and not come over from one that is deleted.
fn skipped(files: &[TestsOfFile]) -> Vec<GuardFinding> {
    let mut deleted: HashMap<&str, usize> = HashMap::new();
    for skip in files
        .iter()
        .filter(|file| file.new.is_none())
        .flat_map(|file| file.old.iter().flat_map(|old| &old.skips))
    {
        *deleted.entry(&skip.key).or_default() += 1;
    }
    let mut found = Vec::new();
    for file in files {
        let mut own: HashMap<&str, usize> = HashMap::new();
        for skip in file.old.iter().flat_map(|old| &old.skips) {
            *own.entry(&skip.key).or_default() += 1;
        }
        for skip in file.new.iter().flat_map(|new| &new.skips) {
            let is_known = [&mut own, &mut deleted].into_iter().any(|known| {
                let left = known.get_mut(skip.key.as_str()).filter(|left| **left > 0);
                left.map(|left| *left -= 1).is_some()
            });
            if !is_known {
                let what = match skip.of.as_str() {
                    "" => "tests are skipped".to_owned(),
                    of => format!("skipped: `{of}`"),
                };
                found.push(finding(&file.path, Some(skip.line), what));
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "weakened_tables.rs"]
mod tables;
