//! Whole-pattern tests: tables of pairs, `globset` as a second opinion on matching, brute force as
//! one on overlaps.

use std::sync::LazyLock;

use globset::GlobBuilder;
use proptest::prelude::*;

use super::error::PatternFault;
use super::*;
use CaseMode::{Folding, Sensitive};

fn pattern(source: &str) -> PathPattern {
    PathPattern::parse(source, Sensitive).unwrap()
}

fn folding(source: &str) -> PathPattern {
    PathPattern::parse(source, Folding).unwrap()
}

/// The example of an overlap, after checks that hold for every pair.
fn meets(a: &PathPattern, b: &PathPattern) -> Option<String> {
    let found = overlap(a, b);
    let turned = overlap(b, a);
    assert_eq!(
        found.as_ref().map(|p| p.chars().count()),
        turned.as_ref().map(|p| p.chars().count()),
        "{a} | {b}"
    );
    for path in found.iter().chain(&turned) {
        assert!(
            a.is_match(path.as_bytes()) && b.is_match(path.as_bytes()),
            "{a} | {b}: {path:?} does not match both"
        );
    }
    if found.is_some() {
        assert!(
            prefix_candidates(a).holds(b.index_key()),
            "the index of {b} misses {a}"
        );
        assert!(
            prefix_candidates(b).holds(a.index_key()),
            "the index of {a} misses {b}"
        );
    }
    found
}

#[test]
fn patterns_that_share_a_path() {
    for (a, b, path) in [
        ("src/a.rs", "src/a.rs", "src/a.rs"),
        ("src", "src/a/b.rs", "src/a/b.rs"),
        ("src/", "src", "src"),
        ("src/*.rs", "src/a*", "src/a.rs"),
        ("src/**/*.rs", "src/auth", "src/auth/.rs"),
        ("src/**", "**/test_*.py", "src/test_.py"),
        ("**", "a", "a"),
        ("**/a", "a/**", "a/a"),
        ("*a", "b*", "ba"),
        ("a*b*c", "*x*", "axbc"),
        ("{src,lib}/*.rs", "lib/??.rs", "lib/aa.rs"),
        ("a{,.txt}", "a", "a"),
        ("[a-c]x", "[c-z]?", "cx"),
        ("[!a]", "?", "b"),
        ("*/", "a/b/c", "a/b/c"),
        ("*/b/", "a/", "a/b"),
        ("**/b/**/c", "a/**/c/d/**/c", "a/b/c/d/c"),
        ("x/{**,y}", "x/a/b/c", "x/a/b/c"),
        ("docs/[[]x].md", "docs/[!x]*", "docs/[x].md"),
        ("caf?", "caf\u{e9}", "caf\u{e9}"),
    ] {
        assert_eq!(
            meets(&pattern(a), &pattern(b)).as_deref(),
            Some(path),
            "{a} | {b}"
        );
    }
}

#[test]
fn patterns_that_share_none() {
    for (a, b) in [
        ("src", "src2"),
        ("src/a", "src/ab"),
        ("src/a/*", "src/b/*"),
        ("*.rs", "*.md"),
        ("*.rs", "src/a.rs"),
        ("src/*", "src/a/*"),
        ("a?c", "a/c"),
        ("a[!b]c", "a/c"),
        ("a[+-9]c", "a/c"),
        ("*/*", "*"),
        ("**/x/**/*.rs", "y/*.rs"),
        ("[a-c]", "[d-f]"),
        ("{a,b}{c,d}", "{a,b}{e,f}"),
        ("src/[A]", "src/[a]"),
        ("***", "a/b"),
        ("a/***/b", "a/b/b/b"),
        ("a**", "a/b"),
        ("src/**", "{src,docs}"),
    ] {
        assert_eq!(meets(&pattern(a), &pattern(b)), None, "{a} | {b}");
    }
}

