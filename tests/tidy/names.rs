//! Names of types: one name for one thing, all over the tree.
//!
//! A share of the whole tree, so that a name which two distant files happen to use stops nobody.
//! Deliberately absent: whether a name is a good one, which only a reader can say.

use std::collections::BTreeMap;

use super::tree::{Tree, Violation};

/// Of a hundred definitions of types, at most so many share their name with another file's.
const MAX_SHARED: usize = 4;
/// Words before the name of a type.
const KEYWORDS: &[&str] = &["struct", "enum", "trait", "union"];
/// The names that a message lists.
const SHOWN: usize = 20;

/// Types that are called like a type of another file.
pub fn shared_type_names(tree: &Tree) -> Vec<Violation> {
    let mut files_of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in tree.sources().filter(|file| !file.is_test) {
        for name in defined_types(&file.production) {
            files_of.entry(name).or_default().push(&file.path);
        }
    }
    let all: usize = files_of.values().map(Vec::len).sum();
    let mut shared: Vec<(usize, String, Vec<&str>)> = files_of
        .into_iter()
        .filter(|(_, files)| files.iter().any(|file| *file != files[0]))
        .map(|(name, files)| (files.len(), name, files))
        .collect();
    let count: usize = shared.iter().map(|(count, ..)| count).sum();
    if count * 100 <= all * MAX_SHARED {
        return Vec::new();
    }
    shared.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let worst: Vec<String> = shared
        .iter()
        .take(SHOWN)
        .map(|(_, name, files)| format!("{name} ({})", files.join(", ")))
        .collect();
    let message = format!(
        "{count} of {all} types share their name with another file's: {}",
        worst.join("; ")
    );
    vec![Violation {
        path: shared[0].2[0].to_owned(),
        line: 1,
        message,
    }]
}

/// The names of the types that blanked code defines; associated types are not counted.
fn defined_types(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines() {
        let Some(rest) = after_keyword(line) else {
            continue;
        };
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if rest.starts_with(char::is_uppercase) {
            names.push(rest[..end].to_owned());
        }
    }
    names
}

/// The rest of a line behind the keyword that begins the definition of a type. An alias counts at
/// the edge only: further in it belongs to a trait.
fn after_keyword(line: &str) -> Option<&str> {
    let item = without_visibility(line.trim_start());
    let (word, rest) = item.split_once(' ')?;
    let is_type = KEYWORDS.contains(&word) || (word == "type" && !line.starts_with(' '));
    is_type.then(|| rest.trim_start())
}

fn without_visibility(item: &str) -> &str {
    let Some(rest) = item.strip_prefix("pub") else {
        return item;
    };
    match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest.trim_start(),
        None => rest.trim_start(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let violations = shared_type_names(&Tree::sample(files));
        violations.into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn a_name_that_two_files_define_is_found() {
        let one = ("src/git/a.rs", "pub struct Found;\n");
        let two = (
            "src/ops/b.rs",
            "pub(super) enum Found {}\ntype Kept = u8;\n",
        );
        assert_eq!(
            found(&[one, two]),
            [
                "2 of 3 types share their name with another file's: Found (src/git/a.rs, src/ops/b.rs)"
            ]
        );
        let other = ("src/ops/b.rs", "pub enum Lost {}\n");
        assert!(found(&[one, other]).is_empty());
    }

    #[test]
    fn tests_and_associated_types_are_not_counted() {
        let one = ("src/git/a.rs", "struct Found;\n");
        for fine in [
            "#[cfg(test)]\nmod tests {\n    struct Found;\n}\n",
            "impl Iterator for S {\n    type Found = u8;\n}\n",
            "// struct Found;\nfn structure() {}\n",
        ] {
            assert!(found(&[one, ("src/ops/b.rs", fine)]).is_empty(), "{fine}");
        }
        let many: String = (0..99).map(|n| format!("struct S{n};\n")).collect();
        let rare = [
            one,
            ("src/ops/b.rs", "struct Found;\n"),
            ("src/ops/c.rs", &many),
        ];
        assert!(found(&rare).is_empty(), "a rare one stops nobody");
    }
}
