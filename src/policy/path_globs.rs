//! Globs over paths, as rules use them: the patterns of [`domain::path_pattern`](PathPattern), with
//! the checks that a policy file has of its own.
//!
//! A pattern is relative to the repository root; `*` and `?` never match `/`; one without glob
//! characters, or ending in `/`, also covers everything beneath it.

use crate::domain::path_pattern::{
    CaseMode, Meeting, PathPattern, SpelledPath, overlap, overlap_within,
};
use crate::domain::repo_path::RepoPath;
use crate::policy::asked::AskedPattern;
use crate::policy::pattern_list::{BadPatterns, MAX_PATTERN, read_all};
use std::cell::Cell;
use std::sync::OnceLock;

/// The [path patterns](PathPattern) of one rule.
#[derive(Debug, Clone)]
pub struct PathGlobs {
    /// As they are written; empty where they are read already.
    written: Vec<String>,
    /// None where one of them cannot be read.
    patterns: OnceLock<Option<Vec<RulePattern>>>,
}

/// One [path pattern](PathPattern), read once for each way in which names can be compared.
#[derive(Debug, Clone)]
struct RulePattern {
    sensitive: PathPattern,
    folding: OnceLock<Option<PathPattern>>,
}

impl PathGlobs {
    /// Checks patterns; the error names all bad ones.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPatterns> {
        Ok(Self {
            written: Vec::new(),
            patterns: OnceLock::from(Some(read_all(patterns, RulePattern::read)?)),
        })
    }

    /// Takes patterns that were checked before; they are read when a question is about paths, which
    /// few are. Should one be bad after all, the rule answers as strictly as it can.
    pub fn checked<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            written: patterns.into_iter().map(str::to_owned).collect(),
            patterns: OnceLock::new(),
        }
    }

    /// The patterns, read; none where one of them cannot be.
    fn patterns(&self) -> Option<&[RulePattern]> {
        let read = || read_all(self.written.iter().map(String::as_str), RulePattern::read).ok();
        self.patterns.get_or_init(read).as_deref()
    }

    /// The patterns as normalised text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let patterns = self.patterns().unwrap_or_default();
        patterns.iter().map(|p| p.sensitive.as_str())
    }

    /// The answer to whether some pattern matches the path; `None` where one of them cannot be read
    /// in this mode, because a class in it has too many letters to fold.
    pub fn matches(&self, path: &RepoPath, case: CaseMode) -> Option<bool> {
        let path = SpelledPath::new(path.as_bytes(), case);
        let mut answer = Some(false);
        for pattern in self.patterns()? {
            match pattern.in_mode(case) {
                Some(pattern) if pattern.is_match_as_spelled(&path) => return Some(true),
                Some(_) => {}
                None => answer = None,
            }
        }
        answer
    }

    /// True where some path could match one of these and the asked-for pattern, which is compared
    /// in the mode in which it was read. A pattern that could not be read might meet anything: the
    /// stricter answer is the safe one.
    pub(super) fn meet(&self, asked: &AskedPattern) -> bool {
        let Some(patterns) = self.patterns() else {
            return true;
        };
        let Some(asked) = &asked.pattern else {
            return !patterns.is_empty();
        };
        patterns
            .iter()
            .any(|pattern| match pattern.in_mode(asked.case_mode()) {
                Some(pattern) => overlap(pattern, asked).is_some(),
                None => true,
            })
    }

    /// True where every path that the asked-for pattern can match is certainly matched by one of
    /// these.
    pub(super) fn certainly_cover(&self, asked: &AskedPattern) -> bool {
        let patterns = self.patterns().unwrap_or_default();
        match &asked.pattern {
            None => patterns
                .iter()
                .any(|pattern| pattern.sensitive.covers_everything()),
            Some(asked) => patterns
                .iter()
                .filter_map(|pattern| pattern.in_mode(asked.case_mode()))
                .any(|pattern| pattern.certainly_covers(asked)),
        }
    }
}

/// A path that two rules share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SharedPath {
    /// Both match it.
    At(RepoPath),
    /// There is none.
    Nothing,
    /// The search ended before that was known.
    Undecided,
}

/// What the patterns of two rules have in common, where names are compared as they are spelled.
impl PathGlobs {
    /// A path that both match, found within a budget of places to look at.
    pub(super) fn shared_with(&self, other: &Self, budget: &Cell<usize>) -> SharedPath {
        let (Some(own), Some(others)) = (self.patterns(), other.patterns()) else {
            return SharedPath::Undecided;
        };
        let pairs = own.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
        let mut found = SharedPath::Nothing;
        for (a, b) in pairs {
            match overlap_within(&a.sensitive, &b.sensitive, budget) {
                Meeting::At(path) => return SharedPath::At(RepoPath::new(path)),
                Meeting::Nowhere => {}
                Meeting::Undecided => found = SharedPath::Undecided,
            }
        }
        found
    }

    /// True where every path that the others match is certainly matched by one of these.
    pub(super) fn cover_all_of(&self, others: &Self) -> bool {
        let (Some(own), Some(others)) = (self.patterns(), others.patterns()) else {
            return false;
        };
        others.iter().all(|narrow| {
            own.iter()
                .any(|wide| wide.sensitive.certainly_covers(&narrow.sensitive))
        })
    }
}

impl RulePattern {
    fn read(written: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("the path pattern `{written}` {why}"));
        let text = written.strip_prefix("./").unwrap_or(written);
        if text.len() > MAX_PATTERN {
            return Err(format!("a path pattern is longer than {MAX_PATTERN} bytes"));
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return refuse("starts or ends with a space or contains a control character");
        }
        match text.chars().next() {
            None | Some('.') if matches!(text, "" | ".") => {
                return refuse("is empty; write `**` for everything");
            }
            Some('/') => {
                return refuse("is absolute; patterns are relative to the repository root");
            }
            Some('~') => {
                return refuse("starts with `~`; patterns are relative to the repository root");
            }
            Some('!') => {
                return refuse(
                    "starts with `!`; write a rule with another effect instead of an exception",
                );
            }
            Some('@') => return refuse("names a module; policy files list globs"),
            _ => {}
        }
        if text.contains('\\') {
            return refuse(
                "contains a backslash; write `/` between names and `[[]` for a literal bracket",
            );
        }
        let base = text.strip_suffix('/').unwrap_or(text);
        if base.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return refuse("has an empty name, `.` or `..` in it");
        }
        let sensitive = PathPattern::parse_rule(text, CaseMode::Sensitive)
            .map_err(|error| format!("the path pattern `{written}` {}", error.fault))?;
        Ok(Self {
            sensitive,
            folding: OnceLock::new(),
        })
    }

    /// The pattern for names that are compared so; `None` where it cannot be read so.
    fn in_mode(&self, case: CaseMode) -> Option<&PathPattern> {
        match case {
            CaseMode::Sensitive => Some(&self.sensitive),
            CaseMode::Folding => {
                let read = || PathPattern::parse_rule(self.sensitive.as_str(), case).ok();
                self.folding.get_or_init(read).as_ref()
            }
        }
    }
}

/// Checks one [path pattern](PathPattern); the error says what is wrong with it.
pub fn check_path_pattern(text: &str) -> Result<(), String> {
    RulePattern::read(text).map(drop)
}

#[cfg(test)]
#[path = "path_globs_tests.rs"]
mod tests;
