//! Finding the AI CLIs that are installed: by the manifests of the connectors, on `PATH`, by
//! nothing but `COMMAND --version`.
//!
//! The command gets no input, half a minute and an environment without secrets, and runs outside of
//! any repository, whose settings it might otherwise read. Relative entries of `PATH` are left out:
//! they could lead into an agent's directory.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text::{one_line, path_bytes};
use crate::connector::manifest::{
    CliConfinement, CliDetection, Manifest, MeteringKind, OutputFormat,
};
use crate::connector::registry::ConnectorRegistry;
use crate::domain::agent::{Agent, Name};
use crate::ops::error::OpError;
use crate::ops::version_memory::VersionMemory;
use crate::ops::{agents, trust};
use crate::process::captured::{CapturedTool, run_captured};
use crate::process::environment::child_environment;
use crate::process::supervise::{CommandEnd, SuperviseError};

/// Longest time for one `--version`: on a busy machine, a CLI in a slow language takes ten seconds and
/// more. All are asked side by side.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// An installed CLI that a connector knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Found")]
pub struct DetectedCli {
    /// The connector, and the name that its agent would get.
    pub connector: Name,
    /// Name of the CLI for people.
    pub title: String,
    /// The program that a run would start.
    pub program: String,
    /// The version, as the program tells it itself.
    pub version: Option<String>,
    /// The reason why its version is not known, or is none for which the connector is meant.
    pub problem: Option<String>,
    /// The version with which the connector was tried; absent where nobody has tried it with the
    /// real program.
    pub tested_with: Option<String>,
    /// Capabilities of the connector with this program.
    pub capabilities: Vec<&'static str>,
    /// The agent that stands for it, if any.
    pub agent: Registration,
}

/// The registration of a detected CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// No agent has this name.
    None,
    /// An agent of this name stood before.
    Exists,
    /// The agent was registered just now.
    Written,
}

/// The connectors that may be asked, and whether those of the project are among them: they name
/// programs to run, so that they have to be trusted first.
pub fn connectors(root: &Path, common_dir: &Path) -> Result<(ConnectorRegistry, Project), OpError> {
    let missing = trust::missing(root, common_dir)?;
    if missing
        .iter()
        .any(|change| change.path.starts_with("connectors/"))
    {
        Ok((ConnectorRegistry::shipped(), Project::Untrusted))
    } else {
        Ok((agents::connectors(root)?, Project::Included))
    }
}

/// The share of the project's own connectors in a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Project {
    /// The project's connectors were looked at, too.
    Included,
    /// The project's connectors are not trusted on this machine.
    Untrusted,
}

/// Every installed CLI, in the order of the connectors.
pub fn installed(
    registry: &ConnectorRegistry,
    env: &[(OsString, OsString)],
    memory: &VersionMemory,
) -> Vec<DetectedCli> {
    let candidates: Vec<(&Manifest, &CliDetection, PathBuf)> = registry
        .all()
        .filter_map(|connector| {
            let manifest = connector.describe();
            let detect = manifest.detect.as_ref()?;
            Some((manifest, detect, program(manifest, env)?))
        })
        .collect();
    // Side by side: a CLI in a slow language takes seconds to say its version.
    std::thread::scope(|scope| {
        let asked: Vec<_> = candidates
            .iter()
            .map(|(manifest, detect, program)| {
                (
                    scope.spawn(|| version(manifest, detect, program, env, memory)),
                    manifest,
                    program,
                )
            })
            .collect();
        let answered = asked.into_iter().map(|(thread, manifest, program)| {
            let version = thread.join().unwrap_or(Err(NoVersion::Unasked));
            found(manifest, program, version)
        });
        answered.collect()
    })
}

/// Registers an agent for each CLI that has none of its name.
pub fn register(root: &Path, common_dir: &Path, all: &mut [DetectedCli]) -> Result<(), OpError> {
    for found in all
        .iter_mut()
        .filter(|found| found.agent == Registration::None)
    {
        agents::save(
            root,
            common_dir,
            &Agent::new(found.connector.clone(), found.connector.clone()),
        )?;
        found.agent = Registration::Written;
    }
    Ok(())
}

/// Marks the CLIs for which an agent stands, also one whose file cannot be read.
pub fn mark_registered(root: &Path, all: &mut [DetectedCli]) {
    for found in all {
        if agents::dir(root)
            .join(format!("{}.yaml", found.connector))
            .symlink_metadata()
            .is_ok()
        {
            found.agent = Registration::Exists;
        }
    }
}

/// The native program behind the wrapper that `PATH` leads to, where the connector knows one and it
/// is installed.
pub fn native_program(manifest: &Manifest, env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let detect = manifest
        .detect
        .as_ref()
        .filter(|detect| !detect.native.is_empty())?;
    let wrapper = on_path(&detect.command, env)?.canonicalize().ok()?;
    let dirs = wrapper.ancestors().skip(1);
    dirs.flat_map(|dir| detect.native.iter().map(move |path| dir.join(path)))
        .find(|path| is_program(path))
}

