//! The configuration file that `ai init` writes: everything in it, with a word on each value.

use std::borrow::Cow;

use crate::config::detect::DetectedCheck;

/// What stands in a first `.ai/config.yaml` beside the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartConfig {
    /// The detected checks, each with what is known about it.
    pub checks: Vec<(DetectedCheck, CheckStanding)>,
    /// A setup that no check asked for.
    pub setup: Option<Cow<'static, str>>,
    /// Directories that are worth a copy.
    pub caches: Vec<&'static str>,
}

/// What is known about a detected check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckStanding {
    /// Nobody has tried it.
    Untried,
    /// It passed on this commit.
    Passed(String),
    /// It did not pass on this commit.
    LeftOut(String),
}

impl StartConfig {
    /// The text of the file. What has passed is in force; what was not tried, or did not pass, is
    /// there to be read and taken in.
    pub fn text(&self) -> String {
        let text = format!("{HEAD}{}{REST}", self.checks_text());
        let text = match self.setups() {
            (Some(command), _) => {
                text.replace(NO_SETUP, &format!("  setup: {command}\n{SETUP_WHY}"))
            }
            (None, Some(command)) => text.replace(
                NO_SETUP,
                &NO_SETUP.replace("npm ci   ", &format!("{command}   ")),
            ),
            (None, None) => text,
        };
        if self.caches.is_empty() {
            return text;
        }
        let caches = format!("#  caches: [{}]\n  check_keep", self.caches.join(", "));
        text.replacen("  check_keep", &caches, 1)
    }

    /// The setup that is in force, and the one that is only proposed.
    fn setups(&self) -> (Option<String>, Option<String>) {
        let of = |passed: bool| {
            let mut all: Vec<&str> = Vec::new();
            for (check, standing) in &self.checks {
                let fits = matches!(standing, CheckStanding::Passed(_)) == passed;
                let setup = check.setup.as_deref();
                if let Some(setup) = setup.filter(|one| fits && !all.contains(one)) {
                    all.push(setup);
                }
            }
            all
        };
        let (taken, mut proposed) = (of(true), of(false));
        proposed.extend(self.setup.as_deref().filter(|one| !proposed.contains(one)));
        let joined = |all: Vec<&str>| (!all.is_empty()).then(|| all.join(" && "));
        (joined(taken), joined(proposed))
    }

    fn checks_text(&self) -> String {
        if self.checks.is_empty() {
            return "checks: {}\n#  test: {run: make test, timeout: 10m, resources: {cpu: 2, memory: 4GiB, scratch: 1GiB}}\n".to_owned();
        }
        let (mut taken, mut proposed) = (String::new(), String::new());
        for (check, standing) in &self.checks {
            match standing {
                CheckStanding::Passed(commit) => {
                    taken.push_str(&format!(
                        "  # Found {}; it passed on commit {commit}.\n{}",
                        check.because,
                        entry(check, "  ")
                    ));
                }
                CheckStanding::Untried => proposed.push_str(&format!(
                    "# Found {}; not tried yet, and so not in force.\n{}",
                    check.because,
                    entry(check, "#  ")
                )),
                CheckStanding::LeftOut(commit) => proposed.push_str(&format!(
                    "# Found {}; left out, since it did not pass on commit {commit}.\n{}",
                    check.because,
                    entry(check, "#  ")
                )),
            }
        }
        let head = if taken.is_empty() {
            "checks: {}\n"
        } else {
            "checks:\n"
        };
        format!("{head}{taken}{proposed}")
    }
}

/// One check, each line behind `before`.
fn entry(check: &DetectedCheck, before: &str) -> String {
    let DetectedCheck { name, run, .. } = check;
    let parser = check.parser.word();
    format!(
        "{before}{name}:\n{before}  run: {run}\n{before}  timeout: 10m\n{before}  parser: {parser}\n"
    )
}

/// The line that a detected setup replaces.
const NO_SETUP: &str = "#  setup: npm ci    # prepares a fresh worktree, and the place of checks; runs only after `ai trust`\n";
const SETUP_WHY: &str = "  # prepares a fresh worktree, and the place of checks: neither finds what is installed in your checkout\n";

const HEAD: &str = "\
# The configuration of `ai` for this repository. Every value has a default; this file may be shorter.
# `ai config show --origin` says where each value comes from.
version: 1

# Names for sets of paths. `--path @auth` on a task then means these globs.
modules: {}
#  auth: [src/auth/, tests/auth_*.rs]

# Commands that prove work, run by `ai` itself on the exact tree that is judged. They run only after `ai trust`.
# `run` is a shell line, or a list of arguments that needs no shell.
# `parser` reads the output: auto, cargo, nextest, pytest, go, junit (with `report:` a file, directory or glob) or exit-code.
# `required: false` makes a check advisory.
";

