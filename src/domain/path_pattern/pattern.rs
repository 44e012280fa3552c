//! [`PathPattern`]: a parsed, bounded pattern with everything that later questions need.

use crate::domain::path_pattern::automaton::{Automaton, PatternNode, STATE_LIMIT, states_needed};
use crate::domain::path_pattern::charset::CharSet;
use crate::domain::path_pattern::error::{PatternError, PatternFault};
use crate::domain::path_pattern::fold::{CaseMode, nfc};
use crate::domain::path_pattern::normalise::{CleanPattern, PatternEnding, clean, clean_path};
use crate::domain::path_pattern::parse::{Brackets, Grammar, ParsedPattern, PatternKind, parse};
use crate::domain::path_pattern::search::{Product, SearchResult};
use crate::domain::path_pattern::shape::is_path;
use crate::domain::path_pattern::shortcut::Shortcut;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A set of paths, relative to the repository root.
///
/// `*` and `?` never match `/`, `**` as a whole name does. A pattern without glob characters, or
/// one that ends in `/`, also covers everything beneath what it names. Brackets and braces stand
/// for themselves as well, so that a path that has them can be written as it is. Two patterns are equal if
/// their normalised sources are.
///
/// Locks and tasks read theirs with [`PathPattern::parse`], policy rules with
/// [`PathPattern::parse_rule`]; what is asked of them is the same.
///
/// # Examples
///
/// ```text
/// pattern        matches                      does not match
/// src            src, src/a.rs, src/a/b.rs    srcs/a.rs
/// src/*.rs       src/a.rs                     src/a/b.rs
/// src/*/         src/a, src/a/b.rs            src
/// **/*.{c,h}     a.c, src/x/b.h               a.cc
/// [!a]?          bc                           ab, abc
/// app/[id]       app/[id], app/[id]/a, app/i  app/x
/// ```
#[derive(Debug, Clone)]
pub struct PathPattern {
    source: String,
    mode: CaseMode,
    prefix: String,
    matcher: Matcher,
}

/// A path in the spelling in which patterns of one [case mode](CaseMode) compare it, for asking
/// many of them.
#[derive(Debug)]
pub struct SpelledPath<'a> {
    text: Cow<'a, str>,
    mode: CaseMode,
}

impl<'a> SpelledPath<'a> {
    /// Brings a path into the spelling of `mode`.
    pub fn new(path: &'a [u8], mode: CaseMode) -> Self {
        Self {
            text: mode.canonical_path(path),
            mode,
        }
    }
}

/// The part of a pattern that decides about a path.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    /// The path that is the prefix, and everything beneath it.
    Literal,
    /// Whatever the glob accepts.
    Glob(Arc<Glob>),
}

/// A pattern with glob syntax. Its automaton is built when a question needs it.
#[derive(Debug, Clone)]
pub(super) struct Glob {
    nodes: Vec<PatternNode>,
    /// The characters with which every match ends.
    suffix: String,
    shortcut: Option<Shortcut>,
    automaton: OnceLock<Automaton>,
}

impl Glob {
    fn new(nodes: Vec<PatternNode>) -> Self {
        Self {
            suffix: trailing_literal(&nodes),
            shortcut: Shortcut::of(&nodes),
            nodes,
            automaton: OnceLock::new(),
        }
    }

    /// The automaton that accepts the paths of the pattern.
    pub(super) fn automaton(&self) -> &Automaton {
        self.automaton
            .get_or_init(|| Automaton::compile(&self.nodes))
    }

    /// True where `canonical` is accepted; nothing is built where a comparison decides.
    fn accepts(&self, canonical: &str) -> bool {
        match &self.shortcut {
            Some(shortcut) => shortcut.accepts(canonical),
            None if !canonical.ends_with(&self.suffix) => false,
            None => {
                let automaton = self.automaton();
                automaton.accepts(&automaton.read(canonical))
            }
        }
    }
}

impl PathPattern {
    /// Reads the pattern of a lock or a task; `@name` is refused here, see [`super::expand`].
    pub fn parse(source: &str, mode: CaseMode) -> Result<Self, PatternError> {
        Self::try_parse(source, mode).map_err(|fault| PatternError::new(source, fault))
    }

