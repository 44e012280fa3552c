//! `ai daemon pause|resume|drain`: an order that stands until it is taken back, whether a daemon is at work
//! or not.

use std::path::Path;

use clap::Args;

use crate::app::daemon_orders;
use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::one_line;
use crate::cli::answer::DaemonOrderAnswer;
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::OrderKind;
use crate::ops::admission;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::places::Places;

#[derive(Args)]
pub(in crate::cli) struct DaemonPauseArgs {
    /// Why, for whoever asks
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct DaemonDrainArgs {
    /// Why, for whoever asks
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct DaemonResumeArgs {}

pub(super) fn pause(args: DaemonPauseArgs, context: &mut Context) -> Outcome {
    give(OrderKind::Pause, args.reason, context)
}

pub(super) fn drain(args: DaemonDrainArgs, context: &mut Context) -> Outcome {
    give(OrderKind::Drain, args.reason, context)
}

fn give(kind: OrderKind, reason: Option<String>, context: &mut Context) -> Outcome {
    let order = daemon_orders::hold_back(&context.workspace, (kind, reason.as_deref()))?;
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    if context.ui.json() {
        context.ui.object(&DaemonOrderAnswer { order: Some(order) });
        return Ok(exit::OK);
    }
    context.ui.line(&one_line(&order.in_words()));
    context.ui.say(match daemon::at_work(&place)? {
        Some(_) => "what is at work goes on; `ai daemon resume` takes it back",
        None => "no daemon is at work; the next one starts nothing until `ai daemon resume`",
    });
    Ok(exit::OK)
}

pub(super) fn resume(_args: &DaemonResumeArgs, context: &mut Context) -> Outcome {
    context.workspace.refuse_agents("let the daemon go on")?;
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    // One that cannot be read is taken back as well.
    let stood = daemon::order(&place);
    daemon_orders::let_go_on(&context.workspace)?;
    if context.ui.json() {
        context.ui.object(&DaemonOrderAnswer { order: None });
        return Ok(exit::OK);
    }
    context.ui.line(match (stood, daemon::at_work(&place)?) {
        (Ok(None), _) => "nothing holds the daemon back",
        (Ok(Some(_)) | Err(_), Some(_)) => "the daemon goes on",
        (Ok(Some(_)) | Err(_), None) => "no daemon is at work; the next one works the queue",
    });
    Ok(exit::OK)
}

/// Tells that the machine holds every start from the queue back. Where the project's own files cannot be read, that is
/// told elsewhere.
fn tell_pause(context: &mut Context) -> Result<(), AppError> {
    let common_dir = context.workspace.place()?.common_dir.clone();
    let Ok(root) = context.workspace.root().map(Path::to_owned) else {
        return Ok(());
    };
    let Ok(config) = context.workspace.config() else {
        return Ok(());
    };
    let pool = Places::of(&common_dir, &root).pool();
    if let Some(wait) = admission::pause(config, &pool, now().wall_ms) {
        context.ui.say(&admission::text(&wait, None));
    }
    Ok(())
}

/// Tells of the order that stands, whoever looks at the queue.
pub(in crate::cli::cmd) fn tell(context: &mut Context) -> Result<(), AppError> {
    tell_pause(context)?;
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    if let Some(order) = daemon::order(&place)? {
        let words = one_line(&order.in_words());
        context
            .ui
            .say(&format!("{words}; `ai daemon resume` takes it back"));
    }
    Ok(())
}
