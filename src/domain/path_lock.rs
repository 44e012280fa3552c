//! Path locks: when two of them stand in each other's way.
//!
//! Invariant: two locks conflict exactly if some path that is not harmless matches both and one of
//! them is exclusive; a question that cannot be decided counts as a conflict. Deliberately absent:
//! who holds a lock, and for how long.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::path_pattern::{CaseMode, Exclusion, PathPattern, overlap_except};

/// The mode of a lock: whether it tolerates others over the same paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// Nobody else may hold a lock on any of the paths.
    Exclusive,
    /// Others may share the paths, but nobody may have them alone.
    Shared,
}

impl LockMode {
    /// The stable name, as stored and as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            LockMode::Exclusive => "exclusive",
            LockMode::Shared => "shared",
        }
    }

    /// Returns true if two locks in these modes exclude each other where they meet.
    pub fn excludes(self, other: LockMode) -> bool {
        self == LockMode::Exclusive || other == LockMode::Exclusive
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A shortest path that matches both patterns and is not harmless.
///
/// A pattern without glob characters whose path is harmless is a harmless file: what might lie
/// beneath it does not count.
pub fn overlap_outside(a: &PathPattern, b: &PathPattern, harmless: &HarmlessSet) -> Option<String> {
    if harmless.names(a) || harmless.names(b) {
        None
    } else {
        overlap_except(a, b, &harmless.paths)
    }
}

/// The paths of `locks.shared`: lock files, changelogs and the like, over which nobody needs to
/// wait.
#[derive(Debug, Clone)]
pub struct HarmlessSet {
    paths: Exclusion,
}

impl HarmlessSet {
    /// Makes harmless what any of `patterns` matches. Patterns of another case mode than `mode` are
    /// left out.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a PathPattern>, mode: CaseMode) -> Self {
        Self {
            paths: Exclusion::new(patterns, mode),
        }
    }

    /// Returns true if `path`, as Git names it, is harmless.
    pub fn is_harmless(&self, path: &[u8]) -> bool {
        self.paths.is_match(path)
    }

    fn names(&self, pattern: &PathPattern) -> bool {
        pattern.is_literal()
            && self.paths.mode() == pattern.case_mode()
            && self.is_harmless(pattern.as_str().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LockMode::{Exclusive, Shared};

    fn pattern(source: &str) -> PathPattern {
        PathPattern::parse(source, CaseMode::Sensitive).unwrap()
    }

    fn harmless(sources: &[&str]) -> HarmlessSet {
        let patterns: Vec<PathPattern> = sources.iter().map(|source| pattern(source)).collect();
        HarmlessSet::new(&patterns, CaseMode::Sensitive)
    }

    fn outside(a: &str, b: &str, sources: &[&str]) -> Option<String> {
        let (a, b, set) = (pattern(a), pattern(b), harmless(sources));
        let found = overlap_outside(&a, &b, &set);
        assert_eq!(
            overlap_outside(&b, &a, &set).is_some(),
            found.is_some(),
            "not symmetric: {a} {b}"
        );
        if let Some(path) = &found {
            assert!(
                a.is_match(path.as_bytes()) && b.is_match(path.as_bytes()),
                "{a} {b}: {path}"
            );
            assert!(
                !set.is_harmless(path.as_bytes()),
                "{a} {b}: {path} is harmless"
            );
        }
        found
    }

    #[test]
    fn only_two_shared_locks_stand_side_by_side() {
        for (one, other, conflicts) in [
            (Exclusive, Exclusive, true),
            (Exclusive, Shared, true),
            (Shared, Exclusive, true),
            (Shared, Shared, false),
        ] {
            assert_eq!(one.excludes(other), conflicts, "{one} {other}");
        }
    }

    #[test]
    fn names_of_modes_are_stable() {
        for (mode, name) in [(Exclusive, "exclusive"), (Shared, "shared")] {
            assert_eq!(serde_json::to_value(mode).unwrap(), name);
            assert_eq!(mode.as_str(), name);
        }
    }

    #[test]
    fn a_harmless_file_never_conflicts() {
        let set = ["**/Cargo.lock", "*.lock", "CHANGELOG.md"];
        assert_eq!(outside("Cargo.lock", "Cargo.lock", &set), None);
        assert_eq!(outside("Cargo.lock", "**", &set), None);
        assert_eq!(outside("src", "src/Cargo.lock", &set), None);
        assert_eq!(outside("CHANGELOG.md", "CHANGELOG.md", &set), None);
        assert_eq!(
            outside("docs/CHANGELOG.md", "docs", &set).as_deref(),
            Some("docs/CHANGELOG.md")
        );
    }

    #[test]
    fn patterns_that_meet_on_harmless_paths_alone_do_not_conflict() {
        let set = ["**/*.lock", "docs/**"];
        assert_eq!(outside("**/*.lock", "web/**/*.lock", &set), None);
        assert_eq!(outside("docs/*.md", "**/a*", &set), None);
        assert_eq!(outside("docs/api/", "docs/*/x?", &set), None);
        assert_eq!(outside("*.lo?k", "*.l*", &set).as_deref(), Some(".loak"));
        assert_eq!(outside("src/*", "**/*.*", &set).as_deref(), Some("src/a."));
        assert_eq!(
            outside("src/{a.lock,b.rs}", "src/*", &set).as_deref(),
            Some("src/b.rs")
        );
        assert_eq!(outside("src", "**/*.lock", &set), None);
        assert_eq!(outside("src", "src/x", &set).as_deref(), Some("src/x"));
        assert_eq!(outside("src", "src/x", &[]).as_deref(), Some("src/x"));
    }

    #[test]
    fn a_path_beneath_a_harmless_one_still_counts() {
        assert_eq!(outside("v/{a,b}", "v/*/", &["v/*"]), None);
        assert_eq!(
            outside("v/a/", "v/*/", &["v/*"]),
            None,
            "v/a names a harmless file"
        );
        assert_eq!(
            outside("v/[a]/", "v/*/", &["v/*"]).as_deref(),
            Some("v/a/a")
        );
        assert_eq!(outside("v/[a]/", "v/*/", &["v/"]), None);
        assert_eq!(outside("v", "v/**", &["v/*"]).as_deref(), Some("v/a/a"));
    }

    #[test]
    fn harmless_patterns_of_another_case_mode_excuse_nothing() {
        let set = HarmlessSet::new(&[pattern("a")], CaseMode::Folding);
        assert_eq!(
            overlap_outside(&pattern("a"), &pattern("a"), &set).as_deref(),
            Some("a")
        );
    }

    #[test]
    fn a_complement_that_explodes_counts_as_a_conflict() {
        let (name, explosive) = (pattern("*"), format!("*a{}", "?".repeat(60)));
        let set = harmless(&[&explosive, "?*"]);
        let path = overlap_outside(&name, &name, &set).unwrap();
        assert!(
            set.is_harmless(path.as_bytes()),
            "the budget ended before the proof"
        );
        assert_eq!(outside("*", "*", &["?*", "[a-z]?"]), None);
    }
}
