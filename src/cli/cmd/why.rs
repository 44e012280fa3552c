//! `ai why`

use clap::Args;

use crate::app::exit;
use crate::base::text::{flowing, one_line};
use crate::cli::answer::WhyAnswer;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, Outcome};
use crate::ops::{why, why_agent};
use crate::store::Access;

const TO_EXPLAIN: Wanted = Wanted {
    command: "ai why",
    waits_for: "somebody",
    statuses: &["blocked", "review", "failed"],
};

#[derive(Args)]
pub(in crate::cli) struct WhyArgs {
    /// The task; any unique prefix of its id
    id: Option<String>,
}

pub(super) fn run(args: &WhyArgs, context: &mut Context) -> Outcome {
    let id = waiting::task(args.id.as_deref(), &TO_EXPLAIN, context)?;
    let cx = context.workspace.cx_for_reading()?;
    let config = context.workspace.config()?.clone();
    let store = context.store(Access::Read)?;
    let (task, mut gates) = store.read(|tx| why::why(tx, &cx, &config, id))?;
    // Agents are files: where they cannot be looked at, what holds the task is told all the same.
    let asked = context
        .world()
        .and_then(|world| Ok(why_agent::add(&world, store, &task, &mut gates)?));
    if let Err(error) = asked {
        context
            .ui
            .warn(&format!("the agents could not be looked at: {error}"));
    }
    if context.ui.json() {
        context.ui.object(&WhyAnswer {
            task: &task.id,
            status: task.state.name(),
            gates: &gates,
        });
        return Ok(exit::OK);
    }
    context.ui.line(&format!(
        "{}  {}  {}",
        task.id,
        task.status_text(),
        one_line(&task.title)
    ));
    for gate in gates {
        context
            .ui
            .line(&format!("  {:<10} {}", gate.gate, flowing(&gate.text)));
        if let Some(next) = gate.next {
            context.ui.line(&format!("  {:<10} {next}", "next"));
        }
    }
    Ok(exit::OK)
}
