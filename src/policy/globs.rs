//! Globs over paths and over names, as rules use them.
//!
//! A path pattern is relative to the repository root; `*` and `?` never match `/`; one without glob
//! characters, or ending in `/`, also covers everything beneath it. Name patterns know no
//! separator.

use super::facts::PathCase;
use crate::domain::decision::RepoPath;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// What is wrong with patterns: the index of each bad one, and why.
pub type BadPatterns = Vec<(usize, String)>;

/// The path patterns of one rule. Compiling them is the dearest part of a policy, so it waits for
/// the first path.
#[derive(Debug, Clone)]
pub struct PathGlobs {
    patterns: Vec<PathPattern>,
    sensitive: OnceLock<Option<GlobSet>>,
    folding: OnceLock<Option<GlobSet>>,
}

/// One normalised path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PathPattern {
    /// As other parts of `ai` read it: a trailing `/` stays where a glob needs it to cover what is
    /// beneath.
    shown: String,
    /// Without a trailing `/`.
    text: String,
    /// True where everything beneath is covered because the pattern names a directory or a file,
    /// not a glob.
    covers_beneath: bool,
}

/// A pattern that plain comparison decides.
enum Plain<'a> {
    /// This path and everything beneath.
    Tree(&'a str),
    /// Every path whose last name is this.
    Name(&'a str),
    /// Every path whose last name ends so.
    NameEnd(&'a str),
}

impl Plain<'_> {
    fn matches(&self, path: &[u8]) -> bool {
        let name = || path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match self {
            Self::Tree(top) => path
                .strip_prefix(top.as_bytes())
                .is_some_and(|rest| matches!(rest, [] | [b'/', _, ..])),
            Self::Name(wanted) => name() == wanted.as_bytes(),
            Self::NameEnd(end) => name().ends_with(end.as_bytes()),
        }
    }
}

/// Whether some pattern matches, where that shows without compiling any: compiling costs more than
/// all the rest of a command.
fn plainly(patterns: &[PathPattern], path: &[u8]) -> Option<bool> {
    let mut undecided = false;
    for pattern in patterns {
        match pattern.plain() {
            Some(plain) if plain.matches(path) => return Some(true),
            Some(_) => {}
            None => undecided = true,
        }
    }
    (!undecided).then_some(false)
}

impl PathGlobs {
    /// Checks patterns; the error names all bad ones.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, BadPatterns> {
        let patterns = all_good(patterns, PathPattern::new)?;
        Ok(Self {
            patterns,
            sensitive: OnceLock::new(),
            folding: OnceLock::new(),
        })
    }

    /// The patterns as normalised text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|p| p.shown.as_str())
    }

    /// Whether some pattern matches the path; `None` where the patterns together are too large to
    /// be compiled.
    pub fn matches(&self, path: &RepoPath, case: PathCase) -> Option<bool> {
        let path = composed(path);
        let set = match case {
            PathCase::Sensitive => match plainly(&self.patterns, path.as_os_str().as_bytes()) {
                Some(answer) => return Some(answer),
                None => &self.sensitive,
            },
            PathCase::Folding => &self.folding,
        };
        let set = set.get_or_init(|| compile(&self.patterns, case));
        set.as_ref().map(|set| set.is_match(path))
    }

    /// True where every path that the asked-for pattern can match is certainly matched by one of
    /// these.
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
        if has_glob(base) {
            path_glob(base, PathCase::Sensitive)
                .map_err(|e| format!("the path pattern `{written}` is malformed: {}", e.kind()))?;
        }
        let covers_beneath = base.len() < text.len() || !has_glob(base);
        let text: String = base.nfc().collect();
        let shown = if covers_beneath && has_glob(base) {
            format!("{text}/")
        } else {
            text.clone()
        };
        Ok(Self {
            shown,
            text,
            covers_beneath,
        })
    }

    /// The pattern itself, and what is beneath where it covers that.
    fn globs(&self) -> impl Iterator<Item = String> {
        std::iter::once(self.text.clone())
            .chain(self.covers_beneath.then(|| format!("{}/**", self.text)))
    }

    /// What most patterns of a policy need no automaton for: a path with what is beneath, a name or
    /// the end of a name anywhere. `None` for all others.
    fn plain(&self) -> Option<Plain<'_>> {
        if !has_glob(&self.text) {
            return Some(Plain::Tree(&self.text));
        }
        let name = self
            .text
            .strip_prefix("**/")
            .filter(|_| !self.covers_beneath)?;
        let (plain, fixed) = match name.strip_prefix('*') {
            Some(end) => (Plain::NameEnd(end), end),
            None => (Plain::Name(name), name),
        };
        // The automata treat names that end in a dot in a way of their own.
        let simple =
            !fixed.is_empty() && !fixed.ends_with('.') && !fixed.contains('/') && !has_glob(fixed);
        simple.then_some(plain)
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
        !has_glob(dir)
            && asked
                .strip_prefix(dir)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Checks one path pattern; the error says what is wrong with it.
