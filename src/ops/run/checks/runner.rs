//! Checks: the project's own commands, run by `ai` on exactly the tree that is judged, in a place
//! that no agent has touched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::fs;
use crate::base::path::resolved;
use crate::base::text::one_line;
use crate::checks::judge::{self, CheckRun};
use crate::checks::parse::ParsedTests;
use crate::checks::reports::ReportWatch;
use crate::config::{self, CommandLine, Config};
use crate::domain::aftermath::{self, CheckEnd};
use crate::domain::agent::Name;
use crate::domain::check::{CheckCommand, CheckParser, CheckResult, CheckSpec, CheckStatus};
use crate::domain::process_end::ProcessEnd;
use crate::domain::repo_path::RepoPath;
use crate::domain::resources::ResourceAmounts;
use crate::domain::task::Task;
use crate::domain::verdict::Verification;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::borrowed::{borrow, borrow_line};
use crate::ops::run::checks::environment::{CheckEnvironment, Installed};
use crate::ops::run::checks::foreign_sources::Leads;
use crate::ops::run::checks::place::CheckPlace;
use crate::ops::run::checks::process::CheckProcess;
use crate::ops::run::checks::scene::Scene;
use crate::ops::run::files::CheckLogs;
use crate::ops::run::model::Checked;
use crate::ops::run::sandbox::command::{CommandOutput, words};
use crate::ops::run::sandbox::layer;
use crate::ops::world::World;
use crate::process::supervise::CancelToken;

/// Largest log that is read back for judging, unless more output is kept.
const LOG_CAP: u64 = 128 << 20;
/// Longest setup.
pub(crate) const SETUP_LIMIT: Duration = Duration::from_secs(1800);
/// Longest wait for interpreters that are asked where they look; one that hangs would hang in the
/// check, too.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// A check to run.
pub struct CheckPlan {
    /// The check.
    pub spec: CheckSpec,
    /// The time limit, to the second.
    timeout: Duration,
    /// Resources that it has declared.
    resources: ResourceAmounts,
    /// The command as it is started at the place, where that is not as it is written.
    started: Option<CheckCommand>,
}

/// Combines the words of all checks.
pub fn verification(checked: &[Checked]) -> Verification {
    let ends: Vec<CheckEnd<'_>> = checked.iter().map(Checked::end).collect();
    aftermath::verification(&ends)
}

impl CheckPlan {
    /// The checks of a task: its own, else the project's defaults.
    pub fn of(task: &Task, config: &Config) -> Result<Vec<CheckPlan>, OpError> {
        CheckPlan::named(&task.checks, config, task.id.as_str())
    }

    /// The checks of these names, which `who` asked for; the project's defaults where none is named.
    pub(crate) fn named(
        names: &[String],
        config: &Config,
        who: &str,
    ) -> Result<Vec<CheckPlan>, OpError> {
        if names.is_empty() {
            return config
                .default_checks()
                .into_iter()
                .map(CheckPlan::new)
                .collect();
        }
        let find = |name: &String| {
            let unknown = || {
                let known: Vec<&str> = config.checks.iter().map(|one| one.name.as_str()).collect();
                Refusal::Unclear {
                    why: format!(
                        "{who} wants check `{name}`, and .ai/config.yaml has no such check"
                    ),
                    hint: if known.is_empty() {
                        format!("write it below `checks`, such as {{{name}: {{run: make test}}}}")
                    } else {
                        format!(
                            "write it below `checks`, or take one of {}",
                            known.join(", ")
                        )
                    },
                }
            };
            CheckPlan::new(config.check(name).ok_or_else(unknown)?)
        };
        names.iter().map(find).collect()
    }

    fn new(check: &config::Check) -> Result<CheckPlan, OpError> {
        let command = match &check.run {
            CommandLine::Shell(line) => CheckCommand::Shell(line.clone()),
            CommandLine::Argv(argv) => CheckCommand::Argv(argv.clone()),
        };
        let name = Name::new(check.name.clone()).map_err(|source| Refusal::Check {
            name: check.name.clone(),
            source,
        })?;
        let mut spec = CheckSpec::new(name, command);
        spec.parser = check.parser.clone();
        spec.required = check.required;
        spec.timeout_minutes =
            u32::try_from(check.timeout.as_secs().div_ceil(60)).unwrap_or(u32::MAX);
        Ok(CheckPlan {
            spec,
            timeout: check.timeout,
            resources: check.resources,
            started: None,
        })
    }

