//! The papers about the code are true: a file that they name is there, the layers are written once
//! (`layers.rs`) and drawn from there, and each kind of change that people come to make has a
//! walk-through in `CONTRIBUTING.md`.
//!
//! Deliberately absent: documents for users, which `tests/it/docs.rs` runs.

use super::layers;
use super::tree::{File, Tree, Violation};

/// Papers about the code, whose every named file is looked up.
const PAPERS: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/// The changes that have a walk-through: the headings below "To add …".
const CHANGES: &[&str] = &[
    "a field of a task",
    "an exit code",
    "a connector",
    "a policy action",
    "a git hook",
    "a front end",
    "a store",
    "an event",
    "a sandbox layer",
    "a verb",
];

/// Where the drawing of the layers begins and ends in `ARCHITECTURE.md`.
const DRAWING: (&str, &str) = ("<!-- layers -->\n", "<!-- end of layers -->");

/// Files that a paper or a comment names and that are gone.
pub fn named_files(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        let is_paper = PAPERS.contains(&file.path.as_str());
        if !is_paper && !file.path.ends_with(".rs") {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if !is_paper && !line.trim_start().starts_with("//") {
                continue;
            }
            let gone = quoted(line).filter(|name| names_file(name, is_paper));
            found.extend(gone.filter(|name| !is_there(tree, file, name)).map(|name| {
                file.violation(number + 1, format!("`{name}` is named here and is gone"))
            }));
        }
    }
    found
}

/// Walk-throughs that are missing from `CONTRIBUTING.md`, or name fewer than two files.
pub fn walk_throughs(tree: &Tree) -> Vec<Violation> {
    let Some(paper) = tree.get("CONTRIBUTING.md") else {
        return Vec::new();
    };
    let bare = |change: &&&str| {
        let heading = format!("\n### … {change}\n");
        paper.text.split_once(&heading).is_none_or(|(_, rest)| {
            let section = rest.split("\n#").next().unwrap_or_default();
            section
                .lines()
                .flat_map(quoted)
                .filter(|n| names_file(n, true))
                .count()
                < 2
        })
    };
    CHANGES
        .iter()
        .filter(bare)
        .map(|change| {
            let message = format!("no walk-through `### … {change}` that names its files");
            paper.violation(1, message)
        })
        .collect()
}

/// A drawing of the layers that is not the table of `layers.rs`.
pub fn drawing(tree: &Tree) -> Vec<Violation> {
    let Some(paper) = tree.get("ARCHITECTURE.md") else {
        return Vec::new();
    };
    let drawn = paper
        .text
        .split_once(DRAWING.0)
        .and_then(|(_, rest)| rest.split_once(DRAWING.1))
        .map(|(drawn, _)| drawn);
    let wanted = layers::drawing();
    if drawn == Some(wanted.as_str()) {
        return Vec::new();
    }
    vec![paper.violation(
        1,
        format!("the layers are drawn otherwise than tests/tidy/layers.rs says; between the marks has to stand:\n{wanted}"),
    )]
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// True for what names a file of this repository. A comment may speak of files of others, so only
/// Rust files with their folder count there.
fn names_file(name: &str, in_paper: bool) -> bool {
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let ours = [
        "benches/",
        "docs/",
        "fuzz/",
        "policies/",
        "scripts/",
        "skills/",
        "src/",
        "templates/",
        "tests/",
    ];
    plain
        && !name.starts_with('/')
        && (name.ends_with(".rs") && (in_paper || name.contains('/'))
            || in_paper && ours.iter().any(|dir| name.starts_with(dir)))
}

/// True where a file or folder of that name is there: from the root, from `src/`, or from where
/// the name is said.
fn is_there(tree: &Tree, file: &File, name: &str) -> bool {
    let dir = file.path.rsplit_once('/').map_or("", |(dir, _)| dir);
    let from = [
        name.to_owned(),
        format!("src/{name}"),
        format!("tests/{name}"),
        format!("{dir}/{name}"),
    ];
    let bare = !name.contains('/');
    tree.files.iter().any(|f| {
        from.contains(&f.path)
            || bare && f.path.ends_with(&format!("/{name}"))
            || f.path
                .starts_with(&format!("{}/", name.trim_end_matches('/')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_that_is_gone_is_found() {
        let tree = Tree::sample(&[
            (
                "ARCHITECTURE.md",
                "`git/oid.rs`, `oid.rs`, `src/git/`, `tests/it/`, `.git/HEAD`\n",
            ),
            (
                "src/git/oid.rs",
                "//! As `git/oid.rs` says, and `x.rs` of theirs.\n",
            ),
            (
                "src/git/mod.rs",
                "//! See `git/gone.rs`.\nconst A: &str = \"`git/b.rs`\";\n",
            ),
        ]);
        let found: Vec<_> = named_files(&tree)
            .into_iter()
            .map(|v| (v.path, v.line, v.message))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "ARCHITECTURE.md".into(),
                    1,
                    "`tests/it/` is named here and is gone".into()
                ),
                (
                    "src/git/mod.rs".into(),
                    1,
                    "`git/gone.rs` is named here and is gone".into()
                ),
            ] as [(String, usize, String); 2]
        );
    }

    #[test]
    fn a_walk_through_that_is_missing_or_names_nothing_is_found() {
        let text = "## To add …\n\n### … a store\n\n1. `src/a.rs` and `src/b.rs`.\n\n### … a verb\n\n1. `src/a.rs`.\n";
        let found = walk_throughs(&Tree::sample(&[("CONTRIBUTING.md", text)]));
        assert_eq!(found.len(), CHANGES.len() - 1);
        assert!(found.iter().any(|v| v.message.contains("… a verb`")));
        assert!(!found.iter().any(|v| v.message.contains("… a store`")));
    }

    #[test]
    fn a_drawing_that_differs_from_the_table_is_found() {
        let right = format!("{}{}{}\n", DRAWING.0, layers::drawing(), DRAWING.1);
        assert!(drawing(&Tree::sample(&[("ARCHITECTURE.md", &right)])).is_empty());
        let wrong = right.replace("domain", "realm");
        assert_eq!(
            drawing(&Tree::sample(&[("ARCHITECTURE.md", &wrong)])).len(),
            1
        );
    }
}
