//! `ai why`

use std::path::Path;

use clap::Args;

use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::base::text::{flowing, one_line};
use crate::cli::answer::WhyAnswer;
use crate::cli::cmd::inbox;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, Outcome};
use crate::domain::message::Message;
use crate::domain::task::Task;
use crate::ops::error::OpError;
use crate::ops::gates::Gate;
use crate::ops::{land, mail, schedule, why, why_agent};
use crate::store::Access;

const TO_EXPLAIN: Wanted = Wanted {
    command: "ai why",
    waits_for: "somebody",
    statuses: &["blocked", "review", "failed"],
};

#[derive(Args)]
pub(in crate::cli) struct WhyArgs {
    /// The task; any unique prefix of its id
    id: Option<String>,
}

pub(super) fn run(args: &WhyArgs, context: &mut Context) -> Outcome {
    let id = waiting::task(args.id.as_deref(), &TO_EXPLAIN, context)?;
    let cx = context.workspace.cx_for_reading()?;
    let config = context.workspace.config()?.clone();
    let store = context.store(Access::Read)?;
    let (task, mut gates, messages) = store.read(|tx| -> Result<_, OpError> {
        let (task, gates) = why::why(tx, &cx, &config, id)?;
        let messages = mail::of_task(tx, &task.id)?;
        Ok((task, gates, messages))
    })?;
    let asked = context.world().and_then(|world| {
        land::add_gate(&world, store, &task, &mut gates)?;
        Ok(land::add_conflict(&world, store, &task, &mut gates)?)
    });
    if let Err(error) = asked {
        context
            .ui
            .warn(&format!("its landing could not be looked at: {error}"));
    }
    // Agents are files: where they cannot be looked at, what holds the task is told all the same.
    let asked = context.world().and_then(|world| {
        why_agent::add(&world, store, &task, &mut gates)?;
        schedule::add_kept(&world, store, &task, &mut gates)?;
        Ok(schedule::add_landing(&world, store, &task, &mut gates)?)
    });
    if let Err(error) = asked {
        context
            .ui
            .warn(&format!("the agents could not be looked at: {error}"));
    }
    show(&task, (&gates, &messages), context);
    Ok(exit::OK)
}

/// The same inside of a run, where its supervisor answers.
pub(super) fn ask_the_run(args: &WhyArgs, socket: &Path, context: &mut Context) -> Outcome {
    let task = args.id.clone();
    let AgentAnswer::Gates(told) = in_run::ask(socket, AgentAsk::Why { task })? else {
        return Err(in_run::other_answer());
    };
    show(&told.task, (&told.gates, &told.messages), context);
    Ok(exit::OK)
}

fn show(task: &Task, (gates, messages): (&[Gate], &[Message]), context: &mut Context) {
    if context.ui.json() {
        context.ui.object(&WhyAnswer {
            task: &task.id,
            status: task.state.name(),
            recurring: task.recurring.as_ref(),
            gates,
            messages,
        });
        return;
    }
    context.ui.line(&format!(
        "{}  {}  {}",
        task.id,
        task.status_text(),
        one_line(&task.title)
    ));
    for gate in gates {
        tell_gate(gate, context);
    }
    if let Some(origin) = &task.recurring {
        let told = one_line(&origin.told());
        context.ui.behind(&head("recurring"), &told);
    }
    for message in messages {
        let line = inbox::waiting_line(message);
        context.ui.behind(&head("message"), &line);
    }
}

/// A gate and the command that opens it, below its task.
pub(super) fn tell_gate(gate: &Gate, context: &mut Context) {
    context.ui.behind(&head(&gate.gate), &flowing(&gate.text));
    if let Some(next) = &gate.next {
        // A command is copied, so it is not broken.
        context.ui.line(&format!("{}{next}", head("next")));
    }
}

fn head(word: &str) -> String {
    format!("  {word:<10} ")
}
