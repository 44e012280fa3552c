//! Where Python would find the judged package, other than in the judged tree: editable installs from a checkout, and other builds of it, from
//! an index or from another clone.
//!
//! The interpreters are asked where they look for modules, inside of the sandbox of the checks and with their environment; their answer is
//! only used to find directories, which are then read here. An editable install from a checkout breaks the check. Other builds are hidden from
//! it where the sandbox can do that, so that only the judged tree can make it pass; without a sandbox, the check is broken unless its
//! command or the settings of pytest show that the tree comes first.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::checks::foreign::{self, Editable, Lead};
use crate::domain::sandbox::Mode;
use crate::ops::refusal::OpError;
use crate::ops::run::check_scene::{Ask, Scene, first_word};
use crate::ops::run::project_files::{CAP, DEPTH, has_any};

/// What interpreters are asked: their search path, with a NUL behind every directory.
const ASK: &str = "import sys; sys.stdout.write(\"\\0\".join(sys.path) + \"\\0\")";
/// Environments that a setup makes in the place itself.
const OWN: [&str; 3] = [".venv", "venv", "env"];
/// Programs that hardly ever start Python. Where the checkout is hidden from them, they run; without a sandbox they would find it.
const OTHERS: [&str; 14] =
    ["cargo", "go", "npm", "pnpm", "yarn", "npx", "node", "bun", "deno", "mvn", "gradle", "dotnet", "swift", "ctest"];
/// Directories below which packages stand by their names, beside the root.
const SOURCES: [&str; 3] = ["src", "lib", "python"];
/// Names of modules that belong to a repository and not to what it makes.
const NONE: [&str; 12] = [
    "setup",
    "conftest",
    "noxfile",
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "tools",
    "scripts",
    "benchmarks",
    "__pycache__",
];

/// What was found of Python; nothing where the tree holds none.
#[derive(Default)]
pub(super) struct Python {
    /// An editable install from a checkout.
    lead: Option<Lead>,
    /// Other builds of what the tree holds.
    pub(super) others: Vec<PathBuf>,
    /// What each of them is.
    shadows: Vec<Shadow>,
    /// Directories with packages that the sandbox hides.
    out_of_sight: Vec<PathBuf>,
}

/// Another build of what the tree holds.
struct Shadow {
    /// The module, as it is imported.
    name: String,
    /// The directory of the tree that holds the judged one, relative to the root.
    dir: String,
    /// What to say of it.
    lead: Lead,
}

/// A module of the judged tree.
struct Own {
    name: PathBuf,
    dir: String,
}

/// Asks and looks.
pub(super) fn look(scene: &Scene<'_>, commands: &[String], ask: &Ask<'_>) -> Result<Python, OpError> {
    const MARKS: [&str; 6] = ["pyproject.toml", "setup.cfg", "Pipfile", "pytest.ini", "tox.ini", "requirements.txt"];
    let root = &scene.place.root;
    if !has_any(root, &|name| name.ends_with(".py") || MARKS.contains(&name), DEPTH) {
        return Ok(Python::default());
    }
    let search = search_path(scene, commands, ask)?;
    let mut python = Python::default();
    for dir in &search {
        python.redirections(scene, dir);
    }
    python.find_others(scene, &search);
    python.others.retain(|path| !path.starts_with(root));
    Ok(python)
}

/// The directories in which the interpreters look that checks are likely to start.
fn search_path(scene: &Scene<'_>, commands: &[String], ask: &Ask<'_>) -> Result<Vec<PathBuf>, OpError> {
    let own = OWN.iter().map(|name| scene.place.root.join(name).join("bin/python")).filter(|path| path.exists());
    let usual = ["python3", "python"].into_iter().filter_map(|name| scene.program(name));
    let named = commands.iter().flat_map(|command| interpreters_of(scene, command));
    let mut interpreters: Vec<PathBuf> = Vec::new();
    for path in usual.chain(own).chain(named.collect::<Vec<_>>()) {
        // In one environment, `python` and `python3` are one program.
        let is_asked = |asked: &PathBuf| asked.parent() == path.parent() && is_one(asked, &path);
        if !interpreters.iter().any(is_asked) {
            interpreters.push(path);
        }
    }
    if interpreters.is_empty() {
        return Ok(Vec::new());
    }
    // One that cannot be started says so on standard error, and the next one is asked.
    let script = format!("for python do \"$python\" -c '{ASK}' 2>/dev/null; done; true");
    let mut command = ["/bin/sh", "-c", &script, "sh"].map(OsString::from).to_vec();
    command.extend(interpreters.into_iter().map(PathBuf::into_os_string));
    let answer = ask(command)?;
    let mut search: Vec<PathBuf> = answer.split(|byte| *byte == 0).map(path).filter(|dir| dir.is_absolute()).collect();
    search.sort();
    search.dedup();
    // The library of the language itself holds no packages of others.
    search.retain(|dir| !dir.join("os.py").is_file() && !dir.ends_with("lib-dynload"));
    Ok(search)
}

