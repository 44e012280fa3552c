//! Where Python would find the judged package, other than in the judged tree: editable installs
//! from a checkout, and other builds of it, from an index or from another clone.
//!
//! The interpreters are asked where they look for modules, inside of the sandbox of the checks and
//! with their environment; their answer is only used to find directories, which are then read here.
//! An editable install from a checkout breaks the check. Other builds are hidden from it where the
//! sandbox can do that (Landlock cannot: a directory of which it hides a part cannot be listed, and
//! nothing in it imported); elsewhere the check is broken unless its command or the settings of
//! pytest show that the tree comes first.
//!
//! Which environments a check uses is known from what it names: its command, the scripts that it
//! starts, and the Makefile and the settings of tools at the root. One that is put together
//! otherwise is not seen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::path::resolved;
use crate::checks::foreign::{self, EditableInstall, ForeignLead};
use crate::domain::sandbox::SandboxMode;
use crate::ops::refusal::OpError;
use crate::ops::run::checks::project_files::{CAP, DEPTH, has_any, is_of_project};
use crate::ops::run::checks::python_search::{OWN, searches};
use crate::ops::run::checks::scene::{Ask, Scene, first_word};

/// Programs that hardly ever start Python. Where the checkout is hidden from them, they run;
/// without a sandbox they would find it.
const OTHERS: [&str; 14] = [
    "cargo", "go", "npm", "pnpm", "yarn", "npx", "node", "bun", "deno", "mvn", "gradle", "dotnet",
    "swift", "ctest",
];
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

/// The findings about Python; nothing where the tree holds none.
#[derive(Default)]
pub(crate) struct Python {
    /// Editable installs from a checkout.
    leads: Vec<(PathBuf, ForeignLead)>,
    /// Other builds of what the tree holds.
    pub(crate) others: Vec<PathBuf>,
    /// The kind of each of them.
    shadows: Vec<Shadow>,
    /// Directories with packages that the sandbox hides.
    out_of_sight: Vec<PathBuf>,
    /// The search path of each interpreter.
    searches: Vec<(PathBuf, Vec<PathBuf>)>,
}

/// Another build of what the tree holds.
struct Shadow {
    /// The module, as it is imported.
    name: String,
    /// The directory of the tree that holds the judged one, relative to the root; none where the
    /// tree has it no more.
    dir: Option<String>,
    /// The directory of modules in which it stands.
    at: PathBuf,
    /// The word about it.
    lead: ForeignLead,
}

/// A module of the judged tree.
struct Own {
    name: PathBuf,
    dir: Option<String>,
}

/// Asks and looks. `main` is the main checkout, whose names count, too: what the tree has lost can
/// still be found elsewhere.
pub(crate) fn look(
    scene: &Scene<'_>,
    main: &Path,
    commands: &[String],
    ask: &Ask<'_>,
) -> Result<Python, OpError> {
    const MARKS: [&str; 6] = [
        "pyproject.toml",
        "setup.cfg",
        "Pipfile",
        "pytest.ini",
        "tox.ini",
        "requirements.txt",
    ];
    let root = &scene.place.root;
    let is_mark = |name: &str| name.ends_with(".py") || MARKS.contains(&name);
    if !has_any(root, &is_mark, DEPTH) && !has_any(main, &is_mark, DEPTH) {
        return Ok(Python::default());
    }
    let mut python = Python {
        searches: searches(scene, commands, ask)?,
        ..Python::default()
    };
    let mut search: Vec<PathBuf> = python
        .searches
        .iter()
        .flat_map(|(_, dirs)| dirs.clone())
        .collect();
    search.sort();
    search.dedup();
    for dir in &search {
        python.redirections(scene, dir);
    }
    python.find_others(scene, main, &search);
    python.others.retain(|path| !path.starts_with(root));
    Ok(python)
}

impl Python {
    /// Finds what leads this check elsewhere, so that it need not run.
    pub(crate) fn of(&self, scene: &Scene<'_>, command: &str) -> Option<ForeignLead> {
        if scene.mode != SandboxMode::None && OTHERS.contains(&first_word(command).as_str()) {
            return None;
        }
        let used = self.used_by(scene, command);
        let lead = self
            .leads
            .iter()
            .find(|(at, _)| used.contains(at))
            .map(|(_, lead)| lead.clone());
        let is_first = |one: &Shadow| {
            one.dir
                .as_ref()
                .is_some_and(|dir| puts_on_path(&scene.place.root, command, dir))
        };
        let shadow = || {
            self.shadows
                .iter()
                .find(|one| used.contains(&one.at) && !is_first(one))
        };
        lead.or_else(|| {
            if scene.hides() {
                None
            } else {
                shadow().map(|one| one.lead.clone())
            }
        })
    }