const REST: &str = "
# What tasks and runs get where they say nothing. Checks: all of the above, unless `checks: [NAME, …]` lists some.
defaults:
  ttl: 30m          # lease of people and interactive agents
  run_ttl: 60s      # lease of a run, renewed by its supervisor
  heartbeat: 15s    # how often; at most a third of run_ttl
  max_attempts: 3   # then the task counts as failed
  max_lapses: 3     # lost leases; then the task waits for a person
#  agent: NAME      # the agent of a task that names none
#  base: main       # the branch that work starts from; else the current one

locks:
  # Files that many tasks touch harmlessly; they never conflict.
  shared: []
#  shared: [Cargo.lock, package-lock.json, CHANGELOG.md]
  case: auto        # how names compare: auto, sensitive or folding

runs:
  isolation: worktree
#  setup: npm ci    # prepares a fresh worktree, and the place of checks; runs only after `ai trust`
  minutes: 60       # longest run
  silence_minutes: 10
  output_mb: 64     # most output that is kept of one stream
  grace: 10s        # between asking a process to end and ending it
  env_pass: []      # environment variables that agents get beside the usual ones
  sandbox: auto     # what keeps agents and checks in: auto, bubblewrap, landlock or none
  network: on       # off: not even the loopback; or hosts, and no others: {allow: [api.example.com], deny: []}
  allow_read: []    # places of your hidden home that they may read, such as ~/.config/tool
  allow_write: []   # places that they may write beside the worktree
#  memory_mb: 8192  # that one process may fill
#  file_mb: 4096    # largest file
#  processes: 4000  # of your user while a run goes on
  caches: []        # ignored directories that a fresh worktree starts with, such as target
  check_keep: []    # ignored directories that checks keep from one tree to the next: faster, and an old one may let a broken tree pass
  cache_mode: cow   # cow (else copied), hardlink or copy
  ports: {}         # free ports for each run, such as {PORT: 1}
  port_base: 20000
  disk_floor_mb: 512

# Which agent gets a task that names none, where several could; docs/routing.md has the rules, `ai route explain TASK` the reasons.
router:
  prefer: []        # agents, most wanted first
  capabilities: {}  # what a type of task or a label asks for
#  capabilities: {bug: [rust], ui: [web]}
  fallback: {}      # who stands in for an agent that is out of quota or not logged in; nobody else does
#  fallback: {claude-code: [codex]}
  weights: {success: 4, labels: 2, prefer: 3, health: 2, load: 2, cost: 1}

# How the queue is worked: which task starts next, and how many at a time. docs/scheduling.md has each rule.
scheduler:
  enabled: true     # false: nothing is started from the queue; `ai run TASK` still works
#  max_concurrency: 4                                     # runs at a time in the whole repository
  queue_policy: priority  # or fifo: the longest waiting first
#  max_queue_size: 1000                                   # tasks that wait; a full queue takes no new one
  ageing: 1d        # a wait that is worth one level of priority
  keep_paths: 1h    # a wait after which the paths of a task are kept for it
  order: []         # kinds of work, by type or label, first ones first, such as [bug, reliability]
  fairness: []      # labels that take turns among equally urgent tasks
#  rate_limit: {requests_per_minute: 30, burst: 5}        # starts of runs
  retry: {}         # rests between attempts by what went wrong, such as {default: {strategy: fixed, pause: 1m}}
#  breaker: {failures: 3, rest: 10m}                      # an agent whose provider or program fails so often in a row rests
  maintenance: []   # times in which nothing starts, such as {days: [sat, sun], from: '22:00', to: '06:00', utc_offset: '+02:00'}
  machine: {}       # what all runs have together, else what is there, and lines over which starts pause, such as {memory: 24GiB, load: 1.5}

# `ai daemon`, which works the queue unattended.
daemon:
#  parallel: 4      # runs at a time, else `scheduler.max_concurrency`, or one
  stop_within: 5m   # how long runs may go on once it is stopped, before they are asked to end
  land: false       # true: it lands reviewed work by itself, as far as the policy lets it without asking anybody

# Ceilings, in `tokens`, `money` (US dollars), `minutes` and `attempts` (runs); `ai budget` shows what is left.
budgets:
  run: {}           # one run
  task: {}          # all runs of a task
  agent: {}         # each agent, a day (UTC)
  day: {}           # all agents together, a day
  repository: {}    # all runs there ever were
#  day: {tokens: 2000000, money: 10.00}

accept:
  mode: merge       # merge, ff-only, or branch to leave the branch for a pull request
#  target: main     # else the branch that the work started from

# What `ai gc` leaves of the output of agents whose tasks have ended; proofs, changes and the log stay for ever.
retention:
  age: 90d          # output may go when its run ended so long ago
  size_mb: 4096     # most MiB of output, the newest first
#  runs: 1000       # most runs that keep their output

