//! Sets of characters, as the steps of an automaton need them.

use crate::domain::path_pattern::fold::{CaseMode, is_starter};

/// Characters that make an example readable, best first. A space and a dot come apart, since their
/// place matters.
const READABLE: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-ABCDEFGHIJKLMNOPQRSTUVWXYZ+=,@#%&()'!;^`~$[]{}*?:\"<>|\\";
/// Number of characters that a search for a representative looks at before it takes any.
const LOOKED_AT: usize = 4096;
const LAST: char = char::MAX;

/// The characters that one step accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CharSet {
    /// Exactly this one.
    One(char),
    /// Every character but `/`.
    NotSlash,
    /// Every character.
    Any,
    /// Inclusive ranges, sorted and apart.
    Ranges(Vec<(char, char)>),
}

impl CharSet {
    /// The set of these inclusive ranges.
    pub(super) fn from_ranges(ranges: Vec<(char, char)>) -> Self {
        let ranges = merged(ranges);
        match ranges.as_slice() {
            [(from, to)] if from == to => CharSet::One(*from),
            _ => CharSet::Ranges(ranges),
        }
    }

    /// Everything that `ranges` leaves out.
    pub(super) fn outside(ranges: Vec<(char, char)>) -> Self {
        let mut gaps = Vec::new();
        let mut from = Some('\0');
        for (low, high) in merged(ranges) {
            if let (Some(start), Some(end)) = (from, before(low))
                && start <= end
            {
                gaps.push((start, end));
            }
            from = after(high);
        }
        gaps.extend(from.map(|start| (start, LAST)));
        Self::from_ranges(gaps)
    }

    /// True where the set holds `c`.
    pub(super) fn contains(&self, c: char) -> bool {
        match self {
            CharSet::One(one) => *one == c,
            CharSet::NotSlash => c != '/',
            CharSet::Any => true,
            CharSet::Ranges(ranges) => {
                let next = ranges.partition_point(|&(from, _)| from <= c);
                next > 0 && ranges.get(next - 1).is_some_and(|&(_, to)| c <= to)
            }
        }
    }

    /// Each kind of character that both sets hold, one of a kind: an ordinary one, then `.`, space
    /// and `/`.
    ///
    /// The kinds differ in what they do to the shape of a path; within a kind any character is as
    /// good as another.
    pub(super) fn shared(&self, other: &CharSet, mode: CaseMode) -> [Option<char>; 4] {
        let both = |c: char| Some(c).filter(|&c| self.contains(c) && other.contains(c));
        match (self, other) {
            (CharSet::One(c), _) | (_, CharSet::One(c)) => [both(*c), None, None, None],
            (CharSet::Ranges(_), _) | (_, CharSet::Ranges(_)) => {
                [self.ordinary(other, mode), both('.'), both(' '), both('/')]
            }
            _ => [Some('a'), Some('.'), Some(' '), both('/')],
        }
    }

    /// The set as inclusive ranges.
    pub(super) fn ranges(&self) -> Vec<(char, char)> {
        match self {
            CharSet::One(c) => vec![(*c, *c)],
            CharSet::NotSlash => vec![('\0', '.'), ('0', LAST)],
            CharSet::Any => vec![('\0', LAST)],
            CharSet::Ranges(ranges) => ranges.clone(),
        }
    }

    fn ordinary(&self, other: &CharSet, mode: CaseMode) -> Option<char> {
        let readable = READABLE
            .chars()
            .find(|&c| self.contains(c) && other.contains(c) && mode.is_canonical(c));
        readable.or_else(|| pick(&self.common_ranges(other), mode))
    }

    fn common_ranges(&self, other: &CharSet) -> Vec<(char, char)> {
        let theirs = other.ranges();
        let cut = |(from, to): (char, char)| {
            theirs
                .iter()
                .map(move |&(low, high)| (from.max(low), to.min(high)))
        };
        self.ranges()
            .into_iter()
            .flat_map(cut)
            .filter(|(from, to)| from <= to)
            .collect()
    }
}

/// The best character of `ranges` to show in an example, apart from `/`, `.`, space and NUL.
///
/// After a bounded look it takes any character of the set: the caller may then see a meeting that
/// is none, never miss one.
pub(super) fn pick(ranges: &[(char, char)], mode: CaseMode) -> Option<char> {
    let holds = |c: char| ranges.iter().any(|&(from, to)| from <= c && c <= to);
    if let Some(c) = READABLE.chars().find(|&c| holds(c) && mode.is_canonical(c)) {
        return Some(c);
    }
    let special = |c: &char| matches!(c, '\0' | '.' | ' ' | '/');
    let all = || {
        ranges
            .iter()
            .flat_map(|&(from, to)| from..=to)
            .filter(|c| !special(c))
    };
    let shown =
        |c: &char| is_starter(*c) && !c.is_control() && !c.is_whitespace() && mode.is_canonical(*c);
    let found = all()
        .take(LOOKED_AT)
        .find(shown)
        .or_else(|| all().take(LOOKED_AT).find(|&c| mode.is_canonical(c)));
    found.or_else(|| all().nth(LOOKED_AT))
}

/// The character after `c`, if there is one.
pub(super) fn after(c: char) -> Option<char> {
    (c..=LAST).nth(1)
}

fn before(c: char) -> Option<char> {
    ('\0'..c).next_back()
}

fn merged(mut ranges: Vec<(char, char)>) -> Vec<(char, char)> {
    ranges.sort_unstable();
    let mut out: Vec<(char, char)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match out.last_mut() {
            Some(last) if after(last.1).is_none_or(|next| from <= next) => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_complement_exactly() {
        let set = CharSet::from_ranges(vec![('d', 'f'), ('a', 'b'), ('c', 'e')]);
        assert_eq!(set, CharSet::Ranges(vec![('a', 'f')]));
        let rest = CharSet::outside(vec![('a', 'f'), ('\u{d7ff}', '\u{d7ff}')]);
        for c in [
            '\0',
            '`',
            'a',
            'f',
            'g',
            '\u{d7fe}',
            '\u{d7ff}',
            '\u{e000}',
            char::MAX,
        ] {
            assert_eq!(
                rest.contains(c),
                !set.contains(c) && c != '\u{d7ff}',
                "{c:?}"
            );
        }
        assert_eq!(
            CharSet::outside(vec![('\0', char::MAX)]),
            CharSet::Ranges(vec![])
        );
        assert_eq!(CharSet::from_ranges(vec![('x', 'x')]), CharSet::One('x'));
    }

    #[test]
    fn shared_characters_are_readable_canonical_and_of_each_kind() {
        let upper = CharSet::Ranges(vec![('A', 'Z')]);
        assert_eq!(
            upper.shared(&CharSet::NotSlash, CaseMode::Sensitive)[0],
            Some('A')
        );
        assert_eq!(upper.shared(&CharSet::NotSlash, CaseMode::Folding)[0], None);
        let odd = CharSet::outside(vec![('!', '~')]);
        assert_eq!(
            odd.shared(&CharSet::Any, CaseMode::Sensitive),
            [Some('\u{a1}'), None, Some(' '), None]
        );
        assert_eq!(
            CharSet::Any.shared(&CharSet::NotSlash, CaseMode::Folding),
            [Some('a'), Some('.'), Some(' '), None]
        );
        assert_eq!(
            CharSet::Any.shared(&CharSet::Any, CaseMode::Folding)[3],
            Some('/')
        );
        assert_eq!(
            CharSet::One('/').shared(&CharSet::NotSlash, CaseMode::Folding),
            [None; 4]
        );
    }
}
