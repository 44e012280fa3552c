//! `ai run`

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{counted, multi_line, one_line};
use crate::cli::answer::RunAnswer;
use crate::cli::cmd::backup;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, NewsOf, Outcome};
use crate::domain::ids::TaskId;
use crate::domain::sandbox::SandboxWish;
use crate::domain::verdict::{self, Lifecycle};
use crate::ops::claim::Which;
use crate::ops::refusal::Refusal;
use crate::ops::run::model::RunReport;
use crate::ops::run::{batch, drive};
use crate::process::reexec;
use crate::store::Access;

const TO_RUN: Wanted = Wanted {
    command: "ai run",
    waits_for: "an agent",
    statuses: &["queued"],
};

#[derive(Args)]
pub(in crate::cli) struct RunArgs {
    /// The task; any unique prefix of its id
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Run the most urgent ready task whose paths are free
    #[arg(long, conflicts_with = "id")]
    next: bool,
    /// Run every ready task once, each by the agent that the router chooses
    #[arg(long, conflicts_with_all = ["id", "next"])]
    all: bool,
    /// With --all: how many at a time; else `scheduler.max_concurrency`, or one
    #[arg(long, value_name = "N", requires = "all", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
    /// The agent, whatever the router would choose; see `ai route explain`
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Let the agent and the checks do whatever you may do; the evidence says so
    #[arg(long)]
    no_sandbox: bool,
    /// Ends when standard input does: how `ai run --all` holds its children
    #[arg(long, hide = true)]
    leashed: bool,
    /// Answers as with --leashed, and outlives whoever has started it: how a daemon starts its runs
    #[arg(long, hide = true)]
    by_daemon: bool,
}

pub(super) fn run(args: &RunArgs, context: &mut Context) -> Outcome {
    if args.leashed {
        reexec::obey_leash();
    }
    if args.leashed || args.by_daemon {
        return Ok(answer(args, context));
    }
    if args.all {
        return run_all(args, context);
    }
    if !args.next {
        waiting::task(args.id.as_deref(), &TO_RUN, context)?;
    }
    let report = one(args, context)?;
    show(&report, context);
    backup::roll_if_due(context);
    Ok(exit::of_run(report.outcome, report.cell.lifecycle))
}

/// Runs one task.
fn one(args: &RunArgs, context: &mut Context) -> Result<RunReport, AppError> {
    let (mut world, live) = context.watched_world()?;
    if args.no_sandbox {
        world.sandbox = Some(SandboxWish::None);
    }
    let which = args.id.clone().map_or(Which::Next, Which::Task);
    let store = context.store(Access::Write)?;
    let report = drive::run(&world, store, &which, args.agent.as_deref());
    drop(live);
    let report = report?;
    context.news_of = NewsOf::Task(report.task.id.clone());
    Ok(report)
}

/// Answers the parent, which has started this process for one task of many.
fn answer(args: &RunArgs, context: &mut Context) -> u8 {
    match one(args, context) {
        Ok(report) => {
            warn(&report, context);
            context.ui.object(&batch::ChildAnswer::of_run(&report));
            backup::roll_if_due(context);
            exit::of_run(report.outcome, report.cell.lifecycle)
        }
        Err(error) => {
            let answer = batch::ChildAnswer::of_error(&error.message, error.hint.as_deref());
            context.ui.object(&answer);
            error.code()
        }
    }
}

/// Runs everything that is ready, and shows what became of it.
fn run_all(args: &RunArgs, context: &mut Context) -> Outcome {
    let world = context.world()?;
    // Each child tells of its own.
    context.news_of = NewsOf::Nothing;
    let own = child_args(args, context)?;
    let child = |id: &TaskId| [&own[..], &[OsString::from(id.as_str())]].concat();
    let store = context.store(Access::Write)?;
    let order = batch::Order {
        parallel: world.config.scheduler.hands(args.parallel),
        agent: args.agent.as_deref(),
        args: &child,
    };
    let json = context.ui.json();
    let mut each = |line: &batch::Line| {
        if json {
            context.ui.object(line);
            context.ui.flush();
        }
    };
    let summary = batch::all(&world, store, &order, &mut each)?;
    if summary.lines.is_empty() && !summary.interrupted {
        return Err(Refusal::NothingReady {
            locked: 0,
            unfit: Vec::new(),
        }
        .into());
    }
    if !json {
        table(&summary, context);
    }
    Ok(summary.code())
}

/// The arguments of a child of `ai run --all`, for one task: with the same directory, name and
/// talk.
fn child_args(args: &RunArgs, context: &Context) -> Result<Vec<OsString>, AppError> {
    let mut all = again(&["run", "--leashed", "--json"], context)?;
    all.extend(
        args.agent
            .iter()
            .flat_map(|name| ["--agent".into(), name.into()]),
    );
    all.extend(args.no_sandbox.then(|| "--no-sandbox".into()));
    all.push("--".into());
    Ok(all)
}

