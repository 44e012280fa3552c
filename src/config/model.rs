//! The configuration in memory, with the default of every value.

use crate::base::{duration, hash};
use crate::config::origin::{Origins, ValueOrigin};
use crate::domain::budget::Amounts;
use crate::domain::check::CheckParser;
use crate::domain::egress::NetworkSetting;
use crate::domain::notice::NoticeSettings;
use crate::domain::resources::ResourceAmounts;
use crate::domain::retention::Retention;
use crate::domain::routing::Weights;
use crate::domain::sandbox::{Isolation, SandboxWish};
use crate::domain::schedule::SchedulerSettings;
use crate::domain::stall;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::time::Duration;

/// The project's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Config {
    /// Names for sets of paths, written `@name` where globs are wanted.
    pub modules: BTreeMap<String, Vec<String>>,
    /// Verification commands in the order of the file.
    pub checks: Vec<Check>,
    /// Values that tasks and runs get where they say nothing.
    pub defaults: Defaults,
    /// Settings of path locks.
    pub locks: Locks,
    /// Settings of runs.
    pub runs: Runs,
    /// Settings of the choice among several agents.
    pub router: Router,
    /// Settings of the queue.
    pub scheduler: SchedulerSettings,
    /// Settings of the daemon.
    pub daemon: DaemonConfig,
    /// Ceilings on what runs use.
    pub budgets: Budgets,
    /// Settings of accepting.
    pub accept: Accept,
    /// Limits on the output of agents that is kept.
    pub retention: Retention,
    /// Whom to tell of what.
    pub notices: NoticeSettings,
    /// Regular expressions for secrets, beside those that `ai` knows.
    pub redact: Vec<String>,
    /// The origin of each value.
    #[serde(skip)]
    pub(super) origins: Origins,
}

/// A command, as a shell line or as arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum CommandLine {
    /// Run by `sh -c`.
    Shell(String),
    /// Run without a shell; never empty.
    Argv(Vec<String>),
}

/// A verification command that `ai` itself runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name, also the name of its log.
    pub name: String,
    /// The [command line](CommandLine), run in the root of the tree.
    pub run: CommandLine,
    /// Time limit; default 10 minutes.
    #[serde(serialize_with = "duration::as_text")]
    pub timeout: Duration,
    /// The parser of its output.
    #[serde(serialize_with = "as_word")]
    pub parser: CheckParser,
    /// The report it writes, relative to the root of the tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// True if work is proven only when the check passes; default yes.
    pub required: bool,
    /// Resources of the machine that it takes.
    #[serde(skip_serializing_if = "ResourceAmounts::is_nothing")]
    pub resources: ResourceAmounts,
}

/// Values that tasks and runs get where they say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// Checks of a task that names none; default all that are declared.
    pub checks: Option<Vec<String>>,
    /// Lease of people and interactive agents; default 30 minutes.
    #[serde(serialize_with = "duration::as_text")]
    pub ttl: Duration,
    /// Lease of a run, renewed by its supervisor; default 60 seconds.
    #[serde(serialize_with = "duration::as_text")]
    pub run_ttl: Duration,
    /// Interval at which a supervisor renews; default 15 seconds, at most a third of `run_ttl`.
    #[serde(serialize_with = "duration::as_text")]
    pub heartbeat: Duration,
    /// Attempts before a task counts as failed; default 3.
    pub max_attempts: u32,
    /// Lapsed leases before a task waits for a person; default 3.
    pub max_lapses: u32,
    /// The agent of a task that names none.
    pub agent: Option<String>,
    /// The branch that work starts from; default the current one.
    pub base: Option<String>,
}

/// The comparison of names between locks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LockCase {
    /// As the file system does.
    #[default]
    Auto,
    /// `A` and `a` differ.
    Sensitive,
    /// `A` and `a` are the same.
    Folding,
}

