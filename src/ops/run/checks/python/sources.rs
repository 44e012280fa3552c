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
use crate::ops::error::OpError;
use crate::ops::run::checks::project_files::{CAP, DEPTH, has_any};
use crate::ops::run::checks::python::command::{
    is_of_another_language, puts_on_path, starts_own_environment,
};
use crate::ops::run::checks::python::installed::{distributions, files_of};
use crate::ops::run::checks::python::own::{OwnModule, modules, project_names};
use crate::ops::run::checks::python::search::searches;
use crate::ops::run::checks::scene::{Ask, Scene};

/// The findings about Python; nothing where the tree holds none.
#[derive(Default)]
pub(crate) struct PythonSources {
    /// [Editable installs](EditableInstall) from a checkout.
    leads: Vec<(PathBuf, ForeignLead)>,
    /// [Other builds](OtherBuild) of what the tree holds.
    pub(crate) others: Vec<PathBuf>,
    /// The kind of each of them.
    shadows: Vec<OtherBuild>,
    /// Directories with packages that the sandbox hides.
    out_of_sight: Vec<PathBuf>,
    /// The search path of each interpreter.
    searches: Vec<(PathBuf, Vec<PathBuf>)>,
}

/// Another build of what the tree holds.
struct OtherBuild {
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

/// Asks and looks. `main` is the main checkout, whose names count, too: what the tree has lost can
/// still be found elsewhere.
pub(crate) fn look(
    scene: &Scene<'_>,
    main: &Path,
    commands: &[String],
    ask: &Ask<'_>,
) -> Result<PythonSources, OpError> {
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
        return Ok(PythonSources::default());
    }
    let mut python = PythonSources {
        searches: searches(scene, commands, ask)?,
        ..PythonSources::default()
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

impl PythonSources {
    /// Finds what leads this check elsewhere, so that it need not run.
    pub(crate) fn of(&self, scene: &Scene<'_>, command: &str) -> Option<ForeignLead> {
        if scene.mode.confines() && is_of_another_language(command) {
            return None;
        }
        let used = self.used_by(scene, command);
        let lead = self
            .leads
            .iter()
            .find(|(at, _)| used.contains(at))
            .map(|(_, lead)| lead.clone());
        let is_first = |one: &OtherBuild| {
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
            |one: &&OtherBuild| used.contains(&one.at) && missing.contains(&one.name.as_str());
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

    /// [Other builds](OtherBuild) of what the tree holds, or has lost: by the names of its modules,
    /// and by the name of the project.
    fn find_others(&mut self, scene: &Scene<'_>, main: &Path, search: &[PathBuf]) {
        let root = &scene.place.root;
        let (mut own, mut projects) = (modules(root), project_names(root));
        let lost = modules(main)
            .into_iter()
            .filter(|module| !own.iter().any(|one| one.name == module.name));
        own.extend(
            lost.map(|module| OwnModule {
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
        self.shadows.push(OtherBuild {
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
