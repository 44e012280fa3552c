//! Asks, before checks run, whether something of the machine would lead them into another tree than the judged one: an editable install,
//! a variable, a setting of a build tool. Such a check is broken with the sentence that says so; whatever it would print proves nothing.
//!
//! The interpreters are asked where they look for modules, inside of the sandbox of the checks and with their environment; the answer of a
//! program is only used to find directories, which are then read here. What the judged tree itself does is not looked at.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::checks::foreign::{self, Lead};
use crate::ops::refusal::OpError;
use crate::ops::run::check_environment::CheckEnvironment;
use crate::ops::run::check_place::CheckPlace;
use crate::ops::run::checks::CheckPlan;

/// Files by which a directory is a project of Python.
const PYTHON: [&str; 5] = ["pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "conftest.py"];
/// Interpreters and environments that checks are likely to use, each asked for its search path with a NUL behind every directory. The
/// first line of a script that the check starts names another one.
const ASK: &str = "import sys; sys.stdout.write(\"\\0\".join(sys.path) + \"\\0\")";
/// Environments that a setup makes in the place itself.
const OWN: [&str; 3] = [".venv", "venv", "env"];
/// Programs that never start Python by themselves.
const OTHERS: [&str; 14] =
    ["cargo", "go", "npm", "pnpm", "yarn", "npx", "node", "bun", "deno", "mvn", "gradle", "dotnet", "swift", "ctest"];
/// Programs that start Python with what stands on its module path, and nothing else.
const TEST_RUNNERS: [&str; 4] = ["pytest", "py.test", "coverage", "unittest"];
/// The largest file of an installation that is read.
const CAP: u64 = 256 << 10;
/// How deep a project is looked for below the root.
const DEPTH: usize = 3;

/// Starts a command as a check would be started, and returns what it printed; nothing where it cannot be started.
pub(super) type Ask<'a> = dyn Fn(Vec<std::ffi::OsString>) -> Result<Vec<u8>, OpError> + 'a;

/// What leads checks at one place elsewhere.
pub(super) struct Leads<'a> {
    place: &'a CheckPlace,
    environment: &'a CheckEnvironment,
    /// What leads every check elsewhere.
    all: Option<Lead>,
    /// The directories in which Python looks, and what there leads elsewhere.
    python: Option<Python>,
}

struct Python {
    search: Vec<PathBuf>,
    lead: Option<Lead>,
}

