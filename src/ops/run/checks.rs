//! Checks: the project's own commands, run by `ai` on exactly the tree that is judged, in a place that no agent has touched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::fs;
use crate::checks::judge::{self, CheckRun};
use crate::checks::reports;
use crate::config::{self, CommandLine, Config};
use crate::domain::agent::Name;
use crate::domain::check::{CheckCommand, CheckParser, CheckResult, CheckSpec, CheckStatus};
use crate::domain::process_end::ProcessEnd;
use crate::domain::task::Task;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::run::check_place::CheckPlace;
use crate::ops::run::fence::{self, Ground};
use crate::ops::run::world::{World, environment};
use crate::process::environment::child_environment;
use crate::process::supervise::{
    CancelToken, End, Limits, OomHint, OutputTo, Quiet, SpawnSpec, StdinSource, Timeout, supervise,
};

/// Largest log that is read back for judging.
const LOG_CAP: u64 = 128 << 20;

/// A check to run.
pub struct CheckPlan {
    /// What it is.
    pub spec: CheckSpec,
    /// Its time limit, to the second.
    timeout: Duration,
}

/// A check that has run.
pub struct Checked {
    /// What it is.
    pub spec: CheckSpec,
    /// What it said.
    pub result: CheckResult,
    /// Its log, standard output and standard error one after the other.
    pub log: PathBuf,
}

impl CheckPlan {
    /// The checks of a task: its own, else the project's defaults.
    pub fn of(task: &Task, config: &Config) -> Result<Vec<CheckPlan>, OpError> {
        if task.checks.is_empty() {
            return config.default_checks().into_iter().map(CheckPlan::new).collect();
        }
        let find = |name: &String| {
            let unknown =
                || Refusal::Invalid(format!("{} wants check `{name}`, and .ai/config.yaml has no such check", task.id));
            CheckPlan::new(config.check(name).ok_or_else(unknown)?)
        };
        task.checks.iter().map(find).collect()
    }

    fn new(check: &config::Check) -> Result<CheckPlan, OpError> {
        let bad = |e: &dyn std::fmt::Display| OpError::from(Refusal::Invalid(format!("check `{}`: {e}", check.name)));
        let command = match &check.run {
            CommandLine::Shell(line) => CheckCommand::Shell(line.clone()),
            CommandLine::Argv(argv) => CheckCommand::Argv(argv.clone()),
        };
        let mut spec = CheckSpec::new(Name::new(check.name.clone()).map_err(|e| bad(&e))?, command);
        spec.parser = match check.parser {
            config::CheckParser::Auto => CheckParser::Auto,
            config::CheckParser::Cargo => CheckParser::Cargo,
            config::CheckParser::Nextest => CheckParser::Nextest,
            config::CheckParser::Pytest => CheckParser::Pytest,
            config::CheckParser::Go => CheckParser::Go,
            config::CheckParser::ExitCode => CheckParser::ExitCode,
            config::CheckParser::Junit => {
                CheckParser::Junit { path: check.report.clone().unwrap_or_else(|| "**/*.xml".into()) }
            }
        };
        spec.required = check.required;
        spec.timeout_minutes = u32::try_from(check.timeout.as_secs().div_ceil(60)).unwrap_or(u32::MAX);
        Ok(CheckPlan { spec, timeout: check.timeout })
    }

    /// The command as a person would type it.
    pub fn command_text(&self) -> String {
        match &self.spec.command {
            CheckCommand::Shell(line) => line.clone(),
            CheckCommand::Argv(argv) => argv.join(" "),
        }
    }

    fn argv(&self) -> Vec<OsString> {
        match &self.spec.command {
            CheckCommand::Shell(line) => ["/bin/sh", "-c", line].map(OsString::from).to_vec(),
            CheckCommand::Argv(argv) => argv.iter().map(OsString::from).collect(),
        }
    }
}

/// Runs the checks one after the other. `label` marks their processes, so that none of them outlives a crash.
pub fn run_checks(
    world: &World,
    place: &CheckPlace,
    plans: Vec<CheckPlan>,
    dir: &Path,
    label: &str,
    cancel: &CancelToken,
) -> Result<Vec<Checked>, OpError> {
    fs::create_dir_all(dir).map_err(environment)?;
    let mut done = Vec::new();
    for plan in plans {
        refuse_stopped(cancel, "before", &plan.spec)?;
        world.say(&format!("check {}: {}", plan.spec.name, plan.command_text()));
        let checked = run_one(world, place, plan, dir, label, cancel)?;
        refuse_stopped(cancel, "in", &checked.spec)?;
        world.say(&format!("check {}: {}", checked.spec.name, result_text(&checked.result)));
        done.push(checked);
    }
    Ok(done)
}

/// A check that was cut off says nothing about the work.
fn refuse_stopped(cancel: &CancelToken, when: &str, check: &CheckSpec) -> Result<(), OpError> {
    match cancel.reason() {
        Some(reason) => Err(environment(format!("stopped {when} check `{}`: {reason:?}", check.name))),
        None => Ok(()),
    }
}

