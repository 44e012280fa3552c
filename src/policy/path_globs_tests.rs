//! Tests of path patterns in rules: tables, `globset` as a second opinion, and the answers of
//! earlier versions.

use super::*;
use globset::GlobBuilder;
use proptest::prelude::*;
use serde_json::{Value, json};

fn globs(patterns: &[&str]) -> PathGlobs {
    PathGlobs::new(patterns.iter().copied()).unwrap()
}

fn matches(pattern: &str, path: &str) -> bool {
    globs(&[pattern])
        .matches(&path.into(), CaseMode::Sensitive)
        .unwrap()
}

fn asked(pattern: &str) -> AskedPattern {
    AskedPattern::read(pattern, CaseMode::Sensitive)
}

#[test]
fn a_bad_pattern_that_passed_for_a_checked_one_answers_as_strictly_as_it_can() {
    for (patterns, bad) in [(["src/", "docs/*"], false), (["src/", "/docs"], true)] {
        let globs = PathGlobs::checked(patterns);
        assert_eq!(PathGlobs::new(patterns).is_err(), bad);
        let answer = |path: &str| globs.matches(&path.into(), CaseMode::Sensitive);
        let answers = [answer("src/a"), answer("tests/a")];
        assert_eq!(
            answers,
            if bad {
                [None, None]
            } else {
                [Some(true), Some(false)]
            }
        );
        assert_eq!(globs.meet(&asked("tests/")), bad);
        assert_eq!(globs.certainly_cover(&asked("src/a")), !bad);
    }
}

/// The answers of versions before the one path language, one a line: `accepts` with the normalised
/// text, `refuses`, `match` with a path and the answers without and with folded case, `asked` with a
/// pattern, whether they meet without and with folded case, and whether the rule covers it.
const EARLIER: &str = include_str!("../../tests/data/policy/path-patterns.jsonl");

/// The same question put to the patterns of today.
fn answered(case: &[Value]) -> Vec<Value> {
    let text = |i: usize| case[i].as_str().unwrap();
    let globs = match PathGlobs::new([text(1)]) {
        Ok(globs) => globs,
        Err(_) => return vec!["refuses".into(), case[1].clone()],
    };
    let modes = [CaseMode::Sensitive, CaseMode::Folding];
    let answers: Vec<Value> = match text(0) {
        "match" => modes
            .map(|mode| json!(globs.matches(&text(2).into(), mode)))
            .to_vec(),
        "asked" => {
            let asked = modes.map(|mode| AskedPattern::read(text(2), mode));
            vec![
                globs.meet(&asked[0]).into(),
                globs.meet(&asked[1]).into(),
                globs.certainly_cover(&asked[0]).into(),
            ]
        }
        _ => {
            return vec![
                "accepts".into(),
                case[1].clone(),
                globs.texts().next().into(),
            ];
        }
    };
    [case[0].clone(), case[1].clone(), case[2].clone()]
        .into_iter()
        .chain(answers)
        .collect()
}

#[test]
fn earlier_answers_stand_but_for_those_that_differ_on_purpose() {
    let mut differ = Vec::new();
    for line in EARLIER.lines() {
        let before: Vec<Value> = serde_json::from_str(line).unwrap();
        let before = match before[0].as_str() {
            Some("refuses") => before[..2].to_vec(),
            _ => before,
        };
        let now = answered(&before);
        assert!(
            before[0] == "refuses" || now[0] != "refuses",
            "a policy that was accepted must stay so: {line}"
        );
        if now != before {
            let answers = if now.len() > 3 { &now[3..] } else { &now[..] };
            differ.push(format!("{line} -> {}", Value::from(answers.to_vec())));
        }
    }
    insta::assert_snapshot!(differ.join("\n"));
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
        ("**", "/etc/passwd", true),
        ("**/passwd", "../passwd", true),
        ("src", "src/", false),
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
    for (path, case, wanted) in [
        ("sECRETS/e\u{301}.txt", CaseMode::Folding, true),
        ("secrets/é.txt", CaseMode::Sensitive, false),
        ("Secrets/e\u{301}.txt", CaseMode::Sensitive, true),
    ] {
        assert_eq!(rule.matches(&path.into(), case), Some(wanted), "{path}");
    }
}

#[test]
fn paths_that_are_no_text_are_matched_as_bytes() {
    let rule = globs(&["bin/*"]);
    for case in [CaseMode::Sensitive, CaseMode::Folding] {
        let path = RepoPath::new(*b"bin/\xff\xfe\n");
        assert_eq!(rule.matches(&path, case), Some(true));
    }
}

