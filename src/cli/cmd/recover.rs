//! `ai recover`

use clap::Args;

use crate::app::exit;
use crate::base::text::multi_line;
use crate::cli::answer::RecoverLine;
use crate::cli::context::{Context, Outcome};
use crate::ops::run::recovery::recover::{self, Recovered};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct RecoverArgs {
    /// The run, or its task; every run that was cut off where absent
    #[arg(value_name = "RUN")]
    id: Option<String>,
}

pub(super) fn run(args: &RecoverArgs, context: &mut Context) -> Outcome {
    let world = context.world()?;
    let store = context.store(Access::Write)?;
    let recovered = match &args.id {
        Some(typed) => recover::named(&world, store, typed)?.into_iter().collect(),
        None => recover::lost_runs(&world, store, &world.repo()?)?,
    };
    for one in &recovered {
        show(one, context);
    }
    if recovered.is_empty() && !context.ui.json() {
        context.ui.line("nothing to recover: no run was cut off");
    }
    Ok(exit::OK)
}

fn show(recovered: &Recovered, context: &mut Context) {
    let (run, kept) = (&recovered.run, &recovered.kept);
    if context.ui.json() {
        context.ui.object(&RecoverLine {
            run: &run.id,
            task: &run.task,
            step: run.step,
            work: kept.reference(),
            ended_processes: recovered.ended,
        });
        return;
    }
    let summary = run.end.as_ref().map_or("", |end| end.summary.as_str());
    context
        .ui
        .line(&format!("{}  recovered: {}", run.id, multi_line(summary)));
}
