//! Asks, before checks run, whether something of the machine would lead them into another tree than
//! the judged one: a variable, a setting of a build tool, a command, a link, an installed package
//! (`python`). Such a check is broken with the sentence that says so; whatever it would
//! print proves nothing.
//!
//! Paths are compared with links followed. Where the sandbox hides the checkouts, what leads there
//! leads nowhere; it is asked all the same, since the check would only fail, and the work would be
//! blamed for it.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::checks::foreign::{self, ForeignLead};
use crate::ops::error::OpError;
use crate::ops::run::checks::project_files::{CAP, DEPTH, all_of, has_any};
use crate::ops::run::checks::python::sources::{self, PythonSources};
use crate::ops::run::checks::scene::{Ask, Scene};

/// The sources that lead checks at one place elsewhere.
pub(crate) struct Leads<'a> {
    scene: Scene<'a>,
    /// A source that leads every check elsewhere.
    all: Option<ForeignLead>,
    python: PythonSources,
}

impl<'a> Leads<'a> {
    /// Looks at everything that does not depend on a single check.
    pub(crate) fn look(
        scene: Scene<'a>,
        main: &Path,
        commands: &[String],
        ask: &Ask<'_>,
    ) -> Result<Leads<'a>, OpError> {
        let all = scene
            .variables()
            .or_else(|| scene.settings())
            .or_else(|| scene.links())
            .or_else(|| scene.node_packages())
            .or_else(|| scene.tree_settings());
        let python = match &all {
            Some(_) => PythonSources::default(),
            None => sources::look(&scene, main, commands, ask)?,
        };
        Ok(Leads { scene, all, python })
    }

    /// Finds what leads this check elsewhere, so that it need not run.
    pub(crate) fn of(&self, command: &str) -> Option<ForeignLead> {
        self.all
            .clone()
            .or_else(|| self.scene.command(command))
            .or_else(|| self.python.of(&self.scene, command))
    }

    /// Returns the paths to be hidden from checks, so that nothing but the judged tree can stand
    /// for it.
    pub(crate) fn hidden(&self) -> &[PathBuf] {
        if self.scene.hides() {
            &self.python.others
        } else {
            &[]
        }
    }

    /// Tells why a check that did not pass could not have passed: what it needed was hidden from
    /// it.
    pub(crate) fn after(&self, command: &str, log: &str) -> Option<ForeignLead> {
        self.python.after(&self.scene, command, log)
    }
}