    /// Reads the pattern of a policy rule.
    ///
    /// Only broken syntax is refused, and classes that are too wide to be folded: a rule may match
    /// no path that Git could hold, and be larger than a lock. The source is taken as a path
    /// relative to the root, without `.` and `..`; the policy file's own checks see to that.
    pub fn parse_rule(source: &str, mode: CaseMode) -> Result<Self, PatternError> {
        let composed = nfc(source);
        let (text, ending) = match composed.strip_suffix('/') {
            Some(text) => (text, PatternEnding::Slash),
            None => (&*composed, PatternEnding::Plain),
        };
        let text = CleanPattern {
            text: text.to_owned(),
            ending,
        };
        Self::read(&text, mode, Grammar::Rule).map_err(|fault| PatternError::new(source, fault))
    }

    /// The pattern of exactly this path and everything beneath it, whatever characters it has.
    ///
    /// For asking about a path. Its source is the path, which may mean something else when it is
    /// read as a pattern.
    pub fn literal(path: &str, mode: CaseMode) -> Result<Self, PatternError> {
        let source = clean_path(path).map_err(|fault| PatternError::new(path, fault))?;
        let prefix = mode.canonical_path(source.as_bytes()).into_owned();
        Ok(Self {
            source,
            mode,
            prefix,
            matcher: Matcher::Literal,
        })
    }

    /// The normalised source, in its author's case.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Returns the comparison of spellings.
    pub fn case_mode(&self) -> CaseMode {
        self.mode
    }

    /// The text before the first wildcard, in canonical spelling: every path that matches starts
    /// with these characters.
    ///
    /// It may end inside a name; an index wants [`Self::index_key`].
    pub fn literal_prefix(&self) -> &str {
        &self.prefix
    }

    /// The deepest path that every match equals or lies beneath, in canonical spelling; empty for
    /// the repository root.
    pub fn index_key(&self) -> &str {
        match &self.matcher {
            Matcher::Literal => &self.prefix,
            Matcher::Glob(_) => self.prefix.rsplit_once('/').map_or("", |(key, _)| key),
        }
    }

    /// True where the pattern has no glob characters: one path and everything beneath it.
    pub fn is_literal(&self) -> bool {
        matches!(self.matcher, Matcher::Literal)
    }

    /// True where `path` matches, given as Git names it (no leading `./`, no `..`); other spellings
    /// never match.
    pub fn is_match(&self, path: &[u8]) -> bool {
        let path = self.mode.canonical_path(path);
        is_path(&path) && self.matches_canonical(&path)
    }

    /// True where a path as somebody spelled it matches: unlike in [`Self::is_match`], a `..` or an
    /// empty name is text like any other. A tool call may name such a path, and a rule about `**`
    /// means it too. A path that was spelled for another [case mode](CaseMode) never matches.
    pub fn is_match_as_spelled(&self, path: &SpelledPath<'_>) -> bool {
        self.mode == path.mode && self.matches_canonical(&path.text)
    }

    /// True where every path of `other` certainly matches this pattern too.
    ///
    /// A false answer says nothing. Only what shows without a search is seen: patterns that are
    /// alike, and patterns beneath a directory that this one covers.
    pub fn certainly_covers(&self, other: &PathPattern) -> bool {
        if self.mode != other.mode {
            return false;
        }
        match &self.matcher {
            Matcher::Literal => is_at_or_beneath(other.index_key(), &self.prefix),
            Matcher::Glob(glob) => {
                let reaches_down = matches!(glob.shortcut, Some(Shortcut::Everything));
                reaches_down && other.prefix.starts_with(&self.prefix)
                    || other
                        .nodes()
                        .is_some_and(|other| is_same_or_wider(&glob.nodes, other))
            }
        }
    }

