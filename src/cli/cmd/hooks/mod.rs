//! `ai hooks install|uninstall|status|run`

mod install;
mod run;
mod status;

use clap::{Args, Command, Subcommand};

use crate::app::in_run;
use crate::cli::context::{Context, Outcome};

pub(super) use install::repo;

/// Ask `ai` before Git commits and pushes
#[derive(Subcommand)]
pub(in crate::cli) enum HooksCommand {
    /// Put hooks into the git directory, in front of those that stand there
    Install(install::HooksInstallArgs),
    /// Take the hooks away, and give back what stood there
    Uninstall(install::HooksUninstallArgs),
    /// Say for each hook whether it asks `ai`; exit 1 where one is out of order
    Status(status::HooksStatusArgs),
    /// Answer a hook of Git, as the installed hooks and hook managers ask
    Run(run::HookRunArgs),
}

/// The part of the tree that `second` needs.
pub(super) fn branch(second: &str) -> Option<Command> {
    (second == "run").then(|| run::HookRunArgs::augment_args(Command::new("run")))
}

pub(super) fn run(command: &HooksCommand, context: &mut Context) -> Outcome {
    match command {
        HooksCommand::Install(args) => install::install(args, context),
        HooksCommand::Uninstall(args) => install::uninstall(args, context),
        HooksCommand::Status(args) => status::run(args, context),
        HooksCommand::Run(args) => run::run(args, context),
    }
}

/// Runs it for the agent of a run, as far as its hooks ask.
pub(super) fn ask_the_run(command: &HooksCommand, context: &mut Context) -> Outcome {
    match command {
        HooksCommand::Run(args) => run::run(args, context),
        _ => Err(in_run::not_available()),
    }
}
