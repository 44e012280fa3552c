//! Globs over names that are no paths: of actors, labels, types and tools. They know no separator.

use crate::policy::pattern_list::{BadPatterns, MAX_PATTERN, read_all};

/// Patterns over names of actors, labels and types: `*` stands for any text, `?` for one character.
#[derive(Debug, Clone)]
pub struct NameGlobs {
    patterns: Vec<String>,
}

impl NameGlobs {
    /// Checks patterns; the error names all bad ones.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPatterns> {
        let check = |text: &str| match text {
            _ if text.len() > MAX_PATTERN => {
                Err(format!("a pattern is longer than {MAX_PATTERN} bytes"))
            }
            _ if text.contains(['[', ']', '{', '}', '\\']) => Err(format!(
                "the pattern `{text}` has a character other than `*` and `?` that looks like a wildcard"
            )),
            _ => Ok(text.to_owned()),
        };
        Ok(Self {
            patterns: read_all(patterns, check)?,
        })
    }

    /// The patterns as text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(String::as_str)
    }

    /// True where some pattern matches the name.
    pub fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| wildcard(pattern, name))
    }

    /// True where some pattern matches an actor given as `kind:name`; a pattern without `:` is
    /// about the name alone.
    pub fn matches_actor(&self, label: &str) -> bool {
        let name = label.split_once(':').map_or(label, |(_, name)| name);
        self.patterns
            .iter()
            .any(|pattern| wildcard(pattern, if pattern.contains(':') { label } else { name }))
    }
}

/// Matches `*` and `?`, going back to the latest star only, so that the time is bounded by the
/// product of both lengths.
fn wildcard(pattern: &str, name: &str) -> bool {
    let mut wanted = pattern.chars();
    let mut given = name.chars();
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let given_before = given.clone();
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                given = given_before;
                back = Some((wanted.clone(), given.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => {
                let Some((after_star, tried)) = &mut back else {
                    return false;
                };
                if tried.next().is_none() {
                    return false;
                }
                (wanted, given) = (after_star.clone(), tried.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn actor_patterns_with_a_kind_look_at_the_kind() {
        let by =
            |pattern: &str, label: &str| NameGlobs::new([pattern]).unwrap().matches_actor(label);
        assert!(by("agent:*", "agent:codex") && !by("agent:*", "human:agent"));
        assert!(by("co*", "agent:codex") && !by("agent", "agent:codex"));
    }

    #[test]
    fn name_patterns_know_two_wildcards() {
        for (pattern, name, wanted) in [
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "a-b-c", false),
            ("?é", "xé", true),
            ("?", "", false),
            ("sec*", "security", true),
            (
                "*a*a*a*a*a*b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(wildcard(pattern, name), wanted, "{pattern} {name}");
        }
        let bad = NameGlobs::new(["ok", "[a]", "{a}"]).unwrap_err();
        assert_eq!(bad.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn wildcards_agree_with_a_regular_expression(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let written = pattern.replace('*', ".*").replace('?', ".");
            let regex = regex::Regex::new(&format!("^(?s:{written})$")).unwrap();
            prop_assert_eq!(wildcard(&pattern, &name), regex.is_match(&name));
        }
    }
}
