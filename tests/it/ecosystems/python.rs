//! Python: environments inside and outside of the checkout, installed in every way that `pip` and
//! `uv` have.

use crate::ecosystems::matrix::{Comes, Project};
use crate::ecosystems::tools;

/// A build backend without dependencies, in the project itself: nothing has to be fetched. Editable
/// installs are a path file here, as most backends make them, or a module that finds the package.
const BACKEND: &str = r#"
import pathlib
import zipfile

SRC = pathlib.Path.cwd() / "src"
FINDER = """
import importlib.util, sys
def find_spec(name, path=None, target=None):
    if name == "calc":
        return importlib.util.spec_from_file_location(name, {source!r})
class Finder:
    find_spec = staticmethod(find_spec)
sys.meta_path.append(Finder)
"""


def wheel(directory, files):
    info = "calc-1.0.dist-info"
    files[f"{info}/METADATA"] = "Metadata-Version: 2.1\nName: calc\nVersion: 1.0\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    name = "calc-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return name


def build_wheel(directory, settings=None, metadata=None):
    return wheel(directory, {str(path.relative_to(SRC)): path.read_text() for path in SRC.rglob("*.py")})


def build_editable(directory, settings=None, metadata=None):
    if (settings or {}).get("finder"):
        finder = FINDER.format(source=str(SRC / "calc/__init__.py"))
        names = {"__editable__.calc-1.0.pth": "import __editable___calc_1_0_finder\n"}
        return wheel(directory, {"__editable___calc_1_0_finder.py": finder, **names})
    return wheel(directory, {"_editable_impl_calc.pth": f"{SRC}\n"})
"#;
const PROJECT: &str = "[build-system]
requires = []
build-backend = \"backend\"
backend-path = [\".\"]

[project]
name = \"calc\"
version = \"1.0\"
requires-python = \">=3.8\"
";
const CALC: &str = "def add(a, b):\n    return a + b\n";
const TEST: &str = "import unittest

from calc import add


class Calc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
";
const IGNORED: &str = ".venv/\n__pycache__/\n";
const SRC_LAYOUT: [(&str, &str); 5] = [
    (".gitignore", IGNORED),
    ("pyproject.toml", PROJECT),
    ("backend.py", BACKEND),
    ("src/calc/__init__.py", CALC),
    ("tests/test_calc.py", TEST),
];
const CHECK: &str = "python3 -m unittest discover -s tests";
const BREAK: &str = "sed -i 's/a + b/a - b/' src/calc/__init__.py";

fn src_layout() -> Project {
    Project::new(&["python3"], &SRC_LAYOUT)
}

/// Makes the environment `venv` and installs `what` into it, with nothing from the network.
fn install(venv: &str, what: &str) -> String {
    let pip = tools::pip();
    format!(
        "python3 -m venv --without-pip {venv}
        {pip} --python {venv}/bin/python install --quiet --no-index --no-deps --no-build-isolation {what}"
    )
}

/// An environment into which the project was installed once: no tree that comes later is what is
/// tested there.
fn stands_in_for_the_main_checkout(project: &Project) {
    project.checked_by(None, CHECK);
    project.judges(&[
        ("good", "", Comes::Elsewhere),
        ("broken", BREAK, Comes::Elsewhere),
    ]);
}

#[test]
fn python_with_a_flat_layout_and_an_environment_outside() {
    let files = [
        (".gitignore", IGNORED),
        ("calc.py", CALC),
        ("test_calc.py", &format!("import tiny\n{TEST}")),
    ];
    let mut project = Project::new(&["python3"], &files);
    let (venv, dependency) = (project.outside("venv"), project.outside("tiny"));
    for (path, text) in SRC_LAYOUT {
        let path = dependency.join(path.replace("calc/", "tiny/"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("calc", "tiny")).unwrap();
    }
    project.shell(&install(
        venv.to_str().unwrap(),
        dependency.to_str().unwrap(),
    ));
    project.activate(&venv.join("bin"));
    project.checked_by(None, "python3 -m unittest");
    let broken = "sed -i 's/a + b/a - b/' calc.py";
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", broken, Comes::NotPassed),
        ("gone", "rm calc.py", Comes::NotPassed),
    ]);
}

#[test]
fn python_installed_editable_into_the_checkouts_own_environment() {
    let mut project = src_layout();
    project.shell(&install(".venv", "-e ."));
    project.activate(&project.root().join(".venv/bin"));
    stands_in_for_the_main_checkout(&project);
}

#[test]
fn python_installed_as_a_copy_into_the_checkouts_own_environment() {
    let mut project = src_layout();
    project.shell(&install(".venv", "."));
    project.activate(&project.root().join(".venv/bin"));
    stands_in_for_the_main_checkout(&project);
}

#[test]
fn python_installed_from_a_wheel_into_the_checkouts_own_environment() {
    let mut project = src_layout();
    project.shell(&format!(
        "mkdir ../wheels; python3 -c 'import backend; backend.build_wheel(\"../wheels\")'; {}",
        install(".venv", "../wheels/calc-1.0-py3-none-any.whl")
    ));
    project.activate(&project.root().join(".venv/bin"));
    project.checked_by(None, CHECK);
    // Nothing says where that wheel was built.
    project.judges(&[
        ("good", "", Comes::NotPassed),
        ("broken", BREAK, Comes::NotPassed),
    ]);
}

#[test]
fn python_installed_editable_into_an_environment_outside() {
    for how in ["-e .", "-e . --config-settings finder=1"] {
        let mut project = src_layout();
        let venv = project.outside("venv");
        project.shell(&install(venv.to_str().unwrap(), how));
        project.activate(&venv.join("bin"));
        stands_in_for_the_main_checkout(&project);
    }
}

#[test]
fn python_whose_setup_makes_the_environment() {
    let project = Project::new(&["python3", "uv"], &SRC_LAYOUT);
    // By `uv`, since it is made anew for each tree, twice: `pip` takes five times as long.
    let setup = "python3 -m venv --without-pip .venv
        uv pip install --python .venv/bin/python --quiet --offline --no-deps --no-build-isolation -e .";
    project.shell(setup);
    project.checked_by(Some(setup), &CHECK.replace("python3", ".venv/bin/python"));
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
    ]);
}

#[test]
fn python_by_uv() {
    let project = Project::new(&["python3", "uv"], &SRC_LAYOUT);
    project.shell("uv sync --offline --quiet");
    project.checked_by(
        None,
        "uv run --offline python -m unittest discover -s tests",
    );
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
        // Without a project here, `uv` would take one above, and its environment.
        (
            "no-project",
            "git rm -q pyproject.toml uv.lock",
            Comes::NotPassed,
        ),
    ]);
}

#[test]
fn python_by_uv_as_a_copy() {
    let project = Project::new(&["python3", "uv"], &SRC_LAYOUT);
    project.shell("uv sync --offline --quiet --no-editable");
    // `uv` keeps what it has built, by the place and by the settings of the project, not by its
    // sources.
    project.checked_by(
        None,
        "uv run --offline --no-editable python -m unittest discover -s tests",
    );
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
    ]);
}
