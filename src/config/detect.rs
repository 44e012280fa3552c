//! Guesses the checks of a repository from the files at its root, for `ai init` to propose. A guess
//! reads little and runs nothing; a file that cannot be read proposes nothing.

use crate::base::fs;
use crate::domain::check::CheckParser;
use std::path::Path;

/// The largest file that is looked into, in bytes.
const LOOK: u64 = 1 << 20;

/// A check that would suit the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedCheck {
    /// The name.
    pub name: &'static str,
    /// The shell line.
    pub run: &'static str,
    /// The parser of its output.
    pub parser: CheckParser,
    /// The file that gave it away.
    pub because: &'static str,
}

/// The checks that would suit the repository at `root`. A `make test` is proposed only where
/// nothing else is, since it mostly calls the others.
pub fn detect(root: &Path) -> Vec<DetectedCheck> {
    let found: Vec<_> = [cargo(root), npm(root), pytest(root), go(root)]
        .into_iter()
        .flatten()
        .collect();
    if found.is_empty() {
        make(root).into_iter().collect()
    } else {
        found
    }
}

fn cargo(root: &Path) -> Option<DetectedCheck> {
    content(root, "Cargo.toml")?;
    let (run, parser) = match content(root, ".config/nextest.toml") {
        Some(_) => ("cargo nextest run", CheckParser::Nextest),
        None => ("cargo test", CheckParser::Cargo),
    };
    Some(DetectedCheck {
        name: "cargo-test",
        run,
        parser,
        because: "Cargo.toml",
    })
}

fn npm(root: &Path) -> Option<DetectedCheck> {
    let package: serde_json::Value = serde_json::from_str(&content(root, "package.json")?).ok()?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    // The script that `npm init` writes only says that there is none.
    if script.contains("no test specified") {
        return None;
    }
    let run = if root.join("pnpm-lock.yaml").is_file() {
        "pnpm test"
    } else if root.join("yarn.lock").is_file() {
        "yarn test"
    } else {
        "npm test"
    };
    Some(DetectedCheck {
        name: "npm-test",
        run,
        parser: CheckParser::Auto,
        because: "package.json",
    })
}

fn pytest(root: &Path) -> Option<DetectedCheck> {
    let because = ["pytest.ini", "conftest.py"]
        .into_iter()
        .find(|name| root.join(name).is_file());
    let because = because.or_else(|| {
        let project = content(root, "pyproject.toml")?;
        (project.contains("pytest") || root.join("tests").is_dir()).then_some("pyproject.toml")
    })?;
    // uv builds an environment of its own from the tree in which it is started.
    let run = if root.join("uv.lock").is_file() {
        "uv run --locked python -m pytest"
    } else {
        "python -m pytest"
    };
    Some(DetectedCheck {
        name: "pytest",
        run,
        parser: CheckParser::Pytest,
        because,
    })
}

fn go(root: &Path) -> Option<DetectedCheck> {
    content(root, "go.mod")?;
    Some(DetectedCheck {
        name: "go-test",
        run: "go test ./...",
        parser: CheckParser::Go,
        because: "go.mod",
    })
}

fn make(root: &Path) -> Option<DetectedCheck> {
    let (because, text) = ["GNUmakefile", "Makefile", "makefile"]
        .into_iter()
        .find_map(|name| Some((name, content(root, name)?)))?;
    let is_target = |line: &str| {
        let rest = line.strip_prefix("test").map(str::trim_start);
        rest.is_some_and(|rest| {
            rest.starts_with(':') && !rest.starts_with(":=") && !rest.starts_with("::=")
        })
    };
    let check = DetectedCheck {
        name: "make-test",
        run: "make test",
        parser: CheckParser::Auto,
        because,
    };
    text.lines().any(is_target).then_some(check)
}