#[test]
fn a_class_too_wide_to_fold_is_answered_by_nothing() {
    let rule = globs(&["docs", "[a-\u{10ffff}]x"]);
    let ask = |path: &str, case| rule.matches(&path.into(), case);
    assert_eq!(ask("bx", CaseMode::Sensitive), Some(true));
    assert_eq!(ask("bx", CaseMode::Folding), None);
    assert_eq!(ask("docs/a", CaseMode::Folding), Some(true));
    let asked = |pattern| AskedPattern::read(pattern, CaseMode::Folding);
    assert!(rule.meet(&asked("elsewhere")) && !rule.certainly_cover(&asked("elsewhere")));
}

#[test]
fn a_pattern_too_large_to_search_meets_what_shares_its_beginning() {
    let rule = globs(&[format!("src/{}", "*a".repeat(300)).as_str()]);
    assert!(rule.meet(&asked("src/b")) && !rule.meet(&asked("docs/b")));
    assert_eq!(
        rule.matches(
            &format!("src/{}", "a".repeat(300)).as_str().into(),
            CaseMode::Sensitive
        ),
        Some(true)
    );
}

#[test]
fn patterns_that_mean_nothing_here_are_refused() {
    let refusals: Vec<String> = [
        "", ".", "./", "/etc", "~/x", "!x", "@auth", "a\\b", "a/../b", "a//b", " a", "a ", "a\nb",
        "[a", "{a", "[b-a",
    ]
    .iter()
    .map(|bad| PathGlobs::new([*bad]).unwrap_err()[0].1.clone())
    .chain([PathGlobs::new(["x".repeat(2000).as_str()]).unwrap_err()[0]
        .1
        .clone()])
    .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn certain_cover_is_never_guessed() {
    for (rule, pattern, wanted) in [
        ("**", "anything/*.rs", true),
        ("**/*", "@module", true),
        ("src", "@module", false),
        ("src", "src", true),
        ("src/", "src/**", true),
        ("src/**", "src/a/*.rs", true),
        ("src/**", "src", false),
        ("src/*", "src/a", false),
        ("src/*", "src/*/", false),
        ("src/*/", "src/*", true),
        ("src/*.rs", "src/*.rs", true),
        ("src", "srcs/a", false),
        ("src", "**", false),
    ] {
        assert_eq!(
            globs(&[rule]).certainly_cover(&asked(pattern)),
            wanted,
            "{rule} {pattern}"
        );
    }
}

/// The answer of `globset`, for patterns that both read alike.
fn second_opinion(pattern: &str, path: &str) -> bool {
    let glob = |text: &str| {
        GlobBuilder::new(text)
            .literal_separator(true)
            .backslash_escape(false)
            .empty_alternates(true)
            .build()
            .unwrap()
            .compile_matcher()
    };
    let base = pattern.trim_end_matches('/');
    let beneath = base.len() < pattern.len() || !base.contains(['*', '?', '[', '{']);
    glob(base).is_match(path) || (beneath && glob(&format!("{base}/**")).is_match(path))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn matching_agrees_with_globset(
        pattern in "(\\*\\*/)?[ab*?]{0,3}(\\[ab\\]|\\{a,b\\})?(/[ab*]{1,2}){0,2}(/\\*\\*)?/?",
        path in "[ab]{1,3}(/[ab]{1,3}){0,3}",
    ) {
        if let Ok(globs) = PathGlobs::new([pattern.as_str()]) {
            let ours = globs.matches(&path.as_str().into(), CaseMode::Sensitive);
            prop_assert_eq!(ours, Some(second_opinion(&pattern, &path)), "{} {}", pattern, path);
        }
    }

    #[test]
    fn no_pattern_panics_and_hostile_ones_stay_fast(pattern in "[*/a{},?\\[\\].-]{0,60}", path in "[a/]{0,60}") {
        if let Ok(globs) = PathGlobs::new([pattern.as_str()]) {
            globs.matches(&path.as_str().into(), CaseMode::Sensitive);
            globs.matches(&path.as_str().into(), CaseMode::Folding);
            globs.meet(&asked(&path));
        }
    }

    #[test]
    fn a_certain_cover_matches_every_path_that_is_asked_about(
        rule in "(\\*\\*/)?[ab*]{1,2}(/[ab*]{1,2})?(/\\*\\*)?/?",
        pattern in "[ab*]{1,2}(/[ab*]{1,2})?(/\\*\\*)?/?",
        path in "[ab]{1,2}(/[ab]{1,2}){0,3}",
    ) {
        let (Ok(rule), pattern) = (PathGlobs::new([rule.as_str()]), asked(&pattern)) else { return Ok(()) };
        let Some(wanted) = &pattern.pattern else { return Ok(()) };
        if rule.certainly_cover(&pattern) && wanted.is_match(path.as_bytes()) {
            prop_assert_eq!(rule.matches(&path.as_str().into(), CaseMode::Sensitive), Some(true));
            prop_assert!(rule.meet(&pattern));
        }
    }
}