impl Leads<'_> {
    /// Looks at everything that does not depend on a single check.
    pub(super) fn look<'a>(
        place: &'a CheckPlace,
        environment: &'a CheckEnvironment,
        plans: &[CheckPlan],
        ask: &Ask<'_>,
    ) -> Result<Leads<'a>, OpError> {
        let mut leads = Leads { place, environment, all: None, python: None };
        leads.all = leads.variables().or_else(|| leads.settings());
        let starts_python = plans.iter().any(|plan| !OTHERS.contains(&first_word(&plan.command_text()).as_str()));
        if leads.all.is_none() && starts_python && has_any(&place.root, &PYTHON, DEPTH) {
            leads.python = Some(leads.ask_python(plans, ask)?);
        }
        Ok(leads)
    }

    /// What leads this check elsewhere.
    pub(super) fn of(&self, plan: &CheckPlan) -> Option<Lead> {
        let command = plan.command_text();
        let own = self.named(command.as_bytes()).map(|checkout| Lead::Command { checkout });
        let of_python = || {
            let python = self.python.as_ref().filter(|_| !OTHERS.contains(&first_word(&command).as_str()))?;
            python.lead.clone().or_else(|| self.shadow(&command, &python.search))
        };
        self.all.clone().or(own).or_else(of_python)
    }

    /// The checkout that a text names, outside of the environments that are shown.
    fn named(&self, text: &[u8]) -> Option<PathBuf> {
        let mut allowed = self.environment.shown.clone();
        // The place lies in the directory of worktrees, which counts as a checkout.
        allowed.extend(self.place.root.parent().map(Path::to_owned));
        foreign::named(text, &self.environment.checkouts, &allowed).map(Path::to_owned)
    }

    fn variables(&self) -> Option<Lead> {
        // What says where the user and the programs are leads to no sources.
        const LEFT: [&str; 6] = ["PATH", "HOME", "VIRTUAL_ENV", "PWD", "OLDPWD", "GIT_CEILING_DIRECTORIES"];
        self.environment.variables.iter().filter(|(name, _)| !LEFT.iter().any(|left| name == left)).find_map(
            |(name, value)| {
                let checkout = self.named(value.as_bytes())?;
                Some(Lead::Variable { name: name.to_string_lossy().into_owned(), checkout })
            },
        )
    }

    /// Settings of the user's own that replace packages in every project.
    fn settings(&self) -> Option<Lead> {
        let root = &self.place.root;
        if has_any(root, &["Cargo.toml"], DEPTH) {
            let home = self.variable("CARGO_HOME").or_else(|| Some(self.variable("HOME")?.join(".cargo")))?;
            for file in ["config.toml", "config"].map(|name| home.join(name)) {
                let text = fs::read_text(&file, CAP).unwrap_or_default();
                if let Some(checkout) = foreign::cargo_replaces(&text, &self.environment.checkouts) {
                    return Some(Lead::Settings { file, checkout: checkout.to_owned() });
                }
            }
        }
        if has_any(root, &["go.mod"], DEPTH) {
            let file = self.variable("XDG_CONFIG_HOME").or_else(|| Some(self.variable("HOME")?.join(".config")))?;
            let file = file.join("go/env");
            let checkout = self.named(&fs::read_capped(&file, CAP).unwrap_or_default());
            return checkout.map(|checkout| Lead::Settings { file, checkout });
        }
        None
    }

    fn variable(&self, name: &str) -> Option<PathBuf> {
        let found = self.environment.variables.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    }

    fn ask_python(&self, plans: &[CheckPlan], ask: &Ask<'_>) -> Result<Python, OpError> {
        let own = OWN.iter().map(|name| self.place.root.join(name).join("bin/python")).filter(|path| path.exists());
        let scripts = plans.iter().filter_map(|plan| self.interpreter(&first_word(&plan.command_text())));
        let named = ["python3", "python"].into_iter().filter_map(|name| self.program(name));
        let mut interpreters: Vec<PathBuf> = Vec::new();
        for path in named.chain(own).chain(scripts) {
            // In one environment, `python` and `python3` are one program.
            let is_asked = |asked: &PathBuf| asked.parent() == path.parent() && is_one(asked, &path);
            if !interpreters.iter().any(is_asked) {
                interpreters.push(path);
            }
        }
        // One that is not there says so on standard error, and the next one is asked.
        let script = format!("for python do \"$python\" -c '{ASK}' 2>/dev/null; done; true");
        let mut command = ["/bin/sh", "-c", &script, "sh"].map(std::ffi::OsString::from).to_vec();
        command.extend(interpreters.into_iter().map(PathBuf::into_os_string));
        let answer = ask(command)?;
        let mut search: Vec<PathBuf> =
            answer.split(|byte| *byte == 0).map(path).filter(|dir| dir.is_absolute()).collect();
        search.sort();
        search.dedup();
        let lead = search.iter().find_map(|dir| self.redirection(dir));
        Ok(Python { search, lead })
    }

    /// The program of that name which a check finds.
    fn program(&self, name: &str) -> Option<PathBuf> {
        self.environment.path().into_iter().map(|dir| dir.join(name)).find(|path| path.is_file())
    }

    /// The interpreter that the first line of a script on the path names.
    fn interpreter(&self, word: &str) -> Option<PathBuf> {
        let file = match word.contains('/') {
            true => self.place.root.join(word),
            false => self.program(word)?,
        };
        let start = fs::read_start(&file, 512).ok()?;
        let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
        let program = line.trim_ascii().split(|byte| byte.is_ascii_whitespace()).next()?;
        let is_python = path(program).file_name()?.to_string_lossy().starts_with("python");
        is_python.then(|| path(program))
    }

    /// What in a directory of modules leads elsewhere.
    fn redirection(&self, dir: &Path) -> Option<Lead> {
        if let Some(checkout) = self.named(dir.as_os_str().as_bytes()) {
            return Some(Lead::SearchPath { dir: dir.to_owned(), checkout });
        }
        let mut entries = fs::list_dir(dir).unwrap_or_default();
        entries.sort();
        entries.iter().find_map(|entry| {
            let name = entry.file_name()?.to_str()?;
            let file = match name.ends_with(".dist-info") {
                true => entry.join("direct_url.json"),
                false if foreign::can_redirect(name) => entry.clone(),
                false => return None,
            };
            let checkout = self.named(&fs::read_capped(&file, CAP).ok()?)?;
            Some(Lead::Package { name: foreign::package_of(name), file, checkout })
        })
    }

    /// A package of the judged tree that is not on the module path, while another build of it is. Only for commands of which it is known what
    /// they put there.
    fn shadow(&self, command: &str, search: &[PathBuf]) -> Option<Lead> {
        let root = &self.place.root;
        let word = first_word(command);
        let is_module = word.starts_with("python");
        if !(is_module || TEST_RUNNERS.contains(&word.as_str())) || command.contains("PYTHONPATH") {
            return None;
        }
        let settings = ["pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg"];
        let says = |name: &str, what: &str| fs::read_text(&root.join(name), CAP).is_ok_and(|text| text.contains(what));
        if settings.iter().any(|name| says(name, "pythonpath"))
            || ["conftest.py", "tests/conftest.py", "test/conftest.py"].iter().any(|name| says(name, "sys.path"))
        {
            return None;
        }
        let installed: Vec<&PathBuf> = search
            .iter()
            .filter(|dir| !dir.starts_with(root) && (dir.ends_with("site-packages") || dir.ends_with("dist-packages")))
            .collect();
        // A module that is started puts the root on the path, and so does a `conftest.py` there.
        let is_flat_covered = is_module || root.join("conftest.py").is_file();
        let flat = if is_flat_covered { Vec::new() } else { packages(root) };
        packages(&root.join("src")).into_iter().chain(flat).find_map(|name| {
            let is_there = |dir: &&&PathBuf| {
                dir.join(&name).join("__init__.py").is_file() || dir.join(format!("{name}.py")).is_file()
            };
            let dir = installed.iter().find(is_there)?;
            Some(Lead::Shadow { file: dir.join(&name), name })
        })
    }
}

