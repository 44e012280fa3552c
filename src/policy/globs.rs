//! Globs over paths and over names, as rules use them.
//!
//! A path pattern is relative to the repository root; `*` and `?` never match `/`; one without glob characters, or ending in
//! `/`, also covers everything beneath it. Name patterns know no separator.

use super::facts::PathCase;
use crate::domain::decision::RepoPath;
use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// The path patterns of one rule.
#[derive(Debug, Clone)]
pub struct PathGlobs {
    patterns: Vec<PathPattern>,
    sensitive: GlobSet,
    folding: OnceLock<Option<GlobSet>>,
}

/// One normalised path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PathPattern {
    text: String,
    /// True where everything beneath is covered because the pattern names a directory or a file, not a glob.
    covers_beneath: bool,
}

impl PathGlobs {
    /// Compiles patterns; the error says which is bad and why.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let patterns = patterns.into_iter().map(PathPattern::new).collect::<Result<Vec<_>, _>>()?;
        let sensitive = compile(&patterns, PathCase::Sensitive)?;
        Ok(Self { patterns, sensitive, folding: OnceLock::new() })
    }

    /// The patterns as normalised text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|p| p.text.as_str())
    }

    /// Whether some pattern matches the path; `None` where the patterns are too large to be compiled for folding.
    pub fn matches(&self, path: &RepoPath, case: PathCase) -> Option<bool> {
        match case {
            PathCase::Sensitive => Some(self.sensitive.is_match(Path::new(OsStr::from_bytes(path.as_bytes())))),
            PathCase::Folding => {
                let set = self.folding.get_or_init(|| compile(&self.patterns, case).ok());
                set.as_ref().map(|set| set.is_match(folded(path)))
            }
        }
    }

    /// True where every path that the asked-for pattern can match is certainly matched by one of these.
    pub fn certainly_covers(&self, asked: &str) -> bool {
        self.patterns.iter().any(|p| p.certainly_covers(asked))
    }
}

impl PathPattern {
    fn new(written: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("the path pattern `{written}` {why}"));
        let text = written.strip_prefix("./").unwrap_or(written);
        if text.len() > MAX_PATTERN {
            return Err(format!("a path pattern is longer than {MAX_PATTERN} bytes"));
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return refuse("starts or ends with a space or contains a control character");
        }
        match text.chars().next() {
            None | Some('.') if matches!(text, "" | ".") => return refuse("is empty; write `**` for everything"),
            Some('/') => return refuse("is absolute; patterns are relative to the repository root"),
            Some('~') => return refuse("starts with `~`; patterns are relative to the repository root"),
            Some('!') => return refuse("starts with `!`; write a rule with another effect instead of an exception"),
            Some('@') => return refuse("names a module; policy files list globs"),
            _ => {}
        }
        if text.contains('\\') {
            return refuse("contains a backslash; write `/` between names and `[[]` for a literal bracket");
        }
        let base = text.strip_suffix('/').unwrap_or(text);
        if base.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return refuse("has an empty name, `.` or `..` in it");
        }
        let covers_beneath = base.len() < text.len() || !has_glob(base);
        Ok(Self { text: base.nfc().collect(), covers_beneath })
    }

    fn globs(&self, case: PathCase) -> Result<Vec<Glob>, String> {
        let beneath = self.covers_beneath.then(|| format!("{}/**", self.text));
        std::iter::once(self.text.clone()).chain(beneath).map(|text| path_glob(&text, case)).collect()
    }

    fn certainly_covers(&self, asked: &str) -> bool {
        let asked = asked.trim_end_matches('/');
        if asked == self.text || matches!(self.text.as_str(), "**" | "**/*") {
            return true;
        }
        let dir = match self.text.strip_suffix("/**") {
            Some(dir) => dir,
            None if self.covers_beneath => &self.text,
            None => return false,
        };
        !has_glob(dir) && asked.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn path_glob(text: &str, case: PathCase) -> Result<Glob, String> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .case_insensitive(case == PathCase::Folding)
        .build()
        .map_err(|e| format!("the path pattern `{text}` is malformed: {}", e.kind()))
}

fn compile(patterns: &[PathPattern], case: PathCase) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        for glob in pattern.globs(case)? {
            builder.add(glob);
        }
    }
    builder.build().map_err(|e| format!("the path patterns are too large together: {}", e.kind()))
}

/// The path in the composed form in which patterns are kept; other bytes stay as they are.
fn folded(path: &RepoPath) -> std::path::PathBuf {
    match std::str::from_utf8(path.as_bytes()) {
        Ok(text) => text.nfc().collect::<String>().into(),
        Err(_) => Path::new(OsStr::from_bytes(path.as_bytes())).to_owned(),
    }
}

/// Globs over names of actors, labels and types.
#[derive(Debug, Clone)]
pub struct NameGlobs {
    globs: Vec<(String, GlobMatcher)>,
}

