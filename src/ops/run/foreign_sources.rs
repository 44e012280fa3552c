//! Asks, before checks run, whether something of the machine would lead them into another tree than the judged one: a variable, a setting of a
//! build tool, a command, a link, an installed package (`python_sources`). Such a check is broken with the sentence that says so; whatever it
//! would print proves nothing.
//!
//! Paths are compared with links followed. Where the sandbox hides the checkouts, what leads there leads nowhere; it is asked all the same,
//! since the check would only fail, and the work would be blamed for it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::base::fs;
use crate::checks::foreign::{self, Lead, Named};
use crate::domain::sandbox::Mode;
use crate::ops::refusal::OpError;
use crate::ops::run::check_environment::CheckEnvironment;
use crate::ops::run::check_place::CheckPlace;
use crate::ops::run::checks::CheckPlan;
use crate::ops::run::python_sources::{self, Python};

/// The largest file of settings that is read.
pub(super) const CAP: u64 = 256 << 10;
/// How deep a project is looked for below the root.
pub(super) const DEPTH: usize = 3;

/// Starts a command as a check would be started, and returns what it printed.
pub(super) type Ask<'a> = dyn Fn(Vec<OsString>) -> Result<Vec<u8>, OpError> + 'a;

/// Where checks run, and with what.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The place.
    pub(super) place: &'a CheckPlace,
    /// The environment.
    pub(super) environment: &'a CheckEnvironment,
    /// What keeps them in. Without it, nothing can be hidden from them.
    pub(super) mode: Mode,
}

/// What leads checks at one place elsewhere.
pub(super) struct Leads<'a> {
    scene: Scene<'a>,
    /// What leads every check elsewhere.
    all: Option<Lead>,
    python: Python,
}

impl<'a> Leads<'a> {
    /// Looks at everything that does not depend on a single check.
    pub(super) fn look(scene: Scene<'a>, plans: &[CheckPlan], ask: &Ask<'_>) -> Result<Leads<'a>, OpError> {
        let all = scene.variables().or_else(|| scene.settings()).or_else(|| scene.links());
        let python = match &all {
            Some(_) => Python::default(),
            None => python_sources::look(&scene, plans, ask)?,
        };
        Ok(Leads { scene, all, python })
    }

    /// What leads this check elsewhere, so that it need not run.
    pub(super) fn of(&self, plan: &CheckPlan) -> Option<Lead> {
        let command = plan.command_text();
        self.all.clone().or_else(|| self.scene.command(&command)).or_else(|| self.python.of(&self.scene, &command))
    }

    /// What has to be hidden from checks, so that nothing but the judged tree can stand for it.
    pub(super) fn hidden(&self) -> &[PathBuf] {
        match self.scene.mode {
            Mode::None => &[],
            _ => &self.python.others,
        }
    }

    /// Why a check that did not pass could not have passed: what it needed was hidden from it.
    pub(super) fn after(&self, log: &str) -> Option<Lead> {
        self.python.after(log)
    }
}