/// One line on a result: `passed (12 passed)`, `failed (1 of 12 failed: parser::tests::empty)`.
pub fn result_text(result: &CheckResult) -> String {
    let word = match &result.status {
        CheckStatus::Passed => "passed".to_owned(),
        CheckStatus::Failed => "failed".to_owned(),
        CheckStatus::Broken { why } => format!("broken ({why})"),
        CheckStatus::NotRun => "not run".to_owned(),
    };
    let counts = result.counts.as_ref().map(|c| format!("{} passed, {} failed", c.passed, c.failed));
    let failures: Vec<&str> = result.failures.iter().take(3).map(|f| f.name.as_str()).collect();
    let detail: Vec<String> = counts.into_iter().chain((!failures.is_empty()).then(|| failures.join(", "))).collect();
    if detail.is_empty() { word } else { format!("{word} ({})", detail.join(": ")) }
}

fn run_one(
    world: &World,
    place: &CheckPlace,
    plan: CheckPlan,
    dir: &Path,
    label: &str,
    cancel: &CancelToken,
) -> Result<Checked, OpError> {
    let log = dir.join(format!("{}.log", plan.spec.name));
    let errors = dir.join(format!("{}.stderr", plan.spec.name));
    let junit = match &plan.spec.parser {
        CheckParser::Junit { path } => Some(path.clone()),
        _ => None,
    };
    let before = junit.as_ref().map(|glob| reports::collect(&place.root, glob)).transpose().map_err(environment)?;
    let ground = ground(world, place, &plan)?;
    let spec = SpawnSpec {
        argv: plan.argv(),
        cwd: place.root.clone(),
        env: check_environment(world, place, &ground),
        stdin: StdinSource::Null,
        run_id: Some(label.to_owned()),
        files: None,
        cgroup: None,
        fence: ground.fence(),
        limits: Limits {
            total: Some(plan.timeout),
            silence: None,
            grace: world.config.runs.grace,
            output_cap: u64::from(world.config.runs.output_mb) << 20,
        },
        stdout: OutputTo::File(log.clone()),
        stderr: OutputTo::File(errors.clone()),
    };
    let runtime = runtime()?;
    let outcome = runtime.block_on(supervise(&spec, world.redactor(), &mut Quiet, cancel));
    ground.clear()?;
    let outcome = outcome.map_err(environment)?;
    let stdout = fs::read_capped(&log, LOG_CAP).map_err(environment)?;
    let stderr = fs::read_capped(&errors, LOG_CAP).map_err(environment)?;
    fs::append(&log, &stderr).map_err(environment)?;
    fs::remove_file(&errors).map_err(environment)?;
    let (log_sha256, _) = fs::digest(&log).map_err(environment)?;
    let fresh = match (junit, before) {
        (Some(glob), Some(before)) => {
            reports::fresh(&before, reports::collect(&place.root, &glob).map_err(environment)?)
        }
        _ => Vec::new(),
    };
    let run = CheckRun {
        end: process_end(&outcome.end, outcome.oom, plan.timeout),
        stdout: &stdout,
        stderr: &stderr,
        reports: &fresh,
        duration_ms: u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
        log_sha256,
    };
    let result = judge::judge(&plan.spec, &run);
    Ok(Checked { spec: plan.spec, result, log })
}

/// A check writes in its place and nowhere else.
fn ground(world: &World, place: &CheckPlace, plan: &CheckPlan) -> Result<Ground, OpError> {
    let layer = fence::layer(world, None)?;
    let tmp = place.git_dir.with_file_name("tmp");
    let mut ground = Ground::new(world, layer, place.network, &tmp)?;
    ground.programs(&plan.argv(), &world.env);
    ground.write(&place.root);
    ground.write(&place.git_dir);
    Ok(ground)
}

/// A check gets the allow-listed environment and nothing of the agent's; Git above the place is hidden from it.
fn check_environment(world: &World, place: &CheckPlace, ground: &Ground) -> Vec<(OsString, OsString)> {
    let ceiling = place.root.parent().unwrap_or(&place.root).as_os_str().to_owned();
    let mut set =
        vec![(OsString::from("CI"), OsString::from("true")), (OsString::from("GIT_CEILING_DIRECTORIES"), ceiling)];
    set.extend(ground.variables());
    set.extend(place.ports.iter().cloned());
    child_environment(&world.env, &world.config.runs.env_pass, &set)
}

/// A single-threaded runtime for one supervised child.
pub fn runtime() -> Result<tokio::runtime::Runtime, OpError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(environment)
}

/// The supervisor's end of a process in the words of the domain.
pub fn process_end(end: &End, oom: OomHint, limit: Duration) -> ProcessEnd {
    let after_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    match end {
        End::Exited(code) => ProcessEnd::Exited { code: *code },
        End::Signaled(_) if oom == OomHint::Likely => ProcessEnd::OutOfMemory,
        End::Signaled(signal) => ProcessEnd::Signaled { signal: *signal },
        End::TimedOut(Timeout::Total) => ProcessEnd::TimedOut { after_ms },
        End::TimedOut(Timeout::Silence) => ProcessEnd::Silent { after_ms },
        End::Cancelled(_) => ProcessEnd::Stopped,
        End::Dismissed => ProcessEnd::Dismissed,
        End::SpawnFailed(failure) => ProcessEnd::NotStarted { why: failure.to_string() },
        End::KeeperLost => ProcessEnd::Signaled { signal: 9 },
    }
}
