//! `ai inbox`

use std::path::Path;

use clap::Args;

use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::base::text::{counted, flowing, multi_line};
use crate::cli::context::{Context, Outcome};
use crate::domain::message::{Message, MessageReader, MessageWay};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::mail::{self, MessagesMeant};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct InboxArgs {
    /// Say that you have seen these; without any, every one that waits for you
    #[arg(long, value_name = "ID", num_args = 0..)]
    ack: Option<Vec<String>>,
    /// Show the messages of everybody
    #[arg(long, conflicts_with = "ack")]
    all: bool,
}

impl InboxArgs {
    fn meant(&self) -> Option<MessagesMeant<'_>> {
        self.ack.as_deref().map(|ids| match ids {
            [] => MessagesMeant::Waiting,
            ids => MessagesMeant::Named(ids),
        })
    }
}

pub(super) fn run(args: &InboxArgs, context: &mut Context) -> Outcome {
    if let Some(meant) = args.meant() {
        let cx = context.workspace.cx()?;
        let store = context.store(Access::Write)?;
        let marked = commit(store, &cx, |tx, cx| {
            let held = mail::held_by(tx, cx)?;
            let reader = MessageReader {
                actor: &cx.actor,
                held: &held,
                run: None,
            };
            mail::mark(tx, cx, (&reader, meant), &MessageWay::Inbox)
        })?;
        tell_marked(&marked, context);
        return Ok(exit::OK);
    }
    let cx = context.workspace.cx_for_reading()?;
    let store = context.store(Access::Read)?;
    let messages = store.read(|tx| -> Result<_, OpError> {
        let held = mail::held_by(tx, &cx)?;
        let reader = MessageReader {
            actor: &cx.actor,
            held: &held,
            run: None,
        };
        mail::inbox(tx, Some(&reader).filter(|_| !args.all))
    })?;
    show(&messages, context);
    Ok(exit::OK)
}

/// The same inside of a run, where its supervisor answers: its agent reads what is for it and for its task.
pub(super) fn ask_the_run(args: &InboxArgs, socket: &Path, context: &mut Context) -> Outcome {
    if args.all {
        return Err(in_run::not_available());
    }
    in_run::refuse_other_name(context.workspace.named())?;
    let ack = args.ack.clone();
    let AgentAnswer::Messages(messages) = in_run::ask(socket, AgentAsk::Inbox { ack })? else {
        return Err(in_run::other_answer());
    };
    if args.ack.is_some() {
        tell_marked(&messages, context);
    } else {
        show(&messages, context);
    }
    Ok(exit::OK)
}

fn tell_marked(messages: &[Message], context: &mut Context) {
    if context.ui.json() {
        context.ui.objects(messages);
        return;
    }
    for message in messages {
        context.ui.line(&message.id);
    }
    if messages.is_empty() {
        context.ui.say("no message waits for you");
    }
}

fn show(messages: &[Message], context: &mut Context) {
    if context.ui.json() {
        context.ui.objects(messages);
        return;
    }
    for message in messages {
        let at = context.ui.when(message.at_ms);
        let seen = message.seen.as_ref().map_or(String::new(), |seen| {
            format!(", seen by {} {}", seen.by.label(), seen.way.told())
        });
        let head = format!(
            "{}  {} to {}, {at}{seen}",
            message.id,
            message.from.label(),
            message.to
        );
        context.ui.line(&head);
        for line in multi_line(&message.text).lines() {
            context.ui.line(&format!("  {line}"));
        }
    }
    let waiting = messages.iter().filter(|one| one.seen.is_none()).count();
    let said = if waiting == 0 {
        "no message waits".to_owned()
    } else {
        let verb = if waiting == 1 { "waits" } else { "wait" };
        format!(
            "{} {verb}; `ai inbox --ack` says that you have seen yours",
            counted(waiting, "message")
        )
    };
    context.ui.say(&said);
}

/// A message that waits, as a line below its task.
pub(super) fn waiting_line(message: &Message) -> String {
    let given = message
        .given
        .as_ref()
        .map_or(String::new(), |run| format!(", given to run {run}"));
    format!(
        "{} ({} from {}, unread{given})",
        flowing(&message.text),
        message.id,
        message.from.label()
    )
}
