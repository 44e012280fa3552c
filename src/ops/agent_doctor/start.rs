//! Whether an agent's program starts in the sandbox of its runs: what lies where it can be found
//! outside may be out of sight there.
//!
//! Tried is the question for its version, with the layer, the network, the home and the allowed places
//! of a run, and without keys. A program of which no such question is known is only looked for.

use std::collections::HashMap;
use std::ffi::OsString;

use crate::base::id;
use crate::base::text::one_line;
use crate::connector::api::Connector;
use crate::connector::manifest::CliConfinement;
use crate::domain::agent::Agent;
use crate::domain::process_end::ProcessEnd;
use crate::domain::sandbox::{Network, SandboxWish};
use crate::ops::agent_doctor::program::is_key;
use crate::ops::agents;
use crate::ops::detect::{self, LIMIT, NoVersion};
use crate::ops::doctor::Finding;
use crate::ops::error::OpError;
use crate::ops::run::sandbox::builder::{MissingSessions, Occupant, SandboxBuilder};
use crate::ops::run::sandbox::command::{CommandOutput, ConfinedCommand, ConfinedEnd};
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::NetworkLeave;
use crate::ops::world::World;
use crate::process::environment::{EnvVariable, child_environment};
use crate::process::supervise::{ChildCommand, CommandLimits};

/// Says of each of the paths and names behind it whether it is there.
const LOOK: &str = "for word do case $word in */*) test -r \"$word\" ;; *) command -v -- \"$word\" >/dev/null ;; esac || echo \"$word\"; done";
/// As much of what a program says is shown.
const SHOWN: usize = 300;

/// A program that was started in the sandbox of its runs.
pub(super) struct StartTried {
    /// What is said of it.
    pub(super) finding: Finding,
    /// The version that it has told.
    pub(super) version: Option<String>,
}

/// A start to be made.
struct Attempt<'a> {
    agent: &'a Agent,
    connector: &'a dyn Connector,
    /// The sandbox, to ask what it hides.
    walls: SandboxBuilder,
    /// True where a program can make a sandbox of its own inside.
    own_works: bool,
}

/// Starts the programs of these agents side by side, where there is a sandbox for them.
pub(super) fn try_all(
    world: &World,
    agents: &[(&Agent, &dyn Connector)],
) -> HashMap<String, StartTried> {
    // Kept for this command alone: a look writes nothing.
    world
        .probed
        .get_or_init(|| layer::look(&world.state(), &world.env));
    let (mut tried, mut attempts, mut commands) = (HashMap::new(), Vec::new(), Vec::new());
    for (agent, connector) in agents {
        match prepared(world, agent, *connector) {
            Ok(None) => {}
            Ok(Some((command, walls))) => {
                let own_works = !layer::leaves_no_room(world, walls.used());
                commands.push((command, walls.clone()));
                attempts.push(Attempt {
                    agent,
                    connector: *connector,
                    walls,
                    own_works,
                });
            }
            Err(error) => {
                let finding = not_started(error.to_string(), None);
                tried.insert(agent.name.to_string(), finding);
            }
        }
    }
    for (attempt, end) in attempts
        .iter()
        .zip(ConfinedCommand::run_all(world, commands))
    {
        let found = match end {
            Ok(end) => attempt.told(&end),
            Err(error) => not_started(error.to_string(), None),
        };
        tried.insert(attempt.agent.name.to_string(), found);
    }
    tried
}

/// The question for a program's version, and the sandbox for it; nothing where runs have no sandbox, or
/// where it is said elsewhere that there is no program.
fn prepared(
    world: &World,
    agent: &Agent,
    connector: &dyn Connector,
) -> Result<Option<(ConfinedCommand, SandboxBuilder)>, OpError> {
    let wish = world
        .sandbox
        .unwrap_or_else(|| world.config.runs.sandbox.tightened(agent.sandbox));
    if wish == SandboxWish::None {
        return Ok(None);
    }
    let manifest = connector.describe();
    let (Ok(layer), Ok(argv)) = (
        layer::layer(world, agent.sandbox),
        agents::command_line(connector, agent, &world.env),
    ) else {
        return Ok(None);
    };
    let Some(question) = question(world, connector, &argv) else {
        return Ok(None);
    };
    let place = format!("start-{}", id::random_text(8));
    let tmp = world.state().join("trials").join(&place);
    let network = NetworkLeave::from(Network::On);
    let network = match &agent.network {
        Some(own) => network.and(own),
        None => network,
    };
    let mut sandbox = SandboxBuilder::new(world, Occupant::Agent, layer, network, &tmp)?;
    sandbox.launched(&argv, &world.env);
    sandbox.login(manifest, &world.env, MissingSessions::StayOut);
    let pass: Vec<String> = manifest
        .env_pass
        .iter()
        .chain(&agent.env_pass)
        .chain(&world.config.runs.env_pass)
        .filter(|name| !is_key(name))
        .cloned()
        .collect();
    // What names a run's own files has no place without a run.
    let set: Vec<EnvVariable> = manifest
        .env_set
        .iter()
        .filter(|(_, value)| !value.contains('{'))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let command = ConfinedCommand {
        command: ChildCommand::new(question, "/".into()),
        env: child_environment(&world.env, &pass, &set),
        label: place,
        watched: None,
        cgroup: None,
        limits: CommandLimits {
            total: Some(LIMIT),
            silence: None,
            grace: world.config.runs.grace,
            output_cap: 1 << 20,
        },
        output: CommandOutput::Memory,
    };
    Ok(Some((command, sandbox)))
}

