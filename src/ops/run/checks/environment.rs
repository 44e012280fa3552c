//! The environment of checks: the allow-listed one, in which nothing leads into a checkout of the
//! project.
//!
//! A directory of `PATH` that lies in a checkout means the same directory of the judged tree, so it
//! is looked for in the place of checks. The exception is an installed environment of Python that
//! the place has not: what is installed there came from packages, not from the tree. Whether
//! something in it leads back into the checkout after all is asked in `foreign_sources`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::checks::foreign::cargo_shares_target;
use crate::ops::error::OpError;
use crate::ops::run::checks::borrowed::MARK;
use crate::ops::run::checks::place::CheckPlace;
use crate::ops::run::checks::project_files::{CAP, DEPTH, has_any};
use crate::ops::run::sandbox::project;
use crate::ops::world::World;
use crate::process::environment::{EnvVariable, child_environment};

/// The environment of the checks of one place.
#[derive(Debug, Clone)]
pub struct CheckEnvironment {
    /// The variables, before what the sandbox adds.
    pub variables: Vec<EnvVariable>,
    /// Environments of a checkout that are used from the place of checks.
    pub shown: Vec<PathBuf>,
    /// Paths that are hidden beside the checkouts.
    pub hidden: Vec<PathBuf>,
    /// Every checkout of the project, and the directory of its worktrees.
    pub checkouts: Vec<PathBuf>,
}

/// The treatment of an environment of Python in a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The environment is used where there is no other.
    Used,
    /// The environment is left alone: what a setup installs there would stay, and lead the user's
    /// own programs elsewhere.
    LeftAlone,
}

impl CheckEnvironment {
    /// The environment of what runs at `place`.
    pub fn of(
        world: &World,
        place: &CheckPlace,
        installed: Installed,
    ) -> Result<CheckEnvironment, OpError> {
        let checkouts = checkouts(world)?;
        let ceiling = place
            .root
            .parent()
            .unwrap_or(&place.root)
            .as_os_str()
            .to_owned();
        let mut set = vec![
            (OsString::from("CI"), OsString::from("true")),
            ("GIT_CEILING_DIRECTORIES".into(), ceiling),
        ];
        set.extend(place.ports.iter().cloned());
        let inherited = child_environment(&world.env, &world.config.runs.env_pass, &[]);
        let (moved, shown) = relocated(&inherited, &checkouts, &place.root, installed);
        set.extend(moved);
        if shares_target(&inherited, &place.root) {
            // What is built on the way has a directory of its own in newer versions.
            let names = ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"].map(OsString::from);
            set.extend(names.map(|name| (name, place.root.join("target").into())));
        }
        let variables = child_environment(&world.env, &world.config.runs.env_pass, &set);
        Ok(CheckEnvironment {
            variables,
            shown,
            hidden: Vec::new(),
            checkouts,
        })
    }

    /// The directories in which programs are looked for.
    pub fn path(&self) -> Vec<PathBuf> {
        value(&self.variables, "PATH")
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default()
    }
}

/// Every checkout of the project, and the directory of its worktrees.
pub fn checkouts(world: &World) -> Result<Vec<PathBuf>, OpError> {
    let mut checkouts = project::checkouts(world)?;
    checkouts.extend(
        world
            .places
            .dir()
            .and_then(|dir| std::fs::canonicalize(dir).ok()),
    );
    Ok(checkouts)
}

/// The variables by which programs are found, as they have to be at `place`, and the environments
/// of checkouts that they use.
pub fn relocated(
    inherited: &[EnvVariable],
    checkouts: &[PathBuf],
    place: &Path,
    installed: Installed,
) -> (Vec<EnvVariable>, Vec<PathBuf>) {
    let (mut set, mut shown) = (Vec::new(), Vec::new());
    if let Some(path) = value(inherited, "PATH") {
        let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
        let moved = dirs.map(|dir| moved(&dir, checkouts, place, installed, &mut shown));
        // A directory with a colon in its name can be no part of it.
        let dirs: Vec<PathBuf> = moved
            .filter(|dir| !dir.as_os_str().as_bytes().contains(&b':'))
            .collect();
        set.extend(
            std::env::join_paths(dirs)
                .ok()
                .map(|joined| ("PATH".into(), joined)),
        );
    }
    if let Some(dir) = value(inherited, "VIRTUAL_ENV").map(PathBuf::from) {
        let inside = moved(
            &dir.join("bin"),
            checkouts,
            place,
            installed,
            &mut Vec::new(),
        );
        set.extend(
            inside
                .parent()
                .map(|dir| ("VIRTUAL_ENV".into(), dir.as_os_str().to_owned())),
        );
    }
    (set, shown)
}