/// The interpreters that a command names: by their paths, by an environment that it activates, or by a script that names one.
fn interpreters_of(scene: &Scene<'_>, command: &str) -> Vec<PathBuf> {
    let words = command.split(|c: char| c.is_whitespace() || ";|&()'\"`".contains(c)).filter(|word| !word.is_empty());
    words.filter_map(|word| interpreter(scene, word)).collect()
}

fn interpreter(scene: &Scene<'_>, word: &str) -> Option<PathBuf> {
    let home = || scene.variable("HOME");
    let in_home = ["~/", "$HOME/", "${HOME}/"].into_iter().find_map(|prefix| word.strip_prefix(prefix));
    let file = match (in_home, word.contains('/')) {
        (Some(rest), _) => home()?.join(rest),
        (None, true) => scene.place.root.join(word),
        (None, false) => scene.program(word)?,
    };
    let name = file.file_name()?.to_str()?;
    if name.starts_with("python") && file.is_file() {
        return Some(file);
    }
    if name == "activate" {
        return Some(file.with_file_name("python")).filter(|python| python.is_file());
    }
    let start = fs::read_start(&file, 512).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let program = path(line.trim_ascii().split(|byte| byte.is_ascii_whitespace()).next()?);
    program.file_name()?.to_string_lossy().starts_with("python").then_some(program)
}

impl Python {
    /// What leads this check elsewhere, so that it need not run.
    pub(super) fn of(&self, scene: &Scene<'_>, command: &str) -> Option<Lead> {
        let hides = scene.mode != Mode::None;
        let is_other = OTHERS.contains(&first_word(command).as_str());
        let lead = self.lead.clone().filter(|_| !(hides && is_other));
        let shadow = || self.shadows.iter().find(|one| !puts_on_path(&scene.place.root, command, &one.dir));
        lead.or_else(|| if hides { None } else { shadow().map(|one| one.lead.clone()) })
    }

    /// Why a check that did not pass could not have passed.
    pub(super) fn after(&self, log: &str) -> Option<Lead> {
        let missing = foreign::missing_modules(log);
        if missing.is_empty() {
            return None;
        }
        let shadow = self.shadows.iter().find(|one| missing.contains(&one.name.as_str())).map(|one| one.lead.clone());
        let is_there = |dir: &&PathBuf| {
            missing.iter().any(|name| dir.join(name).is_dir() || dir.join(format!("{name}.py")).is_file())
        };
        let hidden = || self.out_of_sight.iter().find(is_there).map(|dir| Lead::OutOfSight { dir: dir.clone() });
        self.lead.clone().or(shadow).or_else(hidden)
    }

    /// What in a directory of modules leads elsewhere.
    fn redirections(&mut self, scene: &Scene<'_>, dir: &Path) {
        if self.lead.is_none()
            && let Some(checkout) = scene.leads_into(dir)
        {
            self.lead = Some(Lead::SearchPath { dir: dir.to_owned(), checkout });
        }
        let mut entries = fs::list_dir(dir).unwrap_or_default();
        entries.sort();
        for entry in entries {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
            let is_info = name.ends_with(".dist-info");
            if !is_info && !foreign::can_redirect(name) {
                continue;
            }
            let file = if is_info { entry.join("direct_url.json") } else { entry.clone() };
            let Ok(text) = fs::read_capped(&file, CAP) else { continue };
            let targets = targets(name, &text, dir);
            let checkout = targets.iter().find_map(|target| scene.leads_into(target));
            if let (None, Some(checkout)) = (&self.lead, checkout) {
                self.lead = Some(Lead::Package { name: foreign::package_of(name), file, checkout });
            }
            let is_hidden = |target: &PathBuf| target.is_dir() && scene.leads_into(target).is_none();
            self.out_of_sight.extend(targets.into_iter().filter(is_hidden));
        }
    }

