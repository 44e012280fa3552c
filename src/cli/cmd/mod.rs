//! The commands: one verb, one file.

mod init;
mod lock;
mod log;
mod status;
mod task;
mod why;

use clap::Subcommand;

use crate::cli::context::Context;
use crate::cli::error::CliError;

/// What a command returns: its exit code, or the error that ended it.
pub(super) type Outcome = Result<u8, CliError>;

/// Everything that `ai` can do.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Set this repository up for `ai`
    Init(init::InitArgs),
    /// Create, claim, show and change tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Lock paths by hand, list and check locks
    #[command(subcommand)]
    Lock(lock::LockCommand),
    /// Say what holds a task now, and what to do about it
    Why(why::WhyArgs),
    /// Show what is going on: tasks by state, who works, what waits for you
    Status(status::StatusArgs),
    /// Show the log of events, or verify its chain
    Log(log::LogArgs),
}

/// Runs a command.
pub(super) fn dispatch(command: Command, context: &mut Context) -> Outcome {
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Task(command) => task::run(command, context),
        Command::Lock(command) => lock::run(&command, context),
        Command::Why(args) => why::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Log(args) => log::run(&args, context),
    }
}