impl Scene<'_> {
    fn variables(&self) -> Option<ForeignLead> {
        // What says where the user and the programs are leads to no sources.
        const LEFT: [&str; 6] = [
            "PATH",
            "HOME",
            "VIRTUAL_ENV",
            "PWD",
            "OLDPWD",
            "GIT_CEILING_DIRECTORIES",
        ];
        let others = self
            .environment
            .variables
            .iter()
            .filter(|(name, _)| !LEFT.iter().any(|left| name == left));
        others.into_iter().find_map(|(name, value)| {
            let whole = || {
                std::env::split_paths(value)
                    .filter(|path| path.is_absolute())
                    .find_map(|path| self.leads_into(&path))
            };
            let checkout = self.named(value.as_bytes()).or_else(whole)?;
            Some(ForeignLead::Variable {
                name: name.to_string_lossy().into_owned(),
                checkout,
            })
        })
    }

    /// Settings of the user's own that replace packages in every project.
    fn settings(&self) -> Option<ForeignLead> {
        let root = &self.place.root;
        if has_any(root, &|name| name == "Cargo.toml", DEPTH) {
            let home = self
                .variable("CARGO_HOME")
                .or_else(|| Some(self.variable("HOME")?.join(".cargo")))?;
            // What is written relative there counts from the directory above.
            let above = home.parent().unwrap_or(&home).to_owned();
            for file in ["config.toml", "config"].map(|name| home.join(name)) {
                let text = fs::read_text(&file, CAP).unwrap_or_default();
                let paths = foreign::cargo_replacements(&text);
                if let Some(checkout) = paths
                    .iter()
                    .find_map(|path| self.leads_into(&above.join(path)))
                {
                    return Some(ForeignLead::Settings { file, checkout });
                }
            }
        }
        if has_any(root, &|name| name == "go.mod", DEPTH) {
            let file = self
                .variable("XDG_CONFIG_HOME")
                .or_else(|| Some(self.variable("HOME")?.join(".config")))?;
            let file = file.join("go/env");
            let checkout = self.named(&fs::read_capped(&file, CAP).unwrap_or_default());
            return checkout.map(|checkout| ForeignLead::Settings { file, checkout });
        }
        None
    }

    /// Links of the judged tree that lead into a checkout. In a sandbox they lead nowhere, and the
    /// work is to blame.
    fn links(&self) -> Option<ForeignLead> {
        let links = if self.mode.confines() {
            &[]
        } else {
            &self.place.links[..]
        };
        links.iter().find_map(|path| {
            let checkout = self.leads_into(&self.place.root.join(path))?;
            Some(ForeignLead::Link {
                path: path.clone(),
                checkout,
            })
        })
    }

    /// Installed packages of Node that are links into a checkout, as `npm link` makes them: in the
    /// place, in any directory above it, and where Node looks besides.
    fn node_packages(&self) -> Option<ForeignLead> {
        let root = &self.place.root;
        if !has_any(root, &|name| name == "package.json", DEPTH) {
            return None;
        }
        let above = root.ancestors().map(|dir| dir.join("node_modules"));
        let home = self.variable("HOME").into_iter();
        let of_home =
            home.flat_map(|home| [".node_modules", ".node_libraries"].map(|name| home.join(name)));
        let by_path = self.variable("NODE_PATH").into_iter();
        let by_path = by_path.flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
        above
            .chain(of_home)
            .chain(by_path)
            .flat_map(|dir| node_packages_in(&dir))
            .find_map(|file| {
                let checkout = self.leads_into(&file)?;
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                Some(ForeignLead::Package {
                    name: name.into_owned(),
                    file,
                    checkout,
                })
            })
    }

    /// Settings of build tools in the judged tree that name a place in a checkout. In a sandbox that
    /// leads nowhere, and the work is to blame.
    fn tree_settings(&self) -> Option<ForeignLead> {
        if self.mode.confines() {
            return None;
        }
        let files = all_of(&self.place.root, &is_build_setting, DEPTH);
        let hidden =
            ["config.toml", "config"].map(|name| self.place.root.join(".cargo").join(name));
        files.into_iter().chain(hidden).find_map(|file| {
            let checkout = self.named(&fs::read_capped(&file, CAP).unwrap_or_default())?;
            let file = file
                .strip_prefix(&self.place.root)
                .unwrap_or(&file)
                .to_owned();
            Some(ForeignLead::Settings { file, checkout })
        })
    }

    /// Looks at what the command itself names, and programs on the path that are links into a
    /// checkout.
    fn command(&self, command: &str) -> Option<ForeignLead> {
        let words = command
            .split(|c: char| c.is_whitespace() || ";|&()'\"".contains(c))
            .filter(|word| !word.contains('/'));
        let programs = words.filter_map(|word| self.program(word));
        let checkout = self
            .named(command.as_bytes())
            .or_else(|| programs.into_iter().find_map(|path| self.leads_into(&path)));
        checkout.map(|checkout| ForeignLead::Command { checkout })
    }
}

/// The files by which tools are told what to build from where.
fn is_build_setting(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "Cargo.toml",
        "go.mod",
        "go.work",
        "package.json",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
        "tox.ini",
        "Makefile",
        "makefile",
        "GNUmakefile",
        "CMakeLists.txt",
    ];
    NAMES.contains(&name) || name.ends_with(".mk") || name.ends_with(".cmake")
}

/// The links among the packages in a directory of packages, those of a scope (`@x/y`) included.
fn node_packages_in(dir: &Path) -> Vec<PathBuf> {
    let is_scope = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(b"@") && !fs::is_link(path)
    };
    let mut found = fs::list_dir(dir).unwrap_or_default();
    let scopes: Vec<PathBuf> = found
        .iter()
        .filter(|path| is_scope(path))
        .cloned()
        .collect();
    found.extend(
        scopes
            .iter()
            .flat_map(|scope| fs::list_dir(scope).unwrap_or_default()),
    );
    found.retain(|path| fs::is_link(path));
    found
}
