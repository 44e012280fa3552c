//! `ai trust`

use crate::base::text::counted;
use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{multi_line, one_line};
use crate::cli::context::{Context, Outcome};
use crate::domain::actor::ActorKind;
use crate::ops::cx::commit;
use crate::ops::trust;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct TrustArgs {
    /// Only show what would have to be trusted
    #[arg(long)]
    show: bool,
    /// Trust nothing of this repository any more
    #[arg(long, conflicts_with = "show")]
    forget: bool,
}

pub(super) fn run(args: &TrustArgs, context: &mut Context) -> Outcome {
    let (root, common) = (
        context.workspace.root()?.to_owned(),
        context.workspace.place()?.common_dir.clone(),
    );
    if !args.show {
        require_person(context)?;
        context.workspace.require_writable()?;
    }
    if args.forget {
        trust::forget(&common)?;
        context
            .ui
            .say("nothing of this repository is trusted on this machine any more");
        return Ok(exit::OK);
    }
    let missing = trust::untrusted(&root, &common)?;
    for change in &missing {
        if context.ui.json() {
            context.ui.object(change);
        } else {
            context
                .ui
                .line(&format!("{:<8} .ai/{}", change.how, one_line(&change.path)));
            // What is new can be read where it stands; of what changed, only the difference tells.
            let diff = change
                .diff
                .as_deref()
                .filter(|_| change.how == "changed")
                .unwrap_or_default();
            for line in diff.lines() {
                context.ui.line(&format!("         {}", multi_line(line)));
            }
        }
    }
    if args.show {
        if !missing.is_empty() {
            context
                .ui
                .say("hint: read what is new where it stands; `ai trust` lets all of it run code on this machine");
        }
        return Ok(if missing.is_empty() {
            exit::OK
        } else {
            exit::APPROVAL
        });
    }
    let set = trust::trust(&root, &common)?;
    let count = set.paths().count();
    let (files, as_now) = (
        counted(count, "file"),
        if count == 1 { "it is" } else { "they are" },
    );
    context.ui.say(&format!(
        "{files} below .ai/ may run code on this machine, as {as_now} now"
    ));
    Ok(exit::OK)
}

/// Trust is a person's word; an agent's is refused and leaves a record.
fn require_person(context: &mut Context) -> Result<(), AppError> {
    let actor = context.workspace.actor()?;
    if actor.kind == ActorKind::Human {
        return Ok(());
    }
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    Ok(commit(store, &cx, |tx, cx| trust::require_person(tx, cx))?)
}
