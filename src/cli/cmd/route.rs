//! `ai route explain`

use clap::{Args, Subcommand};

use crate::app::exit;
use crate::base::text::{flowing, one_line};
use crate::cli::answer::RouteAnswer;
use crate::cli::context::{Context, Outcome};
use crate::ops::run::choose;
use crate::router::{Considered, Score, Trace};
use crate::store::Access;

/// Say which agent would get a task, and why
#[derive(Subcommand)]
pub(in crate::cli) enum RouteCommand {
    /// Show every agent, who would get the task now, and why each of the others would not; changes
    /// nothing
    Explain(ExplainArgs),
}

#[derive(Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// As `ai run --agent NAME` would
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

pub(super) fn run(command: &RouteCommand, context: &mut Context) -> Outcome {
    let RouteCommand::Explain(args) = command;
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let (task, trace) = choose::explain(&world, store, &args.id, args.agent.as_deref())?;
    if context.ui.json() {
        context.ui.object(&RouteAnswer {
            task: &task.id,
            kind: &task.kind,
            trace: &trace,
        });
        return Ok(exit::OK);
    }
    let chosen = trace.chosen.as_deref().unwrap_or("nobody");
    context
        .ui
        .line(&format!("{}  {}  {}", task.id, chosen, flowing(&trace.why)));
    show(&trace, context);
    trace
        .warnings
        .iter()
        .for_each(|warning| context.ui.warn(&one_line(warning)));
    Ok(exit::OK)
}

fn show(trace: &Trace, context: &mut Context) {
    let rows: Vec<Vec<String>> = trace.considered.iter().map(row).collect();
    context.ui.table_below(&rows);
    if !trace.fallbacks.is_empty() {
        context.ui.line(&format!(
            "  should its quota end: {}",
            trace.fallbacks.join(", ")
        ));
    }
}

fn row(one: &Considered) -> Vec<String> {
    let score = one
        .score
        .map_or(String::new(), |score| format!("  ({})", parts(&score)));
    let gate = one.lost.as_ref().map_or("", |lost| lost.gate.as_str());
    let why = format!("{}{score}", flowing(&one.why));
    vec![
        one_line(&one.agent),
        one.standing.as_str().to_owned(),
        gate.to_owned(),
        why,
    ]
}

/// The parts of a score that are not nothing.
fn parts(score: &Score) -> String {
    let all = [
        ("success", score.success),
        ("labels", score.labels),
        ("prefer", score.prefer),
        ("health", score.health),
        ("load", score.load),
        ("cost", score.cost),
    ];
    let shown = all
        .iter()
        .filter(|(_, n)| *n != 0)
        .map(|(name, n)| format!("{name} {n:+}"));
    shown.collect::<Vec<_>>().join(", ")
}
