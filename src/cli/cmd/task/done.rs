//! `ai task done`

use clap::Args;

use crate::app::done::{self, DoneAsk};
use crate::app::exit;
use crate::base::text::multi_line;
use crate::cli::context::{Context, Outcome};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct DoneArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// The lease token; without it, AI_LEASE or the one that was claimed in this worktree
    #[arg(long, value_name = "TOKEN")]
    lease: Option<String>,
    /// End it without a passing verdict, for this recorded reason
    #[arg(long = "override", value_name = "REASON", allow_hyphen_values = true)]
    overridden: Option<String>,
}

pub(super) fn run(args: &DoneArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Write)?;
    let ask = DoneAsk {
        task: &args.id,
        lease: args.lease.as_deref(),
        overridden: args.overridden.as_deref(),
    };
    let report = done::end(&context.workspace, &context.world()?, store, &ask)?;
    for warning in &report.warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(&report.task);
        return Ok(exit::OK);
    }
    let (id, status) = (&report.task.id, report.task.status_text());
    match &report.handed_in {
        None => {
            context.ui.line(&format!("{id}  {status}"));
        }
        Some(summary) => {
            context
                .ui
                .line(&format!("{id}  {status}  {}", multi_line(summary)));
            context.ui.say(&format!(
                "hint: `ai review {id}`, then `ai accept {id}` or `ai reject {id}`"
            ));
        }
    }
    Ok(exit::OK)
}
