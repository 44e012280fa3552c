//! `ai undo`

use clap::Args;

use crate::app::error::AppError;
use crate::app::{exit, token};
use crate::base::text::{counted, one_line};
use crate::cli::answer::{ReviewedFile, UndoAnswer, UndoPreviewed};
use crate::cli::cmd::message::MessageArgs;
use crate::cli::cmd::{backup, review};
use crate::cli::context::{Context, Outcome};
use crate::ops::refusal::Refusal;
use crate::ops::run::origin::shown;
use crate::ops::undo::{self, UndoOrder, UndoPreview, Undone};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct UndoArgs {
    /// The task; any unique prefix of its id
    #[arg(value_name = "TASK")]
    id: String,
    /// Show the change that it would make, and make none
    #[arg(long)]
    dry_run: bool,
    /// Take it back without running the checks, for this recorded reason
    #[arg(
        long = "override",
        value_name = "REASON",
        allow_hyphen_values = true,
        conflicts_with = "dry_run"
    )]
    overridden: Option<String>,
    #[command(flatten)]
    message: MessageArgs,
}

pub(super) fn run(args: &UndoArgs, context: &mut Context) -> Outcome {
    let reason = args.overridden.as_deref();
    if reason.is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Refusal::no_reason(&format!("ai undo {}", args.id)).into());
    }
    let message = args.message.text(&mut context.ui)?;
    let own = token::at_hand(&context.workspace)?;
    let order = UndoOrder {
        typed: &args.id,
        overridden: reason,
        message: message.as_deref(),
        own: &own,
    };
    let world = context.world()?;
    if args.dry_run {
        let store = context.store(Access::Read)?;
        let preview = undo::preview(&world, store, &order)?;
        show_preview(&preview, context)?;
        return Ok(exit::OK);
    }
    let store = context.store(Access::Write)?;
    let undone = undo::undo(&world, store, &order)?;
    backup::roll_if_due(context);
    show(&undone, context);
    Ok(exit::OK)
}

fn show(undone: &Undone, context: &mut Context) {
    let (task, target) = (&undone.task, shown(&undone.target));
    if context.ui.json() {
        context.ui.object(&UndoAnswer {
            task,
            landed: &undone.landed,
            commit: &undone.commit,
            target,
            updated: undone.updated.as_deref(),
        });
        return;
    }
    let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
    context.ui.line(&format!(
        "{}  {}: {} in {} takes {} back",
        task.id,
        task.status_text(),
        short(&undone.commit),
        one_line(target),
        short(&undone.landed)
    ));
    context.ui.say(&format!(
        "`ai accept {0}` brings it in again, `ai reject {0} --note TEXT` has it done anew",
        task.id
    ));
}

fn show_preview(preview: &UndoPreview, context: &mut Context) -> Result<(), AppError> {
    let world = context.world()?;
    let redactor = world.redactor();
    let target = shown(&preview.target);
    if context.ui.json() {
        let changes = ReviewedFile::all(&preview.changes, redactor);
        context.ui.object(&UndoPreviewed {
            task: &preview.task,
            landed: &preview.landed,
            target,
            changes,
        });
        return Ok(());
    }
    context.ui.line(&format!(
        "{}: it would take {} back in {}, by a commit that changes {}",
        preview.task.id,
        preview.landed.get(..12).unwrap_or(&preview.landed),
        one_line(target),
        counted(preview.changes.len() as u64, "file")
    ));
    review::show_changes(&preview.changes, redactor, context);
    Ok(())
}
