//! An environment of Python in the main checkout that a check names by its relative path, such as
//! `.venv/bin/python -m pytest`.
//!
//! It is ignored by Git, so the place of checks has none, unless a setup makes one. What is
//! installed there came from packages, not from the tree; so it is used as one on `PATH` would be:
//! read-only, and with the same look at what in it leads back into a checkout. The record keeps the
//! command as it is written; only what is started names the place on this machine.

use std::path::{Path, PathBuf};

/// By this file a directory is an environment of Python.
pub(crate) const MARK: &str = "pyvenv.cfg";

/// A word of a command with the environments of `root` in it replaced by their places, and those
/// environments; the word itself where it names none, or one that `place` has, too.
pub(crate) fn borrow(word: &str, root: &Path, place: &Path) -> (String, Option<PathBuf>) {
    let below = word.strip_prefix("./").unwrap_or(word);
    let Some((dir, program)) = below.split_once("/bin/") else {
        return (word.to_owned(), None);
    };
    let is_plain = !dir.is_empty()
        && !dir.starts_with('/')
        && !dir.split('/').any(|part| part == "..")
        && dir
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let environment = root.join(dir);
    if !is_plain || place.join(dir).exists() || !environment.join(MARK).is_file() {
        return (word.to_owned(), None);
    }
    let started = environment.join("bin").join(program);
    match started.to_str() {
        Some(started) => (started.to_owned(), Some(environment)),
        None => (word.to_owned(), None),
    }
}

/// The same for each word of a shell line. Only the word before a blank is looked at, as it stands.
pub(crate) fn borrow_line(line: &str, root: &Path, place: &Path) -> (String, Vec<PathBuf>) {
    let mut environments = Vec::new();
    let words = line.split_inclusive(|c: char| c.is_whitespace() || ";|&()".contains(c));
    let mut one = |piece: &str| {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || ";|&()".contains(c));
        let (started, environment) = borrow(word, root, place);
        let Some(environment) = environment else {
            return piece.to_owned();
        };
        environments.push(environment);
        let quoted = format!("'{}'", started.replace('\'', "'\\''"));
        format!("{quoted}{}", &piece[word.len()..])
    };
    let line = words.map(&mut one).collect();
    (line, environments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_environment_that_the_place_lacks_is_borrowed() {
        let temp = tempfile::tempdir().unwrap();
        let (root, place) = (temp.path().join("it's"), temp.path().join("place"));
        for dir in [
            "it's/.venv/bin",
            "it's/own/bin",
            "it's/plain/bin",
            "place/own/bin",
        ] {
            std::fs::create_dir_all(temp.path().join(dir)).unwrap();
        }
        for environment in [".venv", "own"] {
            std::fs::write(root.join(environment).join(MARK), "").unwrap();
        }
        let real = format!("{}/.venv/bin", root.display());
        let quoted = real.replace('\'', "'\\''");
        let table = [
            ("python -m pytest", "python -m pytest".to_owned(), 0),
            (
                ".venv/bin/python -m pytest",
                format!("'{quoted}/python' -m pytest"),
                1,
            ),
            (
                "CI=1 ./.venv/bin/pytest; .venv/bin/ruff&",
                format!("CI=1 '{quoted}/pytest'; '{quoted}/ruff'&"),
                2,
            ),
            ("own/bin/python x", "own/bin/python x".to_owned(), 0),
            ("plain/bin/tool", "plain/bin/tool".to_owned(), 0),
            ("../it's/.venv/bin/x", "../it's/.venv/bin/x".to_owned(), 0),
            ("/usr/bin/env", "/usr/bin/env".to_owned(), 0),
        ];
        for (line, started, borrowed) in table {
            let (found, environments) = borrow_line(line, &root, &place);
            assert_eq!((found, environments.len()), (started, borrowed), "{line}");
        }
        assert_eq!(
            borrow(".venv/bin/python", &root, &place),
            (format!("{real}/python"), Some(root.join(".venv")))
        );
    }
}
