//! `ai task …`

mod claim;
mod create;
mod dep;
mod done;
mod edit;
mod entry_file;
mod hold;
mod lease;
mod list;
mod show;
pub(super) mod source;

use std::path::Path;

use clap::Subcommand;
pub(super) use dep::DepTreeNode;

use crate::app::in_run;
use crate::cli::cmd::watch;
use crate::cli::context::{Context, Outcome};

/// Create, claim, show and change tasks
#[derive(Subcommand)]
pub(in crate::cli) enum TaskCommand {
    /// Create a task, or every task of a file
    Create(create::CreateArgs),
    /// Claim a task: its lease and its path locks, or nothing
    Claim(claim::ClaimArgs),
    /// Show a task with everything that belongs to it
    Show(show::TaskShowArgs),
    /// List tasks, streaming
    List(list::TaskListArgs),
    /// List the tasks that can be claimed now, most urgent first
    Ready(list::ReadyArgs),
    /// Show the task that `claim --next` would take
    Next(list::NextArgs),
    /// Change fields of a task
    Edit(edit::EditArgs),
    /// Add, remove and show dependencies
    #[command(subcommand)]
    Dep(dep::DepCommand),
    /// Renew the lease on a task
    Heartbeat(lease::HeartbeatArgs),
    /// Leave word on how to go on, and renew the lease
    Checkpoint(lease::CheckpointArgs),
    /// Give a task back to the queue
    Release(lease::TaskReleaseArgs),
    /// Hand a task over to somebody else
    Handoff(lease::HandoffArgs),
    /// End a task as done: runs its checks on your tree first
    Done(done::DoneArgs),
    /// Give a task up as failed
    Fail(lease::FailArgs),
    /// Leave a note on a task, for whoever works on it
    Note(hold::NoteArgs),
    /// Keep a task out of the queue
    Hold(hold::HoldArgs),
    /// Let a held or parked task back into the queue
    Unhold(hold::OneTask),
    /// End a task that nobody will do
    Cancel(hold::CancelArgs),
    /// Watch one task on the board, or what happens to it line by line until it ends or waits for a person
    Watch(watch::TaskWatchArgs),
    /// Queue a failed, parked or cancelled task again
    Retry(hold::OneTask),
    /// Open a finished task again
    Reopen(hold::ReopenArgs),
}

/// One of the usual task commands, alone.
pub(in crate::cli) fn branch(name: &str) -> Option<clap::Command> {
    use clap::{Args, Command};
    Some(match name {
        "create" => create::CreateArgs::augment_args(Command::new("create")),
        "claim" => claim::ClaimArgs::augment_args(Command::new("claim")),
        "show" => show::TaskShowArgs::augment_args(Command::new("show")),
        "list" => list::TaskListArgs::augment_args(Command::new("list")),
        "ready" => list::ReadyArgs::augment_args(Command::new("ready")),
        "next" => list::NextArgs::augment_args(Command::new("next")),
        "heartbeat" => lease::HeartbeatArgs::augment_args(Command::new("heartbeat")),
        _ => return None,
    })
}

/// Runs a task command.
pub(in crate::cli) fn run(command: TaskCommand, context: &mut Context) -> Outcome {
    match command {
        TaskCommand::Create(args) => create::run(args, context),
        TaskCommand::Claim(args) => claim::run(&args, context),
        TaskCommand::Show(args) => show::run(&args, context),
        TaskCommand::List(args) => list::run(args, context),
        TaskCommand::Ready(args) => list::ready(&args, context),
        TaskCommand::Next(args) => list::next(&args, context),
        TaskCommand::Edit(args) => edit::run(args, context),
        TaskCommand::Dep(command) => dep::run(&command, context),
        TaskCommand::Heartbeat(args) => lease::heartbeat(&args, context),
        TaskCommand::Checkpoint(args) => lease::checkpoint(&args, context),
        TaskCommand::Release(args) => lease::release(&args, context),
        TaskCommand::Handoff(args) => lease::handoff(&args, context),
        TaskCommand::Done(args) => done::run(&args, context),
        TaskCommand::Fail(args) => lease::fail(&args, context),
        TaskCommand::Note(args) => hold::note(&args, context),
        TaskCommand::Hold(args) => hold::hold(&args, context),
        TaskCommand::Unhold(args) => hold::unhold(&args, context),
        TaskCommand::Cancel(args) => hold::cancel(&args, context),
        TaskCommand::Watch(args) => watch::task(&args, context),
        TaskCommand::Retry(args) => hold::retry(&args, context),
        TaskCommand::Reopen(args) => hold::reopen(&args, context),
    }
}

/// The same inside of a run, where its supervisor answers.
pub(in crate::cli) fn ask_the_run(
    command: &TaskCommand,
    socket: &Path,
    context: &mut Context,
) -> Outcome {
    match command {
        TaskCommand::Show(args) => show::ask_the_run(args, socket, context),
        TaskCommand::Heartbeat(args) => lease::heartbeat_in_run(args, socket, context),
        TaskCommand::Checkpoint(args) => lease::checkpoint_in_run(args, socket, context),
        _ => Err(in_run::not_available()),
    }
}
