//! Patterns that one comparison decides, so that no automaton is built for them: most patterns of a
//! policy are such.

use crate::domain::path_pattern::automaton::PatternNode;
use crate::domain::path_pattern::charset::CharSet;

/// A comparison that says what the automaton of a pattern would say.
///
/// Every path that is compared has the literal prefix of the pattern already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shortcut {
    /// `src/**`, `**`, `**/*`: every path that starts with the prefix.
    Everything,
    /// `**/name`: every path whose last name is this.
    Name(String),
    /// `**/*.ext`: every path whose last name ends so.
    NameEnd(String),
}

impl Shortcut {
    /// The comparison that decides for a sequence, if there is one.
    pub(super) fn of(nodes: &[PatternNode]) -> Option<Self> {
        if let Some((last, rest)) = nodes.split_last()
            && *last == PatternNode::everything_beneath()
        {
            // `src/**/` adds nothing to `src/**`; `src/*/` reaches deeper than `src/*`.
            return Self::of(rest).filter(|shortcut| *shortcut == Self::Everything);
        }
        let literal = nodes
            .iter()
            .take_while(|node| node.literal().is_some())
            .count();
        match &nodes[literal..] {
            [PatternNode::Repeat(CharSet::Any)] => Some(Self::Everything),
            [down, PatternNode::Repeat(CharSet::NotSlash)]
                if literal == 0 && any_directory(down) =>
            {
                Some(Self::Everything)
            }
            [down, PatternNode::Repeat(CharSet::NotSlash), end @ ..]
                if literal == 0 && any_directory(down) =>
            {
                part_of_name(end).map(Self::NameEnd)
            }
            [down, name @ ..] if literal == 0 && any_directory(down) => {
                part_of_name(name).map(Self::Name)
            }
            _ => None,
        }
    }

    /// True where the pattern matches `path`, which has its literal prefix.
    pub(super) fn accepts(&self, path: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Name(name) => path
                .strip_suffix(name.as_str())
                .is_some_and(|above| above.is_empty() || above.ends_with('/')),
            // The end of a name holds no slash, so the end of a path is the end of its last name.
            Self::NameEnd(end) => path.ends_with(end.as_str()),
        }
    }
}

/// True for `**/` at the beginning of a pattern.
fn any_directory(node: &PatternNode) -> bool {
    let PatternNode::OneOf(branches) = node else {
        return false;
    };
    matches!(
        branches.as_slice(),
        [nothing, down] if nothing.is_empty() && matches!(
            down.as_slice(),
            [PatternNode::Repeat(CharSet::Any), PatternNode::Set(CharSet::One('/'))]
        )
    )
}

/// The text of literal characters within one name.
fn part_of_name(nodes: &[PatternNode]) -> Option<String> {
    let text: Option<String> = nodes.iter().map(PatternNode::literal).collect();
    text.filter(|text| !text.is_empty() && !text.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_pattern::automaton::Automaton;
    use crate::domain::path_pattern::fold::CaseMode;
    use crate::domain::path_pattern::parse::{Brackets, Grammar, parse};
    use proptest::prelude::*;

    fn nodes(pattern: &str) -> Vec<PatternNode> {
        let (text, beneath) = match pattern.strip_suffix('/') {
            Some(text) => (text, Some(PatternNode::everything_beneath())),
            None => (pattern, None),
        };
        let parsed = parse(
            text,
            CaseMode::Folding,
            Grammar::Rule,
            Brackets::AlsoThemselves,
        )
        .unwrap();
        parsed.nodes.into_iter().chain(beneath).collect()
    }

    #[test]
    fn usual_patterns_need_no_automaton() {
        let name = |text: &str| Some(Shortcut::Name(text.to_owned()));
        let end = |text: &str| Some(Shortcut::NameEnd(text.to_owned()));
        for (pattern, shortcut) in [
            ("**", Some(Shortcut::Everything)),
            ("**/*", Some(Shortcut::Everything)),
            ("src/**", Some(Shortcut::Everything)),
            ("src/**/", Some(Shortcut::Everything)),
            ("**/*/", Some(Shortcut::Everything)),
            ("src/[*]/**", Some(Shortcut::Everything)),
            ("**/.env", name(".env")),
            ("**/Makefile", name("makefile")),
            ("**/*.pem", end(".pem")),
            ("**/[.]env", name(".env")),
            ("**/.env/", None),
            ("**/a/b", None),
            ("**/*.[ch]", None),
            ("*.md", None),
            ("a/**/b", None),
            ("a**", None),
            ("{**,a}", None),
        ] {
            assert_eq!(Shortcut::of(&nodes(pattern)), shortcut, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_comparison_says_what_the_automaton_says(
            pattern in "([ab]/)?(\\*\\*/)?\\*{0,2}[ab.]{0,2}(/\\*\\*)?/?",
            path in "[ab./]{0,6}",
        ) {
            let nodes = nodes(&pattern);
            let Some(shortcut) = Shortcut::of(&nodes) else { return Ok(()) };
            let prefix: String = nodes.iter().map_while(PatternNode::literal).collect();
            let automaton = Automaton::compile(&nodes);
            let quick = path.starts_with(&prefix) && shortcut.accepts(&path);
            prop_assert_eq!(quick, automaton.accepts(&automaton.read(&path)), "{} {}", pattern, path);
        }
    }
}