#[test]
fn spellings_of_one_path_meet() {
    for (a, b, sensitive, fold) in [
        ("src/A.rs", "SRC/a.rs", false, true),
        ("cafe\u{301}/x", "caf\u{e9}", true, true),
        ("stra\u{df}e", "STRASSE", false, true),
        ("[\u{df}]x", "SSX", false, true),
        ("foo.", "foo", false, true),
        ("foo. /x", "FOO/x", false, true),
        ("\u{212b}*", "\u{e5}b", false, true),
        ("\u{212b}*", "\u{c5}b", true, true),
        ("[A-Z]*.RS", "a.rs", false, true),
        ("[!A]", "a", true, false),
        ("\u{130}", "i\u{307}", false, true),
    ] {
        assert_eq!(
            meets(&pattern(a), &pattern(b)).is_some(),
            sensitive,
            "{a} | {b}"
        );
        assert_eq!(
            meets(&folding(a), &folding(b)).is_some(),
            fold,
            "folding {a} | {b}"
        );
    }
    assert!(pattern("caf\u{e9}").is_match("cafe\u{301}/menu".as_bytes()));
    assert!(folding("SRC/*.RS").is_match(b"src/Main.rs"));
    assert!(
        folding("caf?").is_match("CAFE\u{301}".as_bytes()),
        "an accented letter is one character"
    );
    let (iota_last, iota_first) = ("\u{3b1}\u{301}\u{345}", "\u{3b1}\u{345}\u{301}");
    assert!(
        folding(iota_last).is_match(iota_first.as_bytes()),
        "marks are put in order before they are folded"
    );
    assert_eq!(
        overlap(&pattern("a"), &folding("b")).as_deref(),
        Some("a"),
        "unlike modes cannot be compared"
    );
}

#[test]
fn sources_are_normalised_and_read_again_unchanged() {
    for (source, normal) in [
        ("./src//a/", "src/a"),
        ("src/*/", "src/*/"),
        ("./", "**"),
        ("a/./b*", "a/b*"),
        ("Src/e\u{301}", "Src/\u{e9}"),
    ] {
        for mode in [Sensitive, Folding] {
            let parsed = PathPattern::parse(source, mode).unwrap();
            assert_eq!(parsed.as_str(), normal);
            assert_eq!(PathPattern::parse(normal, mode).unwrap(), parsed);
        }
    }
    assert_eq!(serde_json::to_value(pattern("./a")).unwrap(), "a");
}