    /// Has the command use the environments of Python that it names and that only the checkout at
    /// `root` has; returns them.
    fn borrow(&mut self, root: &Path, place: &Path) -> Vec<PathBuf> {
        let (started, environments) = match &self.spec.command {
            CheckCommand::Shell(line) => {
                let (line, environments) = borrow_line(line, root, place);
                (CheckCommand::Shell(line), environments)
            }
            CheckCommand::Argv(argv) => {
                let words = argv.iter().map(|word| borrow(word, root, place));
                let (argv, environments): (_, Vec<_>) = words.unzip();
                let environments = environments.into_iter().flatten().collect();
                (CheckCommand::Argv(argv), environments)
            }
        };
        self.started = Some(started);
        environments
    }

    /// The command as it is started.
    fn started_text(&self) -> String {
        text_of(self.started.as_ref().unwrap_or(&self.spec.command))
    }

    /// The command as a person would type it.
    pub fn command_text(&self) -> String {
        text_of(&self.spec.command)
    }

    fn argv(&self) -> Vec<OsString> {
        match self.started.as_ref().unwrap_or(&self.spec.command) {
            CheckCommand::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).to_vec(),
            CheckCommand::Argv(argv) => argv.iter().map(OsString::from).collect(),
        }
    }
}

fn text_of(command: &CheckCommand) -> String {
    match command {
        CheckCommand::Shell(line) => line.clone(),
        CheckCommand::Argv(argv) => argv.join(" "),
    }
}

/// Prepares the place and runs the checks there one after the other. `label` marks their processes,
/// so that none of them outlives a crash.
pub fn run_checks(
    world: &World,
    place: &CheckPlace,
    mut plans: Vec<CheckPlan>,
    logs: &CheckLogs,
    label: &str,
    cancel: &CancelToken,
) -> Result<Vec<Checked>, OpError> {
    logs.make()?;
    let process = CheckProcess {
        world,
        place,
        label,
        cancel,
    };
    let unprepared = set_up(&process, logs)?;
    // What the setup has made counts from here on.
    let mut variables = CheckEnvironment::of(world, place, Installed::Used)?;
    let main = resolved(&world.root);
    for plan in &mut plans {
        variables.shown.extend(plan.borrow(&main, &place.root));
    }
    let ask = |argv: Vec<OsString>| {
        let answer = process.run(
            &variables,
            argv,
            (ASK_LIMIT, &ResourceAmounts::default()),
            CommandOutput::Memory,
        )?;
        Ok(answer.outcome.stdout.memory)
    };
    let leads = match &unprepared {
        Some(_) => None,
        None => {
            let scene = Scene {
                place,
                environment: &variables,
                mode: layer::layer(world, None)?.mode(),
            };
            let commands: Vec<String> = plans.iter().map(CheckPlan::started_text).collect();
            Some(Leads::look(scene, &world.root, &commands, &ask)?)
        }
    };
    let hidden = leads
        .as_ref()
        .map(|leads| leads.hidden().to_vec())
        .unwrap_or_default();
    let confined = CheckEnvironment {
        hidden,
        ..variables.clone()
    };
    let mut done = Vec::new();
    for plan in plans {
        refuse_stopped(cancel, &format!("before check `{}`", plan.spec.name))?;
        world.say(&format!(
            "check {}{}: {}",
            plan.spec.name,
            place.said,
            plan.command_text()
        ));
        let elsewhere = leads
            .as_ref()
            .and_then(|leads| leads.of(&plan.started_text()));
        let checked = match unprepared
            .clone()
            .or_else(|| elsewhere.map(|lead| lead.to_string()))
        {
            Some(why) => broken(plan, logs, why)?,
            None => {
                let command = plan.started_text();
                let checked = run_one(&process, &confined, plan, logs)?;
                let checked = explained(checked, &command, leads.as_ref(), log_cap(world))?;
                without_submodules(checked, &place.missing)
            }
        };
        refuse_stopped(cancel, &format!("in check `{}`", checked.spec.name))?;
        world.say(&format!(
            "check {}{}: {}",
            checked.spec.name,
            place.said,
            checked.result.in_words()
        ));
        done.push(checked);
    }
    Ok(done)
}

/// The size up to which a log is read back: both streams as they are kept, with what says that more
/// was cut off.
fn log_cap(world: &World) -> u64 {
    LOG_CAP.max((u64::from(world.config.runs.output_mb) << 21).saturating_add(1 << 20))
}

