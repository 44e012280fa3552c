//! `ai run`

use clap::Args;

use crate::base::text::multi_line;
use crate::cli::answer::RunAnswer;
use crate::cli::cmd::world::world;
use crate::cli::cmd::{Outcome, backup};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::sandbox::Wish;
use crate::domain::verdict::{self, Lifecycle};
use crate::notify::{Delivery, Notice, desktop};
use crate::ops::claim::Which;
use crate::ops::run::{self, Report};
use crate::store::sqlite::Access;

#[derive(Args)]
pub(in crate::cli) struct RunArgs {
    /// The task; any unique prefix of its id
    #[arg(required_unless_present = "next", value_name = "TASK")]
    id: Option<String>,
    /// Run the most urgent ready task whose paths are free
    #[arg(long, conflicts_with = "id")]
    next: bool,
    /// The agent; else the task's own, the configured one, or the only one
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Let the agent and the checks do whatever you may do; the evidence says so
    #[arg(long)]
    no_sandbox: bool,
}

pub(super) fn run(args: &RunArgs, context: &mut Context) -> Outcome {
    let mut world = world(context)?;
    if args.no_sandbox {
        world.sandbox = Some(Wish::None);
    }
    let which = args.id.clone().map_or(Which::Next, Which::Task);
    let mut store = context.store(Access::Write)?;
    let report = run::run(&world, &mut store, &which, args.agent.as_deref())?;
    show(&report, context);
    backup::roll_if_due(&store, context);
    if world.config.notify.desktop {
        notify(&report, context);
    }
    Ok(code(&report))
}

fn code(report: &Report) -> u8 {
    use verdict::Outcome as O;
    match report.outcome {
        O::ReadyForReview | O::Unverified => exit::OK,
        O::NeedsApproval => exit::APPROVAL,
        O::Denied => exit::DENIED,
        O::SendBackChecks | O::NeedsRecheck | O::SendBackNoChanges => exit::NOT_PROVEN,
        O::SendBackConflict => exit::CONFLICT,
        O::RetryUncounted if report.cell.lifecycle == Lifecycle::Quota => exit::TRY_LATER,
        O::Retry | O::RetryUncounted | O::Environment => exit::FAILED,
    }
}

fn show(report: &Report, context: &mut Context) {
    for warning in &report.warnings {
        context.ui.warn(&multi_line(warning));
    }
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
    context.ui.line(&format!("{}  {}  {}", run.id, report.outcome.as_str(), task.status_text()));
    context.ui.line(&format!("  {}", multi_line(&report.summary).replace('\n', "\n  ")));
    if task.state.name() == "review" {
        context.ui.say(&format!("look at it with `ai review {0}`, take it with `ai accept {0}`", task.id));
    }
}

/// A word on the desktop, for whoever has looked away meanwhile. Without a desktop that answers, the terminal says so and no more.
fn notify(report: &Report, context: &mut Context) {
    let (task, outcome) = (&report.task, report.outcome.as_str().replace('_', " "));
    let notice = Notice {
        title: format!("{}: {outcome}", report.run.id),
        body: format!("{} ({})", task.title, task.status_text()),
    };
    if let Delivery::Unavailable(why) = desktop::show(&notice) {
        context.ui.say(&format!("no notice on the desktop: {why}"));
    }
}