    /// Other builds of what the tree holds: by the names of its modules, and by the name of the project.
    fn find_others(&mut self, scene: &Scene<'_>, search: &[PathBuf]) {
        let root = &scene.place.root;
        let (own, projects) = (modules(root), project_names(root));
        for dir in search.iter().filter(|dir| !dir.starts_with(root)) {
            for module in &own {
                let found = [dir.join(&module.name), dir.join(module.name.with_extension("py"))];
                if let Some(path) = found.into_iter().find(|path| path.exists()) {
                    self.add(scene, dir, path, &module.dir);
                }
            }
            for (entry, dir_of_project) in distributions(dir, &projects) {
                for path in files_of(&entry) {
                    self.add(scene, dir, dir.join(path), &dir_of_project);
                }
            }
        }
    }

    fn add(&mut self, scene: &Scene<'_>, dir: &Path, path: PathBuf, own: &str) {
        if self.others.contains(&path) || !path.exists() {
            return;
        }
        let below = path.strip_prefix(dir).unwrap_or(&path).with_extension("");
        let name =
            below.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        let installed_from = || {
            let infos = fs::list_dir(dir).unwrap_or_default();
            infos.iter().filter(|info| files_of(info).iter().any(|file| path.starts_with(dir.join(file)))).find_map(
                |info| {
                    let file = info.join("direct_url.json");
                    let (from, _) = foreign::direct_url(&fs::read_capped(&file, CAP).ok()?)?;
                    let checkout = scene.leads_into(&from)?;
                    Some(Lead::Package { name: foreign::package_of(info.file_name()?.to_str()?), file, checkout })
                },
            )
        };
        let lead = installed_from().unwrap_or_else(|| Lead::Shadow { name: name.clone(), file: path.clone() });
        self.shadows.push(Shadow { name, dir: own.to_owned(), lead });
        self.others.push(path);
    }
}

/// The directories to which a file of an installation leads. Of a copy, none.
fn targets(name: &str, text: &[u8], dir: &Path) -> Vec<PathBuf> {
    if name.ends_with(".dist-info") {
        let used = foreign::direct_url(text).filter(|(_, editable)| *editable == Editable::Used);
        return used.map(|(path, _)| path).into_iter().collect();
    }
    if !name.ends_with(".py") {
        return foreign::path_lines(text).into_iter().map(|line| dir.join(line)).collect();
    }
    let text = String::from_utf8_lossy(text);
    text.split(['"', '\'']).filter(|part| part.starts_with('/')).map(PathBuf::from).collect()
}

/// The modules that the tree holds, wherever it keeps them.
fn modules(root: &Path) -> Vec<Own> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    while let Some((at, below, depth)) = open.pop() {
        let is_source = below.rsplit('/').next().is_some_and(|name| SOURCES.contains(&name));
        for entry in fs::list_dir(&at).unwrap_or_default() {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
            let is_dir = std::fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir());
            let is_package = is_dir && entry.join("__init__.py").is_file();
            let stem = name.strip_suffix(".py").filter(|_| is_source && !is_dir);
            let own = |name: &str| Own { name: name.into(), dir: below.clone() };
            if let Some(stem) = stem.or(is_package.then_some(name)) {
                if !NONE.contains(&stem) {
                    found.push(own(stem));
                }
            } else if is_dir && is_source {
                // A namespace: what it holds can be installed in parts.
                let parts = fs::list_dir(&entry).unwrap_or_default();
                let parts = parts.iter().filter(|part| part.join("__init__.py").is_file());
                found.extend(parts.filter_map(|part| Some(own(&format!("{name}/{}", part.file_name()?.to_str()?)))));
            } else if is_dir && depth < DEPTH && !name.starts_with('.') && name != "node_modules" {
                let below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
                open.push((entry.clone(), below, depth + 1));
            }
        }
    }
    found
}

/// The names of the projects in the tree, each with its directory.
fn project_names(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    while let Some((at, below, depth)) = open.pop() {
        for name in ["pyproject.toml", "setup.cfg"] {
            let text = fs::read_text(&at.join(name), CAP).unwrap_or_default();
            let sources = if at.join("src").is_dir() { "src" } else { "" };
            let dir =
                [below.as_str(), sources].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
            found.extend(foreign::project_names(&text).into_iter().map(|project| (project, dir.clone())));
        }
        for entry in fs::list_dir(&at).unwrap_or_default() {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { continue };
            let is_dir = std::fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir());
            if is_dir && depth < DEPTH && !name.starts_with('.') && name != "node_modules" {
                let below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
                open.push((entry.clone(), below, depth + 1));
            }
        }
    }
    found
}

