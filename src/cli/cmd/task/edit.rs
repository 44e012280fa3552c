//! `ai task edit`

use clap::Args;

use crate::app::error::AppError;
use crate::app::workspace::now;
use crate::cli::cmd::task::{hold, source};
use crate::cli::context::{Context, Outcome};
use crate::domain::event::TaskEdit;
use crate::domain::ids::TaskId;
use crate::domain::path_lock::LockMode;
use crate::domain::task::LockRequest;
use crate::ops::{cx, edit};

#[derive(Args)]
pub(in crate::cli) struct EditArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// New title
    #[arg(long)]
    title: Option<String>,
    /// New prompt; `-` reads it from standard input
    #[arg(long, value_name = "TEXT|-", allow_hyphen_values = true)]
    body: Option<String>,
    /// New kind of work
    #[arg(long = "type", value_name = "T")]
    kind: Option<String>,
    /// 0 is most urgent, 4 least
    #[arg(long, short, value_name = "0..4")]
    priority: Option<u8>,
    /// Add a label
    #[arg(long, short, value_name = "L", value_delimiter = ',')]
    label: Vec<String>,
    /// Remove a label
    #[arg(long, value_name = "L", value_delimiter = ',')]
    unlabel: Vec<String>,
    /// Replace what a claim locks exclusively; repeat for more, empty for none
    #[arg(long, value_name = "GLOB")]
    path: Option<Vec<String>>,
    /// Replace what a claim locks shared, together with --path
    #[arg(long, value_name = "GLOB")]
    shared: Option<Vec<String>>,
    /// Replace the checks; repeat for more, empty for the project's defaults
    #[arg(long, value_name = "NAME")]
    check: Option<Vec<String>>,
    /// The agent that should run it; empty for any
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Not before this time or this long from now; `now` clears it
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// Attempts before the task fails; 0 for the project's default
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// The task that this one is a part of; empty for none
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
}

pub(super) fn run(args: EditArgs, context: &mut Context) -> Outcome {
    let id = args.id.clone();
    let parent = args.parent.clone();
    let mut changes = changes(args)?;
    if changes == TaskEdit::default() && parent.is_none() {
        let message = "nothing to change was named".to_owned();
        return Err(AppError::usage(message).hint(format!(
            "`ai task edit {id} --title TEXT`; `ai task edit --help` lists all"
        )));
    }
    hold::change(context, |tx, cx| {
        changes.parent = match parent.as_deref() {
            Some("") => Some(TaskId(String::new())),
            Some(typed) => Some(cx::resolve(tx, typed)?),
            None => None,
        };
        edit::edit(tx, cx, &id, changes)
    })
}

fn changes(args: EditArgs) -> Result<TaskEdit, AppError> {
    let present = |all: Vec<String>| all.into_iter().filter(|s| !s.is_empty());
    let request = |mode| move |pattern| LockRequest { pattern, mode };
    let paths = match (args.path, args.shared) {
        (None, None) => None,
        (exclusive, shared) => Some(
            present(exclusive.unwrap_or_default())
                .map(request(LockMode::Exclusive))
                .chain(present(shared.unwrap_or_default()).map(request(LockMode::Shared)))
                .collect(),
        ),
    };
    Ok(TaskEdit {
        title: args.title,
        body: args.body.map(source::body).transpose()?,
        kind: args.kind,
        priority: args.priority,
        add_labels: args.label,
        remove_labels: args.unlabel,
        paths,
        checks: args.check.map(|all| present(all).collect()),
        agent: args.agent,
        not_before_ms: args
            .not_before
            .map(|when| source::when(&when, now().wall_ms))
            .transpose()?,
        max_attempts: args.max_attempts,
        parent: None,
    })
}