impl Scene<'_> {
    /// The checkout into which a path leads, links followed; none for an environment that is shown, or the place itself.
    pub(super) fn leads_into(&self, path: &Path) -> Option<PathBuf> {
        let path = resolved(path);
        let is_in = |dir: &Path| path.starts_with(dir);
        let shown = self.environment.shown.iter().any(|dir| is_in(dir));
        let own = self.place.root.parent().is_some_and(is_in);
        let checkout = self.environment.checkouts.iter().find(|dir| is_in(dir));
        checkout.filter(|_| !shown && !own).cloned()
    }

    /// The checkout into which a place leads that a text names.
    pub(super) fn named(&self, text: &[u8]) -> Option<PathBuf> {
        let home = self.variable("HOME");
        foreign::places_in(text).into_iter().find_map(|named| {
            let path = match named {
                Named::Absolute(path) => path,
                Named::InHome(path) => home.as_ref()?.join(path),
            };
            self.leads_into(&path)
        })
    }

    /// A variable that checks get.
    pub(super) fn variable(&self, name: &str) -> Option<PathBuf> {
        let found = self.environment.variables.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    }

    /// The program of that name which a check finds.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        self.environment.path().into_iter().map(|dir| dir.join(name)).find(|path| path.is_file())
    }

    fn variables(&self) -> Option<Lead> {
        // What says where the user and the programs are leads to no sources.
        const LEFT: [&str; 6] = ["PATH", "HOME", "VIRTUAL_ENV", "PWD", "OLDPWD", "GIT_CEILING_DIRECTORIES"];
        let others = self.environment.variables.iter().filter(|(name, _)| !LEFT.iter().any(|left| name == left));
        others.into_iter().find_map(|(name, value)| {
            let whole = || {
                std::env::split_paths(value).filter(|path| path.is_absolute()).find_map(|path| self.leads_into(&path))
            };
            let checkout = self.named(value.as_bytes()).or_else(whole)?;
            Some(Lead::Variable { name: name.to_string_lossy().into_owned(), checkout })
        })
    }

    /// Settings of the user's own that replace packages in every project.
    fn settings(&self) -> Option<Lead> {
        let root = &self.place.root;
        if has_any(root, &|name| name == "Cargo.toml", DEPTH) {
            let home = self.variable("CARGO_HOME").or_else(|| Some(self.variable("HOME")?.join(".cargo")))?;
            // What is written relative there counts from the directory above.
            let above = home.parent().unwrap_or(&home).to_owned();
            for file in ["config.toml", "config"].map(|name| home.join(name)) {
                let text = fs::read_text(&file, CAP).unwrap_or_default();
                let paths = foreign::cargo_replacements(&text);
                if let Some(checkout) = paths.iter().find_map(|path| self.leads_into(&above.join(path))) {
                    return Some(Lead::Settings { file, checkout });
                }
            }
        }
        if has_any(root, &|name| name == "go.mod", DEPTH) {
            let file = self.variable("XDG_CONFIG_HOME").or_else(|| Some(self.variable("HOME")?.join(".config")))?;
            let file = file.join("go/env");
            let checkout = self.named(&fs::read_capped(&file, CAP).unwrap_or_default());
            return checkout.map(|checkout| Lead::Settings { file, checkout });
        }
        None
    }

    /// Links of the judged tree that lead into a checkout. In a sandbox they lead nowhere, and the work is to blame.
    fn links(&self) -> Option<Lead> {
        let links = if self.mode == Mode::None { &self.place.links[..] } else { &[] };
        links.iter().find_map(|path| {
            let checkout = self.leads_into(&self.place.root.join(path))?;
            Some(Lead::Link { path: path.clone(), checkout })
        })
    }

    /// What the command itself names, and programs on the path that are links into a checkout.
    fn command(&self, command: &str) -> Option<Lead> {
        let words =
            command.split(|c: char| c.is_whitespace() || ";|&()'\"".contains(c)).filter(|word| !word.contains('/'));
        let programs = words.filter_map(|word| self.program(word));
        let checkout =
            self.named(command.as_bytes()).or_else(|| programs.into_iter().find_map(|path| self.leads_into(&path)));
        checkout.map(|checkout| Lead::Command { checkout })
    }
}

/// The path with the links of its existing part followed, and without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let known = path.ancestors().find_map(|dir| Some((std::fs::canonicalize(dir).ok()?, path.strip_prefix(dir).ok()?)));
    let Some((mut real, rest)) = known else { return path.to_owned() };
    for part in rest.components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            Component::Normal(name) => real.push(name),
            _ => {}
        }
    }
    real
}

/// Whether a file with such a name stands at the root or in a directory below it, hidden ones and those of dependencies left out.
pub(super) fn has_any(dir: &Path, is_wanted: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    let entries = fs::list_dir(dir).unwrap_or_default();
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if entries.iter().any(|path| is_wanted(&name_of(path)) && path.is_file()) {
        return true;
    }
    let is_own = |path: &&PathBuf| {
        let name = name_of(path);
        let is_left = name.starts_with('.') || name == "node_modules" || name == "target";
        !is_left && std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
    };
    depth > 1 && entries.iter().filter(is_own).any(|path| has_any(path, is_wanted, depth - 1))
}

/// The program of a command line, without the variables that are set before it.
pub(super) fn first_word(command: &str) -> String {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_before =
        |word: &str| word == "env" || word == "exec" || word.split_once('=').is_some_and(|(name, _)| is_name(name));
    command.split_whitespace().find(|word| !is_before(word)).unwrap_or_default().to_owned()
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
            assert_eq!(has_any(root, &|name| name == "setup.py", DEPTH), is_found, "{dir}");
        }
    }

    #[test]
    fn a_path_is_followed_as_far_as_it_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("repo/src")).unwrap();
        std::os::unix::fs::symlink(base.join("repo"), base.join("link")).unwrap();
        for (path, real) in [
            ("link/src", "repo/src"),
            ("link/src/../gone/x", "repo/gone/x"),
            ("link/not/../../there", "there"),
            ("none/x", "none/x"),
        ] {
            assert_eq!(resolved(&base.join(path)), base.join(real), "{path}");
        }
    }
}
