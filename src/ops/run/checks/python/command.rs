//! What the words of a command, and the settings that it reads, say about the Python that it starts.

use std::path::Path;

use crate::base::fs;
use crate::checks::foreign;
use crate::ops::run::checks::project_files::CAP;
use crate::ops::run::checks::python::search::OWN;
use crate::ops::run::checks::scene::first_word;

/// Programs that hardly ever start Python. Where the checkout is hidden from them, they run;
/// without a sandbox they would find it.
const OTHERS: [&str; 14] = [
    "cargo", "go", "npm", "pnpm", "yarn", "npx", "node", "bun", "deno", "mvn", "gradle", "dotnet",
    "swift", "ctest",
];

/// Tells whether a command hardly ever starts Python.
pub(crate) fn is_of_another_language(command: &str) -> bool {
    OTHERS.contains(&first_word(command).as_str())
}

/// Returns true if a command is nothing but a program of an environment that a setup has made in
/// the place, or one that uv makes there. A script of the tree can start any other.
pub(crate) fn starts_own_environment(command: &str) -> bool {
    if command.contains([';', '|', '&', '`', '$', '\n']) {
        return false;
    }
    let word = first_word(command);
    let below = word.trim_start_matches("./");
    let is_own = OWN.iter().any(|name| {
        below
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with("/bin/"))
    });
    let mut words = command
        .split_whitespace()
        .skip_while(|one| *one != word)
        .skip(1);
    let is_uv = word == "uv"
        && words.next() == Some("run")
        && !["--active", "--no-project", "--no-sync"]
            .iter()
            .any(|option| command.contains(option));
    is_own || is_uv
}

/// Returns true if it is known that a command, or the settings of pytest, put a directory of the
/// tree on the module path before what is installed.
pub(crate) fn puts_on_path(root: &Path, command: &str, dir: &str) -> bool {
    let read = |name: &str| {
        let text = fs::read_text(&root.join(name), CAP).unwrap_or_default();
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let settings = [
        "pyproject.toml",
        "pytest.ini",
        ".pytest.ini",
        "tox.ini",
        "setup.cfg",
    ];
    let conftests = ["conftest.py", "tests/conftest.py", "test/conftest.py"];
    let by_code = |name: &&str| {
        ["sys.path.insert", "sys.path.append"]
            .iter()
            .any(|call| read(name).contains(call))
    };
    let word = first_word(command);
    let of_root = dir.is_empty()
        && ((word.starts_with("python") && command.contains(" -m "))
            || root.join("conftest.py").is_file());
    of_root
        || foreign::puts_on_path(command, dir)
        || settings
            .iter()
            .any(|name| foreign::puts_on_path(&read(name), dir))
        || conftests.iter().any(by_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        temp
    }

    #[test]
    fn only_a_single_program_of_an_environment_of_the_place_uses_no_other() {
        for own in [
            ".venv/bin/python -m pytest",
            "CI=1 ./venv/bin/pytest -q",
            "uv run --locked python -m pytest",
        ] {
            assert!(starts_own_environment(own), "{own}");
        }
        for other in [
            "./test.sh",
            "python -m pytest",
            "bin/pytest",
            "uv sync && python -m pytest",
            ".venv/bin/python -V; python -m pytest",
            "uv pip list",
            "uv run --no-sync pytest",
            "make test",
        ] {
            assert!(!starts_own_environment(other), "{other}");
        }
    }

    #[test]
    fn only_what_shows_it_puts_the_tree_first() {
        type Case = (
            &'static [(&'static str, &'static str)],
            &'static str,
            &'static str,
            bool,
        );
        let table: [Case; 9] = [
            (&[], "python -m unittest", "", true),
            (&[], "pytest", "", false),
            (&[("conftest.py", "")], "pytest", "", true),
            (&[], "python -m pytest", "src", false),
            (&[], "make test", "", false),
            (
                &[("pyproject.toml", "# pythonpath = [\"src\"]")],
                "pytest",
                "src",
                false,
            ),
            (
                &[("pyproject.toml", "pythonpath = [\"src\"]")],
                "pytest",
                "src",
                true,
            ),
            (
                &[("tests/conftest.py", "print(sys.path)")],
                "pytest",
                "src",
                false,
            ),
            (
                &[("tests/conftest.py", "sys.path.insert(0, 'src')")],
                "pytest",
                "src",
                true,
            ),
        ];
        for (files, command, dir, puts) in table {
            let temp = tree(files);
            assert_eq!(
                puts_on_path(temp.path(), command, dir),
                puts,
                "{files:?} {command} {dir:?}"
            );
        }
    }
}