/// The packages and modules in a directory that others could import by name.
fn packages(dir: &Path) -> Vec<String> {
    const NONE: [&str; 10] =
        ["setup", "conftest", "noxfile", "tests", "test", "docs", "examples", "tools", "scripts", "benchmarks"];
    let name_of = |entry: &PathBuf| {
        let stem = entry.file_stem()?.to_str()?.to_owned();
        let is_module = entry.extension().is_some_and(|end| end == "py") && entry.is_file();
        (is_module || entry.join("__init__.py").is_file()).then_some(stem)
    };
    let found = fs::list_dir(dir).unwrap_or_default();
    found.iter().filter_map(name_of).filter(|name| !NONE.contains(&name.as_str())).collect()
}

/// Whether one of these files stands at the root or in a directory below it, hidden ones left out.
fn has_any(dir: &Path, names: &[&str], depth: usize) -> bool {
    if names.iter().any(|name| dir.join(name).is_file()) {
        return true;
    }
    let is_plain_dir = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_left = name.starts_with('.') || name == "node_modules" || name == "target";
        !is_left && std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
    };
    depth > 1
        && fs::list_dir(dir)
            .unwrap_or_default()
            .iter()
            .filter(|path| is_plain_dir(path))
            .any(|path| has_any(path, names, depth - 1))
}

/// The program of a command line, without the variables that are set before it.
fn first_word(command: &str) -> String {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_before =
        |word: &str| word == "env" || word == "exec" || word.split_once('=').is_some_and(|(name, _)| is_name(name));
    command.split_whitespace().find(|word| !is_before(word)).unwrap_or_default().to_owned()
}

fn is_one(one: &Path, other: &Path) -> bool {
    std::fs::canonicalize(one).ok().zip(std::fs::canonicalize(other).ok()).is_some_and(|(one, other)| one == other)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_command_is_its_first_word_that_is_one() {
        for (command, word) in [
            ("pytest -q", "pytest"),
            ("A=1 B_2=x python -m pytest", "python"),
            ("exec env CI=1 cargo test", "cargo"),
            ("  ", ""),
            ("a=b", ""),
        ] {
            assert_eq!(first_word(command), word, "{command:?}");
        }
    }

    #[test]
    fn a_project_is_found_in_the_tree_but_not_in_what_it_depends_on() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        for (dir, is_found) in [("node_modules/x", false), (".venv/x", false), ("a/b/c", false), ("a/b", true)] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
            std::fs::write(root.join(dir).join("setup.py"), "").unwrap();
            assert_eq!(has_any(root, &PYTHON, DEPTH), is_found, "{dir}");
        }
    }

    #[test]
    fn packages_are_what_can_be_imported() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["pkg/__init__.py", "data/x.txt", "tests/__init__.py", "mod.py", "setup.py"] {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let mut found = packages(temp.path());
        found.sort();
        assert_eq!(found, ["mod", "pkg"]);
    }
}
