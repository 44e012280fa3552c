//! `ai land`, and `ai accept` of several tasks

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::{exit, token};
use crate::base::text::{counted, flowing, one_line};
use crate::cli::answer::{LandAnswer, LandStatusAnswer, LeftOutTask};
use crate::cli::cmd::backup;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;
use crate::domain::landing::PartnerSearch;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::land::{
    self, LandOrder, LandPlan, LandReport, LandingAtWork, LandingBy, LandingLook, USUAL_BATCH,
};
use crate::ops::trust;
use crate::store::Access;

const TO_LAND: Wanted = Wanted {
    command: "ai land",
    waits_for: "a review",
    statuses: &["review"],
};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct LandArgs {
    #[command(subcommand)]
    command: Option<LandCommand>,
    /// The tasks; any unique prefix of an id
    #[arg(value_name = "TASK")]
    ids: Vec<String>,
    /// All tasks that wait for a review
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    batch: BatchArgs,
    /// Check on until it is known with which other task a culprit fails
    #[arg(long)]
    find_partner: bool,
    /// Say what would be combined, and land nothing
    #[arg(long)]
    dry_run: bool,
    /// By the daemon's own hand: only what nobody would be asked about
    #[arg(long, hide = true, requires = "all", conflicts_with = "dry_run")]
    by_daemon: bool,
}

/// Whose hand lands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    /// Of whoever gave the command.
    Own,
    /// Of the daemon that has started this process.
    Daemon,
}

#[derive(Args)]
struct BatchArgs {
    /// The most tasks that are combined and checked together
    #[arg(long, value_name = "N", default_value_t = USUAL_BATCH as u16, value_parser = clap::value_parser!(u16).range(1..=1000))]
    batch: u16,
}

#[derive(Subcommand)]
enum LandCommand {
    /// Say what would land, in which order, what stays and why, and what a landing at work does
    Status(BatchArgs),
}

pub(super) fn run(args: &LandArgs, context: &mut Context) -> Outcome {
    if let Some(LandCommand::Status(batch)) = &args.command {
        let order = (&[][..], batch, PartnerSearch::WithinBound);
        return look(order, LandingLook::Apart, context);
    }
    if args.ids.is_empty() && !args.all {
        waiting::task(None, &TO_LAND, context)?;
    }
    let partner = if args.find_partner {
        PartnerSearch::ToTheEnd
    } else {
        PartnerSearch::WithinBound
    };
    if args.dry_run {
        let order = (args.ids.as_slice(), &args.batch, partner);
        return look(order, LandingLook::Combined, context);
    }
    let hand = if args.by_daemon {
        Hand::Daemon
    } else {
        Hand::Own
    };
    let batch = usize::from(args.batch.batch);
    land(&args.ids, (batch, partner, hand), context)
}

/// Lands several tasks that were named.
pub(super) fn named(ids: &[String], context: &mut Context) -> Outcome {
    let usual = (USUAL_BATCH, PartnerSearch::WithinBound, Hand::Own);
    land(ids, usual, context)
}

fn land(
    ids: &[String],
    (batch, partner, hand): (usize, PartnerSearch, Hand),
    context: &mut Context,
) -> Outcome {
    let kept = token::at_hand(&context.workspace)?;
    let mut world = context.world()?;
    let person = match hand {
        Hand::Own => None,
        Hand::Daemon => {
            context.workspace.refuse_agents("have the daemon land")?;
            if !world.config.daemon.land {
                let why = "the daemon does not land: `daemon.land` is not true in .ai/config.yaml";
                return Err(AppError::new(ErrorClass::Conflict, why).hint("`ai land --all`"));
            }
            trust::require(&world.root, &world.location.common_dir, "the daemon")?;
            Some(land::act_as_daemon(&mut world)?)
        }
    };
    let order = LandOrder {
        tasks: ids,
        batch,
        partner,
        kept: &kept,
        by: person
            .as_ref()
            .map_or(LandingBy::Command, LandingBy::Daemon),
    };
    let store = context.store(Access::Write)?;
    let mut report = land::land(&world, store, &order)?;
    backup::roll_if_due(context);
    let left = std::mem::take(&mut report.left_out);
    let told = match hand {
        Hand::Own => LeftOutTask::of,
        Hand::Daemon => LeftOutTask::looked_at,
    };
    let left: Vec<LeftOutTask> = left.into_iter().map(told).collect();
    let code = code(&report, &left, ids);
    if context.ui.json() {
        let answer = LandAnswer::of(report, left);
        if hand == Hand::Daemon {
            // The daemon that waits for it may be gone, and another one there, which reads this. It only tells of it.
            let place = DaemonPlace::of(&world.state());
            let value = serde_json::to_value(&answer).unwrap_or_default();
            let _unkept = daemon::leave_landing(&place, value);
        }
        context.ui.object(&answer);
        return Ok(code);
    }
    show(&report, &left, context);
    Ok(code)
}