    /// Tells why a check that did not pass could not have passed.
    pub(crate) fn after(&self, scene: &Scene<'_>, command: &str, log: &str) -> Option<ForeignLead> {
        let missing = foreign::missing_modules(log);
        if missing.is_empty() {
            return None;
        }
        let used = self.used_by(scene, command);
        let lead = self
            .leads
            .iter()
            .find(|(at, _)| used.contains(at))
            .map(|(_, lead)| lead.clone());
        let is_missed =
            |one: &&Shadow| used.contains(&one.at) && missing.contains(&one.name.as_str());
        let shadow = || {
            self.shadows
                .iter()
                .find(is_missed)
                .filter(|_| scene.hides())
                .map(|one| one.lead.clone())
        };
        let is_there = |dir: &&PathBuf| {
            missing
                .iter()
                .any(|name| dir.join(name).is_dir() || dir.join(format!("{name}.py")).is_file())
        };
        let hidden = || {
            self.out_of_sight
                .iter()
                .find(is_there)
                .map(|dir| ForeignLead::OutOfSight { dir: dir.clone() })
        };
        lead.or_else(shadow).or_else(hidden)
    }

    /// The directories of modules that a command can use. One that starts an environment of the
    /// place, or has uv make one there, does not use the interpreters that stand on the path.
    fn used_by(&self, scene: &Scene<'_>, command: &str) -> BTreeSet<PathBuf> {
        let on_path = ["python3", "python"].map(|name| scene.program(name));
        let is_own = starts_own_environment(command);
        let is_used = |interpreter: &PathBuf| {
            !is_own || !on_path.iter().flatten().any(|one| one == interpreter)
        };
        let used = self
            .searches
            .iter()
            .filter(|(interpreter, _)| is_used(interpreter));
        used.flat_map(|(_, dirs)| dirs.iter().cloned()).collect()
    }

    /// Finds what in a directory of modules leads elsewhere.
    fn redirections(&mut self, scene: &Scene<'_>, dir: &Path) {
        if let Some(checkout) = scene.leads_into(dir) {
            self.leads.push((
                dir.to_owned(),
                ForeignLead::SearchPath {
                    dir: dir.to_owned(),
                    checkout,
                },
            ));
        }
        let mut entries = fs::list_dir(dir).unwrap_or_default();
        entries.sort();
        for entry in entries {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let is_info = name.ends_with(".dist-info");
            if !is_info && !foreign::can_redirect(name) {
                continue;
            }
            let file = if is_info {
                entry.join("direct_url.json")
            } else {
                entry.clone()
            };
            let Ok(text) = fs::read_capped(&file, CAP) else {
                continue;
            };
            let targets = targets(name, &text, dir);
            let checkout = targets.iter().find_map(|target| scene.leads_into(target));
            if let Some(checkout) = checkout {
                self.leads.push((
                    dir.to_owned(),
                    ForeignLead::Package {
                        name: foreign::package_of(name),
                        file,
                        checkout,
                    },
                ));
            }
            let is_own = |target: &Path| {
                scene
                    .place
                    .root
                    .parent()
                    .is_some_and(|place| resolved(target).starts_with(place))
            };
            let is_hidden = |target: &PathBuf| {
                target.is_dir() && scene.leads_into(target).is_none() && !is_own(target)
            };
            self.out_of_sight
                .extend(targets.into_iter().filter(is_hidden));
        }
    }