/// A check that failed since what it needed is hidden from it says nothing about the work.
fn explained(
    mut checked: Checked,
    command: &str,
    leads: Option<&Leads<'_>>,
    cap: u64,
) -> Result<Checked, OpError> {
    if checked.result.status != CheckStatus::Failed {
        return Ok(checked);
    }
    let log = fs::read_capped(&checked.log, cap)?;
    if let Some(lead) = leads.and_then(|leads| leads.after(command, &String::from_utf8_lossy(&log)))
    {
        checked.result.status = CheckStatus::Broken {
            why: lead.to_string(),
        };
    }
    Ok(checked)
}

/// Nor does one that failed where a submodule is missing.
fn without_submodules(mut checked: Checked, missing: &[RepoPath]) -> Checked {
    if let (CheckStatus::Failed, Some(first)) = (&checked.result.status, missing.first()) {
        let why = format!(
            "submodule {first} is not there: the commit that the tree names for it is in no submodule of the checkout"
        );
        checked.result.status = CheckStatus::Broken { why };
    }
    checked
}

/// Runs the project's setup command in the place, as in a fresh worktree. Returns why it did not
/// succeed: then no check can tell anything.
fn set_up(process: &CheckProcess<'_>, logs: &CheckLogs) -> Result<Option<String>, OpError> {
    let Some(command) = &process.world.config.runs.setup else {
        return Ok(None);
    };
    process.world.say("setup of the place of checks");
    let variables = CheckEnvironment::of(process.world, process.place, Installed::LeftAlone)?;
    let output = logs.setup();
    let ended = process.run(
        &variables,
        words(command),
        (SETUP_LIMIT, &ResourceAmounts::default()),
        CommandOutput::Files(output.clone()),
    )?;
    refuse_stopped(process.cancel, "in the setup of the place of checks")?;
    let cap = log_cap(process.world);
    output.join(cap)?;
    let log = output.log;
    if ended.process == (ProcessEnd::Exited { code: 0 }) {
        fs::remove_file(&log)?;
        return Ok(None);
    }
    let last = String::from_utf8_lossy(&fs::read_capped(&log, cap)?).into_owned();
    let last = last
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map(one_line)
        .unwrap_or_default();
    let why = ended.process.failure();
    let said = if last.is_empty() {
        String::new()
    } else {
        format!(", its last line: {last}")
    };
    Ok(Some(format!(
        "the setup command (`runs.setup`) failed in the place of checks: {why}{said}; log: {}",
        log.display()
    )))
}

/// A check that could prove nothing, with the reason as its log.
fn broken(plan: CheckPlan, logs: &CheckLogs, why: String) -> Result<Checked, OpError> {
    let log = logs.check(plan.spec.name.as_str()).log;
    fs::write_private(&log, format!("{why}\n").as_bytes())?;
    let (log_sha256, _) = fs::digest(&log)?;
    let result = CheckResult {
        name: plan.spec.name.clone(),
        status: CheckStatus::Broken { why },
        note: None,
        exit: None,
        duration_ms: 0,
        counts: None,
        failures: Vec::new(),
        log_sha256: Some(log_sha256),
    };
    Ok(Checked {
        spec: plan.spec,
        result,
        log,
    })
}

/// A check that was cut off says nothing about the work.
fn refuse_stopped(cancel: &CancelToken, at: &str) -> Result<(), OpError> {
    match cancel.reason() {
        Some(reason) => Err(OpError::from(Refusal::Environment(format!(
            "stopped {at}: {reason}"
        )))),
        None => Ok(()),
    }
}

fn run_one(
    process: &CheckProcess<'_>,
    variables: &CheckEnvironment,
    plan: CheckPlan,
    logs: &CheckLogs,
) -> Result<Checked, OpError> {
    let place = process.place;
    let output = logs.check(plan.spec.name.as_str());
    let watch = match &plan.spec.parser {
        CheckParser::Junit { path } => Some(ReportWatch::before(&place.root, path)),
        _ => None,
    };
    let ended = process.run(
        variables,
        plan.argv(),
        (plan.timeout, &plan.resources),
        CommandOutput::Files(output.clone()),
    )?;
    let cap = log_cap(process.world);
    let stdout = fs::read_capped(&output.log, cap)?;
    let stderr = fs::read_capped(&output.errors, cap)?;
    output.join(cap)?;
    let log = output.log;
    let (log_sha256, _) = fs::digest(&log)?;
    let reports = watch.map_or_else(ParsedTests::default, ReportWatch::read);
    let run = CheckRun {
        duration_ms: ended.duration_ms(),
        end: ended.process,
        stdout: &stdout,
        stderr: &stderr,
        reports: &reports,
        log_sha256,
    };
    let result = judge::judge(&plan.spec, &run);
    Ok(Checked {
        spec: plan.spec,
        result,
        log,
    })
}