fn value<'v>(variables: &'v [EnvVariable], name: &str) -> Option<&'v OsString> {
    variables
        .iter()
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value)
}

/// Returns the directory of programs that a check gets: itself, unless it lies in a checkout.
fn moved(
    dir: &Path,
    checkouts: &[PathBuf],
    place: &Path,
    installed: Installed,
    shown: &mut Vec<PathBuf>,
) -> PathBuf {
    let real = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    // The deepest one: a worktree can lie in the main checkout.
    let above = checkouts
        .iter()
        .filter(|root| real.starts_with(root))
        .max_by_key(|root| root.components().count());
    let Some(below) = above.and_then(|root| real.strip_prefix(root).ok()) else {
        return dir.to_owned();
    };
    let inside = place.join(below);
    let environment = real.parent().filter(|parent| parent.join(MARK).is_file());
    match environment {
        Some(environment) if installed == Installed::Used && !inside.is_dir() => {
            shown.push(environment.to_owned());
            real
        }
        _ => inside,
    }
}

/// Returns true if Cargo would build into one directory for all projects. It tells packages apart
/// by their paths below the workspace, so what it built in the main checkout would pass for the
/// judged tree's.
fn shares_target(variables: &[EnvVariable], place: &Path) -> bool {
    if !has_any(place, &|name| name == "Cargo.toml", DEPTH) {
        return false;
    }
    if [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_BUILD_DIR",
    ]
    .iter()
    .any(|name| value(variables, name).is_some())
    {
        return true;
    }
    let home = value(variables, "CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(value(variables, "HOME")?).join(".cargo")));
    let read = |name: &str| fs::read_text(&home.as_ref()?.join(name), CAP).ok();
    ["config.toml", "config"]
        .iter()
        .filter_map(|name| read(name))
        .any(|text| cargo_shares_target(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_a_checkout_means_the_one_of_the_judged_tree() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        let at = |name: &str| base.join(name);
        for dir in [
            "repo/bin",
            "repo/.venv/bin",
            "repo/other/bin",
            "repo/wt/bin",
            "usr/bin",
            "place/other/bin",
        ] {
            std::fs::create_dir_all(at(dir)).unwrap();
        }
        for environment in ["repo/.venv", "repo/other"] {
            std::fs::write(at(environment).join(MARK), "").unwrap();
        }
        std::os::unix::fs::symlink(at("repo/.venv"), at("link")).unwrap();
        let checkouts = [at("repo"), at("repo/wt")];
        let table = [
            ("usr/bin", "usr/bin", None),
            ("not/there", "not/there", None),
            ("repo/bin", "place/bin", None),
            ("repo/node_modules/.bin", "place/node_modules/.bin", None),
            ("repo/wt/bin", "place/bin", None),
            ("repo/.venv/bin", "repo/.venv/bin", Some("repo/.venv")),
            ("link/bin", "repo/.venv/bin", Some("repo/.venv")),
            // The place has made its own.
            ("repo/other/bin", "place/other/bin", None),
        ];
        for (dir, expected, environment) in table {
            let mut shown = Vec::new();
            assert_eq!(
                moved(
                    &at(dir),
                    &checkouts,
                    &at("place"),
                    Installed::Used,
                    &mut shown
                ),
                at(expected),
                "{dir}"
            );
            assert_eq!(
                shown,
                environment.map(at).into_iter().collect::<Vec<_>>(),
                "{dir}"
            );
            let left = moved(
                &at(dir),
                &checkouts,
                &at("place"),
                Installed::LeftAlone,
                &mut shown,
            );
            assert!(
                environment.is_none() || left.starts_with(at("place")),
                "{dir}: {left:?}"
            );
        }
    }
}
