//! `ai accept` and `ai reject`

use clap::Args;

use crate::app::error::AppError;
use crate::app::{exit, token};
use crate::cli::answer::AcceptAnswer;
use crate::cli::cmd::message::MessageArgs;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::cmd::{backup, land};
use crate::cli::context::{Context, Outcome};
use crate::ops::accept::{self, AcceptOrder};
use crate::ops::refusal::Refusal;
use crate::ops::{accepted_run, cx, reject};
use crate::store::Access;

const TO_ACCEPT: Wanted = Wanted {
    command: "ai accept",
    waits_for: "a review",
    statuses: &["review"],
};

#[derive(Args)]
pub(in crate::cli) struct AcceptArgs {
    /// The task, or several that land together; any unique prefix of an id
    #[arg(value_name = "TASK")]
    ids: Vec<String>,
    /// Accept it without a passing verdict, for this recorded reason
    #[arg(long = "override", value_name = "REASON", allow_hyphen_values = true)]
    overridden: Option<String>,
    #[command(flatten)]
    message: MessageArgs,
}

#[derive(Args)]
pub(in crate::cli) struct RejectArgs {
    /// The task; any unique prefix of its id
    #[arg(value_name = "TASK")]
    id: String,
    /// What is wrong with it; goes into the next prompt
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    note: String,
}

pub(super) fn accept(args: &AcceptArgs, context: &mut Context) -> Outcome {
    if args.ids.len() > 1 {
        return several(args, context);
    }
    let id = waiting::task(args.ids.first().map(String::as_str), &TO_ACCEPT, context)?;
    if args
        .overridden
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Refusal::no_reason(&format!("ai accept {id}")).into());
    }
    let message = args.message.text(&mut context.ui)?;
    let kept = token::at_hand(&context.workspace)?;
    let world = context.world()?;
    let store = context.store(Access::Write)?;
    let order = AcceptOrder {
        typed: id,
        overridden: args.overridden.as_deref(),
        message: message.as_deref(),
        kept: &kept,
    };
    let accepted = accept::accept(&world, store, &order)?;
    backup::roll_if_due(context);
    let target = accepted
        .target
        .as_deref()
        .map(|t| t.trim_start_matches("refs/heads/").to_owned());
    if context.ui.json() {
        context.ui.object(&AcceptAnswer {
            task: &accepted.task,
            commit: &accepted.commit,
            target: target.as_deref(),
            updated: accepted.updated.as_deref(),
        });
        return Ok(exit::OK);
    }
    let short = &accepted.commit[..accepted.commit.len().min(12)];
    let place = target.map_or("stays on its own branch".to_owned(), |target| {
        format!("is in {target}")
    });
    context.ui.line(&format!(
        "{}  {}: {short} {place}",
        accepted.task.id,
        accepted.task.status_text()
    ));
    Ok(exit::OK)
}

/// Several land together, as by `ai land`. A word about one work is none about all of them.
fn several(args: &AcceptArgs, context: &mut Context) -> Outcome {
    if args.overridden.is_some() || args.message.is_given() {
        return Err(
            AppError::usage("an override and a message are about one task; name one")
                .hint("the same command once for each task"),
        );
    }
    land::named(&args.ids, context)
}

pub(super) fn reject(args: &RejectArgs, context: &mut Context) -> Outcome {
    if args.note.trim().is_empty() {
        return Err(AppError::usage(
            "say what is wrong with it: the next attempt reads your note",
        ));
    }
    let cx = context.workspace.cx()?;
    let place = context.workspace.place()?.clone();
    let store = context.store(Access::Write)?;
    let id = store.read(|tx| cx::resolve(tx, &args.id))?;
    accepted_run::refuse_landed(&place, store, &id)?;
    let task = reject::reject(store, &cx, &args.id, &args.note)?;
    if context.ui.json() {
        context.ui.object(&task);
    } else {
        context.ui.line(&format!(
            "{}  {}: sent back with your note",
            task.id,
            task.status_text()
        ));
    }
    Ok(exit::OK)
}