/// The program that a run of this connector would start, where the connector names one and it is
/// installed.
pub fn program(manifest: &Manifest, env: &[(OsString, OsString)]) -> Option<PathBuf> {
    native_program(manifest, env).or_else(|| on_path(&manifest.detect.as_ref()?.command, env))
}

/// The first program of this name on `PATH`.
pub fn on_path(command: &str, env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (_, path) = env.iter().find(|(name, _)| name == "PATH")?;
    let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    dirs.map(|dir| dir.join(command))
        .find(|path| is_program(path))
}

/// True for a file that can be started.
pub fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Why the version of a program is not known.
#[derive(Debug, thiserror::Error)]
pub enum NoVersion {
    /// The program cannot be run.
    #[error(transparent)]
    Run(#[from] SuperviseError),
    /// The program takes too long.
    #[error("it did not tell its version within {} s", LIMIT.as_secs())]
    TooSlow,
    /// The program prints no version.
    #[error("what it prints names no version")]
    Unnamed,
    /// The thread that asked it panicked.
    #[error("asking for its version failed")]
    Unasked,
}

/// The version of a program: as it was told before, where it is the same file still, else as the
/// program says it now.
pub fn version(
    manifest: &Manifest,
    detect: &CliDetection,
    program: &Path,
    env: &[(OsString, OsString)],
    memory: &VersionMemory,
) -> Result<String, NoVersion> {
    if let Some(version) = memory.recall(program, &detect.version_args) {
        return Ok(version);
    }
    let version = ask_version(manifest, detect, program, env)?;
    memory.keep(program, &detect.version_args, &version);
    Ok(version)
}

/// What a program says is its version.
fn ask_version(
    manifest: &Manifest,
    detect: &CliDetection,
    program: &Path,
    env: &[(OsString, OsString)],
) -> Result<String, NoVersion> {
    let argv = std::iter::once(program.as_os_str().to_owned())
        .chain(detect.version_args.iter().map(OsString::from));
    let mut tool = CapturedTool::new(argv, Path::new("/"));
    tool.timeout = LIMIT;
    // Telemetry and update checks stay off here as well; what names a run's own files has no place
    // without a run.
    let plain = manifest
        .env_set
        .iter()
        .filter(|(_, value)| !value.contains('{'));
    let set: Vec<(OsString, OsString)> = plain
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    tool.env = child_environment(env, &[], &set);
    let outcome = run_captured(&tool)?;
    version_of(
        detect,
        &outcome.end,
        [&outcome.stdout.memory, &outcome.stderr.memory],
    )
}

/// Reads the version out of what a program has printed, on either stream.
pub fn version_of(
    detect: &CliDetection,
    end: &CommandEnd,
    [stdout, stderr]: [&[u8]; 2],
) -> Result<String, NoVersion> {
    match (detect.version_in(stdout, stderr), end) {
        (_, CommandEnd::TimedOut(_)) => Err(NoVersion::TooSlow),
        (Some(version), _) => Ok(one_line(&version.chars().take(64).collect::<String>())),
        (None, _) => Err(NoVersion::Unnamed),
    }
}

fn found(manifest: &Manifest, program: &Path, version: Result<String, NoVersion>) -> DetectedCli {
    use std::os::unix::ffi::OsStrExt;
    let misses = |version: &String| {
        manifest
            .detect
            .as_ref()
            .and_then(|detect| detect.versions.misses(version))
    };
    let (version, problem) = match version {
        Ok(version) => (
            Some(version.clone()),
            misses(&version).map(|why| format!("version {version} is {why}")),
        ),
        Err(why) => (None, Some(why.to_string())),
    };
    DetectedCli {
        connector: manifest.name.clone(),
        title: manifest.title.clone(),
        program: path_bytes(program.as_os_str().as_bytes()),
        version,
        problem,
        tested_with: manifest.tested_with.clone(),
        capabilities: capabilities(manifest),
        agent: Registration::None,
    }
}

/// Names the capabilities of a connector.
fn capabilities(manifest: &Manifest) -> Vec<&'static str> {
    let all = [
        (manifest.output != OutputFormat::Text, "events"),
        (!manifest.model_args.is_empty(), "model"),
        (!manifest.resume_args.is_empty(), "resume"),
        (manifest.home.is_some(), "own-home"),
        (manifest.metering.kind != MeteringKind::None, "tokens"),
        (
            manifest.metering.kind == MeteringKind::TokensAndCost,
            "cost",
        ),
        (
            manifest.confinement == CliConfinement::Paths,
            "fenced-paths",
        ),
        (manifest.confinement == CliConfinement::Sandbox, "sandboxed"),
    ];
    all.into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, word)| word)
        .collect()
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
