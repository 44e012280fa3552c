//! The overlap of two patterns: decided exactly, with a shortest shared path for the message.

use crate::domain::path_pattern::automaton::Automaton;
use crate::domain::path_pattern::fold::CaseMode;
use crate::domain::path_pattern::pattern::{Matcher, PathPattern, is_at_or_beneath};
use crate::domain::path_pattern::search::{Product, SearchResult};
use std::borrow::Cow;
use std::cell::Cell;

/// Paths that do not count when two patterns meet.
#[derive(Debug, Clone)]
pub struct Exclusion {
    automaton: Automaton,
    mode: CaseMode,
}

impl Exclusion {
    /// Excludes what any of `patterns` matches. Patterns of another [case mode](CaseMode) than
    /// `mode` exclude nothing, which is the strict side.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a PathPattern>, mode: CaseMode) -> Self {
        let same = patterns
            .into_iter()
            .filter(|pattern| pattern.case_mode() == mode);
        let automata: Vec<Cow<'_, Automaton>> = same.map(PathPattern::to_automaton).collect();
        Self {
            automaton: Automaton::union(automata.iter().map(|automaton| &**automaton)),
            mode,
        }
    }

    /// True where `path`, as Git names it, is excluded.
    pub fn is_match(&self, path: &[u8]) -> bool {
        self.accepts(&self.mode.canonical_path(path))
    }

    /// Returns the comparison of spellings.
    pub fn mode(&self) -> CaseMode {
        self.mode
    }

    fn accepts(&self, canonical: &str) -> bool {
        self.automaton.accepts(&self.automaton.read(canonical))
    }
}

/// A shortest path that matches both patterns, in canonical spelling; nothing if no path can.
///
/// # Examples
///
/// ```text
/// src/*.rs  and  src/a*   meet at  src/a.rs
/// **/a      and  a/**     meet at  a/a
/// src/*     and  src/a/*  never meet
/// ```
///
/// Patterns of different [case modes](CaseMode) cannot be compared and count as meeting.
pub fn overlap(a: &PathPattern, b: &PathPattern) -> Option<String> {
    match search(a, b, None) {
        SearchResult::Path(path) => Some(path),
        SearchResult::Nothing => None,
        // A rule may be too large to be searched for, and spellings that differ cannot be compared. A false
        // alarm is the safe answer.
        SearchResult::Exhausted => Some(a.as_str().to_owned()),
    }
}

/// The answer of a search that may end before it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meeting {
    /// A shortest path that matches both.
    At(String),
    /// No path can.
    Nowhere,
    /// The budget ended first, or the patterns cannot be compared.
    Undecided,
}

/// Like [`overlap`], for whoever holds many pairs against one another: each place of the search is taken from
/// `budget`, and where nothing is left the answer is that nobody knows.
pub fn overlap_within(a: &PathPattern, b: &PathPattern, budget: &Cell<usize>) -> Meeting {
    match search(a, b, Some(budget)) {
        SearchResult::Path(path) => Meeting::At(path),
        SearchResult::Nothing => Meeting::Nowhere,
        SearchResult::Exhausted => Meeting::Undecided,
    }
}

fn search(a: &PathPattern, b: &PathPattern, budget: Option<&Cell<usize>>) -> SearchResult {
    if a.case_mode() != b.case_mode() {
        return SearchResult::Exhausted;
    }
    let mode = a.case_mode();
    match (a.matcher(), b.matcher()) {
        (Matcher::Literal, Matcher::Literal) => match deeper(a, b) {
            Some(path) => SearchResult::Path(path.to_owned()),
            None => SearchResult::Nothing,
        },
        _ if !prefixes_meet(a, b) => SearchResult::Nothing,
        _ if a.is_oversized() || b.is_oversized() => SearchResult::Exhausted,
        (Matcher::Literal, Matcher::Glob(glob)) => {
            at_or_beneath(a.literal_prefix(), glob.automaton(), mode, None, budget)
        }
        (Matcher::Glob(glob), Matcher::Literal) => {
            at_or_beneath(b.literal_prefix(), glob.automaton(), mode, None, budget)
        }
        (Matcher::Glob(left), Matcher::Glob(right)) => {
            let both = Product::new(left.automaton(), right.automaton(), mode);
            both.within(budget).search()
        }
    }
}

/// Like [`overlap`], but paths in `except` do not count.
///
/// A search that grows past its budget counts as a meeting, and the path is then one that is in
/// `except`.
pub fn overlap_except(a: &PathPattern, b: &PathPattern, except: &Exclusion) -> Option<String> {
    let met = overlap(a, b)?;
    let mode = a.case_mode();
    if mode != b.case_mode() || mode != except.mode || !except.accepts(&met) {
        return Some(met);
    }
    let avoid = Some(&except.automaton);
    let found = match (a.matcher(), b.matcher()) {
        (Matcher::Literal, Matcher::Literal) => {
            at_or_beneath(&met, &Automaton::everything(), mode, avoid, None)
        }
        (Matcher::Literal, Matcher::Glob(glob)) => {
            at_or_beneath(a.literal_prefix(), glob.automaton(), mode, avoid, None)
        }
        (Matcher::Glob(glob), Matcher::Literal) => {
            at_or_beneath(b.literal_prefix(), glob.automaton(), mode, avoid, None)
        }
        (Matcher::Glob(left), Matcher::Glob(right)) => {
            Product::new(left.automaton(), right.automaton(), mode)
                .avoiding(&except.automaton)
                .search()
        }
    };
    match found {
        SearchResult::Path(path) => Some(path),
        SearchResult::Nothing => None,
        SearchResult::Exhausted => Some(met),
    }
}

/// The deeper of two literal paths, if it lies at or beneath the other.
fn deeper<'a>(a: &'a PathPattern, b: &'a PathPattern) -> Option<&'a str> {
    let (a, b) = (a.literal_prefix(), b.literal_prefix());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    is_at_or_beneath(long, short).then_some(long)
}

/// Every match starts with its pattern's prefix, so two prefixes that part ways end the question.
fn prefixes_meet(a: &PathPattern, b: &PathPattern) -> bool {
    let (a, b) = (a.literal_prefix(), b.literal_prefix());
    a.starts_with(b) || b.starts_with(a)
}

/// A shortest match of `glob` that is `base` or lies beneath it, and that `avoid` does not accept.
fn at_or_beneath(
    base: &str,
    glob: &Automaton,
    mode: CaseMode,
    avoid: Option<&Automaton>,
    budget: Option<&Cell<usize>>,
) -> SearchResult {
    let reached = glob.read(base);
    let avoided = avoid.map(|avoid| (avoid, avoid.read(base)));
    let base_counts = avoided
        .as_ref()
        .is_none_or(|(avoid, states)| !avoid.accepts(states));
    if glob.accepts(&reached) && base_counts {
        return SearchResult::Path(base.to_owned());
    }
    let beneath = Automaton::beneath();
    let mut rest = Product::beneath(&beneath, glob, &reached, mode).within(budget);
    if let Some((avoid, states)) = avoided {
        rest = rest.avoiding_from(avoid, states);
    }
    match rest.search() {
        SearchResult::Path(rest) => SearchResult::Path(format!("{base}{rest}")),
        other => other,
    }
}
