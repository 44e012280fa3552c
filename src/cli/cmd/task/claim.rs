//! `ai task claim`

use clap::Args;

use crate::app::exit;
use crate::app::lease_time::lease_ms;
use crate::app::token;
use crate::base::shown_time::time;
use crate::base::text::{multi_line, one_line};
use crate::cli::answer::{ClaimAnswer, Granted};
use crate::cli::context::{Context, Outcome};
use crate::ops::claim::{self, Claimed, Which};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct ClaimArgs {
    /// The task; any unique prefix of its id
    #[arg(required_unless_present = "next")]
    id: Option<String>,
    /// Claim the most urgent ready task whose paths are free
    #[arg(long, conflicts_with = "id")]
    next: bool,
    /// How long the lease lasts without a heartbeat
    #[arg(long, value_name = "30m")]
    ttl: Option<String>,
}

pub(super) fn run(args: &ClaimArgs, context: &mut Context) -> Outcome {
    let ttl_ms = lease_ms(&context.workspace, args.ttl.as_deref())?;
    let which = args.id.clone().map_or(Which::Next, Which::Task);
    let cx = context.cx()?;
    let store = context.store(Access::Write)?;
    let claimed = claim::run(store, cx, &which, ttl_ms)?;
    token::keep(&context.workspace, &claimed.lease, &claimed.token)?;
    show(&claimed, context);
    Ok(exit::OK)
}

/// The answer to a claim or a hand-over.
pub(super) fn show(claimed: &Claimed, context: &mut Context) {
    for warning in &claimed.warnings {
        context.ui.warn(warning);
    }
    let (task, lease) = (&claimed.task, &claimed.lease);
    if context.ui.json() {
        context.ui.object(&ClaimAnswer {
            task,
            lease: Granted::new(lease, &claimed.token),
        });
        return;
    }
    let title = one_line(&task.title);
    context.ui.line(&format!(
        "{}  claimed by {} until {}  {title}",
        task.id,
        lease.holder,
        time(lease.expires_ms)
    ));
    context
        .ui
        .line(&format!("lease  {}", claimed.token.reveal()));
    if let Some(step) = &task.next_step {
        context.ui.line(&format!("next step  {}", multi_line(step)));
    }
}
