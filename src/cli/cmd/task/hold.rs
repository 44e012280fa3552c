//! `ai task note`, `hold`, `unhold`, `cancel`, `retry` and `reopen`.

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::one_line;
use crate::cli::context::{Context, Outcome};
use crate::domain::task::Task;
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::run::recovery::stop;
use crate::ops::{accepted_run, edit};
use crate::store::{Access, Tx};

#[derive(Args)]
pub(in crate::cli) struct OneTask {
    /// The task; any unique prefix of its id
    id: String,
}

#[derive(Args)]
pub(in crate::cli) struct NoteArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// What whoever works on it should know
    #[arg(allow_hyphen_values = true)]
    text: String,
}

#[derive(Args)]
pub(in crate::cli) struct HoldArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// Why it waits
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_value = "held by hand"
    )]
    reason: String,
}

#[derive(Args)]
pub(in crate::cli) struct CancelArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// Why nobody will do it
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_value = "not wanted any more"
    )]
    reason: String,
}

#[derive(Args)]
pub(in crate::cli) struct ReopenArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// What is still to be done
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_value = "not finished after all"
    )]
    reason: String,
}

pub(super) fn note(args: &NoteArgs, context: &mut Context) -> Outcome {
    change(context, |tx, cx| {
        edit::note(tx, cx, &args.id, args.text.clone())
    })
}

pub(super) fn hold(args: &HoldArgs, context: &mut Context) -> Outcome {
    change(context, |tx, cx| {
        edit::hold(tx, cx, &args.id, args.reason.clone())
    })
}

pub(super) fn unhold(args: &OneTask, context: &mut Context) -> Outcome {
    change(context, |tx, cx| edit::unhold(tx, cx, &args.id))
}

pub(super) fn cancel(args: &CancelArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let place = context.workspace.place()?.clone();
    let store = context.store(Access::Write)?;
    let id = store.read(|tx| cx::resolve(tx, &args.id))?;
    accepted_run::refuse_landed(&place, store, &id)?;
    let cancelled = commit(store, &cx, |tx, cx| {
        edit::cancel(tx, cx, &args.id, args.reason.clone())
    })?;
    // The task is nobody's from here on, whatever becomes of the processes.
    let stopped = cancelled
        .run
        .map(|run| stop::stop(&context.world()?, store, &run).map_err(AppError::from));
    let stopped = stopped.transpose()?;
    show(&cancelled.task, context);
    if let Some(end) = stopped.and_then(|run| run.end) {
        context
            .ui
            .say(&format!("its run was ended: {}", end.summary));
    }
    Ok(exit::OK)
}

pub(super) fn retry(args: &OneTask, context: &mut Context) -> Outcome {
    change(context, |tx, cx| edit::retry(tx, cx, &args.id))
}

pub(super) fn reopen(args: &ReopenArgs, context: &mut Context) -> Outcome {
    change(context, |tx, cx| {
        edit::reopen(tx, cx, &args.id, args.reason.clone())
    })
}

/// Runs an operation on one task and shows how it stands afterwards.
pub(super) fn change(
    context: &mut Context,
    work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<Task, OpError>,
) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let task = commit(store, &cx, work)?;
    show(&task, context);
    Ok(exit::OK)
}

fn show(task: &Task, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(task);
    } else {
        let title = one_line(&task.title);
        context
            .ui
            .line(&format!("{}  {}  {title}", task.id, task.status_text()));
    }
}
