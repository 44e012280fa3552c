//! `ai task done`

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::token::{self, TokenAsk};
use crate::base::text::multi_line;
use crate::cli::context::{Context, Outcome};
use crate::domain::ids::TaskId;
use crate::domain::lease::Token;
use crate::domain::task::Proof;
use crate::domain::time::WallMs;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::finish::{self, Changed, Ending, Right};
use crate::ops::refusal::Refusal;
use crate::ops::worktree::{self, Adoption};
use crate::ops::{cx, held_paths, lease, prove, tokens};
use crate::store::{Access, Store, Tx};

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

/// The work of a worktree that was taken up goes the way of a run: it is judged, and waits for a
/// review.
fn hand_in(
    store: &mut dyn Store,
    token: &Token,
    adoption: &Adoption,
    context: &mut Context,
) -> Outcome {
    let kept = token::at_hand(&context.workspace)?;
    let report = worktree::hand_in(&context.world()?, store, (token, &kept), adoption)?;
    tokens::forget(&adoption.git_dir, token)?;
    for warning in &report.warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(&report.task);
        return Ok(exit::OK);
    }
    let id = &report.task.id;
    context.ui.line(&format!(
        "{id}  {}  {}",
        report.task.status_text(),
        multi_line(&report.summary)
    ));
    context.ui.say(&format!(
        "hint: `ai review {id}`, then `ai accept {id}` or `ai reject {id}`"
    ));
    Ok(exit::OK)
}

/// The work that is ended under an override, where it was claimed here and somebody else holds
/// paths: nothing else is asked about it.
fn overridden_change(
    store: &mut dyn Store,
    cx: &Cx,
    task: &TaskId,
    token: Option<&Token>,
    context: &Context,
) -> Result<Option<Changed>, AppError> {
    let own = token::at_hand(&context.workspace)?;
    let (others_hold, since_ms) = store.read(|tx| -> Result<_, OpError> {
        let others_hold = held_paths::any_of_others(tx, cx, task, &own)?;
        Ok((others_hold, since(tx, task)?))
    })?;
    if token.is_none() || !others_hold {
        return Ok(None);
    }
    let changed = prove::change_here(&context.world()?, since_ms)?;
    Ok(changed.map(|changed| Changed { own, ..changed }))
}

/// The time since which whoever holds the task has worked on it.
fn since(tx: &mut dyn Tx, task: &TaskId) -> Result<Option<WallMs>, OpError> {
    let lease = tx.lease(&task.subject())?;
    lease
        .map(|lease| lease::worked_since(tx, &lease))
        .transpose()
}

pub(super) fn run(args: &DoneArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Write)?;
    let id = store.read(|tx| -> Result<_, OpError> { cx::resolve(tx, &args.id) })?;
    let ask = TokenAsk {
        subject: &id.subject(),
        flag: args.lease.as_deref(),
        tried: "done",
    };
    let token = token::look(&context.workspace, store, ask)?;
    let right = token.as_ref().map_or(Right::Unclaimed, Right::Token);
    let cx = context.workspace.cx()?;
    if let (None, Some(token)) = (&args.overridden, &token)
        && let Some(adoption) =
            worktree::of_epoch(&context.workspace.state_dir()?, &id, token.epoch)?
    {
        return hand_in(store, token, &adoption, context);
    }
    let (proof, evidence, changed) = match &args.overridden {
        Some(reason) if reason.trim().is_empty() => {
            return Err(Refusal::no_reason(&format!("ai task done {id}")).into());
        }
        Some(reason) => (
            Proof::Overridden {
                reason: reason.clone(),
                by: cx.actor.clone(),
            },
            Vec::new(),
            overridden_change(store, &cx, &id, token.as_ref(), context)?,
        ),
        None => {
            let task = store.read(|tx| finish::may_end(tx, &cx, &id, &right))?;
            let since_ms = store.read(|tx| since(tx, &id))?;
            let proven = prove::here(&context.world()?, &task, since_ms)?;
            let changed = Changed {
                own: token::at_hand(&context.workspace)?,
                ..proven.changed
            };
            (proven.proof, proven.evidence, Some(changed))
        }
    };
    let ending = Ending {
        right: &right,
        proof,
        evidence: &evidence,
        changed: changed.as_ref(),
    };
    let (task, warnings) = finish::done(store, &cx, &id, ending)?;
    if let Some(token) = &token {
        token::forget(&context.workspace, token)?;
    }
    for warning in &warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(&task);
    } else {
        context
            .ui
            .line(&format!("{}  {}", task.id, task.status_text()));
    }
    Ok(exit::OK)
}
