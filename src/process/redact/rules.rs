//! All rules together, and what they say of one position in a text.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::process::redact::Secret;
use crate::process::redact::forms;
use crate::process::redact::shapes::{self, RedactRule, RuleVerdict, TextRest};

/// All rules, with an index by the first two bytes, so that most positions cost one look into a
/// table.
pub(super) struct RedactRules {
    all: Vec<RedactRule>,
    /// The rules whose prefix begins with this byte.
    by_first: Vec<Vec<usize>>,
    /// One bit for every pair of bytes that begins a prefix.
    pairs: Vec<u64>,
}

/// The rules that count at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleScope {
    /// All of them.
    All,
    /// Within a match only known values may extend it; a shape already covers its own tail.
    KnownValues,
    /// Only known values that are no ordinary text.
    Telling,
    /// Only shapes.
    Shapes,
}

impl RuleScope {
    fn has(self, rule: &RedactRule) -> bool {
        match self {
            RuleScope::All => true,
            RuleScope::KnownValues => rule.is_known_value(),
            RuleScope::Telling => rule.is_telling(),
            RuleScope::Shapes => !rule.is_known_value(),
        }
    }
}

impl RedactRules {
    /// All rules: the shapes of tokens, and these known values in every encoding.
    pub fn new(secrets: &[Secret]) -> Self {
        // A set, since a secret may be known under two names and its forms may coincide.
        let mut literals = BTreeSet::new();
        for secret in secrets {
            for form in forms::forms_of(&secret.value) {
                literals.insert((form, secret.name.clone(), secret.weight));
            }
        }
        let known = literals
            .into_iter()
            .map(|(form, name, weight)| RedactRule::literal(name, form, weight));
        let all: Vec<RedactRule> = known.chain(shapes::well_known()).collect();
        let mut by_first = vec![Vec::new(); 256];
        let mut pairs = vec![0u64; 65536 / 64];
        for (index, rule) in all.iter().enumerate() {
            let (first, second) = rule.first_pair();
            by_first[usize::from(first)].push(index);
            let pair = pair_index(first, second);
            pairs[pair / 64] |= 1 << (pair % 64);
        }
        Self {
            all,
            by_first,
            pairs,
        }
    }

    /// Returns the number of rules.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// True where values are known that are no ordinary text.
    pub fn knows_values(&self) -> bool {
        self.all.iter().any(RedactRule::is_telling)
    }

    /// The names of such values that stand somewhere in a whole text.
    pub fn known_values_in(&self, text: &[u8]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut from = 0;
        while let Some(at) = self.next_candidate(text, from) {
            // What stands before a known value does not matter.
            let judgement = self.judge(&text[at..], [0; 3], RuleScope::Telling, TextRest::IsOver);
            if let PositionJudgement::Secret { kind, .. } = judgement {
                found.insert(kind.to_owned());
            }
            from = at + 1;
        }
        found
    }

    /// Texts of known shapes in a whole text: the kind of each, and its place.
    pub fn shapes_in(&self, text: &[u8]) -> Vec<(String, Range<usize>)> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = self.next_candidate(text, from) {
            let mut before = [0; 3];
            for byte in &text[at.saturating_sub(3)..at] {
                before = [before[1], before[2], *byte];
            }
            let judgement = self.judge(&text[at..], before, RuleScope::Shapes, TextRest::IsOver);
            from = at + 1;
            if let PositionJudgement::Secret { length, kind } = judgement {
                found.push((kind.to_owned(), at..at + length));
                from = at + length.max(1);
            }
        }
        found
    }

    /// The next position from `from` at which a rule may begin.
    pub fn next_candidate(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        let found = rest.windows(2).position(|pair| {
            let index = pair_index(pair[0], pair[1]);
            self.pairs[index / 64] & (1 << (index % 64)) != 0
        });
        let last = || {
            rest.last()
                .filter(|byte| !self.by_first[usize::from(**byte)].is_empty())
                .map(|_| rest.len() - 1)
        };
        found.or_else(last).map(|offset| from + offset)
    }

    /// Judges by all rules the text that begins at `at`; of several matches the longest. `before`
    /// are the bytes before.
    pub fn judge(
        &self,
        text: &[u8],
        before: [u8; 3],
        scope: RuleScope,
        rest: TextRest,
    ) -> PositionJudgement<'_> {
        let mut best: Option<(usize, &str)> = None;
        let Some(first) = text.first() else {
            return PositionJudgement::Nothing;
        };
        let rules = self.by_first[usize::from(*first)]
            .iter()
            .map(|index| &self.all[*index]);
        for rule in rules.filter(|rule| scope.has(rule)) {
            match rule.judge(text, before, rest) {
                RuleVerdict::Undecided => return PositionJudgement::Undecided,
                RuleVerdict::Match(length) if best.is_none_or(|(longest, _)| length > longest) => {
                    best = Some((length, rule.kind()));
                }
                RuleVerdict::Match(_) | RuleVerdict::No => {}
            }
        }
        best.map_or(PositionJudgement::Nothing, |(length, kind)| {
            PositionJudgement::Secret { length, kind }
        })
    }
}

/// The judgement of all rules about a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PositionJudgement<'a> {
    Nothing,
    Secret { length: usize, kind: &'a str },
    Undecided,
}

fn pair_index(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}