/// The command that installs what the repository at `root` depends on into a fresh directory, where
/// its files tell: nothing of the checkout is found from there. Exactly what the lock file says,
/// where there is one.
pub fn detect_setup(root: &Path) -> Option<&'static str> {
    const LOCKS: [(&str, &str); 5] = [
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "yarn install --frozen-lockfile"),
        ("bun.lock", "bun install --frozen-lockfile"),
        ("package-lock.json", "npm ci"),
        ("npm-shrinkwrap.json", "npm ci"),
    ];
    let package: serde_json::Value = serde_json::from_str(&content(root, "package.json")?).ok()?;
    if let Some((_, command)) = LOCKS.iter().find(|(name, _)| root.join(name).is_file()) {
        return Some(command);
    }
    let names_any = |key: &str| {
        package
            .get(key)
            .and_then(serde_json::Value::as_object)
            .is_some_and(|all| !all.is_empty())
    };
    // A lock file that it wrote would become a part of the work.
    (names_any("dependencies") || names_any("devDependencies"))
        .then_some("npm install --no-package-lock")
}

fn content(root: &Path, name: &str) -> Option<String> {
    fs::read_text(&root.join(name), LOOK).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(files: &[(&str, &str)]) -> Vec<&'static str> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        detect(dir.path())
            .into_iter()
            .map(|check| check.run)
            .collect()
    }

    #[test]
    fn files_give_their_checks_away() {
        assert_eq!(detected(&[]), [""; 0]);
        assert_eq!(
            detected(&[("Cargo.toml", ""), ("Makefile", "test:\n")]),
            ["cargo test"]
        );
        assert_eq!(
            detected(&[("Cargo.toml", ""), (".config/nextest.toml", "")]),
            ["cargo nextest run"]
        );
        assert_eq!(
            detected(&[("go.mod", ""), ("pytest.ini", "")]),
            ["python -m pytest", "go test ./..."]
        );
        assert_eq!(
            detected(&[("pyproject.toml", "[tool.pytest.ini_options]")]),
            ["python -m pytest"]
        );
        assert_eq!(detected(&[("pyproject.toml", "[project]")]), [""; 0]);
        assert_eq!(
            detected(&[("conftest.py", ""), ("uv.lock", "")]),
            ["uv run --locked python -m pytest"]
        );
    }

    #[test]
    fn what_a_fresh_directory_needs_is_told_by_lock_files() {
        type DetectCase = (
            &'static [(&'static str, &'static str)],
            Option<&'static str>,
        );
        let table: [DetectCase; 7] = [
            (&[], None),
            (&[("package-lock.json", "{}")], None),
            (&[("package.json", "{}")], None),
            (
                &[("package.json", "{}"), ("package-lock.json", "{}")],
                Some("npm ci"),
            ),
            (
                &[("package.json", "{}"), ("pnpm-lock.yaml", "")],
                Some("pnpm install --frozen-lockfile"),
            ),
            (
                &[("package.json", r#"{"devDependencies":{"tape":"1"}}"#)],
                Some("npm install --no-package-lock"),
            ),
            (&[("package.json", r#"{"dependencies":{}}"#)], None),
        ];
        for (files, command) in table {
            let dir = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(dir.path().join(name), text).unwrap();
            }
            assert_eq!(detect_setup(dir.path()), command, "{files:?}");
        }
    }

    #[test]
    fn package_json_needs_a_real_test_script() {
        let script = |text: &str| format!(r#"{{"scripts":{{"test":{text}}}}}"#);
        assert_eq!(
            detected(&[("package.json", &script("\"vitest\""))]),
            ["npm test"]
        );
        assert_eq!(
            detected(&[("package.json", &script("\"vitest\"")), ("yarn.lock", "")]),
            ["yarn test"]
        );
        for text in [
            "\"echo \\\"Error: no test specified\\\" && exit 1\"",
            "3",
            "oops",
        ] {
            assert_eq!(
                detected(&[("package.json", &script(text))]),
                [""; 0],
                "{text}"
            );
        }
    }

    #[test]
    fn make_needs_a_test_target() {
        assert_eq!(
            detected(&[("Makefile", "all:\ntest : all\n\tx\n")]),
            ["make test"]
        );
        for text in ["test := 1\n", "tests:\n", "\ttest:\n", "test-all:\n"] {
            assert_eq!(detected(&[("Makefile", text)]), [""; 0], "{text:?}");
        }
    }
}
