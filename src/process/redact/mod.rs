//! Secrets out of what is stored: known values in the forms in which they travel, and the shapes of well-known tokens.
//!
//! Works on bytes and on streams. The result does not depend on how a stream is cut into pieces: each position is judged by what
//! stands there and in the three bytes before, and as long as more bytes could change the judgement, they are awaited. A line end
//! settles almost every shape, so whole lines are hardly ever held back.
//!
//! Not found: secrets that are unknown and without a shape, encrypted or compressed ones, and base64 wrapped over lines.

mod forms;
mod shapes;
mod stream;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use shapes::{Rule, Verdict};
pub use stream::RedactStream;

/// A value that must not be stored, and its name for the place where it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    name: String,
    value: Vec<u8>,
}

impl Secret {
    /// A secret; the name appears in `[REDACTED:<name>]`, with everything but ASCII letters, digits, `_` and `-` taken out. White
    /// space around the value does not count. A value of fewer than [`Self::SHORTEST`] bytes is ignored, since it would blacken
    /// ordinary text.
    pub fn new(name: &str, value: &[u8]) -> Self {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        Self { name: name.chars().filter(is_plain).take(64).collect(), value: value.trim_ascii().to_vec() }
    }

    /// The shortest value that is looked for, in bytes.
    pub const SHORTEST: usize = 6;
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Finds and replaces secrets. Cheap to clone.
#[derive(Clone)]
pub struct Redactor {
    rules: Arc<Rules>,
}

impl Redactor {
    /// Looks for the given values and for all well-known shapes.
    pub fn new(secrets: &[Secret]) -> Self {
        Self { rules: Arc::new(Rules::new(secrets)) }
    }

    /// Redacts something whole.
    pub fn redact(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut stream = self.stream();
        stream.feed(bytes, &mut out);
        stream.finish(&mut out);
        out
    }

    /// Redacts a text: a title, a note, a message.
    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes())).into_owned()
    }

    /// True if something would be replaced.
    pub fn finds_secret(&self, bytes: &[u8]) -> bool {
        let mut stream = self.stream();
        let mut out = Vec::new();
        stream.feed(bytes, &mut out);
        stream.finish(&mut out);
        stream.count() > 0
    }

    /// Starts on a stream.
    pub fn stream(&self) -> RedactStream {
        RedactStream::new(Arc::clone(&self.rules))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("rules", &self.rules.all.len()).finish_non_exhaustive()
    }
}

/// All rules, with an index by the first two bytes, so that most positions cost one look into a table.
struct Rules {
    all: Vec<Rule>,
    /// The rules whose prefix begins with this byte.
    by_first: Vec<Vec<usize>>,
    /// One bit for every pair of bytes that begins a prefix.
    pairs: Vec<u64>,
}

/// Which rules count at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All of them.
    All,
    /// Within a match only known values may extend it; a shape already covers its own tail.
    KnownValues,
}

impl Rules {
    fn new(secrets: &[Secret]) -> Self {
        // A set, since a secret may be known under two names and its forms may coincide.
        let mut literals = BTreeSet::new();
        for secret in secrets {
            for form in forms::forms_of(&secret.value) {
                literals.insert((form, secret.name.clone()));
            }
        }
        let known = literals.into_iter().map(|(form, name)| Rule::literal(name, form));
        let all: Vec<Rule> = known.chain(shapes::well_known()).collect();
        let mut by_first = vec![Vec::new(); 256];
        let mut pairs = vec![0u64; 65536 / 64];
        for (index, rule) in all.iter().enumerate() {
            let (first, second) = rule.first_pair();
            by_first[usize::from(first)].push(index);
            let pair = pair_index(first, second);
            pairs[pair / 64] |= 1 << (pair % 64);
        }
        Self { all, by_first, pairs }
    }

    /// The next position from `from` at which a rule may begin.
    fn next_candidate(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        let found = rest.windows(2).position(|pair| {
            let index = pair_index(pair[0], pair[1]);
            self.pairs[index / 64] & (1 << (index % 64)) != 0
        });
        let last = || rest.last().filter(|byte| !self.by_first[usize::from(**byte)].is_empty()).map(|_| rest.len() - 1);
        found.or_else(last).map(|offset| from + offset)
    }

    /// What all rules together say of the text that begins at `at`; of several matches the longest. `before` are the bytes before.
    fn judge(&self, text: &[u8], before: [u8; 3], scope: Scope, rest: Rest) -> Judgement<'_> {
        let mut best: Option<(usize, &str)> = None;
        let Some(first) = text.first() else { return Judgement::Nothing };
        let rules = self.by_first[usize::from(*first)].iter().map(|index| &self.all[*index]);
        for rule in rules.filter(|rule| scope == Scope::All || rule.is_known_value()) {
            match rule.judge(text, before, rest) {
                Verdict::Undecided => return Judgement::Undecided,
                Verdict::Match(length) if best.is_none_or(|(longest, _)| length > longest) => {
                    best = Some((length, rule.kind()));
                }
                Verdict::Match(_) | Verdict::No => {}
            }
        }
        best.map_or(Judgement::Nothing, |(length, kind)| Judgement::Secret { length, kind })
    }
}

/// What stands at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement<'a> {
    Nothing,
    Secret { length: usize, kind: &'a str },
    Undecided,
}

/// Whether the text that is there is all that there will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    MayCome,
    IsOver,
}

fn pair_index(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}