# Who is told of what, once somebody should hear of it. docs/notices.md has the types and each kind of sink.
notices:
  sinks: {}         # by name, such as {desk: {type: desktop}, log: {type: file}, bell: {type: command, run: [my-bell]}}
  rules: {}         # sinks of a type, such as {failed: [desk], any: [log]}; without rules, every sink hears everything
  deduplicate: 10m  # the same thing is not told again within this time
  digest: true      # what came up in quiet hours is told in one notice at their end
#  quiet_hours: {from: '22:00', to: '07:00', time_zone: Europe/Berlin, urgent: [daemon-trouble]}

# Regular expressions for secrets, beside those that `ai` knows.
redact: []
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::detect::CheckFamily;
    use crate::config::entries::entries;
    use crate::config::load::{FILE, parse};
    use crate::config::model::{CommandLine, Config, LockCase};
    use crate::config::origin::ValueOrigin;
    use crate::domain::check::CheckParser;

    #[test]
    fn the_written_file_says_the_defaults() {
        let mut config = parse(StartConfig::default().text().as_bytes(), FILE).unwrap();
        let unsaid: Vec<String> = entries(&config)
            .into_iter()
            .filter(|e| e.origin == ValueOrigin::Default)
            .map(|e| e.key)
            .collect();
        assert_eq!(
            unsaid,
            [
                "defaults.checks",
                "defaults.agent",
                "defaults.base",
                "runs.setup",
                "runs.memory_mb",
                "runs.file_mb",
                "runs.processes",
                "scheduler.max_concurrency",
                "scheduler.max_queue_size",
                "scheduler.rate_limit",
                "scheduler.breaker",
                "daemon.parallel",
                "accept.target",
                "retention.runs",
                "notices.quiet_hours"
            ]
        );
        config.origins.clear();
        assert_eq!(config, Config::default());
        assert_eq!(config.locks.case, LockCase::Auto);
    }

    fn found(name: &'static str, run: &str, setup: Option<&'static str>) -> DetectedCheck {
        DetectedCheck {
            family: CheckFamily::Node,
            name,
            run: run.to_owned(),
            parser: CheckParser::Auto,
            because: "x".into(),
            setup: setup.map(Into::into),
        }
    }

    #[test]
    fn what_passed_is_in_force_and_all_else_is_there_to_be_taken_in() {
        let start = StartConfig {
            checks: vec![
                (
                    found("a", "go test ./...", None),
                    CheckStanding::Passed("c1".into()),
                ),
                (
                    found("b", "npm test", Some("npm ci")),
                    CheckStanding::Passed("c1".into()),
                ),
                (
                    found("c", "tox", Some("uv sync --locked")),
                    CheckStanding::LeftOut("c1".into()),
                ),
                (
                    found("d", "cmake -S . -B b && ctest", None),
                    CheckStanding::Untried,
                ),
            ],
            setup: None,
            caches: vec!["target"],
        };
        let text = start.text();
        let names = |text: &str| {
            let config = parse(text.as_bytes(), FILE).unwrap();
            let names: Vec<String> = config.checks.iter().map(|c| c.name.clone()).collect();
            (names, config.runs.setup, config.runs.caches)
        };
        let setup = Some(CommandLine::Shell("npm ci".into()));
        assert_eq!(
            names(&text),
            (vec!["a".into(), "b".into()], setup.clone(), Vec::new())
        );
        let all = text.replace("\n#  ", "\n  ").replace("  caches: []", "#");
        let (checks, _, caches) = names(&taken_in(&all));
        assert_eq!((checks.len(), caches), (4, vec!["target".to_owned()]));
        let nothing = StartConfig {
            setup: Some("npm ci".into()),
            ..StartConfig::default()
        };
        assert_eq!(nothing.text(), StartConfig::default().text());
    }

    /// The file without the examples that would stand twice once they are taken in.
    fn taken_in(text: &str) -> String {
        let is_example = |line: &&str| {
            ![
                "  agent: ",
                "  base: ",
                "  auth: ",
                "  shared: [C",
                "  capabilities: {b",
                "  fallback: {c",
                "  day: {t",
            ]
            .iter()
            .any(|start| line.starts_with(start))
        };
        text.lines()
            .filter(is_example)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn what_is_commented_out_is_right_when_taken_in() {
        let text = StartConfig::default()
            .text()
            .replace("checks: {}\n#", "checks:\n ")
            .replace("modules: {}\n#", "modules:\n ");
        let text = text
            .replace("  shared: []\n#", "")
            .replace("  day: {}", "#");
        let text = text
            .replace("  capabilities: {} ", "#")
            .replace("  fallback: {} ", "#");
        let text = text.replace("\n#  ", "\n  ");
        let config = parse(text.as_bytes(), FILE).unwrap();
        assert_eq!(config.modules["auth"].len(), 2);
        assert_eq!((config.checks.len(), config.locks.shared.len()), (1, 3));
        assert_eq!(config.accept.target.as_deref(), Some("main"));
        assert!(config.runs.setup.is_some() && config.defaults.base.is_some());
    }
}
