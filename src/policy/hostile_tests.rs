//! Files that are written to cost much: each is refused by a bound that stands before the work, or
//! costs no more than its size. No test looks at a clock: what is asserted is the refusal, and for
//! what is taken that it is small.

use crate::base::yaml::MAX_BYTES;
use crate::domain::path_pattern::CaseMode;
use crate::policy::gather::validate;
use crate::policy::load::{FILE, MAX_RULES};
use crate::policy::name_globs::NameGlobs;
use crate::policy::path_globs::PathGlobs;

/// What is said of a file: the first problem and the number of all.
fn said(text: &str) -> (String, usize) {
    let found = validate(text.as_bytes(), FILE);
    let list = found.map_or_else(Vec::new, |found| found.list);
    let first = list.first().map_or_else(String::new, |p| p.message.clone());
    (first, list.len())
}

fn file(rules: &str) -> String {
    format!("version: 1\ndefault: allow\nrules:\n{rules}")
}

/// `n` rules that differ in their ids.
fn rules(n: usize) -> String {
    let rule = |i| format!("- {{id: r{i}, on: edit, effect: allow}}\n");
    file(&(0..n).map(rule).collect::<String>())
}

#[test]
fn a_file_that_would_cost_much_is_refused_before_it_does() {
    let too_large = "the file is nested too deeply or grows too large";
    let bomb: String = (1..10)
        .map(|i| {
            format!(
                "a{i}: &a{i} [{}]\n",
                vec![format!("*a{}", i - 1); 9].join(", ")
            )
        })
        .collect();
    let deep_blocks: String = (0..4_000)
        .map(|i| " ".repeat(i) + "a:\n")
        .take(500)
        .collect();
    let globs = vec!["a*b*c*d*e*f*g*h*"; 400].join(", ");
    let paths = vec!["a/b/c/d/e/f/g/h"; 400].join(", ");
    let tried = file(&format!(
        "- {{id: r, on: edit, effect: allow, paths: [{globs}], examples: {{no_match: [{paths}]}}}}\n"
    ));
    for (name, text, wanted) in [
        ("aliases", format!("a0: &a0 [x]\n{bomb}"), too_large),
        ("flow lists", "[".repeat(100_000), too_large),
        ("flow mappings", "{a: ".repeat(100_000), too_large),
        ("blocks", deep_blocks, too_large),
        ("lists in lists", "- ".repeat(100_000), too_large),
        (
            "nodes",
            file(&format!("- [{}]\n", "x,".repeat(100_001))),
            too_large,
        ),
        (
            "bytes",
            format!("version: 1\n# {}\n", "x".repeat(100 << 20)),
            "larger than 1048576 bytes",
        ),
        ("rules", rules(10_000), "a policy has at most 5000 rules"),
        (
            "examples",
            tried,
            "the examples of the rule `r` cost too much to try",
        ),
    ] {
        assert_eq!(said(&text), (wanted.to_owned(), 1), "{name}");
    }
    assert_eq!(MAX_BYTES, 1_048_576);
    assert_eq!(said(&rules(MAX_RULES)), (String::new(), 0));
}

/// Each pattern is either refused, or asked with a path that nearly matches: a search that went back
/// for every wildcard would not end.
#[test]
fn a_glob_costs_no_more_than_its_length() {
    let path = format!("{}b", "a".repeat(900)).as_str().into();
    let deep = vec!["a"; 400].join("/").as_str().into();
    for pattern in [
        "a*".repeat(400) + "c",
        "**/".repeat(300) + "c",
        "{a,b}".repeat(200) + "c",
        "{a,{a,{a,b}}}".repeat(70) + "c",
        "[a-z]*".repeat(150) + "c",
        "?".repeat(1000) + "*c",
        "{".repeat(500),
        "[".repeat(500),
    ] {
        let Ok(globs) = PathGlobs::new([pattern.as_str()]) else {
            continue;
        };
        for case in [CaseMode::Sensitive, CaseMode::Folding] {
            assert_ne!(globs.matches(&path, case), Some(true), "{pattern}");
            assert_ne!(globs.matches(&deep, case), Some(true), "{pattern}");
        }
    }
    let names = NameGlobs::new([("a*".repeat(400) + "c").as_str()]).unwrap();
    assert!(!names.matches(&"a".repeat(4_000)));
}
