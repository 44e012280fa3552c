//! `ai task show`

use std::path::Path;

use clap::Args;

use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::app::workspace::now;
use crate::base::shown_time::time;
use crate::base::text::{flowing, multi_line, one_line};
use crate::cli::answer::{TaskAnswer, TaskLease};
use crate::cli::cmd::inbox;
use crate::cli::context::{Context, Outcome};
use crate::domain::ids::TaskId;
use crate::domain::message::Message;
use crate::domain::task::Task;
use crate::ops::error::OpError;
use crate::ops::gates::Gate;
use crate::ops::patterns::mode_word;
use crate::ops::{cx, land, mail, why};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct TaskShowArgs {
    /// The task; any unique prefix of its id
    id: String,
}

pub(super) fn run(args: &TaskShowArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    if context.ui.json() {
        let (task, lease, messages) = store.read(|tx| -> Result<_, OpError> {
            let id = cx::resolve(tx, &args.id)?;
            let messages = mail::of_task(tx, &id)?;
            Ok((cx::load(tx, &id)?, tx.lease(&id.subject())?, messages))
        })?;
        let now = now();
        let lease = lease.as_ref().map(|lease| TaskLease::of(lease, &now));
        context.ui.object(&TaskAnswer {
            task: &task,
            lease,
            messages: &messages,
        });
        return Ok(exit::OK);
    }
    let cx = context.workspace.cx_for_reading()?;
    let config = context.workspace.config()?.clone();
    let (task, mut gates, deps, messages) = store.read(|tx| -> Result<_, OpError> {
        let (task, gates) = why::why(tx, &cx, &config, &args.id)?;
        let deps = tx.deps(&task.id)?;
        let messages = mail::of_task(tx, &task.id)?;
        Ok((task, gates, deps, messages))
    })?;
    let world = context.world()?;
    land::add_gate(&world, store, &task, &mut gates)?;
    context.ui.print(&text(&task, &gates, &deps, &messages));
    Ok(exit::OK)
}

/// The same inside of a run, where its supervisor answers.
pub(super) fn ask_the_run(args: &TaskShowArgs, socket: &Path, context: &mut Context) -> Outcome {
    let task = args.id.clone();
    let AgentAnswer::Task(told) = in_run::ask(socket, AgentAsk::Show { task })? else {
        return Err(in_run::other_answer());
    };
    if context.ui.json() {
        let lease = told.lease.as_ref().map(|lease| TaskLease {
            holder: &lease.holder,
            epoch: lease.epoch,
            expires_ms: lease.expires_ms,
            live: lease.live,
        });
        context.ui.object(&TaskAnswer {
            task: &told.task,
            lease,
            messages: &told.messages,
        });
    } else {
        let told = text(&told.task, &told.gates, &told.deps, &told.messages);
        context.ui.print(&told);
    }
    Ok(exit::OK)
}

fn text(task: &Task, gates: &[Gate], deps: &[TaskId], messages: &[Message]) -> String {
    let mut out = format!("{}  {}\n", task.id, one_line(&task.title));
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            out.push_str(&format!("  {name:<10} {value}\n"));
        }
    };
    row("status", task.status_text().to_owned());
    for gate in gates {
        row(&gate.gate, flowing(&gate.text));
    }
    row("type", task.kind.clone());
    row("priority", task.priority.to_string());
    row(
        "labels",
        task.labels
            .iter()
            .map(|l| one_line(l))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let paths = task
        .paths
        .iter()
        .map(|p| format!("{} ({})", one_line(&p.pattern), mode_word(p.mode)));
    row("paths", paths.collect::<Vec<_>>().join(", "));
    row("checks", task.checks.join(", "));
    let deps: Vec<&str> = deps.iter().map(TaskId::as_str).collect();
    row("needs", deps.join(", "));
    row(
        "parent",
        task.parent
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    row("agent", task.agent.clone().unwrap_or_default());
    row("attempts", task.attempts.to_string());
    row(
        "created",
        format!("{} by {}", time(task.created_ms), task.created_by),
    );
    row(
        "recurring",
        task.recurring
            .as_ref()
            .map(|origin| one_line(&origin.told()))
            .unwrap_or_default(),
    );
    row("changed", time(task.updated_ms));
    row(
        "next step",
        task.next_step.as_deref().map(flowing).unwrap_or_default(),
    );
    for note in &task.notes {
        row(
            "note",
            format!(
                "{} ({}, {})",
                flowing(&note.text),
                note.by,
                time(note.at_ms)
            ),
        );
    }
    for message in messages {
        row("message", inbox::waiting_line(message));
    }
    if !task.body.is_empty() {
        out.push('\n');
        out.push_str(&multi_line(&task.body));
        out.push('\n');
    }
    out
}
