//! Names of files in a run's directory have one owner: what names such a file elsewhere is found
//! here.

use super::tree::{Tree, Violation};

/// The one file that knows the names.
const OWNER: &str = "src/ops/run/files.rs";
/// What stands in a run's directory, as it would be written in a text of the program.
const NAMES: &[&str] = &[
    "agent.json",
    "checks.json",
    "diff.patch",
    "events.jsonl",
    "ports.json",
    "prompt.md",
    "routing.json",
    "run.json",
    "setup.log",
    ".stderr\"",
    "statement.json",
    "state/runs",
    "stderr.log",
    "stdout.log",
];

/// Production code that spells such a name itself.
pub fn names_of_run_files(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree
        .sources()
        .filter(|file| !file.is_test && file.path != OWNER)
    {
        for (at, (code, text)) in file.production.lines().zip(file.text.lines()).enumerate() {
            // What is a comment or a test is blank in the code.
            let named = NAMES.iter().find(|name| text.contains(**name));
            if let (Some(name), false) = (named, code.trim().is_empty()) {
                let message = format!("`{name}` is a name of a run's directory: ask {OWNER}");
                found.push(file.violation(at + 1, message));
            }
        }
    }
    found
}

#[test]
fn a_name_elsewhere_is_found_and_words_about_it_are_not() {
    let found = |path: &str, text: &str| names_of_run_files(&Tree::sample(&[(path, text)])).len();
    let code = "fn f() { dir.join(\"setup.log\"); }";
    assert_eq!(found("src/ops/run/checks/runner.rs", code), 1);
    assert_eq!(
        found("src/cli/a.rs", "fn f() { format!(\"{name}.stderr\"); }"),
        1
    );
    assert_eq!(found(OWNER, code), 0);
    assert_eq!(
        found("src/ops/a.rs", "/// Reads `setup.log`.\nfn f() {}"),
        0
    );
    let test = format!("#[cfg(test)]\nmod tests {{\n    {code}\n}}\n");
    assert_eq!(found("src/ops/a.rs", &test), 0);
}
