//! The syntax of patterns: `globset`'s, with `/` only ever matched by itself and by `**`.
//!
//! Locks and policy rules share the syntax, and one [`Grammar`] says what is refused of it. Three
//! readings are wider than `globset`'s defaults, since a lock that covers less than its
//! author meant is the worse mistake: `?` and `[...]` take a whole character, not a byte; an empty
//! alternative counts (`a{,.txt}`); and `**` alone in an alternative reaches through directories.
//!
//! A class, and braces without a comma, stand for themselves as well: `app/[id]/page.tsx`, as
//! routers name their files, is the file of that name, and also what the class says. Nobody who
//! writes a path down may get a lock that is void, so the reading that covers more is taken.

use crate::domain::path_pattern::automaton::PatternNode;
use crate::domain::path_pattern::charset::CharSet;
use crate::domain::path_pattern::error::PatternFault;
use crate::domain::path_pattern::fold::{CaseMode, is_starter};

/// The most characters that a class may list where each has to be folded.
const WIDEST: usize = 65_536;

/// The syntax that is refused, by what the pattern is for.
///
/// A lock that its author did not mean harms others, and its search has a limit; so what looks like
/// a mistake is refused. A rule's file was accepted by an earlier version of `ai`, and stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Of locks and tasks: at most eight braces deep, no `/` or `[:name:]` in a class, no combining
    /// mark apart from its letter.
    Lock,
    /// Of policy rules: all of this is read as it stands. A `/` in a class never matches, and a `}`
    /// without any glob character is a letter.
    Rule,
}

impl Grammar {
    /// The characters without which a pattern is no glob, so that nothing else in it is syntax.
    fn syntax(self) -> &'static [char] {
        match self {
            Grammar::Lock => &['*', '?', '[', '{', '}'],
            Grammar::Rule => &['*', '?', '[', '{'],
        }
    }

    /// The deepest nesting of braces.
    fn deepest(self) -> usize {
        match self {
            Grammar::Lock => 8,
            Grammar::Rule => 512,
        }
    }
}

/// A pattern in pieces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedPattern {
    /// The pieces, in canonical spelling.
    pub(super) nodes: Vec<PatternNode>,
    /// Set where any glob syntax occurred.
    pub(super) kind: PatternKind,
}

/// Presence of glob syntax in a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternKind {
    /// None: it names one path.
    Literal,
    /// Some, be it as little as `[a]`.
    Glob,
}

/// Meaning of a class, or of braces without a comma, beside what the syntax says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// The text stands for its own text as well; a pattern without other syntax for the path of its
    /// text, and everything beneath.
    AlsoThemselves,
    /// None: for a pattern that would become too large otherwise.
    SyntaxOnly,
}

/// Reads a cleaned pattern.
pub(super) fn parse(
    text: &str,
    mode: CaseMode,
    grammar: Grammar,
    brackets: Brackets,
) -> Result<ParsedPattern, PatternFault> {
    if !text.contains(grammar.syntax()) {
        return Ok(ParsedPattern {
            nodes: mode.canonical_text(text).chars().map(one).collect(),
            kind: PatternKind::Literal,
        });
    }
    let mut parser = PatternParser {
        chars: text.chars().collect(),
        at: 0,
        mode,
        grammar,
        brackets,
        kind: PatternKind::Literal,
        may_be_path: brackets == Brackets::AlsoThemselves && !text.contains(['*', '?']),
    };
    let mut nodes = parser.sequence(0)?;
    if parser.peek().is_some() {
        return Err(PatternFault::UnbalancedBrace);
    }
    if parser.may_be_path {
        nodes = or_path(nodes, &mode.canonical_text(text));
    }
    Ok(ParsedPattern {
        nodes,
        kind: parser.kind,
    })
}

/// The sequence, or the path of this text and everything beneath. What both begin with stays in
/// front, where an index finds it.
fn or_path(nodes: Vec<PatternNode>, text: &str) -> Vec<PatternNode> {
    let path: Vec<PatternNode> = text.chars().map(one).collect();
    let alike = nodes.iter().zip(&path).take_while(|(a, b)| a == b).count();
    if nodes.iter().all(|node| node.literal().is_some()) {
        // Escapes alone, such as `[[]`: whoever wrote them meant no other spelling.
        return nodes;
    }
    let (mut front, rest) = (path[..alike].to_vec(), nodes[alike..].to_vec());
    let mut itself = path[alike..].to_vec();
    itself.push(PatternNode::everything_beneath());
    front.push(PatternNode::OneOf(vec![rest, itself]));
    front
}

struct PatternParser {
    chars: Vec<char>,
    at: usize,
    mode: CaseMode,
    grammar: Grammar,
    brackets: Brackets,
    kind: PatternKind,
    /// Set while nothing was read that can only be syntax.
    may_be_path: bool,
}

