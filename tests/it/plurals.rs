//! One is not many: `1 tasks` is nowhere in what people read.

use std::path::Path;

use crate::support::Sandbox;
use crate::support::runs::GOOD;

/// Words in `s` that may follow a number without being counted by it.
const VERBS: [&str; 13] = [
    "is", "was", "has", "does", "stands", "holds", "works", "waits", "says", "needs", "means",
    "starts", "this",
];

/// `1 tasks`, `1 changed files`: the number one, and one or two words of which the last is in the
/// plural.
fn slips(text: &str) -> Vec<String> {
    text.lines().flat_map(slips_of_line).collect()
}

fn slips_of_line(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = |word: &&str| {
        word.trim_matches(|c: char| !c.is_ascii_lowercase())
            .to_owned()
    };
    let plural = |text: &str| {
        text.len() > 2 && text.ends_with('s') && !text.ends_with("ss") && !VERBS.contains(&text)
    };
    let mut found = Vec::new();
    for (at, one) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.trim_start_matches(['(', '"', '`']) == "1")
    {
        let next = words
            .get(at + 1)
            .filter(|next| next.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(word);
        if let Some(next) = next.filter(|next| plural(next)) {
            found.push(format!("{one} {next}"));
        }
    }
    found
}

#[test]
fn the_scanner_sees_what_it_should() {
    assert_eq!(
        slips("1 tasks, (1 files) and 11 tasks; 1 task is done, 1 is left, 1 process, v1 runs"),
        ["1 tasks", "(1 files"]
    );
}

#[test]
fn no_recorded_output_counts_one_as_many() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("tests/it"), root.join("docs")];
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let is_read = path
                .extension()
                .is_some_and(|end| ["snap", "md", "rs"].iter().any(|known| end == *known));
            if is_read && !path.ends_with("plurals.rs") {
                seen += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(
                    slips(&text)
                        .into_iter()
                        .map(|slip| format!("{}: {slip}", path.display())),
                );
            }
        }
    }
    assert!(seen > 30 && found.is_empty(), "{found:#?}");
}

#[test]
fn a_project_with_one_of_everything_is_told_of_in_the_singular() {
    let sandbox = Sandbox::with_script(GOOD);
    std::fs::write(sandbox.base().join("one.jsonl"), "{\"title\": \"One\"}\n").unwrap();
    let file = sandbox.base().join("one.jsonl");
    sandbox.ai_ok(&["task", "create", "--from", file.to_str().unwrap()]);
    let id = sandbox.ai_json_lines(&["task", "list"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let export = sandbox.base().join("out.jsonl");
    let export = export.to_str().unwrap();
    let commands: [&[&str]; 20] = [
        &["task", "create", "--from", file.to_str().unwrap()],
        &["trust"],
        &["run", &id],
        &["status"],
        &["doctor"],
        &["why", &id],
        &["review", &id],
        &["route", "explain", &id],
        &["log", "verify"],
        &["evidence", "list", &id],
        &["evidence", "verify", &id],
        &["backup"],
        &["export", export],
        &["import", export, "--dry-run"],
        &["budget"],
        &["accept", &id],
        &["worktree", "list"],
        &["worktree", "rescue", "w1"],
        &["worktree", "prune", "--dry-run"],
        &["uninstall"],
    ];
    std::fs::write(sandbox.root().join(".git/ai/.one"), "x").unwrap();
    for command in commands {
        let outcome = sandbox.ai(command);
        // A refusal would show nothing of what there is one of.
        let expected = if command[0] == "uninstall" { 8 } else { 0 };
        assert_eq!(outcome.code, Some(expected), "ai {command:?}\n{outcome}");
        if command[0] == "accept" {
            std::fs::write(sandbox.slot("w1/one.txt"), "x").unwrap();
        }
        let found = slips(&format!("{} {}", outcome.stdout, outcome.stderr));
        assert!(found.is_empty(), "ai {command:?}: {found:?}\n{outcome}");
    }
}
