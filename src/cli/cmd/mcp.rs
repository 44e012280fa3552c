//! `ai mcp`, and what tells the CLI of an agent of it

use std::io::{IsTerminal as _, stdin};
use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::doors::McpOrder;
use crate::app::error::AppError;
use crate::app::exit;
use crate::cli::cmd::cli_setup::{self, SetupArgs, SetupStatusArgs};
use crate::cli::context::{Context, Outcome};
use crate::connector::cli_places::CliSetup;

/// Serve an agent by the Model Context Protocol, on standard input and output
#[derive(Args)]
pub(in crate::cli) struct McpArgs {
    #[command(subcommand)]
    command: Option<McpCommand>,
}

/// Tell the CLI of an agent of the server
#[derive(Subcommand)]
pub(in crate::cli) enum McpCommand {
    /// Name the server in the settings of a CLI
    Install(SetupArgs),
    /// Take the server out, and give the settings back as they were
    Uninstall(SetupArgs),
    /// Say for each CLI whether it knows the server; exit 1 where an entry is out of order
    Status(SetupStatusArgs),
}

/// Serves until the client hangs up, or does what the word behind it says. Within a run, `run` is the socket of
/// its supervisor.
pub(super) fn run(args: &McpArgs, run: Option<&Path>, context: &mut Context) -> Outcome {
    match &args.command {
        None => serve(run, context),
        Some(McpCommand::Install(args)) => cli_setup::install(CliSetup::Server, args, context),
        Some(McpCommand::Uninstall(args)) => cli_setup::uninstall(CliSetup::Server, args, context),
        Some(McpCommand::Status(_)) => cli_setup::status(CliSetup::Server, context),
    }
}

fn serve(run: Option<&Path>, context: &mut Context) -> Outcome {
    if stdin().is_terminal() {
        return Err(AppError::usage(
            "`ai mcp` speaks the Model Context Protocol on standard input, and that is a terminal",
        )
        .hint("`ai mcp install` names it as a server in the settings of an agent's CLI"));
    }
    // Nothing is known yet of a repository: a server that does not start tells its client less than
    // one that answers with the reason.
    let order = McpOrder {
        directory: context.workspace.directory().map(Path::to_owned),
        named: context.workspace.named().map(str::to_owned),
        run: run.map(Path::to_owned),
    };
    (context.doors.mcp)(order)?;
    Ok(exit::OK)
}