pub fn check_path_pattern(text: &str) -> Result<(), String> {
    PathPattern::new(text).map(drop)
}

fn has_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn path_glob(text: &str, case: PathCase) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .case_insensitive(case == PathCase::Folding)
        .build()
}

fn compile(patterns: &[PathPattern], case: PathCase) -> Option<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for text in patterns.iter().flat_map(PathPattern::globs) {
        builder.add(path_glob(&text, case).ok()?);
    }
    builder.build().ok()
}

/// The path in the composed form in which patterns are kept; other bytes stay as they are.
fn composed(path: &RepoPath) -> Cow<'_, Path> {
    match std::str::from_utf8(path.as_bytes()) {
        Ok(text) if !text.is_ascii() => Cow::Owned(text.nfc().collect::<String>().into()),
        _ => Cow::Borrowed(Path::new(OsStr::from_bytes(path.as_bytes()))),
    }
}

fn all_good<'a, T>(
    patterns: impl IntoIterator<Item = &'a str>,
    check: impl Fn(&'a str) -> Result<T, String>,
) -> Result<Vec<T>, BadPatterns> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (i, pattern) in patterns.into_iter().enumerate() {
        match check(pattern) {
            Ok(pattern) => good.push(pattern),
            Err(why) => bad.push((i, why)),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

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
            patterns: all_good(patterns, check)?,
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

    fn globs(patterns: &[&str]) -> PathGlobs {
        PathGlobs::new(patterns.iter().copied()).unwrap()
    }

    fn matches(pattern: &str, path: &str) -> bool {
        globs(&[pattern])
            .matches(&path.into(), PathCase::Sensitive)
            .unwrap()
    }

    proptest! {
        #[test]
        fn plain_answers_are_those_of_the_automata(
            written in "(\\*\\*/)?\\*?[ab./]{0,4}(/\\*\\*)?/?",
            path in "[ab.]{1,3}(/[ab.]{1,3}){0,2}",
        ) {
            let Ok(pattern) = PathPattern::new(&written) else { return Ok(()) };
            if let Some(answer) = plainly(std::slice::from_ref(&pattern), path.as_bytes()) {
                let compiled = compile(&[pattern], PathCase::Sensitive).unwrap();
                prop_assert_eq!(answer, compiled.is_match(&path), "{} {}", written, path);
            }
        }
    }

    #[test]
    fn usual_policies_need_no_automaton() {
        let usual = ["src", "docs/", ".env", "**/.env", "**/*.pem"]
            .map(|text| PathPattern::new(text).unwrap());
        assert_eq!(plainly(&usual, b"app/main.rs"), Some(false));
        assert_eq!(plainly(&usual, b"certs/a.pem"), Some(true));
        assert_eq!(
            plainly(&[PathPattern::new("src/*/x").unwrap()], b"src/a/x"),
            None
        );
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
    fn the_shown_form_says_what_is_covered() {
        let rule = globs(&["./src/", "src/*/", "src/*.rs", "docs"]);
        assert_eq!(
            rule.texts().collect::<Vec<_>>(),
            ["src", "src/*/", "src/*.rs", "docs"]
        );
        assert!(matches("src/*/", "src/a/b") && !matches("src/*", "src/a/b"));
    }

    #[test]
    fn other_spellings_meet_on_a_folding_file_system_only() {
        let rule = globs(&["Secrets/é.txt"]);
        assert_eq!(
            rule.matches(&"sECRETS/e\u{301}.txt".into(), PathCase::Folding),
            Some(true)
        );
        assert_eq!(
            rule.matches(&"secrets/é.txt".into(), PathCase::Sensitive),
            Some(false)
        );
        assert_eq!(
            rule.matches(&"Secrets/e\u{301}.txt".into(), PathCase::Sensitive),
            Some(true)
        );
    }

    #[test]
    fn paths_that_are_no_text_are_matched_as_bytes() {
        let rule = globs(&["bin/*"]);
        for case in [PathCase::Sensitive, PathCase::Folding] {
            assert_eq!(
                rule.matches(&RepoPath(b"bin/\xff\xfe\n".to_vec()), case),
                Some(true)
            );
        }
    }

    #[test]
    fn patterns_that_mean_nothing_here_are_refused() {
        for bad in [
            "", ".", "./", "/etc", "~/x", "!x", "@auth", "a\\b", "a/../b", "a//b", " a", "a ",
            "a\nb", "[a", "{a",
        ] {
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
            assert_eq!(
                globs(&[rule]).certainly_covers(asked),
                wanted,
                "{rule} {asked}"
            );
        }
    }

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