/// Work that breaks what would land is a failure of the landing; what only waits is one where it was
/// named, or where nothing else has landed.
fn code(report: &LandReport, left: &[LeftOutTask], ids: &[String]) -> u8 {
    if !report.sent_back.is_empty() || report.is_blocked {
        return exit::NOT_PROVEN;
    }
    match left.first() {
        Some(first) if report.landed.is_empty() || !ids.is_empty() => first.code,
        _ => exit::OK,
    }
}

fn show(report: &LandReport, left: &[LeftOutTask], context: &mut Context) {
    for one in &report.landed {
        let short = one.commit.get(..12).unwrap_or(&one.commit);
        let combined = one.combined.as_ref().map_or(String::new(), |all| {
            let tree = all.tree.get(..12).unwrap_or(&all.tree);
            format!(", proven together on tree {tree}")
        });
        context.ui.line(&format!(
            "{}  done: {short} is in {}{combined}",
            one.task,
            one_line(&one.target)
        ));
    }
    for one in &report.sent_back {
        let text = format!("{}  queued: sent back: {}", one.task, flowing(&one.note));
        context.ui.line(&text);
    }
    show_left(left, context);
    for one in &report.flaky {
        context.ui.line(&format!(
            "check {} is flaky: failed and passed on tree {}; seen {} before",
            one.check,
            one.tree.get(..12).unwrap_or(&one.tree),
            counted(one.before as u64, "time")
        ));
    }
    let all = report.landed.len() + report.sent_back.len() + left.len();
    if all == 0 {
        context.ui.say("nothing waits for a review");
        return;
    }
    context.ui.say(&format!(
        "{} landed, {} sent back, {} left in review; {}",
        report.landed.len(),
        report.sent_back.len(),
        left.len(),
        counted(report.check_runs as u64, "check run")
    ));
}

fn show_left(left: &[LeftOutTask], context: &mut Context) {
    for one in left {
        context
            .ui
            .line(&format!("{}  stays: {}", one.task, flowing(&one.message)));
        if let Some(next) = &one.next {
            context.ui.line(&format!("  next: {}", flowing(next)));
        }
    }
}

fn look(
    (ids, batch, partner): (&[String], &BatchArgs, PartnerSearch),
    look: LandingLook,
    context: &mut Context,
) -> Outcome {
    let kept = token::at_hand(&context.workspace)?;
    let world = context.world()?;
    let order = LandOrder {
        tasks: ids,
        batch: usize::from(batch.batch),
        partner,
        kept: &kept,
        by: LandingBy::Command,
    };
    let store = context.store(Access::Read)?;
    let mut plan = land::plan(&world, store, &order, look)?;
    let left = std::mem::take(&mut plan.left_out);
    let left: Vec<LeftOutTask> = left.into_iter().map(LeftOutTask::looked_at).collect();
    if context.ui.json() {
        context.ui.object(&LandStatusAnswer::of(plan, left));
        return Ok(exit::OK);
    }
    show_plan((&plan, look), &left, context);
    Ok(exit::OK)
}

fn show_plan((plan, look): (&LandPlan, LandingLook), left: &[LeftOutTask], context: &mut Context) {
    if let Some(at_work) = &plan.at_work {
        context.ui.line(&at_work_line(at_work));
    }
    for one in &plan.cut_off {
        let short = one.commit.get(..12).unwrap_or(&one.commit);
        context.ui.item(&one_line(&format!(
            "{}  cut off: in {} already by {short}, and not done yet: {}",
            one.task, one.target, one.title
        )));
        context.ui.line(&format!("  next: `ai land {}`", one.task));
    }
    let mut batch = 0;
    for one in &plan.would_land {
        if one.batch != batch {
            batch = one.batch;
            let heading = format!(
                "together in {}, checked by {}:",
                one.target,
                one.checks.join(", ")
            );
            context.ui.item(&one_line(&heading));
        }
        let line = format!("  {}  {}", one.task, one.title);
        context.ui.item(&one_line(&line));
    }
    show_left(left, context);
    let tasks = counted(plan.would_land.len() as u64, "task");
    let stay = left.len();
    match look {
        LandingLook::Combined => context
            .ui
            .say(&format!("{tasks} would land, {stay} would stay")),
        // Nothing was put together, so nobody knows whether they fit.
        LandingLook::Apart => {
            let said = format!("{tasks} would be tried, {stay} would stay");
            context.ui.say(&said);
            context.ui.say("`ai land --all --dry-run` tells what fits");
        }
    }
}

pub(super) fn at_work_line(at_work: &LandingAtWork) -> String {
    let tasks = counted(at_work.tasks.len() as u64, "task");
    let (by, step) = (&at_work.by, one_line(&at_work.step));
    if at_work.is_cut_off {
        format!(
            "a landing of {tasks} by {by} was cut off at: {step}; `ai land --all` completes it and goes on"
        )
    } else {
        format!("a landing of {tasks} by {by} is at work: {step}")
    }
}
