//! How the code is described: who may be met from another file has a description, and a
//! description begins with what the thing is or does.
//!
//! Both are shares of the whole tree, not of one file, so that one awkward sentence stops nobody
//! and the habit is held all the same. Deliberately absent: whether a sentence is true or good,
//! which only a reader can say.

use super::tree::{File, Tree, Violation};

/// Of a hundred descriptions, at most so many begin with one of [`ASKING`].
const MAX_ASKING: usize = 2;
/// Of a hundred items and fields that other files can reach, at least so many are described.
const MIN_DESCRIBED: usize = 95;
/// Words that begin an answer to a question nobody asked, instead of naming the thing.
const ASKING: &[&str] = &[
    "How", "That", "What", "When", "Where", "Whether", "Which", "Who", "Why",
];

/// Of a hundred descriptions, at most so many begin with one of [`PRONOUNS`].
const MAX_LEANING: usize = 1;
/// Words that stand for a noun, which a reader who came by a search has not seen.
const PRONOUNS: &[&str] = &[
    "It", "Its", "That", "Their", "These", "They", "This", "Those",
];

/// Descriptions that lean on a noun that is not there.
pub fn leaning(tree: &Tree) -> Vec<Violation> {
    let docs: Vec<_> = described(tree)
        .filter(|(_, d)| !d.first.is_empty())
        .collect();
    let bad = files_where(&docs, |d| PRONOUNS.contains(&d.first.as_str()));
    let words = PRONOUNS.join(", ");
    over(docs.len(), &bad, MAX_LEANING)
        .map(|share| bad[0].violation(1, format!("{share} begin with {words}: say the noun")))
        .into_iter()
        .collect()
}

/// Descriptions that do not begin with what the thing is or does.
pub fn asking(tree: &Tree) -> Vec<Violation> {
    let docs: Vec<_> = described(tree)
        .filter(|(_, d)| !d.first.is_empty())
        .collect();
    let bad = files_where(&docs, |d| ASKING.contains(&d.first.as_str()));
    let words = ASKING.join(", ");
    over(docs.len(), &bad, MAX_ASKING)
        .map(|share| bad[0].violation(1, format!("{share} begin with {words}: name the thing")))
        .into_iter()
        .collect()
}

/// Items that other files can reach and that nothing describes.
pub fn undescribed(tree: &Tree) -> Vec<Violation> {
    let all: Vec<_> = described(tree).filter(|(_, d)| d.is_public).collect();
    let bad = files_where(&all, |d| d.first.is_empty());
    over(all.len(), &bad, 100 - MIN_DESCRIBED)
        .map(|share| bad[0].violation(1, format!("{share} can be reached and are not described")))
        .into_iter()
        .collect()
}

/// The file of each item that is `wanted`.
fn files_where<'a>(
    items: &[(&'a File, Described)],
    wanted: impl Fn(&Described) -> bool,
) -> Vec<&'a File> {
    items
        .iter()
        .filter(|(_, item)| wanted(item))
        .map(|(file, _)| *file)
        .collect()
}

/// Says which files have most of `bad`, where they are more than `percent` of `all`.
fn over(all: usize, bad: &[&File], percent: usize) -> Option<String> {
    if bad.len() * 100 <= all * percent {
        return None;
    }
    let mut counts: Vec<(usize, &str)> = Vec::new();
    for file in bad {
        match counts.iter_mut().find(|(_, path)| *path == file.path) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, &file.path)),
        }
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let worst: Vec<String> = counts
        .iter()
        .take(12)
        .map(|(count, path)| format!("{path} ({count})"))
        .collect();
    Some(format!(
        "{} of {all}, above all in {},",
        bad.len(),
        worst.join(", ")
    ))
}

/// One item, field or variant of production code.
struct Described {
    /// The first word of its description; empty where there is none.
    first: String,
    /// True where other files can reach it.
    is_public: bool,
}

