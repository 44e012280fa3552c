//! The program that a run would start, and its version.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::text::{one_line, path_bytes};
use crate::connector::api::Connector;
use crate::connector::launch::BASE_ENV;
use crate::domain::agent::{Agent, Name};
use crate::git::preflight;
use crate::ops::agents;
use crate::ops::detect::{self, NoVersion};
use crate::ops::doctor::Finding;
use crate::ops::version_memory::VersionMemory;
use crate::ops::world::World;

/// Parts of the names of variables in which keys are handed over.
const KEYS: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// The version that a program tells, or the reason why it is not known.
pub(super) type Version = Result<String, NoVersion>;

/// Asks the program of each connector for its version, side by side: a CLI in a slow language takes
/// seconds.
pub(super) fn versions<'c>(
    world: &World,
    connectors: impl Iterator<Item = &'c dyn Connector>,
) -> HashMap<Name, Version> {
    let memory = &match preflight::check_writable(&world.location) {
        Ok(()) => VersionMemory::below(&world.state(), (world.clock)().wall_ms),
        Err(_) => VersionMemory::none(),
    };
    let manifests: HashMap<&Name, _> = connectors
        .map(|one| (&one.describe().name, one.describe()))
        .collect();
    let env = &world.env;
    std::thread::scope(|scope| {
        let asked: Vec<_> = manifests
            .into_iter()
            .filter_map(|(name, manifest)| {
                let detect = manifest.detect.as_ref()?;
                let program = detect::program(manifest, env)?;
                Some((
                    name.clone(),
                    scope.spawn(move || detect::version(manifest, detect, &program, env, memory)),
                ))
            })
            .collect();
        asked
            .into_iter()
            .map(|(name, thread)| (name, thread.join().unwrap_or(Err(NoVersion::Unasked))))
            .collect()
    })
}

/// Reports whether the agent's program is installed, and whether the command line can be built at
/// all.
pub(super) fn look(world: &World, agent: &Agent, connector: &dyn Connector) -> Finding {
    let manifest = connector.describe();
    let argv = match agents::command_line(connector, agent, &world.env) {
        Ok(argv) => argv,
        Err(error) => {
            return Finding::bad("program", error.to_string())
                .next(format!("ai agent show {}", agent.name));
        }
    };
    let word = argv.first().cloned().unwrap_or_default();
    let found = match (&manifest.detect, word.as_bytes().contains(&b'/')) {
        (Some(_), _) if !manifest.argv.is_empty() => detect::program(manifest, &world.env),
        (_, true) => Some(world.root.join(&word)).filter(|path| detect::is_program(path)),
        (_, false) => word
            .to_str()
            .and_then(|word| detect::on_path(word, &world.env)),
    };
    match found {
        Some(path) => Finding::ok("program", shown(&path)),
        None => {
            let name = manifest
                .detect
                .as_ref()
                .map_or_else(|| path_bytes(word.as_bytes()), |d| d.command.clone());
            let next = if manifest.argv.is_empty() {
                format!("ai agent show {}; correct its command line", agent.name)
            } else {
                format!(
                    "install {}, or put `{}` on PATH; then `ai agent detect`",
                    manifest.title,
                    one_line(&name)
                )
            };
            Finding::bad("program", format!("there is no program `{name}`")).next(next)
        }
    }
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_bytes())
}

/// The program's version against those for which the connector is meant. Nothing where the
/// connector does not ask for it.
pub(super) fn version(
    agent: &Agent,
    connector: &dyn Connector,
    known: &HashMap<Name, Version>,
) -> Option<Finding> {
    let manifest = connector.describe();
    let detect = manifest.detect.as_ref()?;
    let next = || {
        format!(
            "ai agent detect; or try it: ai agent doctor {} --try",
            agent.name
        )
    };
    Some(match known.get(&manifest.name)? {
        Err(why) => Finding::warn("version", one_line(&why.to_string())).next(next()),
        Ok(version) => match (detect.versions.misses(version), &manifest.tested_with) {
            (Some(why), _) => Finding::warn("version", format!("{version} is {why}")).next(next()),
            (None, Some(tested)) => Finding::ok(
                "version",
                format!("{version}; the connector was tried with {tested}"),
            ),
            (None, None) => Finding::warn(
                "version",
                format!("{version}; the connector was never tried with the real program"),
            )
            .next(next()),
        },
    })
}

/// True for the name of a variable in which a key is handed over.
pub(super) fn is_key(name: &str) -> bool {
    !BASE_ENV.contains(&name) && KEYS.iter().any(|part| name.contains(part))
}

/// The user's home.
pub(super) fn user_home(world: &World) -> Option<PathBuf> {
    let home = world
        .env
        .iter()
        .find(|(name, value)| name == "HOME" && !value.is_empty());
    home.map(|(_, home)| PathBuf::from(home))
        .filter(|home| home.is_absolute())
}
