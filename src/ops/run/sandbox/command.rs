//! The one place that starts a confined command: agents, checks and setups are started here, and
//! nowhere else.
//!
//! The sandbox is taken by value, since it is made for one command: what was made for the child is
//! removed again, however the command ended.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::CommandLine;
use crate::domain::egress::HostSeen;
use crate::domain::process_end::ProcessEnd;
use crate::ops::error::OpError;
use crate::ops::run::files::CommandLog;
use crate::ops::run::sandbox::builder::SandboxBuilder;
use crate::ops::run::sandbox::network::{close_proxy, hosts_in_words, open_proxy};
use crate::ops::world::World;
use crate::process::cgroup::Cgroup;
use crate::process::environment::EnvVariable;
use crate::process::redact::Redactor;
use crate::process::supervise::{
    CancelToken, ChildCommand, CommandEnd, CommandLimits, CommandObserver, CommandOutcome, OomHint,
    OutputTo, QuietObserver, SpawnSpec, SuperviseError, TimeoutKind, supervise,
};

/// A command and the limits under which it runs, without the sandbox around it.
pub(crate) struct ConfinedCommand {
    /// The command itself.
    pub(crate) command: ChildCommand,
    /// The whole environment, but for the variables that the sandbox sets.
    pub(crate) env: Vec<EnvVariable>,
    /// The mark of its processes, so that none of them outlives a crash.
    pub(crate) label: String,
    /// The files that it works on: changes to them are signs of work.
    pub(crate) watched: Option<PathBuf>,
    /// The cgroup in which its processes are held together.
    pub(crate) cgroup: Option<Cgroup>,
    /// The limits of time and output.
    pub(crate) limits: CommandLimits,
    /// Where standard output and standard error go.
    pub(crate) output: CommandOutput,
}

/// Where the output of a [confined command](ConfinedCommand) goes.
pub(crate) enum CommandOutput {
    /// Standard output and standard error into two files.
    Files(CommandLog),
    /// Both are returned.
    Memory,
}

/// The end of a [confined command](ConfinedCommand).
pub(crate) struct ConfinedEnd {
    /// The end of its process in the words of the domain.
    pub(crate) process: ProcessEnd,
    /// Everything else that the supervisor saw.
    pub(crate) outcome: CommandOutcome,
    /// What was made meanwhile of what the command may only read, and what it could see after all, in words.
    pub(crate) planted: Vec<String>,
    /// The hosts that were asked for, where only listed ones may be reached.
    pub(crate) hosts: Vec<HostSeen>,
}

/// Said where Landlock hides nothing (ADR 0072).
const IN_SIGHT: &str = "the store, and the tokens and worktrees of others, were in sight: Landlock hides them by a namespace, which this user may not make here (`ai doctor`)";

impl ConfinedEnd {
    /// Milliseconds that the command took.
    pub(crate) fn duration_ms(&self) -> u64 {
        u64::try_from(self.outcome.duration.as_millis()).unwrap_or(u64::MAX)
    }
}

impl ConfinedCommand {
    /// Starts the command in the sandbox and sees it to its end.
    pub(crate) fn run(
        self,
        world: &World,
        sandbox: SandboxBuilder,
        observer: &mut dyn CommandObserver,
        cancel: &CancelToken,
    ) -> Result<ConfinedEnd, OpError> {
        let label = self.label.clone();
        let spec = self.spec(&sandbox);
        let ended = see_through((&spec, &label), sandbox, world.redactor(), observer, cancel)?;
        if let Some(hosts) = hosts_in_words(&ended.hosts) {
            let told = format!("hosts of {label}: {hosts}");
            world.say(&world.redactor().redact_text(&told));
        }
        Ok(ended)
    }

    /// Starts commands side by side, each in its sandbox, and sees them to their ends, which come back
    /// in the order of the commands.
    pub(crate) fn run_all(
        world: &World,
        all: Vec<(ConfinedCommand, SandboxBuilder)>,
    ) -> Vec<Result<ConfinedEnd, OpError>> {
        let redactor = world.redactor();
        std::thread::scope(|scope| {
            let started: Vec<_> = all
                .into_iter()
                .map(|(command, sandbox)| {
                    let label = command.label.clone();
                    let spec = command.spec(&sandbox);
                    scope.spawn(move || {
                        let (quiet, cancel) = (&mut QuietObserver, &CancelToken::new());
                        see_through((&spec, &label), sandbox, redactor, quiet, cancel)
                    })
                })
                .collect();
            let ends = started.into_iter().map(|thread| thread.join());
            ends.map(|end| end.unwrap_or_else(|_| Err(thread_failed())))
                .collect()
        })
    }