/// The arguments of another `ai` that begin with `words`, with the same directory, name and talk.
pub(super) fn again(words: &[&str], context: &Context) -> Result<Vec<OsString>, AppError> {
    again_at(words, context.workspace.start_dir()?, context)
}

/// The same in another directory.
pub(super) fn again_at(
    words: &[&str],
    dir: PathBuf,
    context: &Context,
) -> Result<Vec<OsString>, AppError> {
    let mut all: Vec<OsString> = words.iter().map(OsString::from).collect();
    all.extend(["-C".into(), dir.into_os_string()]);
    let named = context.workspace.named().into_iter();
    all.extend(named.flat_map(|name| ["--as".into(), name.into()]));
    all.extend((!context.is_talkative()).then(|| "--quiet".into()));
    Ok(all)
}

/// Number of things that help which are named for tasks that could not be started.
const SHOWN_HELPS: usize = 3;

/// Shows what became of many tasks.
pub(super) fn table(summary: &batch::Summary, context: &mut Context) {
    let rows: Vec<Vec<String>> = summary.lines.iter().map(row).collect();
    let headings = ["RUN", "AGENT", "OUTCOME", "STATE", "TITLE"];
    let (heading, lines) = context.ui.rows_of(&headings, &rows);
    heading.iter().for_each(|heading| {
        context.ui.line(heading);
    });
    for (line, text) in summary.lines.iter().zip(lines) {
        context.ui.line(&text);
        if line.code != 0 {
            context.ui.line(&format!(
                "  {}",
                multi_line(&line.summary).replace('\n', "\n  ")
            ));
        }
    }
    // A task may have been run more than once; its last line says what it is.
    let last: BTreeMap<&TaskId, &batch::Line> = summary
        .lines
        .iter()
        .map(|line| (&line.task, line))
        .collect();
    let (review, done) = (
        last.values().filter(|line| line.status == "review").count(),
        last.values()
            .filter(|line| line.status.starts_with("done"))
            .count(),
    );
    let word = if summary.interrupted { "stopped: " } else { "" };
    let idle = last.values().filter(|line| line.run.is_none()).count();
    let (tasks, wait) = (
        counted(last.len() - idle, "task"),
        if review == 1 { "waits" } else { "wait" },
    );
    let not_started = if idle == 0 {
        String::new()
    } else {
        format!(", {idle} not started")
    };
    let landed = match done {
        0 => String::new(),
        n => format!(", {n} done"),
    };
    context.ui.say(&format!(
        "{word}{tasks} run{not_started}{landed}, {review} {wait} for your review"
    ));
    let helps: BTreeSet<&String> = summary
        .lines
        .iter()
        .filter_map(|line| line.next.as_ref())
        .collect();
    for help in helps.into_iter().take(SHOWN_HELPS) {
        context.ui.say(&format!("  next: {}", multi_line(help)));
    }
}

fn row(line: &batch::Line) -> Vec<String> {
    let agent = match (&line.agent, &line.fallback_of) {
        (Some(agent), Some(first)) => format!("{agent} (for {first})"),
        (Some(agent), None) => agent.clone(),
        (None, _) => "-".to_owned(),
    };
    let outcome = line.outcome_word();
    let run = line.run.as_deref().unwrap_or(line.task.as_str());
    [run, agent.as_str(), outcome, &line.status, &line.title]
        .iter()
        .map(|cell| one_line(cell))
        .collect()
}

fn warn(report: &RunReport, context: &mut Context) {
    for warning in &report.warnings {
        context.ui.warn(&multi_line(warning));
    }
}

fn show(report: &RunReport, context: &mut Context) {
    warn(report, context);
    if context.ui.json() {
        context.ui.object(&RunAnswer {
            run: &report.run,
            task: &report.task,
            verdict: &report.cell,
            outcome: &report.outcome,
            summary: &report.summary,
            warnings: &report.warnings,
            dir: &report.dir,
        });
        return;
    }
    let (run, task) = (&report.run, &report.task);
    let outcome = match report.cell.lifecycle {
        Lifecycle::Parked => "parked",
        _ => report.outcome.as_str(),
    };
    context
        .ui
        .line(&format!("{}  {outcome}  {}", run.id, task.status_text()));
    context.ui.line(&format!(
        "  {}",
        multi_line(&report.summary).replace('\n', "\n  ")
    ));
    if report.cell.lifecycle == Lifecycle::Parked {
        context
            .ui
            .say(&format!("`ai why {}` says how to go on", task.id));
    }
    if task.state.name() == "review" {
        let take = match report.outcome {
            verdict::Outcome::Unverified => "; only `ai accept TASK --override REASON` takes it",
            verdict::Outcome::NeedsApproval => {
                "; `ai accept TASK` names the decision that waits for your yes"
            }
            _ => ", take it with `ai accept TASK`",
        };
        context.ui.say(
            &format!("look at it with `ai review TASK`{take}").replace("TASK", task.id.as_str()),
        );
    }
}