#[test]
fn refusals_name_pattern_and_reason() {
    let message = |source: &str| {
        PathPattern::parse(source, Sensitive)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(message("../a"), "path pattern `../a` contains `..`");
    assert_eq!(
        message("a{b"),
        "path pattern `a{b` has a `{` or `}` without its partner"
    );
    assert_eq!(
        message("a\u{1b}[2J\\"),
        "path pattern `a\\e[2J\\` contains a backslash"
    );
    assert!(message(&"x".repeat(5000)).len() < 400);
    for source in ["[.]", "a/[.][.]/b", "a/{,.}", "a/{/b,/c}"] {
        assert!(
            message(source).ends_with("matches no possible path"),
            "{source}: {}",
            message(source)
        );
    }
    let hint = PathPattern::parse("~/x", Sensitive).unwrap_err().hint();
    assert_eq!(
        hint,
        Some("name the path from the repository root; write `[~]` for a literal `~`")
    );
}

#[test]
fn a_path_with_brackets_can_be_written_as_it_is() {
    for (path, beside) in [
        ("app/[id]/page.tsx", Some("app/i/page.tsx")),
        ("app/[...slug]/page.tsx", None),
        ("app/[[...slug]]/page.tsx", None),
        ("app/[user-id]/page.tsx", None),
        ("src/routes/[lang=iso]/+page.svelte", None),
        ("src/routes/[x+3a].ts", Some("src/routes/3.ts")),
        ("routes/[sitemap.xml].tsx", None),
        (
            "{{cookiecutter.slug}}/setup.py",
            Some("cookiecutter.slug/setup.py"),
        ),
        ("a/[x]", Some("a/x")),
        ("\u{e9}/[\u{e9}]", Some("\u{e9}/\u{e9}")),
    ] {
        for pattern in [pattern(path), folding(path)] {
            assert!(pattern.is_match(path.as_bytes()), "{path}");
            let within = format!("{path}/more");
            assert!(pattern.is_match(within.as_bytes()), "{within}");
            if let Some(glob) = beside {
                assert!(pattern.is_match(glob.as_bytes()), "{path}: {glob}");
            }
            let itself = PathPattern::literal(path, pattern.case_mode()).unwrap();
            assert!(meets(&pattern, &itself).is_some(), "{path}");
            assert!(!pattern.is_match(b"app/x/page.tsx"), "{path}");
        }
    }
    // In a directory that has brackets, and with everything else that a pattern can say.
    let within = pattern("app/[id]/**/*.{ts,tsx}");
    for (path, there) in [
        ("app/[id]/a/page.tsx", true),
        ("app/d/page.ts", true),
        ("app/[id]/page.{ts,tsx}", false),
        ("app/[id]x/page.ts", false),
    ] {
        assert_eq!(within.is_match(path.as_bytes()), there, "{path}");
    }
    // An escape means one character, and nothing else.
    let escaped = pattern("a[*]b/[[]id]");
    assert!(escaped.is_match(b"a*b/[id]") && !escaped.is_match(b"a[*]b/[id]"));
}

#[test]
fn a_mark_that_turns_a_class_round_can_be_escaped_as_others_can() {
    for (source, there, not_there) in [
        ("[!]b/x", "!b/x", "b/x"),
        ("[^]b", "^b", "b"),
        ("[~]b", "~b", "b"),
        ("a/[!]", "a/!", "a/b"),
        ("[!]*/[id]/*", "!b/[id]/x", "b/[id]/x"),
        // A class that can be read as one stays one.
        ("[!]a]", "x", "a"),
        ("[!a]", "x", "a"),
        ("[^a]", "x", "a"),
    ] {
        for pattern in [pattern(source), folding(source)] {
            assert!(pattern.is_match(there.as_bytes()), "{source}: {there}");
            assert!(
                !pattern.is_match(not_there.as_bytes()),
                "{source}: {not_there}"
            );
        }
    }
    let hint = PathPattern::parse("!b/x", Sensitive).unwrap_err().hint();
    assert_eq!(
        hint,
        Some("list the paths to lock; write `[!]` for a literal `!`")
    );
}

#[test]
fn an_index_finds_a_path_with_brackets_where_its_name_begins() {
    assert_eq!(pattern("app/[id]/page.tsx").index_key(), "app");
    assert_eq!(pattern("app/a{b,c}").literal_prefix(), "app/a");
}

#[test]
fn brackets_that_would_not_fit_as_names_stay_syntax() {
    let wide = pattern(&"[ab]".repeat(400));
    assert!(
        wide.is_match("ab".repeat(200).as_bytes()) && !wide.is_match("[ab]".repeat(400).as_bytes())
    );
    let rule = PathPattern::parse_rule("src/[id]/{a,b}.rs", Sensitive).unwrap();
    assert!(rule.is_match(b"src/[id]/a.rs") && !rule.is_match(b"src/[id]/{a,b}.rs"));
}

#[test]
fn explosions_end_at_once() {
    assert_eq!(
        meets(&pattern("**/**/**/**a"), &pattern("**/**/**/**b")),
        None
    );
    let long = format!("{}a", "**/".repeat(1000));
    assert!(meets(&pattern(&long), &pattern("x/y/a")).is_some());
    for source in [
        "{a,b}".repeat(500),
        format!("x{}", "*a".repeat(400)),
        "{{{{{{{{{a}}}}}}}}}".to_owned(),
    ] {
        let error = PathPattern::parse(&source, Sensitive).unwrap_err();
        assert!(
            matches!(error.fault, PatternFault::TooComplex { .. }),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
    let (a, b) = (
        pattern(&"*a".repeat(120)),
        pattern(&format!("{}c", "*b".repeat(120))),
    );
    assert_eq!(meets(&a, &b), None);
    let wide = pattern(&"{,a}".repeat(100));
    assert_eq!(meets(&wide, &wide).as_deref(), Some("a"));
}

#[test]
fn a_path_can_be_asked_about_whatever_it_is_called() {
    let literal = |path: &str| PathPattern::literal(path, Sensitive);
    for path in [
        "src/a.rs",
        "a*b",
        "[x]",
        "{y",
        "~z",
        "@auth",
        "!n",
        "back\\slash",
        " a ",
        "d/\u{301}",
    ] {
        let asked = literal(path).unwrap();
        assert!(
            asked.is_literal() && asked.is_match(path.as_bytes()),
            "{path}"
        );
        assert!(asked.is_match(format!("{path}/beneath").as_bytes()));
        assert_eq!(
            meets(&asked, &pattern("**")).as_deref(),
            Some(asked.as_str()),
            "{path}"
        );
    }
    assert!(!literal("a*b").unwrap().is_match(b"axb"));
    assert_eq!(literal("./a//b/").unwrap().as_str(), "a/b");
    for (path, fault) in [
        ("", PatternFault::Empty),
        ("./", PatternFault::Whole),
        (".", PatternFault::Whole),
        ("/a", PatternFault::Absolute),
        ("a/../b", PatternFault::Parent),
        ("a\0", PatternFault::Nul),
    ] {
        assert_eq!(literal(path).unwrap_err().fault, fault, "{path:?}");
    }
}

#[test]
fn odd_paths_are_matched_as_bytes() {
    assert!(pattern("*.bin").is_match(b"\xff\xfe.bin"));
    assert!(pattern("a?c").is_match(b"a\xffc"));
    assert!(!pattern("a?c").is_match(b"a\xff\xfec"));
    assert!(pattern("a?c").is_match("a\u{1f600}c".as_bytes()));
    assert!(pattern("dir").is_match(b"dir/new\nline\t\"-x"));
    assert!(folding("...").is_match(b"..."), "a name of dots alone");
    for path in [&b""[..], b"/a", b"a/", b"./a", b"a/../b", b"a\0"] {
        assert!(!pattern("**").is_match(path), "{path:?}");
    }
}

/// Every path of up to six characters over a small alphabet.
static SMALL_PATHS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut layer = vec![String::new()];
    let mut out = Vec::new();
    for _ in 0..6 {
        layer = layer
            .iter()
            .flat_map(|path| "ab/.".chars().map(move |c| format!("{path}{c}")))
            .collect();
        out.extend(layer.iter().filter(|path| shape::is_path(path)).cloned());
    }
    out
});

/// Patterns whose matches, if there are any, begin within the small paths.
fn small_pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 4 => Just("/"), 1 => Just("."), 2 => Just("*"), 1 => Just("?"),
        1 => Just("**/"), 1 => Just("/**"), 1 => Just("[ab]"), 1 => Just("[!a]"), 1 => Just("[b-]"),
        1 => Just("{a,b}"), 1 => Just("{a,*b}"), 1 => Just("{a/b,**/.a}"), 1 => Just("{,a}"),
    ];
    prop::collection::vec(atom, 1..5).prop_map(|atoms| atoms.concat())
}

