//! Patterns over names against one another: a name that several match, and whether one covers another.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};

use crate::domain::actor::{Actor, ActorKind};
use crate::policy::name_globs::NameGlobs;

/// So many states of a search are looked at.
const MOST_STATES: usize = 20_000;
/// The letter for what may be any.
const ANY: char = 'x';

/// The work that the searches of one look at a policy may do, together: states that are gone through.
pub(super) struct SearchBudget {
    left: Cell<usize>,
    paths: Cell<usize>,
    gave_up: Cell<bool>,
}

impl SearchBudget {
    /// A budget of so many states for names, and so many for paths and for questions that are asked.
    pub(super) fn new(names: usize, paths: usize) -> Self {
        Self {
            left: Cell::new(names),
            paths: Cell::new(paths),
            gave_up: Cell::new(false),
        }
    }

    /// What is left for paths.
    pub(super) fn for_paths(&self) -> &Cell<usize> {
        &self.paths
    }

    /// Takes the work of a question from what is left; false where that is too little, and the question is not
    /// to be asked.
    pub(super) fn pays(&self, work: usize) -> bool {
        let left = self.paths.get();
        if left < work {
            self.give_up();
            return false;
        }
        self.paths.set(left - work);
        true
    }

    /// Remembers that a search ended before it knew.
    pub(super) fn give_up(&self) {
        self.gave_up.set(true);
    }

    /// True where a search has ended before it knew since this was last asked.
    pub(super) fn has_given_up(&self) -> bool {
        self.gave_up.replace(false)
    }