    /// Other builds of what the tree holds, or has lost: by the names of its modules, and by the
    /// name of the project.
    fn find_others(&mut self, scene: &Scene<'_>, main: &Path, search: &[PathBuf]) {
        let root = &scene.place.root;
        let (mut own, mut projects) = (modules(root), project_names(root));
        let lost = modules(main)
            .into_iter()
            .filter(|module| !own.iter().any(|one| one.name == module.name));
        own.extend(
            lost.map(|module| Own {
                dir: None,
                ..module
            })
            .collect::<Vec<_>>(),
        );
        projects.extend(project_names(main));
        // What lies in a checkout is a lead of its own.
        for dir in search
            .iter()
            .filter(|dir| !dir.starts_with(root) && scene.leads_into(dir).is_none())
        {
            for module in &own {
                let found = [
                    dir.join(&module.name),
                    dir.join(module.name.with_extension("py")),
                ];
                if let Some(path) = found.into_iter().find(|path| path.exists()) {
                    self.add(scene, dir, path, module.dir.as_deref());
                }
            }
            for entry in distributions(dir, &projects) {
                for path in files_of(&entry) {
                    // Where the tree keeps it is known of modules alone: a project can have its own
                    // anywhere.
                    let module = own.iter().find(|module| module.name.starts_with(&path));
                    let at_root = || root.join(&path).exists().then(String::new);
                    let dir_of_own = module
                        .and_then(|module| module.dir.clone())
                        .or_else(at_root);
                    self.add(scene, dir, dir.join(&path), dir_of_own.as_deref());
                }
            }
        }
    }

    fn add(&mut self, scene: &Scene<'_>, dir: &Path, path: PathBuf, own: Option<&str>) {
        if self.others.contains(&path) || !path.exists() {
            return;
        }
        let below = path.strip_prefix(dir).unwrap_or(&path);
        let first = below
            .components()
            .next()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .unwrap_or_default();
        let name = if foreign::can_redirect(&first) {
            foreign::package_of(&first)
        } else {
            first
        };
        let name = name.split('.').next().unwrap_or(&name).to_owned();
        let installed_from = || {
            let infos = fs::list_dir(dir).unwrap_or_default();
            infos
                .iter()
                .filter(|info| {
                    files_of(info)
                        .iter()
                        .any(|file| path.starts_with(dir.join(file)))
                })
                .find_map(|info| {
                    let file = info.join("direct_url.json");
                    let (from, _) = foreign::direct_url(&fs::read_capped(&file, CAP).ok()?)?;
                    let checkout = scene.leads_into(&from)?;
                    Some(ForeignLead::Package {
                        name: foreign::package_of(info.file_name()?.to_str()?),
                        file,
                        checkout,
                    })
                })
        };
        let lead = installed_from().unwrap_or_else(|| ForeignLead::Shadow {
            name: name.clone(),
            file: path.clone(),
        });
        self.shadows.push(Shadow {
            name,
            dir: own.map(str::to_owned),
            at: dir.to_owned(),
            lead,
        });
        self.others.push(path);
    }
}

/// The directories to which a file of an installation leads. Of a copy, none.
fn targets(name: &str, text: &[u8], dir: &Path) -> Vec<PathBuf> {
    if name.ends_with(".dist-info") {
        let used =
            foreign::direct_url(text).filter(|(_, editable)| *editable == EditableInstall::Used);
        return used.map(|(path, _)| path).into_iter().collect();
    }
    if !name.ends_with(".py") {
        return foreign::path_lines(text)
            .into_iter()
            .map(|line| dir.join(line))
            .collect();
    }
    let text = String::from_utf8_lossy(text);
    text.split(['"', '\''])
        .filter(|part| part.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// The modules that the tree holds, wherever it keeps them.
fn modules(root: &Path) -> Vec<Own> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    while let Some((at, below, depth)) = open.pop() {
        let is_source = below
            .rsplit('/')
            .next()
            .is_some_and(|name| SOURCES.contains(&name));
        for entry in fs::list_dir(&at).unwrap_or_default() {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let is_dir = std::fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir());
            let is_package = is_dir && entry.join("__init__.py").is_file();
            let stem = name.strip_suffix(".py").filter(|_| is_source && !is_dir);
            let own = |name: &str| Own {
                name: name.into(),
                dir: Some(below.clone()),
            };
            if let Some(stem) = stem.or(is_package.then_some(name)) {
                if !NONE.contains(&stem) {
                    found.push(own(stem));
                }
            } else if is_dir && is_source {
                // A namespace: what it holds can be installed in parts.
                let parts = fs::list_dir(&entry).unwrap_or_default();
                let parts = parts
                    .iter()
                    .filter(|part| part.join("__init__.py").is_file());
                found.extend(parts.filter_map(|part| {
                    Some(own(&format!("{name}/{}", part.file_name()?.to_str()?)))
                }));
            } else if is_dir && depth < DEPTH && is_of_project(name) {
                let below = if below.is_empty() {
                    name.to_owned()
                } else {
                    format!("{below}/{name}")
                };
                open.push((entry.clone(), below, depth + 1));
            }
        }
    }
    // Where sources have a directory of their own, what stands beside it is not what is installed.
    let has_sources = found
        .iter()
        .any(|own| own.dir.as_deref().is_some_and(|dir| SOURCES.contains(&dir)));
    found.retain(|own| !has_sources || own.dir.as_deref() != Some(""));
    found
}