impl PatternParser {
    /// Reads up to the end, or inside braces to the `,` or `}` that ends an alternative, which
    /// stays unread.
    fn sequence(&mut self, depth: usize) -> Result<Vec<PatternNode>, PatternFault> {
        let mut nodes = Vec::new();
        while let Some(c) = self.peek() {
            match c {
                '*' => self.stars(depth, &mut nodes),
                '?' => {
                    self.skip();
                    nodes.push(PatternNode::Set(CharSet::NotSlash));
                }
                '[' => {
                    let node = self.class_or_name()?;
                    nodes.push(node);
                }
                '{' => {
                    let from = self.at;
                    self.skip();
                    let branches = self.alternatives(depth + 1)?;
                    let several = branches.len() > 1;
                    let group = PatternNode::OneOf(branches);
                    self.may_be_path &= !several;
                    nodes.push(if several {
                        group
                    } else {
                        self.or_itself(from, group)
                    });
                }
                '}' => {
                    return if depth > 0 {
                        Ok(nodes)
                    } else {
                        Err(PatternFault::UnbalancedBrace)
                    };
                }
                ',' if depth > 0 => return Ok(nodes),
                _ => self.literal(depth, &mut nodes)?,
            }
        }
        Ok(nodes)
    }

    fn literal(&mut self, depth: usize, nodes: &mut Vec<PatternNode>) -> Result<(), PatternFault> {
        let from = self.at;
        let ends = |c: &char| matches!(c, '*' | '?' | '[' | '{' | '}') || (depth > 0 && *c == ',');
        let run: String = self.chars[from..].iter().take_while(|c| !ends(c)).collect();
        self.at += run.chars().count();
        if let Some(first) = run.chars().next().filter(|_| from > 0) {
            self.check_starter(first)?;
        }
        nodes.extend(self.mode.canonical_text(&run).chars().map(one));
        Ok(())
    }

    /// A whole name of two stars crosses directories; any other run of stars is one star.
    fn stars(&mut self, depth: usize, nodes: &mut Vec<PatternNode>) {
        let starts_name = self.at == 0 || self.is_edge(self.at - 1, depth, '{');
        let from = self.at;
        while self.peek() == Some('*') {
            self.skip();
        }
        let ends_name = self.at == self.chars.len() || self.is_edge(self.at, depth, '}');
        let node = if self.at - from != 2 || !starts_name || !ends_name {
            PatternNode::Repeat(CharSet::NotSlash)
        } else if self.peek() == Some('/') {
            self.skip();
            PatternNode::OneOf(vec![
                vec![],
                vec![PatternNode::Repeat(CharSet::Any), one('/')],
            ])
        } else {
            PatternNode::Repeat(CharSet::Any)
        };
        if nodes.last() != Some(&node) {
            nodes.push(node);
        }
    }

    fn is_edge(&self, at: usize, depth: usize, brace: char) -> bool {
        let c = self.chars.get(at).copied();
        c == Some('/') || (depth > 0 && (c == Some(brace) || c == Some(',')))
    }

    fn alternatives(&mut self, depth: usize) -> Result<Vec<Vec<PatternNode>>, PatternFault> {
        if depth > self.grammar.deepest() {
            return Err(PatternFault::TooComplex {
                what: "braces nested too deep",
            });
        }
        let mut branches = Vec::new();
        loop {
            branches.push(self.sequence(depth)?);
            match self.bump() {
                Some(',') => {}
                Some('}') => return Ok(branches),
                _ => return Err(PatternFault::UnbalancedBrace),
            }
        }
    }

