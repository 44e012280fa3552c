//! Whether a login or key is there for an agent, and whether its program can write where it keeps
//! its sessions. Whether a login still holds only its provider can say.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::connector::manifest::Manifest;
use crate::domain::agent::{Agent, Home};
use crate::ops::agent_doctor::examine::Ward;
use crate::ops::agent_doctor::program::{is_key, user_home};
use crate::ops::credentials;
use crate::ops::doctor::Finding;
use crate::ops::world::World;

pub(super) fn look(ward: &Ward<'_>, agent: &Agent, manifest: &Manifest) -> Finding {
    let ids: Vec<&str> = agent
        .credentials
        .iter()
        .chain(&manifest.credentials)
        .map(|id| id.as_str())
        .collect();
    if !ids.is_empty() {
        return of_credentials(ward, &ids);
    }
    let world = ward.world;
    let wanted: Vec<&String> = manifest
        .env_pass
        .iter()
        .chain(&agent.env_pass)
        .filter(|name| is_key(name))
        .collect();
    if let Some(name) = wanted.iter().find(|name| is_set(world, name)) {
        return Finding::ok("login", format!("{name} is set"));
    }
    let places = places(world, agent, manifest);
    if let Some(path) = places.iter().find(|path| path.symlink_metadata().is_ok()) {
        return match access(path, Access::READ_OK) {
            Ok(()) => Finding::ok(
                "login",
                format!(
                    "{} is there; only its provider can say whether it holds",
                    path.display()
                ),
            ),
            Err(error) => Finding::bad(
                "login",
                format!("{} cannot be read: {error}", path.display()),
            )
            .next(format!("chown or chmod {}", path.display())),
        };
    }
    if wanted.is_empty() && manifest.login.is_empty() {
        return Finding::ok("login", "its connector names none");
    }
    let keys: Vec<&str> = wanted.iter().map(|name| name.as_str()).collect();
    let text = match (home_of(agent, manifest), keys.is_empty()) {
        (Home::Run, _) => {
            format!(
                "none: with a home of its own it needs a key, and none of {} is set",
                keys.join(", ")
            )
        }
        (Home::User, true) => "none was found in your home".to_owned(),
        (Home::User, false) => format!(
            "none was found in your home, and none of {} is set",
            keys.join(", ")
        ),
    };
    let program = manifest
        .detect
        .as_ref()
        .map_or("its program", |detect| detect.command.as_str());
    let next = match keys.first() {
        Some(key) => format!(
            "log in with `{program}`, set {key}, or name a credential (.ai/credentials.yaml)"
        ),
        None => format!("log in with `{program}`"),
    };
    Finding::warn("login", text).next(next)
}

/// The credentials that it names. Files are looked into only after `ai trust`, as for a run.
fn of_credentials(ward: &Ward<'_>, ids: &[&str]) -> Finding {
    if !ward.untrusted.is_empty() {
        return Finding::warn(
            "login",
            "its credentials are not looked at before you trust them",
        )
        .next("ai trust --show");
    }
    match credentials::variables(&ward.world.root, ids.iter().copied(), &ward.world.env) {
        Ok(_) => Finding::ok(
            "login",
            format!("credential {} can be read", ids.join(", ")),
        ),
        Err(error) => Finding::bad("login", error.to_string())
            .next(error.hint().unwrap_or_else(|| "ai doctor".to_owned())),
    }
}

fn is_set(world: &World, name: &str) -> bool {
    world
        .env
        .iter()
        .any(|(key, value)| key == name && !value.is_empty())
}

fn home_of(agent: &Agent, manifest: &Manifest) -> Home {
    let default = manifest
        .home
        .as_ref()
        .map_or(Home::User, |switch| switch.default);
    agent.home.unwrap_or(default)
}

/// Directories in which the agent's program keeps login and sessions: a directory that the user's
/// environment names, else what its connector knows.
fn places(world: &World, agent: &Agent, manifest: &Manifest) -> Vec<PathBuf> {
    if home_of(agent, manifest) == Home::Run {
        return Vec::new();
    }
    let variable = manifest
        .home
        .as_ref()
        .and_then(|switch| switch.env.as_deref());
    let moved = variable.and_then(|name| {
        world
            .env
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
    });
    if let Some((_, dir)) = moved {
        return vec![PathBuf::from(dir)];
    }
    let Some(home) = user_home(world) else {
        return Vec::new();
    };
    // Where the program itself lies, something is there without any login.
    let holds_program = |entry: &str| {
        let programs = format!("{}/bin:ro", entry.trim_end_matches('/'));
        manifest.login.contains(&programs)
    };
    manifest
        .login
        .iter()
        .filter(|entry| !entry.ends_with(":ro") && !holds_program(entry))
        .map(|entry| home.join(entry.trim_end_matches('/')))
        .collect()
}

/// Reports whether the agent's program can write into the directory of its sessions and settings.
pub(super) fn home(world: &World, agent: &Agent, manifest: &Manifest) -> Finding {
    let (dirs, what) = match (home_of(agent, manifest), places(world, agent, manifest)) {
        (Home::Run, _) => (
            vec![world.state()],
            "one of its own for each run, removed after it",
        ),
        (Home::User, dirs) if dirs.is_empty() => (dirs, "its connector keeps nothing in yours"),
        (Home::User, dirs) => (dirs, "yours, and it can be written"),
    };
    match dirs.iter().find(|dir| !is_writable(dir)) {
        None => Finding::ok("home", what),
        Some(dir) => Finding::bad(
            "home",
            format!(
                "{} cannot be written; its program keeps sessions there",
                dir.display()
            ),
        )
        .next(format!("chown or chmod {}", dir.display())),
    }
}

/// True where the path, or the directory in which it would be made, can be written.
fn is_writable(path: &Path) -> bool {
    let there = path
        .ancestors()
        .find(|path| path.symlink_metadata().is_ok());
    there.is_some_and(|path| access(path, Access::WRITE_OK).is_ok())
}