/// The names of the projects in the tree.
fn project_names(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((at, depth)) = open.pop() {
        for name in ["pyproject.toml", "setup.cfg", "setup.py"] {
            found.extend(foreign::project_names(
                &fs::read_text(&at.join(name), CAP).unwrap_or_default(),
            ));
        }
        for entry in fs::list_dir(&at).unwrap_or_default() {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let is_dir = std::fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir());
            if is_dir && depth < DEPTH && is_of_project(&name) {
                open.push((entry.clone(), depth + 1));
            }
        }
    }
    found
}

/// The descriptions of what is installed in a directory under one of these names.
fn distributions(dir: &Path, projects: &[String]) -> Vec<PathBuf> {
    let is_one = |entry: &PathBuf| {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let name = name
            .strip_suffix(".dist-info")
            .or_else(|| name.strip_suffix(".egg-info"));
        name.is_some_and(|name| {
            projects.contains(&foreign::normal(name.split('-').next().unwrap_or(name)))
        })
    };
    let mut entries = fs::list_dir(dir).unwrap_or_default();
    entries.retain(is_one);
    entries
}

/// Lists what a distribution has put beside its description, by its own list: packages and modules.
/// Of a namespace, which others share, its parts.
fn files_of(info: &Path) -> Vec<PathBuf> {
    let dir = info.parent().unwrap_or(info);
    let lists = ["RECORD", "top_level.txt", "installed-files.txt"];
    let lists = lists.map(|name| fs::read_text(&info.join(name), 4 << 20).unwrap_or_default());
    let lines = lists
        .iter()
        .flat_map(|list| list.lines())
        .filter_map(|line| line.split(',').next());
    let part = |line: &str| {
        let (first, rest) = line.split_once('/').unwrap_or((line, ""));
        if first.is_empty()
            || first.starts_with('.')
            || first.contains(".dist-info")
            || first == "__pycache__"
        {
            return None;
        }
        let second = rest.split('/').next().filter(|second| !second.is_empty());
        let is_namespace =
            dir.join(first).is_dir() && !dir.join(first).join("__init__.py").is_file();
        Some(second.filter(|_| is_namespace).map_or_else(
            || PathBuf::from(first),
            |second| Path::new(first).join(second),
        ))
    };
    let mut found: Vec<PathBuf> = lines.filter_map(part).collect();
    found.sort();
    found.dedup();
    // A list of names alone says nothing of the parts.
    let all = found.clone();
    found.retain(|path| {
        !all.iter()
            .any(|other| other != path && other.starts_with(path))
    });
    found
}

/// Returns true if a command is nothing but a program of an environment that a setup has made in
/// the place, or one that uv makes there. A script of the tree can start any other.
fn starts_own_environment(command: &str) -> bool {
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
fn puts_on_path(root: &Path, command: &str, dir: &str) -> bool {
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
        let mut found: Vec<String> = modules(temp.path())
            .into_iter()
            .map(|own| format!("{} in {:?}", own.name.display(), own.dir.unwrap()))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "deep in \"packages/a/src\"",
                "mod in \"src\"",
                "old in \"lib\"",
                "pkg in \"src\"",
                "space/part in \"src\""
            ]
        );
    }

    #[test]
    fn packages_at_the_root_count_where_there_are_no_sources_elsewhere() {
        let temp = tree(&[
            ("flat/__init__.py", ""),
            ("flat/inner/__init__.py", ""),
            ("tests/__init__.py", ""),
        ]);
        let found = modules(temp.path());
        assert_eq!(
            found.iter().map(|own| own.name.clone()).collect::<Vec<_>>(),
            [PathBuf::from("flat")]
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
        let found = distributions(temp.path(), &["my-pkg".to_owned()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            files_of(&found[0]),
            ["_my.abi3.so", "my_pkg"].map(PathBuf::from)
        );
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