/// Settings of path locks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Locks {
    /// Globs of harmless files, which never conflict.
    pub shared: Vec<String>,
    /// The comparison of names.
    pub case: LockCase,
}

/// The way in which build caches get into a worktree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// The blocks are shared until somebody writes; where the file system cannot do that, the files
    /// are copied.
    #[default]
    Cow,
    /// The files are shared: one that is written in place changes in the main checkout too.
    Hardlink,
    /// The files are copied.
    Copy,
}

/// Settings of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DaemonConfig {
    /// Runs at a time; default `scheduler.max_concurrency`, or one.
    pub parallel: Option<u32>,
    /// Time for which runs may go on once it is stopped; default 5 minutes.
    #[serde(serialize_with = "duration::as_text")]
    pub stop_within: Duration,
    /// True where it lands reviewed work by itself, as far as the policy lets it; default no.
    pub land: bool,
}

/// Settings of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runs {
    /// The place in which a run works.
    pub isolation: Isolation,
    /// Prepares a fresh worktree, and the place of checks.
    pub setup: Option<CommandLine>,
    /// Longest run in minutes; default 60.
    pub minutes: u32,
    /// Time for which an agent may show no sign of work, in minutes; default 10.
    pub silence_minutes: u32,
    /// Most output that is kept of one stream, in MiB; default 64.
    pub output_mb: u32,
    /// Between asking a process to end and ending it; default 10 seconds.
    #[serde(serialize_with = "duration::as_text")]
    pub grace: Duration,
    /// Environment variables that an agent gets beside the usual ones.
    pub env_pass: Vec<String>,
    /// The sandbox of agents and checks; default the strongest sandbox that works on the machine.
    pub sandbox: SandboxWish,
    /// Access of agents and checks to the network; default yes.
    pub network: NetworkSetting,
    /// Places outside of the worktree that they may write, `~/` is the home.
    pub allow_write: Vec<String>,
    /// Places in the hidden home that they may read.
    pub allow_read: Vec<String>,
    /// Memory that one process may fill, in MiB; default without limit.
    pub memory_mb: Option<u32>,
    /// Largest file that one process may write, in MiB; default without limit.
    pub file_mb: Option<u32>,
    /// Processes of the user while a run goes on; default without limit.
    pub processes: Option<u32>,
    /// Ignored directories of the main checkout that a fresh worktree starts with, such as
    /// `target`.
    pub caches: Vec<String>,
    /// The way in which they get there.
    pub cache_mode: CacheMode,
    /// Ignored directories that stay in a place of checks from one tree to the next. What an
    /// earlier tree left there can make a broken one pass, so only what its tool compares with the
    /// sources whole.
    pub check_keep: Vec<String>,
    /// Variables that name free ports, each with how many ports it stands for: the first of them is
    /// its value.
    pub ports: BTreeMap<String, u32>,
    /// The lowest of these ports; default 20000.
    pub port_base: u32,
    /// Space that must be free on the disk before a run is begun, in MiB; default 512.
    pub disk_floor_mb: u32,
}

/// Settings of the choice among several agents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Router {
    /// Agents in the order in which they are preferred.
    pub prefer: Vec<String>,
    /// Capabilities that a type of task, or a label, asks for.
    pub capabilities: BTreeMap<String, Vec<String>>,
    /// Agents that stand in for an agent that is out of quota or not logged in, beside what its own
    /// file says.
    pub fallback: BTreeMap<String, Vec<String>>,
    /// Weights of the parts of a score.
    pub weights: Weights,
}

/// Ceilings on what runs use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Budgets {
    /// One run.
    pub run: Amounts,
    /// All runs of a task.
    pub task: Amounts,
    /// Each agent, a day.
    pub agent: Amounts,
    /// All agents, a day.
    pub day: Amounts,
    /// All runs of the repository.
    pub repository: Amounts,
}

