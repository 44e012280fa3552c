//! The files that the rules look at, from this repository or planted by a self-test.

use std::collections::BTreeSet;
use std::path::Path;

use super::lexer;

/// A broken rule.
#[derive(Debug)]
pub struct Violation {
    /// Relative to the repository root.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what to do instead.
    pub message: String,
}

/// Finds every place where one rule is broken.
pub type Rule = fn(&Tree) -> Vec<Violation>;

/// One text file.
pub struct File {
    /// Relative to the repository root, with `/`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// The Rust code without comments, strings and test items (blanked, so that lines keep their
    /// numbers).
    pub production: String,
    /// The Rust code of tests alone, blanked likewise.
    pub tests: String,
    /// Lines that are not part of a test item.
    pub production_lines: usize,
    /// True where the whole file is there for tests.
    pub is_test: bool,
}

impl File {
    /// A violation in this file.
    pub fn violation(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// True for Rust sources of the library and the binary.
    pub fn is_source(&self) -> bool {
        self.path.starts_with("src/") && self.path.ends_with(".rs")
    }

    fn new(path: String, text: String, test_file: bool) -> Self {
        let code = if path.ends_with(".rs") {
            lexer::blank(&text)
        } else {
            String::new()
        };
        let items = if test_file {
            std::iter::once(0..code.len()).collect()
        } else {
            lexer::test_items(&code)
        };
        let production = lexer::without(&code, &items);
        let tests = lexer::only(&code, &items);
        let test_lines: usize = items.iter().map(|r| code[r.clone()].lines().count()).sum();
        let production_lines = text.lines().count().saturating_sub(test_lines);
        Self {
            path,
            text,
            production,
            tests,
            production_lines,
            is_test: test_file,
        }
    }
}

/// All files.
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads a repository: every UTF-8 file that is neither a build product nor git's or `ai`'s own
    /// state.
    pub fn read(root: &str) -> Self {
        let mut files = Vec::new();
        walk(Path::new(root), Path::new(""), &mut files);
        Self::from_pairs(files)
    }

    /// A tree of planted files.
    pub fn sample(files: &[(&str, &str)]) -> Self {
        Self::from_pairs(
            files
                .iter()
                .map(|(p, t)| ((*p).to_owned(), (*t).to_owned()))
                .collect(),
        )
    }

    /// The Rust sources under `src/`.
    pub fn sources(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| f.is_source())
    }

    /// The file at `path`.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    fn from_pairs(mut pairs: Vec<(String, String)>) -> Self {
        pairs.sort();
        let tests = test_files(&pairs);
        let is_test = |p: &str| {
            !p.starts_with("src/") || tests.iter().any(|t| p == format!("{t}.rs") || under(p, t))
        };
        let files = pairs
            .into_iter()
            .map(|(p, t)| (is_test(&p), p, t))
            .map(|(test, p, t)| File::new(p, t, test));
        Self {
            files: files.collect(),
        }
    }
}

fn under(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Module paths (without `.rs` or `/mod.rs`) that are declared by `#[cfg(test)] mod name;`.
fn test_files(pairs: &[(String, String)]) -> BTreeSet<String> {
    let sources = pairs
        .iter()
        .filter(|(p, _)| p.starts_with("src/") && p.ends_with(".rs"));
    sources
        .flat_map(|(path, text)| {
            let code = lexer::blank(text);
            let items = lexer::test_items(&code);
            let declared = lexer::declared_modules(text, &code).into_iter();
            let tests = declared.filter(move |d| items.iter().any(|item| item.contains(&d.at)));
            tests.map(|d| module_path(path, &d)).collect::<Vec<_>>()
        })
        .collect()
}

/// The path, without `.rs` or `/mod.rs`, of a module that the file at `path` declares.
pub fn module_path(path: &str, declared: &lexer::Declaration) -> String {
    match &declared.path {
        Some(file) => {
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
            format!(
                "{dir}/{}",
                file.trim_end_matches(".rs").trim_end_matches("/mod")
            )
        }
        None => format!("{}/{}", module_dir(path), declared.name),
    }
}

/// The directory in which the modules that a file declares are found.
fn module_dir(path: &str) -> String {
    let stem = path.trim_end_matches(".rs");
    match stem.rsplit_once('/') {
        Some((dir, "mod" | "lib" | "main")) => dir.to_owned(),
        _ => stem.to_owned(),
    }
}

fn walk(root: &Path, rel: &Path, files: &mut Vec<(String, String)>) {
    const SKIPPED: &[&str] = &["target", ".git", ".ai/state", ".ai/worktrees"];
    for entry in std::fs::read_dir(root.join(rel)).expect("a readable directory") {
        let entry = entry.expect("a readable entry");
        let rel = rel.join(entry.file_name());
        let kind = entry.file_type().expect("a file type");
        let Some(path) = rel.to_str().map(str::to_owned) else {
            continue;
        };
        if SKIPPED.contains(&path.as_str()) || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            walk(root, &rel, files);
        } else if let Ok(text) = std::fs::read_to_string(root.join(&rel)) {
            files.push((path, text));
        }
    }
}
