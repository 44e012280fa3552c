//! `ai schedule`

use clap::Args;

use crate::app::exit;
use crate::base::text::{counted, one_line};
use crate::cli::cmd::daemon::order;
use crate::cli::cmd::why;
use crate::cli::context::{Context, Outcome};
use crate::ops::refusal::seconds;
use crate::ops::schedule::{PlannedStep, PlannedTask, QueuePlan, plan};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct ScheduleArgs {
    /// Start nothing; this command never does
    #[arg(long)]
    dry_run: bool,
    /// How many runs at a time to plan with; else `scheduler.max_concurrency`, or one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
}

pub(super) fn run(args: &ScheduleArgs, context: &mut Context) -> Outcome {
    // There is nothing else that it could do: `ai run --all` starts what is planned here.
    let ScheduleArgs {
        dry_run: _,
        parallel,
    } = args;
    let world = context.world()?;
    let parallel = world.config.scheduler.hands(*parallel);
    let store = context.store(Access::Read)?;
    let plan = plan(&world, store, (parallel, 0))?;
    if context.ui.json() {
        context.ui.object(&plan);
        return Ok(exit::OK);
    }
    show(&plan, (world.clock)().wall_ms, context);
    order::tell(context)?;
    Ok(exit::OK)
}

fn show(plan: &QueuePlan, now_ms: i64, context: &mut Context) {
    let rows: Vec<Vec<String>> = plan.tasks.iter().map(|task| row(task, now_ms)).collect();
    let headings = ["TASK", "START", "DONE", "TITLE"];
    let (heading, lines) = context.ui.rows_of(&headings, &rows);
    heading.iter().for_each(|heading| {
        context.ui.line(heading);
    });
    for (task, text) in plan.tasks.iter().zip(lines) {
        context.ui.line(&text);
        for gate in &task.gates {
            why::tell_gate(gate, context);
        }
    }
    for coming in &plan.recurring {
        let when = if coming.at_ms <= now_ms {
            "now".to_owned()
        } else {
            format!("in {}", seconds(coming.at_ms - now_ms))
        };
        let title = one_line(&coming.title);
        context
            .ui
            .line(&format!("recurring  {}  {when}  {title}", coming.name));
    }
    context.ui.say(&summary(plan));
}

fn row(task: &PlannedTask, now_ms: i64) -> Vec<String> {
    let start = match (task.plan, &task.agent) {
        (PlannedStep::Start, Some(agent)) => format!("now on {agent}"),
        (PlannedStep::Start, None) => "now".to_owned(),
        (PlannedStep::Wait, _) => "waits".to_owned(),
        (PlannedStep::AtWork, Some(agent)) => format!("at work on {agent}"),
        (PlannedStep::AtWork, None) => "claimed".to_owned(),
    };
    let done = match &task.done {
        Some(done) => format!(
            "in {} to {}",
            seconds(done.from_ms - now_ms),
            seconds(done.to_ms - now_ms)
        ),
        None if task.plan == PlannedStep::Start => "no history".to_owned(),
        None => "-".to_owned(),
    };
    [task.task.as_str(), &start, &done, &task.title]
        .iter()
        .map(|cell| one_line(cell))
        .collect()
}

fn summary(plan: &QueuePlan) -> String {
    let count = |step| plan.tasks.iter().filter(|task| task.plan == step).count();
    let (starts, waits) = (count(PlannedStep::Start), count(PlannedStep::Wait));
    let verbs = |n: usize, one: &str, many: &str| {
        let verb = if n == 1 { one } else { many };
        format!("{n} {verb}")
    };
    let ranges = match plan.ranges.told {
        0 => "no range was told yet".to_owned(),
        told => format!(
            "{} of the last {} held",
            plan.ranges.held,
            counted(told, "range")
        ),
    };
    format!(
        "{} now, {}, {} at work; {} at a time; {ranges}",
        verbs(starts, "starts", "start"),
        verbs(waits, "waits", "wait"),
        count(PlannedStep::AtWork),
        counted(plan.parallel, "run"),
    )
}