/// The way in which accepted work reaches its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptMode {
    /// By a merge commit.
    #[default]
    Merge,
    /// By moving the target forward, never by a merge commit.
    FfOnly,
    /// Not at all: the branch is left for a person or a pull request.
    Branch,
}

/// Settings of accepting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Accept {
    /// The way in which it reaches its target.
    pub mode: AcceptMode,
    /// The target branch; default the one that the work started from.
    pub target: Option<String>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            checks: None,
            ttl: Duration::from_secs(30 * 60),
            run_ttl: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            max_attempts: 3,
            max_lapses: 3,
            agent: None,
            base: None,
        }
    }
}

impl Default for DaemonConfig {
    fn default() -> Self {
        Self {
            parallel: None,
            stop_within: Duration::from_secs(300),
            land: false,
        }
    }
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            isolation: Isolation::Worktree,
            setup: None,
            minutes: 60,
            silence_minutes: stall::SILENCE_MINUTES,
            output_mb: 64,
            grace: Duration::from_secs(10),
            env_pass: Vec::new(),
            sandbox: SandboxWish::Auto,
            network: NetworkSetting::default(),
            allow_write: Vec::new(),
            allow_read: Vec::new(),
            memory_mb: None,
            file_mb: None,
            processes: None,
            caches: Vec::new(),
            check_keep: Vec::new(),
            cache_mode: CacheMode::Cow,
            ports: BTreeMap::new(),
            port_base: 20_000,
            disk_floor_mb: 512,
        }
    }
}

impl Config {
    /// The place from which the value under a dotted key comes, such as `defaults.ttl`,
    /// `checks.test` or `modules.auth`.
    pub fn origin(&self, key: &str) -> ValueOrigin {
        self.origins
            .get(key)
            .map_or(ValueOrigin::Default, |place| ValueOrigin::File(*place))
    }

    /// The check of that name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The checks of a task that names none.
    pub fn default_checks(&self) -> Vec<&Check> {
        match &self.defaults.checks {
            Some(names) => names.iter().filter_map(|name| self.check(name)).collect(),
            None => self.checks.iter().collect(),
        }
    }

    /// Everything that this file would run (checks and setup), the holes that it makes in the
    /// sandbox, whether agents work in the checkout itself, and the sinks of notices that start a
    /// program, talk to a host or write a file, for `ai trust`; `None` where there is nothing of it.
    pub fn code(&self) -> Option<String> {
        let runs = &self.runs;
        let holes = runs.sandbox == SandboxWish::None
            || !runs.allow_write.is_empty()
            || !runs.allow_read.is_empty();
        let in_place = runs.isolation == Isolation::None;
        let lands = self.daemon.land;
        let sinks = self.notices.sinks.iter();
        let sinks: BTreeMap<_, _> = sinks.filter(|(_, sink)| sink.needs_trust()).collect();
        let is_harmless = !holes && !in_place && !lands && sinks.is_empty();
        if self.checks.is_empty() && runs.setup.is_none() && is_harmless {
            return None;
        }
        let checks: Vec<_> = self
            .checks
            .iter()
            .map(|check| (&check.name, &check.run))
            .collect();
        let mut code =
            serde_json::json!({ "checks": checks, "setup": runs.setup, "env_pass": runs.env_pass });
        if lands {
            code["daemon"] = serde_json::json!({ "land": lands });
        }
        if !sinks.is_empty() {
            code["notices"] = serde_json::json!(sinks);
        }
        if in_place {
            code["isolation"] = serde_json::json!(runs.isolation);
        }
        if holes {
            code["sandbox"] = serde_json::json!([runs.sandbox, runs.allow_write, runs.allow_read]);
        }
        Some(code.to_string())
    }

    /// SHA-256 of [`Self::code`].
    pub fn code_digest(&self) -> Option<String> {
        self.code().map(|code| hash::sha256_hex(code.as_bytes()))
    }
}

fn as_word<S: Serializer>(value: &CheckParser, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.word())
}
