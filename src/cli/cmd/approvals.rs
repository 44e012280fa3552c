//! `ai approvals`, `ai approve`, `ai deny`: what waits for a person's yes, and the answer.

use clap::Args;

use crate::app::exit;
use crate::base::text::{flowing, one_line};
use crate::cli::answer::ApprovalAnswer;
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing, Tone};
use crate::domain::approval::{ApprovalStanding, Missing};
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::TaskId;
use crate::ops::accepted_run;
use crate::ops::approve::{self, Answered, WaitingQuestion};
use crate::ops::cx::commit;
use crate::store::Access;

/// So many letters of a text are shown in a list.
const SHOWN_TEXT: usize = 80;

#[derive(Args)]
pub(in crate::cli) struct ApprovalsArgs {}

#[derive(Args)]
pub(in crate::cli) struct ApproveArgs {
    /// The decision, by any unique prefix of its id; or the task, where one question about it waits
    pub(super) id: String,
    /// The reason why it is all right
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_value = "approved"
    )]
    pub(super) reason: String,
}

#[derive(Args)]
pub(in crate::cli) struct DenyArgs {
    /// The decision, by any unique prefix of its id; or the task, where one question about it waits
    id: String,
    /// The reason against it; whoever asked, and the next attempt, get to read it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    reason: String,
}

/// Lists the questions that wait.
pub(super) fn list(_args: &ApprovalsArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Read)?;
    let waiting = store.read(|tx| approve::waiting(tx, cx.now.wall_ms))?;
    if context.ui.json() {
        context.ui.objects(&waiting);
        return Ok(exit::OK);
    }
    let listing = Listing::new(&[
        ("DECISION", 0),
        ("WHEN", 0),
        ("ACTION", 11),
        ("TASK", 0),
        ("ACTOR", 0),
        ("WANTS", 0),
        ("WHY", 0),
    ]);
    let rows: Vec<Vec<Cell>> = waiting.iter().map(|one| row(one, context)).collect();
    context.ui.list(listing, &rows);
    match waiting.first() {
        None => context.ui.say("nothing waits for a yes"),
        Some(one) => {
            let id = &one.decision.id;
            context.ui.say(&format!(
                "`ai policy explain {id}` says what is asked, `ai approve {id}` and `ai deny {id} --reason TEXT` answer"
            ));
        }
    }
    Ok(exit::OK)
}

fn row(one: &WaitingQuestion, context: &Context) -> Vec<Cell> {
    let record = &one.decision;
    let task = record.resource.task.as_deref().unwrap_or("-");
    vec![
        record.id.as_str().into(),
        context.ui.when(record.at_ms).into(),
        Cell::toned(record.action.as_str().to_owned(), Tone::Waiting),
        one_line(task).into(),
        one_line(&record.actor.to_string()).into(),
        wanted(&one.missing).into(),
        format!(
            "{}: {}{}",
            record.rule,
            flowing(&record.reason),
            said(record)
        )
        .into(),
    ]
}

/// The beginning of the text to which a yes is wanted.
fn said(record: &DecisionRecord) -> String {
    let facts = record.facts.as_ref();
    let Some(note) = facts.and_then(|facts| facts.note.as_deref()) else {
        return String::new();
    };
    let line = one_line(note);
    let mut shown: String = line.chars().take(SHOWN_TEXT).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    format!(": \"{shown}\"")
}

/// The yes that is missing, in words.
fn wanted(missing: &[Missing]) -> String {
    let one = |missing: &Missing| match (missing.people, missing.by.as_slice()) {
        (1, []) => "a yes".to_owned(),
        (1, by) => format!("a yes of {}", by.join(" or ")),
        (n, []) => format!("{n} people"),
        (n, by) => format!("{n} people of {}", by.join(", ")),
    };
    let all: Vec<String> = missing.iter().map(one).collect();
    all.join(" and ")
}

/// Says yes.
pub(super) fn approve(args: &ApproveArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let done = commit(store, &cx, |tx, cx| {
        approve::approve(tx, cx, &args.id, &args.reason)
    })?;
    if context.ui.json() {
        in_json(&done, context);
    } else {
        tell_of_yes(&done, context);
    }
    Ok(exit::OK)
}

/// Tells what a yes has come to.
pub(super) fn tell_of_yes(done: &Answered, context: &mut Context) {
    let id = &done.record.id;
    let text = match &done.standing {
        ApprovalStanding::Approved => {
            format!("{id}  approved: the same question is answered yes as long as its rule says")
        }
        ApprovalStanding::Waits(missing) => {
            format!(
                "{id}  your yes is kept, and more is wanted: {}",
                wanted(missing)
            )
        }
        ApprovalStanding::SaidNo(word) => format!("{id}  {} says no", word.by),
    };
    context.ui.line(&text);
    tell_of_task(done, context);
}

/// Says no.
pub(super) fn deny(args: &DenyArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let place = context.workspace.place()?.clone();
    let store = context.store(Access::Write)?;
    let asked = store.read(|tx| approve::named(tx, &cx, &args.id))?;
    if let Some(task) = asked.resource.task.map(TaskId) {
        accepted_run::refuse_landed(&place, store, &task)?;
    }
    let done = commit(store, &cx, |tx, cx| {
        approve::deny(tx, cx, &args.id, &args.reason)
    })?;
    if context.ui.json() {
        in_json(&done, context);
    } else {
        context.ui.line(&format!("{}  denied", done.record.id));
        tell_of_task(&done, context);
    }
    Ok(exit::OK)
}

fn in_json(done: &Answered, context: &mut Context) {
    let missing = match &done.standing {
        ApprovalStanding::Waits(missing) => missing.as_slice(),
        ApprovalStanding::Approved | ApprovalStanding::SaidNo(_) => &[],
    };
    context.ui.object(&ApprovalAnswer {
        decision: &done.record,
        standing: standing(&done.standing),
        missing,
    });
}

fn tell_of_task(done: &Answered, context: &mut Context) {
    if let Some(task) = &done.task {
        let text = format!("{} is {} again", task.id, task.state.name());
        context.ui.say(&text);
    }
}

fn standing(standing: &ApprovalStanding) -> &'static str {
    match standing {
        ApprovalStanding::Approved => "approved",
        ApprovalStanding::SaidNo(_) => "denied",
        ApprovalStanding::Waits(_) => "waits",
    }
}
