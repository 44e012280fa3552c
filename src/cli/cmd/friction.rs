//! `ai friction add|list|mend|drop`

use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::base::text::{flowing, one_line};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::friction::Friction;
use crate::domain::ids::TaskId;
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::ops::friction;
use crate::store::{Access, Tx};

/// Write down what got in the way, and say which task mends it
#[derive(Subcommand)]
pub(in crate::cli) enum FrictionCommand {
    /// Write down what got in your way
    Add(AddFrictionArgs),
    /// List the frictions that are open
    List,
    /// Name the task that mends a friction: once that is done, the friction is closed
    Mend(MendArgs),
    /// Close a friction that no task will mend
    Drop(DropArgs),
}

#[derive(Args)]
pub(in crate::cli) struct AddFrictionArgs {
    /// What got in the way, in a sentence
    #[arg(allow_hyphen_values = true)]
    text: String,
    /// The task at which it was met
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct MendArgs {
    /// The friction; any unique prefix of its id
    id: String,
    /// The task; any unique prefix of its id
    task: String,
}

#[derive(Args)]
pub(in crate::cli) struct DropArgs {
    /// The friction; any unique prefix of its id
    id: String,
    /// The reason
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: String,
}

pub(super) fn run(command: &FrictionCommand, context: &mut Context) -> Outcome {
    match command {
        FrictionCommand::Add(args) => change(context, |tx, cx| {
            friction::add(tx, cx, &args.text, args.task.as_deref())
        }),
        FrictionCommand::List => list(context),
        FrictionCommand::Mend(args) => change(context, |tx, cx| {
            friction::mended_by(tx, cx, (&args.id, &args.task))
        }),
        FrictionCommand::Drop(args) => change(context, |tx, cx| {
            friction::drop(tx, cx, (&args.id, &args.reason))
        }),
    }
}

/// The same inside of a run, where its supervisor answers: its agent can tell of a friction, and do no more.
pub(super) fn ask_the_run(
    command: &FrictionCommand,
    socket: &Path,
    context: &mut Context,
) -> Outcome {
    let FrictionCommand::Add(args) = command else {
        return Err(in_run::not_available());
    };
    let text = args.text.clone();
    let task = args.task.clone();
    let AgentAnswer::Friction(friction) = in_run::ask(socket, AgentAsk::Friction { task, text })?
    else {
        return Err(in_run::other_answer());
    };
    tell(&friction, context);
    Ok(exit::OK)
}

fn change(
    context: &mut Context,
    work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<Friction, OpError>,
) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let friction = commit(store, &cx, work)?;
    tell(&friction, context);
    Ok(exit::OK)
}

fn tell(friction: &Friction, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(friction);
    } else if context.ui.is_terminal() {
        let text = format!("{}  {}", friction.id, flowing(&friction.text));
        context.ui.line(&text);
    } else {
        context.ui.line(&friction.id);
    }
}

fn list(context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let open = store.read(|tx| friction::open(tx))?;
    if context.ui.json() {
        context.ui.objects(&open);
        return Ok(exit::OK);
    }
    let listing = Listing::new(&[
        ("FRICTION", 0),
        ("BY", 0),
        ("TASK", 0),
        ("MENDED BY", 0),
        ("TEXT", 0),
    ]);
    let rows: Vec<Vec<Cell>> = open.iter().map(cells).collect();
    context.ui.list(listing, &rows);
    if open.is_empty() {
        context
            .ui
            .say("no friction is open; `ai friction add TEXT` writes one down");
    }
    Ok(exit::OK)
}

fn cells(friction: &Friction) -> Vec<Cell> {
    row(friction).into_iter().map(Cell::from).collect()
}

/// A friction as a line for people: id, by whom, task, the task that mends it, text.
pub(super) fn row(friction: &Friction) -> Vec<String> {
    let name = |task: &Option<TaskId>| {
        task.as_ref()
            .map_or("-".to_owned(), |task| task.to_string())
    };
    vec![
        friction.id.clone(),
        one_line(&friction.by.label()),
        name(&friction.task),
        name(&friction.mended_by),
        one_line(&flowing(&friction.text)),
    ]
}
