//! `ai guard install|uninstall|status`: the hook of an agent's CLI, where a person uses it.

use clap::Subcommand;

use crate::cli::cmd::cli_setup::{self, SetupArgs, SetupStatusArgs};
use crate::cli::context::{Context, Outcome};
use crate::connector::cli_places::CliSetup;

/// Have the CLI of an agent ask `ai` before it calls a tool
#[derive(Subcommand)]
pub(in crate::cli) enum GuardCommand {
    /// Put the hook into the settings of a CLI
    Install(SetupArgs),
    /// Take the hook away, and give the settings back as they were
    Uninstall(SetupArgs),
    /// Say for each CLI whether it asks `ai`; exit 1 where a hook is out of order
    Status(SetupStatusArgs),
}

pub(super) fn run(command: &GuardCommand, context: &mut Context) -> Outcome {
    match command {
        GuardCommand::Install(args) => cli_setup::install(CliSetup::Guard, args, context),
        GuardCommand::Uninstall(args) => cli_setup::uninstall(CliSetup::Guard, args, context),
        GuardCommand::Status(_) => cli_setup::status(CliSetup::Guard, context),
    }
}