impl NameGlobs {
    /// Compiles patterns; the error says which is bad and why.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let compiled = |text: &'a str| {
            let glob = GlobBuilder::new(text).backslash_escape(false).build();
            match glob {
                Ok(_) if text.len() > MAX_PATTERN => Err(format!("a pattern is longer than {MAX_PATTERN} bytes")),
                Ok(glob) => Ok((text.to_owned(), glob.compile_matcher())),
                Err(e) => Err(format!("the pattern `{text}` is malformed: {}", e.kind())),
            }
        };
        Ok(Self { globs: patterns.into_iter().map(compiled).collect::<Result<_, _>>()? })
    }

    /// The patterns as text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.globs.iter().map(|(text, _)| text.as_str())
    }

    /// True where some pattern matches the name.
    pub fn matches(&self, name: &str) -> bool {
        self.globs.iter().any(|(_, glob)| glob.is_match(name))
    }

    /// True where some pattern matches an actor given as `kind:name`; a pattern without `:` is about the name alone.
    pub fn matches_actor(&self, label: &str) -> bool {
        let name = label.split_once(':').map_or(label, |(_, name)| name);
        self.globs.iter().any(|(text, glob)| glob.is_match(if text.contains(':') { label } else { name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn globs(patterns: &[&str]) -> PathGlobs {
        PathGlobs::new(patterns.iter().copied()).unwrap()
    }

    fn matches(pattern: &str, path: &str) -> bool {
        globs(&[pattern]).matches(&path.into(), PathCase::Sensitive).unwrap()
    }

    #[test]
    fn a_directory_covers_what_is_beneath_and_stars_stop_at_slashes() {
        for (pattern, path, wanted) in [
            ("src", "src", true),
            ("src", "src/a/b.rs", true),
            ("src/", "src/a.rs", true),
            ("./src/", "src/a.rs", true),
            ("src", "srcs/a.rs", false),
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/a/b.rs", false),
            ("src/*/", "src/a/b/c.rs", true),
            ("**/*.rs", "a.rs", true),
            ("src/**", "src/a/b", true),
            ("*.md", "docs/a.md", false),
            ("{a,b}/c", "b/c", true),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn other_spellings_meet_on_a_folding_file_system_only() {
        let rule = globs(&["Secrets/é.txt"]);
        assert_eq!(rule.matches(&"sECRETS/e\u{301}.txt".into(), PathCase::Folding), Some(true));
        assert_eq!(rule.matches(&"secrets/é.txt".into(), PathCase::Sensitive), Some(false));
    }

    #[test]
    fn paths_that_are_no_text_are_matched_as_bytes() {
        let rule = globs(&["bin/*"]);
        for case in [PathCase::Sensitive, PathCase::Folding] {
            assert_eq!(rule.matches(&RepoPath(b"bin/\xff\xfe\n".to_vec()), case), Some(true));
        }
    }

    #[test]
    fn patterns_that_mean_nothing_here_are_refused() {
        for bad in ["", ".", "./", "/etc", "~/x", "!x", "@auth", "a\\b", "a/../b", "a//b", " a", "a ", "a\nb", "[a", "{a"] {
            assert!(PathGlobs::new([bad]).is_err(), "{bad:?}");
        }
        assert!(PathGlobs::new(["x".repeat(2000).as_str()]).is_err());
    }

    #[test]
    fn certain_cover_is_never_guessed() {
        for (rule, asked, wanted) in [
            ("**", "anything/*.rs", true),
            ("src", "src", true),
            ("src/", "src/**", true),
            ("src/**", "src/a/*.rs", true),
            ("src/**", "src", false),
            ("src/*", "src/a", false),
            ("src/*.rs", "src/*.rs", true),
            ("src", "srcs/a", false),
            ("src", "**", false),
        ] {
            assert_eq!(globs(&[rule]).certainly_covers(asked), wanted, "{rule} {asked}");
        }
    }

    #[test]
    fn actor_patterns_with_a_kind_look_at_the_kind() {
        let by = |pattern: &str, label: &str| NameGlobs::new([pattern]).unwrap().matches_actor(label);
        assert!(by("agent:*", "agent:codex") && !by("agent:*", "human:agent"));
        assert!(by("co*", "agent:codex") && !by("agent", "agent:codex"));
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_hostile_ones_stay_fast(pattern in "[*/a{},?\\[\\].-]{0,60}", path in "[a/]{0,60}") {
            if let Ok(globs) = PathGlobs::new([pattern.as_str()]) {
                globs.matches(&path.as_str().into(), PathCase::Sensitive);
                globs.matches(&path.as_str().into(), PathCase::Folding);
            }
        }

        #[test]
        fn a_certain_cover_matches_every_literal_path_beneath(dir in "[ab]{1,3}", rest in "[ab]{1,3}(/[ab]{1,3}){0,2}") {
            let rule = globs(&[dir.as_str()]);
            let path = format!("{dir}/{rest}");
            prop_assert!(rule.certainly_covers(&path));
            prop_assert_eq!(rule.matches(&path.as_str().into(), PathCase::Sensitive), Some(true));
        }
    }
}