fn parsed() -> impl Strategy<Value = PathPattern> {
    small_pattern().prop_filter_map("not a pattern", |source| {
        PathPattern::parse(&source, Sensitive).ok()
    })
}

/// What `globset` says, for a pattern without what we read wider on purpose.
fn second_opinion(source: &str) -> impl Fn(&str) -> bool {
    let mut builder = GlobBuilder::new(source.trim_end_matches('/'));
    let glob = builder
        .literal_separator(true)
        .backslash_escape(false)
        .empty_alternates(true)
        .build()
        .unwrap();
    let matcher = glob.compile_matcher();
    let beneath = source.ends_with('/') || !source.contains(['*', '?', '[', '{']);
    move |path| {
        let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
        matcher.is_match(path) || (beneath && above.any(|dir| matcher.is_match(dir)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overlap_agrees_with_brute_force(a in parsed(), b in parsed()) {
        let found = meets(&a, &b);
        let mut paths = SMALL_PATHS.iter();
        let common = paths.find(|path| a.is_match(path.as_bytes()) && b.is_match(path.as_bytes()));
        match (&found, &common) {
            (None, Some(path)) => prop_assert!(false, "{a} | {b}: missed {path}"),
            (Some(path), Some(common)) => prop_assert!(path.len() <= common.len(), "{a} | {b}: {path} is not shortest"),
            (Some(path), None) => prop_assert!(path.len() > 6 || path.contains(|c| !"ab/.".contains(c)), "{a} | {b}: {path}"),
            (None, None) => {}
        }
    }

    #[test]
    fn exclusion_agrees_with_brute_force(a in parsed(), b in parsed(), c in parsed(), d in parsed()) {
        let except = Exclusion::new([&c, &d], Sensitive);
        let counts = |path: &str| a.is_match(path.as_bytes()) && b.is_match(path.as_bytes()) && !except.is_match(path.as_bytes());
        let found = overlap_except(&a, &b, &except);
        if let Some(path) = &found {
            prop_assert!(counts(path), "{a} | {b} without {c} | {d}: {path}");
        }
        if let Some(common) = SMALL_PATHS.iter().find(|path| counts(path)) {
            prop_assert!(found.is_some_and(|path| path.len() <= common.len()), "{a} | {b} without {c} | {d}: {common}");
        }
    }

    #[test]
    fn matching_agrees_with_globset(source in small_pattern()) {
        let Ok(ours) = PathPattern::parse(&source, Sensitive) else { return Ok(()) };
        if source.contains("[!") || source.contains("[b-") || ours.as_str() != source {
            return Ok(());
        }
        let theirs = second_opinion(&source);
        for path in SMALL_PATHS.iter() {
            prop_assert_eq!(ours.is_match(path.as_bytes()), theirs(path), "{} on {}", &source, path);
        }
    }

    #[test]
    fn anything_typed_is_answered(source in "[a-cA-C/*?{},.!@~\\[\\]\u{e9}\u{301}\u{df} -]{0,14}", path in "[a-cA-C/.\u{e9}\u{301}\u{df} ]{1,8}") {
        for mode in [Sensitive, Folding] {
            if let Ok(parsed) = PathPattern::parse(&source, mode) {
                let again = PathPattern::parse(parsed.as_str(), mode);
                prop_assert_eq!(again.as_ref(), Ok(&parsed));
                prop_assert!(meets(&parsed, &parsed).is_some());
                let file = PathPattern::parse(&path, mode);
                if let Ok(file) = file.as_ref() {
                    let name = file.as_str();
                    prop_assert!(!parsed.is_match(name.as_bytes()) || meets(&parsed, file).is_some());
                    prop_assert!(!file.is_literal() || file.is_match(name.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn spelling_never_matters_to_a_folded_pattern(path in "[a-cA-C\u{e9}\u{c9}\u{301}\u{df}]{1,4}(/[a-cA-C\u{e9}\u{301}]{1,3}){0,2}") {
        let other: String = path.to_uppercase();
        let literal = folding(&path);
        prop_assert!(literal.is_match(other.as_bytes()), "{path} {other}");
        prop_assert!(meets(&literal, &folding(&other)).is_some());
    }
}
