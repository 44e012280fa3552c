//! Python: the runner that a lock file names, the project's own virtual environment whether it is
//! active or not, tox, and last whatever Python is on the path.

use std::borrow::Cow;
use std::path::Path;

use crate::base::fs;
use crate::config::detect::environment;
use crate::config::detect::found::{CheckFamily, DetectedCheck, content, first_file};
use crate::domain::check::CheckParser;

/// Names that virtual environments usually have; any other directory at the root can be one, too.
const USUAL: [&str; 4] = [".venv", "venv", "env", ".env"];
/// By this file a directory is a virtual environment.
const MARK: &str = "pyvenv.cfg";
/// Test files that are looked into for what they import.
const FILES: usize = 50;

/// The ways to the tests, the most certain first.
pub(super) fn checks(root: &Path) -> Vec<DetectedCheck> {
    let mut found = Vec::new();
    if let Some(because) = pytest_mark(root) {
        found.extend(by_lock_file(root));
        if let Some(dir) = environment_of(root) {
            let in_it = pytest(
                &format!("{dir}/bin/python -m pytest"),
                &format!("{dir}/{MARK}"),
            );
            let anew = environment::made_anew(root, &dir).map(|setup| DetectedCheck {
                setup: Some(setup.into()),
                ..in_it.clone()
            });
            // One that leads back judges nothing, so there is no use in trying it as it is.
            found.push(anew.unwrap_or(in_it));
        }
        found.extend(tox(root));
        found.push(pytest("python3 -m pytest", because));
    } else {
        found.extend(tox(root));
    }
    found.extend(unittest(root));
    found
}

/// What installs the dependencies, where a lock file tells.
pub(super) fn setup(root: &Path) -> Option<Cow<'static, str>> {
    by_lock_file(root)?.setup
}

fn pytest(run: &str, because: &str) -> DetectedCheck {
    let mut check = DetectedCheck::new(CheckFamily::Python, "pytest", run, because);
    check.parser = CheckParser::Pytest;
    check
}

/// uv and poetry build an environment of their own from the tree in which they are started.
fn by_lock_file(root: &Path) -> Option<DetectedCheck> {
    const RUNNERS: [(&str, &str, &str); 2] = [
        (
            "uv.lock",
            "uv run --locked python -m pytest",
            "uv sync --locked",
        ),
        (
            "poetry.lock",
            ".venv/bin/python -m pytest",
            "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction",
        ),
    ];
    let (name, run, setup) = RUNNERS
        .iter()
        .find(|(name, ..)| root.join(name).is_file())?;
    let mut check = pytest(run, name);
    check.setup = Some((*setup).into());
    Some(check)
}

/// The file by which pytest is known to be used.
fn pytest_mark(root: &Path) -> Option<&'static str> {
    first_file(root, &["pytest.ini", "conftest.py", "tests/conftest.py"]).or_else(|| {
        let project = content(root, "pyproject.toml")?;
        (project.contains("pytest") || root.join("tests").is_dir()).then_some("pyproject.toml")
    })
}

/// The project's virtual environment, relative to the root.
fn environment_of(root: &Path) -> Option<String> {
    let usual = USUAL.iter().map(|name| root.join(name));
    let mut others = fs::list_dir(root).unwrap_or_default();
    others.sort();
    let found = usual
        .chain(others)
        .find(|dir| dir.join(MARK).is_file() && dir.join("bin/python").exists())?;
    let name = found.file_name()?.to_str()?;
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    is_plain.then(|| name.to_owned())
}

fn tox(root: &Path) -> Option<DetectedCheck> {
    let because = first_file(root, &["tox.ini"]).or_else(|| {
        content(root, "pyproject.toml")?
            .contains("[tool.tox")
            .then_some("pyproject.toml")
    })?;
    Some(DetectedCheck::new(
        CheckFamily::Python,
        "tox",
        "tox",
        because,
    ))
}

/// Tests by the library of the language. Only where a file shows that there are some: a run of none
/// ends with success.
fn unittest(root: &Path) -> Option<DetectedCheck> {
    let is_test = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = || fs::read_text(path, 1 << 20).unwrap_or_default();
        name.starts_with("test") && name.ends_with(".py") && text().contains("import unittest")
    };
    let has_tests = |dir: &Path| {
        let mut files = fs::list_dir(dir).unwrap_or_default();
        files.sort();
        files.iter().take(FILES).any(|path| is_test(path))
    };
    let (run, because) = if has_tests(&root.join("tests")) {
        ("python3 -m unittest discover -s tests", "tests/")
    } else if has_tests(root) {
        ("python3 -m unittest", "test*.py")
    } else {
        return None;
    };
    Some(DetectedCheck::new(
        CheckFamily::Python,
        "unittest",
        run,
        because,
    ))
}