    /// A class, which stands for its own text as well. One whose range runs backwards can only be a
    /// name: `[user-id]`.
    fn class_or_name(&mut self) -> Result<PatternNode, PatternFault> {
        let from = self.at;
        self.skip();
        match self.class() {
            Ok(class) => Ok(self.or_itself(from, class)),
            Err(fault @ PatternFault::BackwardRange { .. }) => {
                let name = |c: &char| !matches!(c, '/' | ']' | '*' | '?' | '{' | '}');
                let inner = self.chars[from + 1..].iter().take_while(|c| name(c));
                let end = from + 1 + inner.count();
                if self.chars.get(end) != Some(&']') {
                    return Err(fault);
                }
                self.at = end + 1;
                Ok(PatternNode::OneOf(vec![self.own_text(from)]))
            }
            Err(fault @ (PatternFault::UnclosedClass | PatternFault::ClassContent { .. })) => {
                // `[!]` in front of no other bracket can only be an escape, as `[~]` is.
                let escaped = match self.chars.get(from + 1..from + 3) {
                    Some([c @ ('!' | '^'), ']']) => *c,
                    _ => return Err(fault),
                };
                self.at = from + 3;
                Ok(one(escaped))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The piece that was read since `from`, or its own text. The class of one special character is
    /// an escape, and stands for that character alone.
    fn or_itself(&self, from: usize, node: PatternNode) -> PatternNode {
        let escape = |c: char| !c.is_alphanumeric();
        match (self.brackets, &self.chars[from..self.at]) {
            (Brackets::SyntaxOnly, _) => node,
            (Brackets::AlsoThemselves, ['[', c, ']']) if escape(*c) => node,
            (Brackets::AlsoThemselves, _) => {
                PatternNode::OneOf(vec![vec![node], self.own_text(from)])
            }
        }
    }

    /// The text that was read since `from`, as it stands.
    fn own_text(&self, from: usize) -> Vec<PatternNode> {
        let text: String = self.chars[from..self.at].iter().collect();
        self.mode.canonical_text(&text).chars().map(one).collect()
    }

    fn class(&mut self) -> Result<PatternNode, PatternFault> {
        let negated = matches!(self.peek(), Some('!' | '^'));
        if negated {
            self.skip();
        }
        let ranges = self.class_ranges()?;
        for &(from, to) in &ranges {
            self.check_starter(from)?;
            self.check_starter(to)?;
        }
        let folded = match self.mode {
            CaseMode::Sensitive => FoldedClass {
                ranges,
                longer: Vec::new(),
            },
            CaseMode::Folding => fold_class(&ranges)?,
        };
        Ok(if negated {
            folded.into_complement()
        } else {
            folded.into_node()
        })
    }

    fn class_ranges(&mut self) -> Result<Vec<(char, char)>, PatternFault> {
        let mut ranges = Vec::new();
        loop {
            let from = match self.bump().ok_or(PatternFault::UnclosedClass)? {
                ']' if !ranges.is_empty() => return Ok(ranges),
                '/' if self.grammar == Grammar::Lock => {
                    return Err(PatternFault::ClassContent { found: "/" });
                }
                '[' if self.grammar == Grammar::Lock && self.peek() == Some(':') => {
                    return Err(PatternFault::ClassContent { found: "[:" });
                }
                from => from,
            };
            ranges.push((from, self.range_end(from)?));
        }
    }

    /// The end of the range that starts with `from`; a `-` before the closing bracket is an
    /// ordinary character.
    fn range_end(&mut self, from: char) -> Result<char, PatternFault> {
        let to = match (self.peek(), self.chars.get(self.at + 1)) {
            (Some('-'), Some(&to)) if to != ']' => to,
            _ => return Ok(from),
        };
        self.at += 2;
        match to {
            '/' if self.grammar == Grammar::Lock => Err(PatternFault::ClassContent { found: "/" }),
            to if to < from => Err(PatternFault::BackwardRange { from, to }),
            to => Ok(to),
        }
    }

    /// Refuses a mark that is cut off from its letter: it would be composed with it in a path and
    /// then never be met.
    fn check_starter(&self, c: char) -> Result<(), PatternFault> {
        if self.grammar == Grammar::Rule || is_starter(c) {
            Ok(())
        } else {
            Err(PatternFault::LooseMark { code: c.into() })
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek();
        self.skip();
        c
    }

    /// Moves on. Whoever skips a special character has seen glob syntax.
    fn skip(&mut self) {
        self.kind = PatternKind::Glob;
        self.at += 1;
    }
}

/// A character class after folding.
struct FoldedClass {
    ranges: Vec<(char, char)>,
    /// Foldings of more than one character, such as `ss` for `ß`.
    longer: Vec<String>,
}

impl FoldedClass {
    fn into_node(self) -> PatternNode {
        let set = PatternNode::Set(without_slash(self.ranges));
        if self.longer.is_empty() {
            return set;
        }
        let longer = self
            .longer
            .iter()
            .map(|text| text.chars().map(one).collect());
        PatternNode::OneOf(std::iter::once(vec![set]).chain(longer).collect())
    }

    fn into_complement(mut self) -> PatternNode {
        self.ranges.push(('/', '/'));
        PatternNode::Set(CharSet::outside(self.ranges))
    }
}

fn fold_class(ranges: &[(char, char)]) -> Result<FoldedClass, PatternFault> {
    let all = || ranges.iter().flat_map(|&(from, to)| from..=to);
    if all().nth(WIDEST).is_some() {
        return Err(PatternFault::TooComplex {
            what: "a character class too wide to fold",
        });
    }
    let mut folded = FoldedClass {
        ranges: Vec::new(),
        longer: Vec::new(),
    };
    for c in all() {
        let text = c.to_string();
        let canonical = CaseMode::Folding.canonical_text(&text);
        let mut chars = canonical.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => folded.ranges.push((only, only)),
            _ => folded.longer.push(canonical.into_owned()),
        }
    }
    Ok(folded)
}

fn without_slash(ranges: Vec<(char, char)>) -> CharSet {
    let apart = ranges.into_iter().flat_map(|(from, to)| {
        let (low, high) = ((from, to.min('.')), (from.max('0'), to));
        [low, high].into_iter().filter(|(from, to)| from <= to)
    });
    CharSet::from_ranges(apart.collect())
}

fn one(c: char) -> PatternNode {
    PatternNode::Set(CharSet::One(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> PatternFault {
        parse(
            text,
            CaseMode::Folding,
            Grammar::Lock,
            Brackets::AlsoThemselves,
        )
        .unwrap_err()
    }

    #[test]
    fn broken_syntax_is_refused() {
        for text in ["a[", "a[b", "[]", "[!", "[!a", "[a-", "x[]a"] {
            assert_eq!(fault(text), PatternFault::UnclosedClass, "{text}");
        }
        for text in ["a{", "a{b,c", "}", "a}b", "{a}}", "{{a}"] {
            assert_eq!(fault(text), PatternFault::UnbalancedBrace, "{text}");
        }
        for text in ["[b-a", "[b-a*]", "x/[b-a/]"] {
            assert_eq!(
                fault(text),
                PatternFault::BackwardRange { from: 'b', to: 'a' }
            );
        }
        assert_eq!(fault("[a/]"), PatternFault::ClassContent { found: "/" });
        assert_eq!(fault("[!-/]"), PatternFault::ClassContent { found: "/" });
        assert_eq!(
            fault("[[:alpha:]]"),
            PatternFault::ClassContent { found: "[:" }
        );
        assert_eq!(fault("*\u{301}"), PatternFault::LooseMark { code: 0x301 });
        assert_eq!(
            fault("e{\u{301},x}"),
            PatternFault::LooseMark { code: 0x301 }
        );
        assert_eq!(fault("[e\u{300}]"), PatternFault::LooseMark { code: 0x300 });
        assert!(matches!(
            fault(&"{".repeat(9)),
            PatternFault::TooComplex { .. }
        ));
        assert!(matches!(
            fault("[a-\u{10ffff}]"),
            PatternFault::TooComplex { .. }
        ));
    }

    #[test]
    fn rules_read_what_locks_refuse() {
        let nodes = |text: &str| {
            parse(
                text,
                CaseMode::Sensitive,
                Grammar::Rule,
                Brackets::SyntaxOnly,
            )
            .map(|parsed| parsed.nodes)
        };
        let set = |ranges: &[(char, char)]| PatternNode::Set(CharSet::from_ranges(ranges.to_vec()));
        for (text, wanted) in [
            ("[a/]", vec![one('a')]),
            ("[+-/]", vec![set(&[('+', '.')])]),
            ("[/]", vec![set(&[])]),
            (
                "[[:a]]",
                vec![set(&[('[', '['), (':', ':'), ('a', 'a')]), one(']')],
            ),
            (
                "*\u{301}",
                vec![PatternNode::Repeat(CharSet::NotSlash), one('\u{301}')],
            ),
        ] {
            assert_eq!(nodes(text), Ok(wanted), "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "{".repeat(depth), "}".repeat(depth));
        assert!(nodes(&deep(512)).is_ok() && nodes(&deep(513)).is_err());
        for text in ["a[", "[b-a", "{a", "a*}"] {
            assert_eq!(nodes(text), Err(fault(text)), "{text}");
        }
        assert_eq!(nodes("a}"), Ok(vec![one('a'), one('}')]));
    }

    #[test]
    fn only_syntax_makes_a_glob() {
        for (text, kind) in [
            ("a,b]c-!", PatternKind::Literal),
            ("[@]a", PatternKind::Glob),
            ("a?", PatternKind::Glob),
            ("{a}", PatternKind::Glob),
        ] {
            assert_eq!(
                parse(
                    text,
                    CaseMode::Sensitive,
                    Grammar::Lock,
                    Brackets::SyntaxOnly
                )
                .unwrap()
                .kind,
                kind,
                "{text}"
            );
        }
    }

    #[test]
    fn classes_fold_each_member() {
        let class = |text: &str| {
            parse(text, CaseMode::Folding, Grammar::Lock, Brackets::SyntaxOnly)
                .unwrap()
                .nodes
        };
        assert_eq!(class("[A-CZ]"), class("[a-cz]"));
        assert_eq!(class("[!A]"), class("[!a]"));
        let sharp = vec![PatternNode::OneOf(vec![
            vec![one('b')],
            vec![one('s'), one('s')],
        ])];
        assert_eq!(class("[\u{df}B]"), sharp);
    }
}