/// What is installed in a directory under one of these names, each with the directory of the tree.
fn distributions(dir: &Path, projects: &[(String, String)]) -> Vec<(PathBuf, String)> {
    let entries = fs::list_dir(dir).unwrap_or_default();
    let of = |entry: &PathBuf| {
        let name = entry.file_name()?.to_str()?;
        let name = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
        let name = foreign::normal(name.split('-').next().unwrap_or(name));
        projects.iter().find(|(project, _)| *project == name).map(|(_, own)| (entry.clone(), own.clone()))
    };
    entries.iter().filter_map(of).collect()
}

/// What a distribution has put beside its description, by its own list.
fn files_of(info: &Path) -> Vec<PathBuf> {
    let lists = ["RECORD", "top_level.txt", "installed-files.txt"]
        .map(|name| fs::read_text(&info.join(name), 4 << 20).unwrap_or_default());
    let mut found: Vec<PathBuf> = lists
        .iter()
        .flat_map(|list| list.lines())
        .filter_map(|line| line.split(['/', ',']).next())
        .filter(|name| {
            !name.is_empty() && !name.starts_with('.') && !name.contains(".dist-info") && *name != "__pycache__"
        })
        .map(PathBuf::from)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Whether it is known that a command, or the settings of pytest, put a directory of the tree on the module path before what is installed.
fn puts_on_path(root: &Path, command: &str, dir: &str) -> bool {
    let read = |name: &str| {
        let text = fs::read_text(&root.join(name), CAP).unwrap_or_default();
        text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
    };
    let settings = ["pyproject.toml", "pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg"];
    let conftests = ["conftest.py", "tests/conftest.py", "test/conftest.py"];
    let by_code = |name: &&str| ["sys.path.insert", "sys.path.append"].iter().any(|call| read(name).contains(call));
    let word = first_word(command);
    let of_root = dir.is_empty()
        && ((word.starts_with("python") && command.contains(" -m ")) || root.join("conftest.py").is_file());
    of_root
        || foreign::puts_on_path(command, dir)
        || settings.iter().any(|name| foreign::puts_on_path(&read(name), dir))
        || conftests.iter().any(by_code)
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
    fn modules_are_found_in_every_usual_layout() {
        let temp = tree(&[
            ("flat/__init__.py", ""),
            ("flat/inner/__init__.py", ""),
            ("script.py", ""),
            ("tests/__init__.py", ""),
            ("data/x.txt", ""),
            ("src/pkg/__init__.py", ""),
            ("src/mod.py", ""),
            ("src/space/part/__init__.py", ""),
            ("packages/a/src/deep/__init__.py", ""),
            ("lib/old/__init__.py", ""),
            (".venv/lib/x/__init__.py", ""),
        ]);
        let mut found: Vec<String> =
            modules(temp.path()).into_iter().map(|own| format!("{} in {:?}", own.name.display(), own.dir)).collect();
        found.sort();
        assert_eq!(
            found,
            [
                "deep in \"packages/a/src\"",
                "flat in \"\"",
                "mod in \"src\"",
                "old in \"lib\"",
                "pkg in \"src\"",
                "space/part in \"src\""
            ]
        );
    }

    #[test]
    fn a_distribution_is_known_by_its_normal_name_and_its_own_list() {
        let temp = tree(&[
            (
                "My_Pkg-1.0.dist-info/RECORD",
                "my_pkg/__init__.py,,\n../../bin/x,,\n_my.abi3.so,,\nMy_Pkg-1.0.dist-info/RECORD,,\n",
            ),
            ("other-1.dist-info/RECORD", "other.py,,\n"),
        ]);
        let found = distributions(temp.path(), &[("my-pkg".to_owned(), "src".to_owned())]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(files_of(&found[0].0), ["_my.abi3.so", "my_pkg"].map(PathBuf::from));
    }

    #[test]
    fn only_what_shows_it_puts_the_tree_first() {
        type Case = (&'static [(&'static str, &'static str)], &'static str, &'static str, bool);
        let table: [Case; 9] = [
            (&[], "python -m unittest", "", true),
            (&[], "pytest", "", false),
            (&[("conftest.py", "")], "pytest", "", true),
            (&[], "python -m pytest", "src", false),
            (&[], "make test", "", false),
            (&[("pyproject.toml", "# pythonpath = [\"src\"]")], "pytest", "src", false),
            (&[("pyproject.toml", "pythonpath = [\"src\"]")], "pytest", "src", true),
            (&[("tests/conftest.py", "print(sys.path)")], "pytest", "src", false),
            (&[("tests/conftest.py", "sys.path.insert(0, 'src')")], "pytest", "src", true),
        ];
        for (files, command, dir, puts) in table {
            let temp = tree(files);
            assert_eq!(puts_on_path(temp.path(), command, dir), puts, "{files:?} {command} {dir:?}");
        }
    }
}
