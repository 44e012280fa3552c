//! A command that wants a task and was given none lists those that it could mean, and names the
//! only one. It never takes that one by itself: what is typed again is what was meant.

use crate::app::error::AppError;
use crate::base::text::{counted, one_line};
use crate::cli::context::Context;
use crate::ops::error::OpError;
use crate::store::{Access, Flow, TaskFilter};

/// Most tasks that are listed.
const SHOWN: usize = 20;

/// What a command does, and with which tasks.
pub(super) struct Wanted {
    /// The command, as it is typed before the task.
    pub(super) command: &'static str,
    /// The thing for which such a task waits, behind "for".
    pub(super) waits_for: &'static str,
    /// The stored states of such tasks.
    pub(super) statuses: &'static [&'static str],
}

/// The task that was typed, else an error with those that could be meant.
pub(super) fn task<'a>(
    typed: Option<&'a str>,
    wanted: &Wanted,
    context: &mut Context,
) -> Result<&'a str, AppError> {
    match typed {
        Some(typed) => Ok(typed),
        None => Err(unnamed(wanted, context)?),
    }
}

fn unnamed(wanted: &Wanted, context: &mut Context) -> Result<AppError, AppError> {
    let filter = TaskFilter {
        statuses: wanted.statuses.iter().map(ToString::to_string).collect(),
        limit: Some(SHOWN as u64 + 1),
        ..TaskFilter::default()
    };
    let mut found: Vec<(String, String)> = Vec::new();
    let store = context.store(Access::Read)?;
    store.read(|tx| -> Result<(), OpError> {
        tx.list(&filter, &mut |line| {
            found.push((line.id.to_owned(), one_line(line.title)));
            Ok(Flow::More)
        })?;
        Ok(())
    })?;
    let Wanted {
        command, waits_for, ..
    } = wanted;
    let rows: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|(id, title)| format!("\n  {id}  {title}"))
        .collect();
    let rows = rows.concat();
    Ok(match found.as_slice() {
        [] => AppError::usage(format!("which task? None waits for {waits_for}"))
            .hint("`ai status` shows what is going on"),
        [(id, _)] => AppError::usage(format!("which task? One waits for {waits_for}:{rows}"))
            .hint(format!("{command} {id}")),
        many if many.len() > SHOWN => AppError::usage(format!(
            "which task? More than {SHOWN} wait for {waits_for}:{rows}"
        ))
        .hint("`ai task list` shows all of them"),
        many => AppError::usage(format!(
            "which task? {} wait for {waits_for}:{rows}",
            counted(many.len(), "task")
        ))
        .hint(format!("`{command} TASK`, with one of these")),
    })
}
