//! The files that instructions of agents take in: `@docs/rules.md` in `AGENTS.md` or `CLAUDE.md`, and where such a file is
//! a link, what it leads to. Agents obey them at their next start as they obey the file that names them.
//!
//! Invariants: the search ends after so many levels and files, whatever the texts say. Deliberately absent: where the
//! files are read, which the caller gives; and what lies outside of the repository.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::repo_path::RepoPath;

/// The files from which CLIs take instructions, and follow what they take in.
pub const INSTRUCTIONS: [&str; 6] = [
    "AGENTS.md",
    "AGENTS.override.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    "QWEN.md",
];
/// Of a longer text the beginning is read.
pub const CAP: usize = 1 << 20;
/// Imports are followed so far; CLIs stop there, too.
const DEPTH: usize = 5;
/// So many files are read.
const MOST: usize = 1_000;

/// A file that instructions import.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct ImportedFile {
    /// The file.
    pub path: RepoPath,
    /// The file that names it.
    pub by: RepoPath,
}

/// The content of a file, as far as it can take in others.
#[derive(Debug)]
pub enum ImportingFile {
    /// A text.
    Text(Vec<u8>),
    /// A link, with what it leads to.
    Link(Vec<u8>),
}

/// True for a file from which CLIs take instructions, in whatever directory.
pub fn is_instructions(path: &RepoPath) -> bool {
    let name = path.as_bytes().rsplit(|byte| *byte == b'/').next();
    name.is_some_and(|name| INSTRUCTIONS.iter().any(|one| one.as_bytes() == name))
}

/// The files that these take in, and those that they take in, sorted by their paths, whether they are there or not. `read`
/// gives what stands at a path.
pub fn imported<E>(
    starts: impl IntoIterator<Item = RepoPath>,
    read: &mut dyn FnMut(&RepoPath) -> Result<Option<ImportingFile>, E>,
) -> Result<Vec<ImportedFile>, E> {
    let mut open: Vec<RepoPath> = starts.into_iter().collect();
    let mut seen: BTreeSet<RepoPath> = open.iter().cloned().collect();
    let mut found = BTreeMap::new();
    let mut left = MOST;
    for _ in 0..DEPTH {
        for file in std::mem::take(&mut open) {
            if left == 0 {
                break;
            }
            left -= 1;
            let named = match read(&file)? {
                Some(ImportingFile::Text(text)) => named_in(&file, &text),
                Some(ImportingFile::Link(target)) => within(&file, &target).into_iter().collect(),
                None => Vec::new(),
            };
            for path in named {
                if seen.insert(path.clone()) {
                    found.insert(path.clone(), file.clone());
                    open.push(path);
                }
            }
        }
    }
    let found = found.into_iter();
    Ok(found.map(|(path, by)| ImportedFile { path, by }).collect())
}

/// The paths that a text imports, from the root of the repository. Code is no import.
fn named_in(file: &RepoPath, text: &[u8]) -> Vec<RepoPath> {
    let text = String::from_utf8_lossy(&text[..text.len().min(CAP)]);
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code {
            continue;
        }
        // Every second part of a line is between backticks.
        for part in line.split('`').step_by(2) {
            let words = part
                .split_whitespace()
                .filter_map(|word| word.strip_prefix('@'));
            let paths = words.map(|word| word.trim_end_matches(['.', ',', ';', ':', ')']));
            found.extend(paths.filter_map(|path| within(file, path.as_bytes())));
        }
    }
    found
}

/// A path beside a file, from the root of the repository; none for one that leads out of it.
fn within(file: &RepoPath, path: &[u8]) -> Option<RepoPath> {
    if path.is_empty() || path.starts_with(b"/") || path.starts_with(b"~") {
        return None;
    }
    let mut names: Vec<&[u8]> = file.as_bytes().split(|byte| *byte == b'/').collect();
    names.pop();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    (!names.is_empty()).then(|| RepoPath::new(names.join(&b'/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[RepoPath]) -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    }

    /// The imports in a tree of texts, each with who names it.
    fn within_tree(files: &[(&str, &str)]) -> Vec<String> {
        let at = |path: &RepoPath| {
            files
                .iter()
                .find(|(name, _)| *path == RepoPath::from(*name))
        };
        let mut read = |path: &RepoPath| -> Result<_, std::convert::Infallible> {
            Ok(at(path).map(|(_, text)| match text.strip_prefix("-> ") {
                Some(target) => ImportingFile::Link(target.into()),
                None => ImportingFile::Text((*text).into()),
            }))
        };
        let all = files.iter().map(|(name, _)| RepoPath::from(*name));
        let starts: Vec<RepoPath> = all.filter(is_instructions).collect();
        let found = imported(starts, &mut read).unwrap();
        let told = found
            .iter()
            .map(|one| format!("{} by {}", one.path, one.by));
        told.collect()
    }

    #[test]
    fn imports_are_words_and_no_code() {
        let text = "See @docs/rules.md, and @./more.md.\n`@not/this.md`\n```\n@nor/this.md\n```\n\
                    mail ann@example.com, @/etc/passwd, @~/own.md, @../up.md @. @\n- @sub/../x.md\n";
        assert_eq!(
            names(&named_in(&"AGENTS.md".into(), text.as_bytes())),
            ["docs/rules.md", "more.md", "x.md"]
        );
        let text = b"@more.md @../CLAUDE.md @../../out.md \xff";
        assert_eq!(
            names(&named_in(&"docs/rules.md".into(), text)),
            ["docs/more.md", "CLAUDE.md"]
        );
    }

    #[test]
    fn what_is_imported_is_followed_round_and_through_links() {
        let tree = [
            ("CLAUDE.md", "@AGENTS.md @docs/a.md @nothing.md"),
            ("AGENTS.md", "-> docs/all.md"),
            ("docs/all.md", "@b.md"),
            ("docs/a.md", "@b.md"),
            ("docs/b.md", "@a.md"),
            ("sub/GEMINI.md", "@x.md @../y.md"),
            ("README.md", "@z.md"),
        ];
        assert_eq!(
            within_tree(&tree),
            [
                "docs/a.md by CLAUDE.md",
                "docs/all.md by AGENTS.md",
                "docs/b.md by docs/a.md",
                "nothing.md by CLAUDE.md",
                "sub/x.md by sub/GEMINI.md",
                "y.md by sub/GEMINI.md",
            ]
        );
    }

    #[test]
    fn a_chain_ends_after_five_and_a_flood_after_a_thousand() {
        let names: Vec<(String, String)> = (0..9)
            .map(|n| (format!("{n}"), format!("@{}", n + 1)))
            .collect();
        let mut tree = vec![("AGENTS.md", "@0")];
        tree.extend(
            names
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        assert_eq!(within_tree(&tree).len(), DEPTH);
        let mut reads = 0;
        let mut read = |_: &RepoPath| -> Result<_, std::convert::Infallible> {
            reads += 1;
            let all: String = (0..20).map(|n| format!("@{reads}/{n} ")).collect();
            Ok(Some(ImportingFile::Text(all.into_bytes())))
        };
        imported(["AGENTS.md".into()], &mut read).unwrap();
        assert_eq!(reads, MOST);
    }
}
