//! `docs/bypasses.md`, which is written from the rows: none stands there without its test, and no test of
//! these modules stands beside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::kit::{Ends, Row};
use super::{broken, commits, doors, elsewhere, past, pushes, references, server};
use crate::support::markdown;

const PAGE: &str = "docs/bypasses.md";
/// Above the first table; `make gen` leaves it alone.
const BEGIN: &str = "<!-- Written by `make gen` from here on; changes by hand are lost. -->\n";
/// The modules whose rows are played.
const PLAYED: [(&str, &[Row]); 7] = [
    ("doors", doors::ROWS),
    ("commits", commits::ROWS),
    ("broken", broken::ROWS),
    ("past", past::ROWS),
    ("pushes", pushes::ROWS),
    ("references", references::ROWS),
    ("server", server::ROWS),
];
/// The doors, in the order of the page.
const DOORS: [&str; 21] = [
    "claim",
    "lease",
    "lock",
    "run",
    "end of a run",
    "checks",
    "accept",
    "landing",
    "task done",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "reference-transaction",
    "server",
    "pre-tool",
    "MCP",
    "egress",
    "approvals",
    "policy",
    "evidence",
    "store",
];

/// A row as the page has it.
struct Line {
    door: &'static str,
    way: &'static str,
    ends: String,
    record: String,
    test: String,
}

fn lines() -> Vec<Line> {
    let played = PLAYED.iter().flat_map(|(module, rows)| {
        rows.iter().map(move |row| {
            let (ends, record) = told(row.ends);
            Line {
                door: row.door,
                way: row.way,
                ends,
                record,
                test: format!("bypasses::{module}"),
            }
        })
    });
    let shown = elsewhere::ROWS.iter().map(|row| Line {
        door: row.door,
        way: row.way,
        ends: row.ends.to_owned(),
        record: row.record.to_owned(),
        test: row.test.to_owned(),
    });
    played.chain(shown).collect()
}

fn told(ends: Ends) -> (String, String) {
    let coded = |record: &str| format!("`{}`", record.replace(", ", "`, `"));
    match ends {
        Ends::Refused(record) => ("refused".to_owned(), coded(record)),
        Ends::Said(_) => ("refused".to_owned(), "none: it is told at once".to_owned()),
        Ends::Found { at, record, .. } => (format!("found: {at}"), coded(record)),
        Ends::Unseen(why) => (format!("**not found**: {why}"), "none".to_owned()),
    }
}

#[test]
fn generated_page_of_bypasses_has_every_row() {
    let page = markdown::page(PAGE);
    let (head, _) = page.split_once(BEGIN).unwrap();
    let mut text = format!("{head}{BEGIN}");
    let lines = lines();
    let known: BTreeSet<&str> = lines.iter().map(|line| line.door).collect();
    let listed: BTreeSet<&str> = DOORS.into_iter().collect();
    assert_eq!(known, listed, "a door is missing here, or has no row");
    for door in DOORS {
        write!(
            text,
            "\n## {door}\n\n| way around | what comes of it | record | test |\n|---|---|---|---|\n"
        )
        .unwrap();
        for line in lines.iter().filter(|line| line.door == door) {
            let Line {
                way,
                ends,
                record,
                test,
                ..
            } = line;
            writeln!(text, "| {way} | {ends} | {record} | `{test}` |").unwrap();
        }
    }
    if std::env::var_os("AI_GENERATE").is_some() {
        std::fs::write(markdown::project().join(PAGE), &text).unwrap();
    }
    let found = markdown::page(PAGE);
    assert!(found == text, "{PAGE} is stale: run `make gen`");
}

#[test]
fn each_row_has_a_test_and_each_test_its_rows() {
    let tests = markdown::project().join("tests/it");
    let source = |path: &str| std::fs::read_to_string(tests.join(path)).unwrap();
    let is_test = |text: &str, name: &str| {
        let begins = text.split("#[test]\n").skip(1);
        let named = format!("fn {name}(");
        let mut heads = begins.map(|rest| rest.lines().find(|line| line.starts_with("fn ")));
        heads.any(|head| head.is_some_and(|head| head.starts_with(&named)))
    };
    let gone: Vec<&str> = elsewhere::ROWS
        .iter()
        .map(|row| row.test)
        .filter(|test| {
            let (module, name) = test.split_once("::").unwrap();
            !is_test(&source(&format!("{module}.rs")), name)
        })
        .collect();
    assert_eq!(gone, [""; 0], "tests that stand in a row and are gone");
    let mut played: Vec<String> = PLAYED
        .iter()
        .map(|(module, _)| format!("{module}.rs"))
        .collect();
    let mut here: Vec<String> = std::fs::read_dir(tests.join("bypasses"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| {
            file != "page.rs" && source(&format!("bypasses/{file}")).split("#[test]").count() > 1
        })
        .collect();
    played.sort();
    here.sort();
    assert_eq!(played, here, "modules with tests, and those of the page");
    // A way that stands twice at a door is one row too many.
    let all = lines();
    let ways: BTreeSet<(&str, &str)> = all.iter().map(|line| (line.door, line.way)).collect();
    assert_eq!(ways.len(), all.len());
    let named = PLAYED.iter().flat_map(|(_, rows)| rows.iter()).count();
    assert!(named >= 50, "only {named} rows are played");
}
