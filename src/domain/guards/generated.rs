//! The files that `.gitattributes` declares to be generated (`linguist-generated`), as code hosts read it.
//!
//! The texts are those of the commit from which a change goes out, so that it neither declares its own files
//! generated nor takes such a word back. As in Git a later line outweighs an earlier one, and a file in a directory
//! those above it. Deliberately absent: macros of attributes, and `.git/info/attributes`, which no commit holds.

use crate::domain::repo_path::RepoPath;
use globset::{GlobBuilder, GlobMatcher};
use std::collections::BTreeMap;

/// The attribute.
const ATTRIBUTE: &str = "linguist-generated";
/// The longest line that is read.
const LONGEST: usize = 2048;

/// The declarations of one tree.
#[derive(Debug, Default)]
pub struct GeneratedFiles {
    /// The lines of each file by its directory, which ends with a slash unless it is the root.
    by_directory: BTreeMap<Vec<u8>, Vec<Declared>>,
}

/// A line that says something.
#[derive(Debug)]
struct Declared {
    pattern: GlobMatcher,
    /// True for a pattern without a slash, which is about names in all directories beneath.
    is_of_names: bool,
    is_generated: bool,
}

impl GeneratedFiles {
    /// The paths of the files whose texts may say something of a path, outermost first.
    pub fn sources(path: &RepoPath) -> Vec<RepoPath> {
        let mut inner: Vec<RepoPath> = path
            .parents()
            .map(|directory| RepoPath::new([directory, b"/.gitattributes"].concat()))
            .collect();
        inner.push(RepoPath::from(".gitattributes"));
        inner.reverse();
        inner
    }

    /// Adds the text of one of them.
    pub fn add(&mut self, source: &RepoPath, text: &[u8]) {
        let bytes = source.as_bytes();
        let directory = bytes.strip_suffix(b".gitattributes").unwrap_or(bytes);
        let text = String::from_utf8_lossy(text);
        let lines: Vec<Declared> = text.lines().filter_map(declared).collect();
        self.by_directory.insert(directory.to_vec(), lines);
    }

    /// True where the last word on a path is that it is generated.
    pub fn covers(&self, path: &RepoPath) -> bool {
        let bytes = path.as_bytes();
        let mut word = false;
        for (directory, lines) in &self.by_directory {
            let Some(below) = bytes.strip_prefix(directory.as_slice()) else {
                continue;
            };
            let below = String::from_utf8_lossy(below);
            let name = below.rsplit('/').next().unwrap_or_default();
            for line in lines {
                let text = if line.is_of_names { name } else { &*below };
                if line.pattern.is_match(text) {
                    word = line.is_generated;
                }
            }
        }
        word
    }
}

fn declared(line: &str) -> Option<Declared> {
    let line = line.trim();
    if line.starts_with('#') || line.len() > LONGEST {
        return None;
    }
    let (pattern, attributes) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_once(char::is_whitespace)?,
    };
    let is_generated = attributes
        .split_whitespace()
        .filter_map(meaning)
        .next_back()?;
    let is_of_names = !pattern.contains('/');
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    // Braces are letters to Git.
    let pattern = pattern.replace('{', "[{]").replace('}', "[}]");
    let glob = GlobBuilder::new(&pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    Some(Declared {
        pattern: glob.ok()?.compile_matcher(),
        is_of_names,
        is_generated,
    })
}

/// The meaning of one word of a line; nothing where it is about something else.
fn meaning(word: &str) -> Option<bool> {
    if let Some(unset) = word.strip_prefix(['-', '!']) {
        return (unset == ATTRIBUTE).then_some(false);
    }
    match word.strip_prefix(ATTRIBUTE)? {
        "" => Some(true),
        value => value.strip_prefix('=').map(|value| value != "false"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rules::rules;

    /// The paths of these that are declared by these files.
    fn covered<'p>(files: &[(&str, &str)], paths: &[&'p str]) -> Vec<&'p str> {
        let mut generated = GeneratedFiles::default();
        for (path, text) in files {
            generated.add(&(*path).into(), text.as_bytes());
        }
        let is_covered = |path: &&&str| generated.covers(&(**path).into());
        paths.iter().filter(is_covered).copied().collect()
    }

    const NONE: [&str; 0] = [];
    const ROOT: &str = ".gitattributes";

    rules! {
        names_anywhere: covered(&[(ROOT, "*.pb.go linguist-generated\n")], &["a.pb.go", "x/y/b.pb.go", "a.go"]) => ["a.pb.go", "x/y/b.pb.go"];
        a_path_is_of_the_root: covered(&[(ROOT, "/dist/*.js linguist-generated=true\ngen/a.rs text linguist-generated\n")], &["dist/a.js", "x/dist/a.js", "dist/b/a.js", "gen/a.rs"]) => ["dist/a.js", "gen/a.rs"];
        all_beneath: covered(&[(ROOT, "dist/** linguist-generated\n")], &["dist/a", "dist/b/c", "distant"]) => ["dist/a", "dist/b/c"];
        other_words_say_nothing: covered(&[(ROOT, "*.a linguist-vendored\n*.b linguist-generated=false\n*.c -linguist-generated\n*.d linguist-generated-x\n# *.e linguist-generated\n*.f\n")], &["x.a", "x.b", "x.c", "x.d", "x.e", "x.f"]) => NONE;
        the_last_line_counts: covered(&[(ROOT, "*.js linguist-generated\nhand.js -linguist-generated\n")], &["a.js", "hand.js"]) => ["a.js"];
        the_nearest_file_counts: covered(&[(ROOT, "*.js linguist-generated\n"), ("src/.gitattributes", "*.js !linguist-generated\n"), ("srcs/.gitattributes", "b linguist-generated\n")], &["a.js", "src/a.js", "b", "srcs/b"]) => ["a.js", "srcs/b"];
        quoted_patterns: covered(&[(ROOT, "\"a b.txt\" linguist-generated\n")], &["a b.txt"]) => ["a b.txt"];
        braces_are_letters: covered(&[(ROOT, "*.{min.js,map} linguist-generated\n")], &["a.min.js", "a.map", "a.{min.js,map}"]) => ["a.{min.js,map}"];
        what_is_no_pattern_says_nothing: covered(&[(ROOT, "[ linguist-generated\n\" linguist-generated\n")], &["["]) => NONE;
        files_that_may_say_something: GeneratedFiles::sources(&"a/b/c".into()).iter().map(ToString::to_string).collect::<Vec<_>>()
            => [".gitattributes", "a/.gitattributes", "a/b/.gitattributes"];
    }
}