    fn spend(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// A shortest name that all of these patterns match; nothing where there is none, or none was found in time.
pub(super) fn shared_name(patterns: &[&str], budget: &SearchBudget) -> Option<String> {
    let patterns: Vec<Vec<char>> = patterns.iter().map(|one| plain_stars(one)).collect();
    let start = closed(&patterns, vec![0; patterns.len()]);
    let mut seen: HashSet<Vec<usize>> = start.iter().cloned().collect();
    let mut open: VecDeque<(Vec<usize>, String)> =
        start.into_iter().map(|at| (at, String::new())).collect();
    while let Some((at, name)) = open.pop_front() {
        let ends = |(pattern, at): (&Vec<char>, &usize)| *at == pattern.len();
        if patterns.iter().zip(&at).all(ends) {
            return Some(name);
        }
        for letter in letters(&patterns, &at) {
            let Some(next) = step(&patterns, &at, letter) else {
                continue;
            };
            for next in closed(&patterns, next) {
                if seen.contains(&next) {
                    continue;
                }
                if seen.len() >= MOST_STATES || !budget.spend() {
                    budget.give_up();
                    return None;
                }
                seen.insert(next.clone());
                open.push_back((next, format!("{name}{letter}")));
            }
        }
    }
    None
}

/// The letters of a pattern, with one star where several stand together: they mean the same.
fn plain_stars(pattern: &str) -> Vec<char> {
    let mut letters: Vec<char> = pattern.chars().collect();
    letters.dedup_by(|next, before| *next == '*' && *before == '*');
    letters
}

/// The letters worth trying: those that stand next, or any where none does.
fn letters(patterns: &[Vec<char>], at: &[usize]) -> Vec<char> {
    let next = patterns.iter().zip(at).filter_map(|(one, at)| one.get(*at));
    let mut letters: Vec<char> = next.copied().filter(|c| !matches!(c, '*' | '?')).collect();
    letters.sort_unstable();
    letters.dedup();
    letters.retain(|letter| *letter != ANY);
    // A plain letter first, so that examples read like names.
    letters.insert(0, ANY);
    letters
}

/// The places after a letter; nothing where some pattern does not take it.
fn step(patterns: &[Vec<char>], at: &[usize], letter: char) -> Option<Vec<usize>> {
    let one = |(pattern, at): (&Vec<char>, &usize)| match pattern.get(*at) {
        Some('*') => Some(*at),
        Some('?') => Some(at + 1),
        Some(wanted) if *wanted == letter => Some(at + 1),
        _ => None,
    };
    patterns.iter().zip(at).map(one).collect()
}

/// These places, and those behind stars that stand for nothing.
fn closed(patterns: &[Vec<char>], at: Vec<usize>) -> Vec<Vec<usize>> {
    let mut all = vec![at];
    for i in 0..patterns.len() {
        let mut beyond = Vec::new();
        for one in &all {
            let mut next = one.clone();
            while patterns[i].get(next[i]) == Some(&'*') {
                next[i] += 1;
                beyond.push(next.clone());
            }
        }
        all.extend(beyond);
    }
    all
}

/// True where every name that `narrow` matches is certainly matched by `wide`. A star of the narrow one is
/// only taken by a star.
pub(super) fn covers_name(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<char>, Vec<char>) = (wide.chars().collect(), narrow.chars().collect());
    // Row by row: true where the rest of `wide` from here on covers the rest of `narrow`.
    let mut after: Vec<bool> = vec![false; narrow.len() + 1];
    after[narrow.len()] = true;
    for letter in wide.iter().rev() {
        let mut here = vec![false; narrow.len() + 1];
        for at in (0..=narrow.len()).rev() {
            here[at] = match (letter, narrow.get(at)) {
                ('*', Some(_)) => after[at] || here[at + 1],
                ('*', None) => after[at],
                (_, None | Some('*')) => false,
                ('?', Some(_)) => after[at + 1],
                (wanted, Some(given)) => wanted == given && after[at + 1],
            };
        }
        after = here;
    }
    after[0]
}

/// True where every name of some of `narrow` is certainly one of `wide`; no globs are all names, and none.
pub(super) fn covers_names(wide: Option<&NameGlobs>, narrow: Option<&NameGlobs>) -> bool {
    let Some(wide) = wide else { return true };
    let Some(narrow) = narrow else { return false };
    narrow
        .texts()
        .all(|narrow| wide.texts().any(|wide| covers_name(wide, narrow)))
}

/// The same of actors: a pattern without a kind is about the name alone.
pub(super) fn covers_actors(wide: Option<&NameGlobs>, narrow: Option<&NameGlobs>) -> bool {
    let covers = |wide: &str, narrow: &str| match (wide.contains(':'), narrow.contains(':')) {
        _ if wide == "*" => true,
        (true, true) | (false, false) => covers_name(wide, narrow),
        // A name alone may be anybody's.
        (true, false) => covers_name(wide, &format!("*:{narrow}")),
        (false, true) => narrow.split_once(':').is_some_and(|(kind, name)| {
            // A wildcard in front of the colon may stand for a part of the name.
            !kind.contains(['*', '?']) && covers_name(wide, name)
        }),
    };
    let Some(wide) = wide else { return true };
    let narrow = narrow.map_or_else(|| vec!["*:*"], |globs| globs.texts().collect());
    narrow
        .iter()
        .all(|narrow| wide.texts().any(|wide| covers(wide, narrow)))
}

/// An actor whom both lists match, an agent before others; no globs match everybody.
pub(super) fn shared_actor(
    a: Option<&NameGlobs>,
    b: Option<&NameGlobs>,
    budget: &SearchBudget,
) -> Option<Actor> {
    let kinds = [
        ActorKind::Agent,
        ActorKind::Human,
        ActorKind::Hook,
        ActorKind::Daemon,
    ];
    let of = |globs: Option<&NameGlobs>| -> Vec<String> {
        globs.map_or_else(
            || vec!["*".to_owned()],
            |globs| globs.texts().map(str::to_owned).collect(),
        )
    };
    let (a, b) = (of(a), of(b));
    kinds.iter().find_map(|kind| {
        let somebody = format!("{}:?*", kind.as_str());
        let label = |pattern: &String| {
            if pattern.contains(':') {
                pattern.clone()
            } else {
                format!("{}:{pattern}", kind.as_str())
            }
        };
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        let mut names =
            pairs.filter_map(|(a, b)| shared_name(&[&somebody, &label(a), &label(b)], budget));
        names.find_map(|name| name.parse().ok())
    })
}

/// A name that some pattern of each list matches; no globs ask for none.
pub(super) fn shared(
    a: Option<&NameGlobs>,
    b: Option<&NameGlobs>,
    budget: &SearchBudget,
) -> Result<Option<String>, NothingShared> {
    let one = |globs: &NameGlobs| {
        globs
            .texts()
            .find_map(|text| shared_name(&[text, "?*"], budget))
    };
    let found = match (a, b) {
        (None, None) => return Ok(None),
        (Some(one_list), None) | (None, Some(one_list)) => one(one_list),
        (Some(a), Some(b)) => a
            .texts()
            .find_map(|a| b.texts().find_map(|b| shared_name(&[a, b, "?*"], budget))),
    };
    found.map(Some).ok_or(NothingShared)
}

/// No name that both lists match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NothingShared;