/// The command line that asks; nothing for a program that is not there outside either.
fn question(world: &World, connector: &dyn Connector, argv: &[OsString]) -> Option<Vec<OsString>> {
    let manifest = connector.describe();
    let program = argv.first()?;
    if let (Some(detect), false) = (&manifest.detect, manifest.argv.is_empty()) {
        detect::program(manifest, &world.env)?;
        let args = detect.version_args.iter().map(OsString::from);
        return Some(std::iter::once(program.clone()).chain(args).collect());
    }
    let is_there = |word: &&OsString| {
        let text = word.to_string_lossy();
        let path = std::path::Path::new(word.as_os_str());
        path.is_absolute() && path.exists()
            || *word == program
                && !text.contains('/')
                && detect::on_path(&text, &world.env).is_some()
    };
    let looked_for: Vec<OsString> = argv.iter().filter(is_there).cloned().collect();
    let words = ["/bin/sh", "-c", LOOK, "look"].map(OsString::from);
    (!looked_for.is_empty()).then(|| words.into_iter().chain(looked_for).collect())
}

impl Attempt<'_> {
    /// What is said of a program that starts and tells that it will not work. Where its own sandbox is
    /// turned off, so is what it lacks for that.
    fn warned(&self, version: String, line: &str, next: &str) -> StartTried {
        let line: String = line.trim().chars().take(SHOWN).collect();
        let text = format!(
            "its program starts in that sandbox, and warns: {}",
            one_line(&line)
        );
        let has_own = self.connector.describe().confinement == CliConfinement::Sandbox;
        let finding = if has_own && self.own_works {
            Finding::bad("start", text)
        } else {
            Finding::warn("start", text)
        };
        StartTried {
            finding: finding.next(next),
            version: Some(version),
        }
    }

    fn told(&self, end: &ConfinedEnd) -> StartTried {
        let manifest = self.connector.describe();
        let output = [&end.outcome.stdout.memory, &end.outcome.stderr.memory];
        let said: Vec<String> = output
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .into();
        let all = said.join("\n");
        let asks = manifest
            .detect
            .as_ref()
            .filter(|_| !manifest.argv.is_empty());
        let Some(detect) = asks else {
            return match said[0].lines().next() {
                None if end.process == (ProcessEnd::Exited { code: 0 }) => started(None),
                Some(hidden) => {
                    let why = format!("its sandbox hides {} from it", one_line(hidden));
                    not_started(why, self.walls.missing_path(hidden))
                }
                None => not_started(end.process.failure(), None),
            };
        };
        let version = detect::version_of(detect, &end.outcome.end, output.map(Vec::as_slice));
        match (version, &end.process) {
            (Ok(version), ProcessEnd::Exited { code: 0 }) => match detect.warned(&all) {
                Some((warning, line)) => self.warned(version, line, &warning.next),
                None => started(Some(version)),
            },
            (Err(NoVersion::TooSlow), _) => {
                let text = format!(
                    "it did not tell its version within {} s in its sandbox; the machine may be busy",
                    LIMIT.as_secs()
                );
                StartTried {
                    finding: Finding::warn("start", text)
                        .next(format!("ai agent doctor {}", self.agent.name)),
                    version: None,
                }
            }
            // What names a version may be the crash of an interpreter.
            (_, process) => {
                let last = all.lines().rfind(|line| !line.trim().is_empty());
                let last: String = last
                    .unwrap_or_default()
                    .trim()
                    .chars()
                    .take(SHOWN)
                    .collect();
                let why = match (process.failure(), last.as_str()) {
                    (why, "") => why,
                    (why, last) => format!("{why}: {}", one_line(last)),
                };
                let told = format!("{}\n{all}", process.failure());
                not_started(why, self.walls.missing_path(&told))
            }
        }
    }
}

fn started(version: Option<String>) -> StartTried {
    StartTried {
        finding: Finding::ok("start", "its program starts in that sandbox"),
        version,
    }
}

fn not_started(why: String, hidden: Option<String>) -> StartTried {
    let next = match hidden {
        Some(path) => {
            format!("add {path} to `allow_read` below `runs:` in .ai/config.yaml, then `ai trust`")
        }
        None => {
            "add what it needs to `allow_read` below `runs:` in .ai/config.yaml, then `ai trust`"
                .to_owned()
        }
    };
    let text = format!("its program does not start in that sandbox: {why}");
    StartTried {
        finding: Finding::bad("start", text).next(next),
        version: None,
    }
}