    /// The command with the sandbox around it.
    fn spec(self, sandbox: &SandboxBuilder) -> SpawnSpec {
        let (stdout, stderr) = match self.output {
            CommandOutput::Files(CommandLog { log, errors }) => {
                (OutputTo::File(log), OutputTo::File(errors))
            }
            CommandOutput::Memory => (OutputTo::Memory, OutputTo::Memory),
        };
        let mut env = self.env;
        for (name, value) in git_in_the_foreground(&env) {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        for (name, value) in sandbox.variables() {
            env.retain(|(known, _)| *known != name);
            env.push((name, value));
        }
        SpawnSpec {
            command: self.command,
            env,
            run_id: Some(self.label),
            files: self.watched,
            cgroup: self.cgroup,
            sandbox: sandbox.policy(),
            limits: self.limits,
            stdout,
            stderr,
        }
    }
}

fn thread_failed() -> OpError {
    SuperviseError::Runtime(std::io::Error::other("the supervising thread failed")).into()
}

fn see_through(
    (spec, label): (&SpawnSpec, &str),
    sandbox: SandboxBuilder,
    redactor: &Redactor,
    observer: &mut dyn CommandObserver,
    cancel: &CancelToken,
) -> Result<ConfinedEnd, OpError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SuperviseError::Runtime)?;
    let proxy = open_proxy(&sandbox)?;
    let outcome = runtime.block_on(supervise(spec, redactor, observer, cancel));
    let hosts = close_proxy(&sandbox, proxy);
    let mut planted = sandbox.take_away(label);
    sandbox.clear()?;
    let (outcome, hosts) = (outcome?, hosts?);
    planted.extend((outcome.uncovered > 0).then(|| IN_SIGHT.to_owned()));
    Ok(ConfinedEnd {
        process: process_end(&outcome.end, outcome.oom, &spec.limits),
        outcome,
        planted,
        hosts,
    })
}

/// Settings by which Git does its housekeeping before it ends, not in the background: what goes on
/// behind a commit would be a process left behind, at work on a tree that is being judged.
const IN_THE_FOREGROUND: [&str; 2] = ["gc.autoDetach", "maintenance.autoDetach"];

/// The variables that hand these settings to every Git below, behind those that are there already.
fn git_in_the_foreground(env: &[EnvVariable]) -> Vec<EnvVariable> {
    let count = env.iter().find(|(name, _)| name == "GIT_CONFIG_COUNT");
    let first = match count.map(|(_, value)| value.to_string_lossy().parse::<usize>()) {
        None => 0,
        Some(Ok(count)) => count,
        // Git refuses to work with what is there; nothing that is added would help.
        Some(Err(_)) => return Vec::new(),
    };
    let mut all = Vec::new();
    for (n, key) in (first..).zip(IN_THE_FOREGROUND) {
        all.push((format!("GIT_CONFIG_KEY_{n}").into(), key.into()));
        all.push((format!("GIT_CONFIG_VALUE_{n}").into(), "false".into()));
    }
    let count = first + IN_THE_FOREGROUND.len();
    all.push(("GIT_CONFIG_COUNT".into(), count.to_string().into()));
    all
}

/// Splits a [command line](CommandLine) of the configuration into a program and its arguments.
pub(crate) fn words(command: &CommandLine) -> Vec<OsString> {
    match command {
        CommandLine::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).to_vec(),
        CommandLine::Argv(argv) => argv.iter().map(OsString::from).collect(),
    }
}

