//! `ai watch` and `ai task watch`: the board where a person looks at a terminal, else a line for each event as it
//! comes.

use std::io::{IsTerminal as _, stdin};
use std::path::Path;

use clap::Args;

use crate::app::doors::{BoardColours, BoardEnding, BoardOrder};
use crate::app::exit;
use crate::app::store_news::StoreNews;
use crate::base::env;
use crate::base::text::{flowing, one_line};
use crate::cli::cmd::log::{self, OF_ALL, OF_ONE};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::Listing;
use crate::domain::ids::TaskId;
use crate::domain::task::{BlockReason, Task, TaskState};
use crate::ops::error::OpError;
use crate::ops::gates::{self, Gate};
use crate::ops::{cx, project};
use crate::store::{Access, EventFilter, Flow, Store, StoreError};

#[derive(Args)]
pub(in crate::cli) struct WatchArgs {
    /// A line for each event, on a terminal, too
    #[arg(long)]
    lines: bool,
}

#[derive(Args)]
pub(in crate::cli) struct TaskWatchArgs {
    /// The task; any unique prefix of its id. Without it, as `ai watch`
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// A line for each event, on a terminal, too
    #[arg(long)]
    lines: bool,
}

/// Watches all tasks.
pub(super) fn run(args: &WatchArgs, context: &mut Context) -> Outcome {
    watch(None, args.lines, context)
}

/// Watches one task.
pub(super) fn task(args: &TaskWatchArgs, context: &mut Context) -> Outcome {
    watch(args.id.as_deref(), args.lines, context)
}

fn watch(typed: Option<&str>, lines: bool, context: &mut Context) -> Outcome {
    let is_able = env::text("TERM").is_some_and(|term| term != "dumb" && !term.is_empty());
    let is_seen = context.ui.is_terminal() && stdin().is_terminal() && !context.ui.json();
    if lines || !is_able || !is_seen {
        return follow(typed, context);
    }
    context.ui.flush();
    let order = BoardOrder {
        directory: context.workspace.directory().map(Path::to_owned),
        named: context.workspace.named().map(str::to_owned),
        task: typed.map(str::to_owned),
        colours: if context.ui.is_coloured() {
            BoardColours::Used
        } else {
            BoardColours::Absent
        },
    };
    Ok(match (context.doors.board)(order)? {
        BoardEnding::Left => exit::OK,
        BoardEnding::Ended => exit::INTERRUPTED,
    })
}

/// Shows a line for each event from now on: to its end for one task, else for ever.
fn follow(typed: Option<&str>, context: &mut Context) -> Outcome {
    let state = context.workspace.state_dir()?;
    let mut news = StoreNews::over(&state);
    let mut standing = project::standing_store(&state);
    let mut store = context.workspace.open_store(Access::Read)?;
    let task = match typed {
        Some(typed) => Some(store.read(|tx| cx::resolve(tx, typed))?),
        None => None,
    };
    let mut filter = EventFilter {
        subject: task.as_ref().map(|id| id.0.clone()),
        after: store.read(|tx| tx.last_event())?,
        ..EventFilter::default()
    };
    let mut listing = Listing::new(if task.is_some() { &OF_ONE } else { &OF_ALL });
    if task.is_none() {
        context
            .ui
            .say("what happens from now on; ctrl-c ends this, and `ai status` shows what stands");
    }
    loop {
        if !show_new(&mut *store, &mut filter, &mut listing, context)? {
            return Ok(exit::OK);
        }
        if let Some(id) = &task
            && let Some(end) = rest(&mut *store, id)?
        {
            context.ui.flush();
            context.ui.say(&end);
            return Ok(exit::OK);
        }
        context.ui.flush();
        news.wait();
        let there = project::standing_store(&state);
        if there != standing {
            store = context.workspace.open_store(Access::Read)?;
            standing = there;
            // Its log may be a shorter one.
            filter.after = filter.after.min(store.read(|tx| tx.last_event())?);
            context
                .ui
                .say("another store has taken the place of this one, as by `ai restore`");
        }
    }
}

/// Shows what is new. Returns false when nobody reads any more.
fn show_new(
    store: &mut dyn Store,
    filter: &mut EventFilter,
    listing: &mut Listing,
    context: &mut Context,
) -> Result<bool, StoreError> {
    let (mut seen, mut gone) = (filter.after, false);
    store.read(|tx| {
        tx.events(filter, &mut |event| {
            seen = event.seq;
            gone = !log::show(&event, listing, context);
            Ok(if gone { Flow::Stop } else { Flow::More })
        })
    })?;
    filter.after = seen;
    Ok(!gone)
}

/// The last words about a task that goes on no more by itself; nothing while it does.
fn rest(store: &mut dyn Store, id: &TaskId) -> Result<Option<String>, OpError> {
    let task = store.read(|tx| cx::load(tx, id))?;
    Ok(match &task.state {
        TaskState::Queued
        | TaskState::Claimed
        | TaskState::Running { .. }
        | TaskState::Blocked {
            blocked_by: BlockReason::Dependency,
        } => None,
        TaskState::Blocked { .. } => Some(waits(&task, gates::held(&task))),
        TaskState::Review { .. } => Some(format!(
            "{id} waits for a review: `ai review {id}` shows the work"
        )),
        TaskState::Failed { failed_because } => Some(format!(
            "{id} has failed: {}; `ai task retry {id}` queues it again",
            flowing(failed_because)
        )),
        TaskState::Done { .. } => Some(format!("{id} is {}", task.status_text())),
        TaskState::Cancelled { cancelled_because } => Some(format!(
            "{id} was cancelled: {}",
            flowing(cancelled_because)
        )),
    })
}

/// The words about a task that waits for a person.
fn waits(task: &Task, gate: Gate) -> String {
    let next = gate.next.unwrap_or_else(|| format!("ai why {}", task.id));
    format!(
        "{} waits for a person: {}; next: {}",
        task.id,
        flowing(&gate.text),
        one_line(&next)
    )
}