fn described(tree: &Tree) -> impl Iterator<Item = (&File, Described)> {
    tree.sources()
        .filter(|file| !file.is_test)
        .flat_map(|file| items(file).into_iter().map(move |item| (file, item)))
}

/// What stands in a file with a description, or could have one since it is public.
fn items(file: &File) -> Vec<Described> {
    let mut found = Vec::new();
    let mut doc: Option<&str> = None;
    let mut in_attribute = false;
    for (text, code) in file.text.lines().zip(file.production.lines()) {
        let text = text.trim();
        if let Some(line) = text.strip_prefix("///") {
            doc = doc.or(Some(line));
            continue;
        }
        // An attribute may stand between a description and its item, on several lines.
        if in_attribute || text.starts_with("#[") {
            in_attribute = !text.ends_with(']');
            continue;
        }
        let is_public = opens_public_item(code.trim());
        let first = doc.take().map(first_word).unwrap_or_default();
        let is_production = !code.trim().is_empty();
        if is_production && (is_public || !first.is_empty()) {
            found.push(Described { first, is_public });
        }
    }
    found
}

fn first_word(line: &str) -> String {
    let mut words = line.split(|c: char| c.is_whitespace() || ",:;.".contains(c));
    let word = words.find(|word| !word.is_empty());
    word.unwrap_or("-").to_owned()
}

/// True for the first line of a function, type, constant or field that other files can reach.
/// Modules are described in their own files, and what is handed on where it is defined.
fn opens_public_item(code: &str) -> bool {
    let Some(rest) = code.strip_prefix("pub") else {
        return false;
    };
    let rest = match rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
        Some((_, rest)) => rest,
        None => rest,
    };
    rest.starts_with(' ') && !rest.starts_with(" use ") && !rest.starts_with(" mod ")
}

#[cfg(test)]
mod tests {
    use super::super::tree::Rule;
    use super::*;

    fn found(rule: Rule, code: &str) -> Vec<String> {
        let tree = Tree::sample(&[("src/ops/a.rs", code)]);
        rule(&tree).into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn descriptions_that_begin_with_a_question_are_found() {
        let one = "/// What is kept.\npub fn f() {}\n";
        assert_eq!(
            found(asking, one),
            [
                "1 of 1, above all in src/ops/a.rs (1), begin with How, That, What, When, Where, \
              Whether, Which, Who, Why: name the thing"
            ]
        );
        let rare = format!("{one}{}", "/// Keeps it.\nfn g() {}\n".repeat(99));
        assert!(found(asking, &rare).is_empty());
        assert!(found(asking, "/// Whatever.\npub fn f() {}\n").is_empty());
        let test = "#[cfg(test)]\nmod tests {\n/// What is tested.\nfn f() {}\n}\n";
        assert!(found(asking, test).is_empty(), "tests are not counted");
    }

    #[test]
    fn descriptions_that_lean_on_a_pronoun_are_found() {
        let one = "/// It is over.\npub fn f() {}\n";
        assert_eq!(found(leaning, one).len(), 1);
        let rare = format!("{one}{}", "/// Keeps it.\nfn g() {}\n".repeat(99));
        assert!(found(leaning, &rare).is_empty());
        let second = "/// The lease is over. It cannot come back.\npub fn f() {}\n";
        assert!(found(leaning, second).is_empty());
    }

    #[test]
    fn public_items_without_a_description_are_found() {
        for bare in [
            "pub fn f() {}\n",
            "struct S {\n    pub(crate) field: u8,\n}\n",
            "#[derive(Debug)]\npub(super) enum E {}\n",
        ] {
            assert_eq!(
                found(undescribed, bare),
                ["1 of 1, above all in src/ops/a.rs (1), can be reached and are not described"]
            );
        }
        for fine in [
            "/// Does it.\n#[expect(\n    x,\n    reason = \"r\"\n)]\npub fn f() {}\n",
            "pub mod a;\npub use a::A;\n",
            "fn f() {}\n",
        ] {
            assert!(found(undescribed, fine).is_empty(), "{fine}");
        }
    }
}
