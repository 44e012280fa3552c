//! [`PathPattern`]: a parsed, bounded pattern with everything that later questions need.

use std::fmt;

use serde::{Serialize, Serializer};

use super::automaton::{Automaton, Node, STATE_LIMIT};
use super::charset::CharSet;
use super::error::{PatternError, PatternFault};
use super::fold::CaseMode;
use super::normalise::{Clean, Ending, clean, clean_path};
use super::parse::{Kind, Parsed, parse};
use super::search::{Found, Product};
use super::shape::is_path;

/// A set of paths, relative to the repository root.
///
/// `*` and `?` never match `/`, `**` as a whole name does. A pattern without glob characters, or
/// one that ends in `/`, also covers everything beneath what it names. Two patterns are equal if
/// their normalised sources are.
#[derive(Debug, Clone)]
pub struct PathPattern {
    source: String,
    mode: CaseMode,
    prefix: String,
    body: Body,
}

/// What decides whether a path matches.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// The path that is the prefix, and everything beneath it.
    Literal,
    /// Whatever the automaton accepts.
    Glob(Automaton),
}

impl PathPattern {
    /// Reads a pattern; `@name` is refused here, see [`super::expand`].
    pub fn parse(source: &str, mode: CaseMode) -> Result<Self, PatternError> {
        Self::try_parse(source, mode).map_err(|fault| PatternError::new(source, fault))
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
            body: Body::Literal,
        })
    }

    /// The normalised source, in its author's case.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// How spellings are compared.
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
        match &self.body {
            Body::Literal => &self.prefix,
            Body::Glob(_) => self.prefix.rsplit_once('/').map_or("", |(key, _)| key),
        }
    }

    /// Whether the pattern has no glob characters: one path and everything beneath it.
    pub fn is_literal(&self) -> bool {
        matches!(self.body, Body::Literal)
    }

    /// Whether `path` matches, given as Git names it (no leading `./`, no `..`); other spellings
    /// never match.
    pub fn is_match(&self, path: &[u8]) -> bool {
        let path = self.mode.canonical_path(path);
        is_path(&path) && self.matches_canonical(&path)
    }

    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// The automaton of the pattern; a literal one is built anew.
    pub(super) fn to_automaton(&self) -> Result<Automaton, PatternFault> {
        match &self.body {
            Body::Glob(automaton) => Ok(automaton.clone()),
            Body::Literal => {
                let path = self.prefix.chars().map(|c| Node::Set(CharSet::One(c)));
                Automaton::compile(path.chain([everything_beneath()]).collect(), usize::MAX)
            }
        }
    }

    pub(super) fn matches_canonical(&self, path: &str) -> bool {
        match &self.body {
            Body::Literal => is_at_or_beneath(path, &self.prefix),
            Body::Glob(_) if !path.starts_with(&self.prefix) => false,
            Body::Glob(automaton) => automaton.accepts(&automaton.read(path)),
        }
    }

    fn try_parse(source: &str, mode: CaseMode) -> Result<Self, PatternFault> {
        let Clean { text, ending } = clean(source)?;
        let Parsed { mut nodes, kind } = parse(&mode.without_tails(&text), mode)?;
        let prefix = leading_literal(&nodes);
        if kind == Kind::Literal {
            return Ok(Self {
                source: text,
                mode,
                prefix,
                body: Body::Literal,
            });
        }
        let mut source = text;
        if ending == Ending::Slash {
            source.push('/');
            nodes.push(everything_beneath());
        }
        let automaton = Automaton::compile(nodes, STATE_LIMIT)?;
        if Product::new(&automaton, &Automaton::everything(), mode).search() == Found::Nothing {
            return Err(PatternFault::MatchesNothing);
        }
        Ok(Self {
            source,
            mode,
            prefix,
            body: Body::Glob(automaton),
        })
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

/// Whether `path` is `base` or lies beneath it.
pub(super) fn is_at_or_beneath(path: &str, base: &str) -> bool {
    path.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn everything_beneath() -> Node {
    Node::OneOf(vec![
        vec![],
        vec![Node::Set(CharSet::One('/')), Node::Repeat(CharSet::Any)],
    ])
}

fn leading_literal(nodes: &[Node]) -> String {
    let literal = nodes.iter().map_while(|node| match node {
        Node::Set(CharSet::One(c)) => Some(*c),
        _ => None,
    });
    literal.collect()
}