/// Says the supervisor's end of a process in the words of the domain.
fn process_end(end: &CommandEnd, oom: OomHint, limits: &CommandLimits) -> ProcessEnd {
    let ms = |limit: Option<Duration>| {
        u64::try_from(limit.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    };
    if let (OomHint::Limit(limit), CommandEnd::Signaled(_) | CommandEnd::KeeperLost) = (oom, end) {
        return ProcessEnd::OverMemory {
            limit_bytes: limit.0,
        };
    }
    match end {
        CommandEnd::Exited(code) => ProcessEnd::Exited { code: *code },
        CommandEnd::Signaled(_) if oom == OomHint::Likely => ProcessEnd::OutOfMemory,
        CommandEnd::Signaled(signal) => ProcessEnd::Signaled { signal: *signal },
        CommandEnd::TimedOut(TimeoutKind::Total) => ProcessEnd::TimedOut {
            after_ms: ms(limits.total),
        },
        CommandEnd::TimedOut(TimeoutKind::Silence) => ProcessEnd::Silent {
            after_ms: ms(limits.silence),
        },
        CommandEnd::Cancelled(_) => ProcessEnd::Stopped,
        CommandEnd::Dismissed => ProcessEnd::Dismissed,
        CommandEnd::SpawnFailed(failure) => ProcessEnd::NotStarted {
            why: failure.to_string(),
        },
        CommandEnd::KeeperLost => ProcessEnd::Signaled { signal: 9 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::ByteSize;
    use crate::domain::sandbox::{Network, SandboxMode, SandboxUsed};
    use crate::process::sandbox::SandboxLayer;

    fn command() -> ConfinedCommand {
        ConfinedCommand {
            command: ChildCommand::new(
                words(&CommandLine::Shell("make test".into())),
                "/place".into(),
            ),
            env: vec![
                ("PATH".into(), "/bin".into()),
                ("TMPDIR".into(), "/home/user/tmp".into()),
            ],
            label: "t-1.1".into(),
            watched: None,
            cgroup: None,
            limits: CommandLimits {
                total: Some(Duration::from_secs(2)),
                silence: Some(Duration::from_secs(1)),
                ..CommandLimits::default()
            },
            output: CommandOutput::Files(CommandLog {
                log: "/log".into(),
                errors: "/err".into(),
            }),
        }
    }

    #[test]
    fn the_variables_of_the_sandbox_win() {
        let sandbox = SandboxBuilder::bare(
            SandboxLayer::Bubblewrap("/usr/bin/bwrap".into()),
            Network::Off,
        );
        let spec = command().spec(&sandbox);
        let is_of_git = |(name, _): &&EnvVariable| name.to_string_lossy().starts_with("GIT_");
        let (of_git, others): (Vec<_>, Vec<_>) = spec.env.iter().partition(is_of_git);
        assert_eq!(
            others,
            [
                &("PATH".into(), "/bin".into()),
                &("TMPDIR".into(), "/tmp".into())
            ]
        );
        assert_eq!(of_git.len(), 5);
        assert_eq!(
            (spec.run_id.as_deref(), spec.command.argv),
            (
                Some("t-1.1"),
                ["/bin/sh", "-c", "make test"].map(OsString::from).to_vec()
            )
        );
        assert_eq!(
            (spec.stdout, spec.stderr),
            (OutputTo::File("/log".into()), OutputTo::File("/err".into()))
        );
        assert_eq!(
            spec.sandbox.map(|policy| SandboxUsed {
                mode: policy.layer.mode(),
                network: policy.network
            }),
            Some(SandboxUsed {
                mode: SandboxMode::Bubblewrap,
                network: Network::Off
            })
        );
    }

    #[test]
    fn without_a_layer_and_limits_there_is_no_sandbox() {
        let spec = command().spec(&SandboxBuilder::bare(SandboxLayer::None, Network::On));
        assert_eq!(spec.sandbox, None);
        assert_eq!(spec.env[..2], command().env);
    }

    #[test]
    fn settings_of_git_are_put_behind_those_that_are_there() {
        let given = |count: &str| vec![("GIT_CONFIG_COUNT".into(), count.into())];
        let text = |env: &[EnvVariable]| -> Vec<String> {
            git_in_the_foreground(env)
                .iter()
                .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                .collect()
        };
        assert_eq!(
            text(&given("3")),
            [
                "GIT_CONFIG_KEY_3=gc.autoDetach",
                "GIT_CONFIG_VALUE_3=false",
                "GIT_CONFIG_KEY_4=maintenance.autoDetach",
                "GIT_CONFIG_VALUE_4=false",
                "GIT_CONFIG_COUNT=5"
            ]
        );
        assert_eq!(text(&[])[0], "GIT_CONFIG_KEY_0=gc.autoDetach");
        assert_eq!(text(&given("many")), [""; 0]);
    }

    #[test]
    fn each_end_has_its_word_and_its_own_limit() {
        let limits = command().limits;
        for (end, oom, word) in [
            (
                CommandEnd::Exited(3),
                OomHint::None,
                ProcessEnd::Exited { code: 3 },
            ),
            (
                CommandEnd::Signaled(15),
                OomHint::None,
                ProcessEnd::Signaled { signal: 15 },
            ),
            (
                CommandEnd::Signaled(9),
                OomHint::Likely,
                ProcessEnd::OutOfMemory,
            ),
            (
                CommandEnd::KeeperLost,
                OomHint::Limit(ByteSize(4 << 30)),
                ProcessEnd::OverMemory {
                    limit_bytes: 4 << 30,
                },
            ),
            (
                CommandEnd::Exited(0),
                OomHint::Limit(ByteSize(4 << 30)),
                ProcessEnd::Exited { code: 0 },
            ),
            (
                CommandEnd::TimedOut(TimeoutKind::Total),
                OomHint::None,
                ProcessEnd::TimedOut { after_ms: 2_000 },
            ),
            (
                CommandEnd::TimedOut(TimeoutKind::Silence),
                OomHint::None,
                ProcessEnd::Silent { after_ms: 1_000 },
            ),
            (CommandEnd::Dismissed, OomHint::None, ProcessEnd::Dismissed),
            (
                CommandEnd::KeeperLost,
                OomHint::None,
                ProcessEnd::Signaled { signal: 9 },
            ),
        ] {
            assert_eq!(process_end(&end, oom, &limits), word);
        }
    }
}