    /// True where the pattern matches every path there is.
    pub fn covers_everything(&self) -> bool {
        let Matcher::Glob(glob) = &self.matcher else {
            return false;
        };
        self.prefix.is_empty() && glob.shortcut == Some(Shortcut::Everything)
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// The automaton of the pattern; a literal one is built anew.
    pub(super) fn to_automaton(&self) -> Cow<'_, Automaton> {
        match &self.matcher {
            Matcher::Glob(glob) => Cow::Borrowed(glob.automaton()),
            Matcher::Literal => {
                let path = self
                    .prefix
                    .chars()
                    .map(|c| PatternNode::Set(CharSet::One(c)));
                let nodes: Vec<PatternNode> =
                    path.chain([PatternNode::everything_beneath()]).collect();
                Cow::Owned(Automaton::compile(&nodes))
            }
        }
    }

    /// True where the pattern is too large to be searched within the bounds that locks keep.
    pub(super) fn is_oversized(&self) -> bool {
        self.nodes()
            .is_some_and(|nodes| states_needed(nodes) > STATE_LIMIT)
    }

    fn nodes(&self) -> Option<&[PatternNode]> {
        match &self.matcher {
            Matcher::Glob(glob) => Some(&glob.nodes),
            Matcher::Literal => None,
        }
    }

    fn matches_canonical(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Literal => is_at_or_beneath(path, &self.prefix),
            Matcher::Glob(glob) => path.starts_with(&self.prefix) && glob.accepts(path),
        }
    }

    fn try_parse(source: &str, mode: CaseMode) -> Result<Self, PatternFault> {
        let pattern = Self::read(&clean(source)?, mode, Grammar::Lock)?;
        if let Matcher::Glob(glob) = &pattern.matcher {
            if pattern.is_oversized() {
                return Err(PatternFault::TooComplex {
                    what: "too many wildcards and alternatives",
                });
            }
            let everything = Automaton::everything();
            if Product::new(glob.automaton(), &everything, mode).search() == SearchResult::Nothing {
                return Err(PatternFault::MatchesNothing);
            }
        }
        Ok(pattern)
    }

    /// Reads a cleaned pattern. Where its brackets cannot also stand for themselves within the
    /// bounds of a search, they are syntax alone.
    fn read(
        cleaned: &CleanPattern,
        mode: CaseMode,
        grammar: Grammar,
    ) -> Result<Self, PatternFault> {
        let text = mode.without_tails(&cleaned.text);
        let parsed = parse(&text, mode, grammar, Brackets::AlsoThemselves)?;
        let pattern = Self::of_parsed(cleaned, parsed, mode);
        if !pattern.is_oversized() {
            return Ok(pattern);
        }
        let parsed = parse(&text, mode, grammar, Brackets::SyntaxOnly)?;
        Ok(Self::of_parsed(cleaned, parsed, mode))
    }

    /// Puts a pattern together.
    fn of_parsed(cleaned: &CleanPattern, parsed: ParsedPattern, mode: CaseMode) -> Self {
        let ParsedPattern { mut nodes, kind } = parsed;
        let prefix = leading_literal(&nodes);
        let mut source = cleaned.text.clone();
        let matcher = match kind {
            PatternKind::Literal => Matcher::Literal,
            PatternKind::Glob => {
                if cleaned.ending == PatternEnding::Slash {
                    source.push('/');
                    nodes.push(PatternNode::everything_beneath());
                }
                Matcher::Glob(Arc::new(Glob::new(nodes)))
            }
        };
        Self {
            source,
            mode,
            prefix,
            matcher,
        }
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.mode == other.mode
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// True where `path` is `base` or lies beneath it; a path that only ends in a slash does not.
pub(super) fn is_at_or_beneath(path: &str, base: &str) -> bool {
    path.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && rest.len() > 1))
}

/// True where `wide` is the same sequence as `narrow`, or the same and everything beneath.
fn is_same_or_wider(wide: &[PatternNode], narrow: &[PatternNode]) -> bool {
    match wide.strip_prefix(narrow) {
        Some([]) => true,
        Some([rest]) => *rest == PatternNode::everything_beneath(),
        _ => false,
    }
}

fn leading_literal(nodes: &[PatternNode]) -> String {
    nodes.iter().map_while(PatternNode::literal).collect()
}

fn trailing_literal(nodes: &[PatternNode]) -> String {
    let back: Vec<char> = nodes.iter().rev().map_while(PatternNode::literal).collect();
    back.into_iter().rev().collect()
}
