//! Which stored patterns could meet a given one, as a question that an ordinary string index
//! answers.
//!
//! A store keeps [`PathPattern::index_key`] beside each pattern. Two keys of patterns that share a
//! path are both that path or directories above it, so one of them contains the other; everything
//! else need not be looked at.

use crate::domain::path_pattern::pattern::PathPattern;

/// The keys to look up: a row is a candidate if its key is among `ancestors` or within `range`.
///
/// Strings compare by their bytes (`BINARY` in SQLite, `COLLATE "C"` in PostgreSQL). The two parts
/// never overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixQuery {
    /// The key itself and every directory above it, the root (empty) first; none where the range
    /// holds every key.
    pub ancestors: Vec<String>,
    /// The keys beneath: from the first, inclusive, to the second, exclusive, or without end.
    pub range: (String, Option<String>),
}

/// Returns where to find the patterns that could share a path with `pattern`. It may name too many,
/// never too few.
pub fn prefix_candidates(pattern: &PathPattern) -> PrefixQuery {
    let key = pattern.index_key();
    if key.is_empty() {
        return PrefixQuery {
            ancestors: Vec::new(),
            range: (String::new(), None),
        };
    }
    let cuts = key.match_indices('/').map(|(at, _)| at);
    let ancestors = std::iter::once(0)
        .chain(cuts)
        .chain([key.len()])
        .map(|end| key[..end].to_owned());
    // `0` is the character after `/`.
    PrefixQuery {
        ancestors: ancestors.collect(),
        range: (format!("{key}/"), Some(format!("{key}0"))),
    }
}

#[cfg(test)]
impl PrefixQuery {
    /// True where a stored key is a candidate: what a store asks its index.
    pub fn holds(&self, key: &str) -> bool {
        let (from, to) = &self.range;
        let within = key >= from.as_str() && to.as_deref().is_none_or(|to| key < to);
        within || self.ancestors.iter().any(|ancestor| ancestor == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_pattern::CaseMode;

    fn pattern(source: &str) -> PathPattern {
        PathPattern::parse(source, CaseMode::Sensitive).unwrap()
    }

    fn query(source: &str) -> PrefixQuery {
        prefix_candidates(&pattern(source))
    }

    #[test]
    fn keys_are_whole_names() {
        for (source, key) in [
            ("src/auth/login.rs", "src/auth/login.rs"),
            ("src/", "src"),
            ("src/lo*", "src"),
            ("src/**", "src"),
            ("src/*/x", "src"),
            ("src/a?b/c", "src"),
            ("*.rs", ""),
            ("**", ""),
            ("{a,b}/c", ""),
        ] {
            assert_eq!(pattern(source).index_key(), key, "{source}");
        }
        assert_eq!(
            PathPattern::parse("SRC/A/*", CaseMode::Folding)
                .unwrap()
                .index_key(),
            "src/a"
        );
    }

    #[test]
    fn a_query_names_ancestors_and_the_range_beneath() {
        let expected = PrefixQuery {
            ancestors: ["", "src", "src/auth"].map(str::to_owned).to_vec(),
            range: ("src/auth/".to_owned(), Some("src/auth0".to_owned())),
        };
        assert_eq!(query("src/auth/*.rs"), expected);
        assert_eq!(
            query("*.md"),
            PrefixQuery {
                ancestors: vec![],
                range: (String::new(), None)
            }
        );
        for (key, held) in [
            ("src/auth/x", true),
            ("src", true),
            ("src/auth-old", false),
            ("src/auth0", false),
            ("", true),
        ] {
            assert_eq!(query("src/auth").holds(key), held, "{key}");
        }
    }

    #[test]
    fn ten_thousand_locks_leave_few_candidates() {
        let locks = (0..10_000).map(|n| {
            let (dir, file) = (n / 100, n % 100);
            pattern(&if n % 2 == 0 {
                format!("src/m{dir}/f{file}.rs")
            } else {
                format!("src/m{dir}/g{file}/**/*.rs")
            })
        });
        let locks: Vec<PathPattern> = locks.collect();
        let count = |source: &str| {
            let query = query(source);
            locks
                .iter()
                .filter(|lock| query.holds(lock.index_key()))
                .count()
        };
        assert_eq!(count("src/m7/f42.rs"), 1);
        assert_eq!(count("src/m7/*.rs"), 100);
        assert_eq!(count("docs/**"), 0);
        assert_eq!(count("src"), 10_000);
    }
}
