//! `ai send`

use std::path::Path;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::cli::cmd::task::source;
use crate::cli::context::{Context, Outcome};
use crate::ops::cx::commit;
use crate::ops::send::{self, AddressBook, MessageSent};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct SendArgs {
    /// A task, an agent, `people`, `me`, or one of them in full: task:ID, agent:NAME, human:NAME
    #[arg(value_name = "TASK|AGENT")]
    to: String,
    /// The message, or `-` to read it from standard input
    #[arg(allow_hyphen_values = true)]
    text: String,
}

impl SendArgs {
    fn text(&self) -> Result<String, AppError> {
        if self.text == "-" {
            source::stdin()
        } else {
            Ok(self.text.clone())
        }
    }
}

pub(super) fn run(args: &SendArgs, context: &mut Context) -> Outcome {
    let text = args.text()?;
    let book = AddressBook::of(context.workspace.root()?)?;
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let sent = commit(store, &cx, |tx, cx| {
        send::send(tx, cx, &book, (&args.to, &text))
    })?;
    tell(&sent, context);
    Ok(exit::OK)
}

/// The same inside of a run, where its supervisor answers.
pub(super) fn ask_the_run(args: &SendArgs, socket: &Path, context: &mut Context) -> Outcome {
    in_run::refuse_other_name(context.workspace.named())?;
    let (to, text) = (args.to.clone(), args.text()?);
    let AgentAnswer::Sent(sent) = in_run::ask(socket, AgentAsk::Send { to, text })? else {
        return Err(in_run::other_answer());
    };
    tell(&sent, context);
    Ok(exit::OK)
}

fn tell(sent: &MessageSent, context: &mut Context) {
    for warning in &sent.warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(sent);
        return;
    }
    let message = &sent.message;
    if context.ui.is_terminal() {
        context
            .ui
            .line(&format!("{}  to {}", message.id, message.to));
    } else {
        context.ui.line(&message.id);
    }
    context.ui.say(&sent.goes.told());
}
