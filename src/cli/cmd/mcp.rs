//! `ai mcp`

use std::io::{IsTerminal as _, stdin};
use std::path::Path;

use clap::Args;

use crate::app::doors::McpOrder;
use crate::app::error::AppError;
use crate::app::exit;
use crate::cli::context::{Context, Outcome};

/// Serve an agent by the Model Context Protocol, on standard input and output
#[derive(Args)]
pub(in crate::cli) struct McpArgs {}

/// Serves until the client hangs up. Within a run, `run` is the socket of its supervisor.
pub(super) fn run(_args: &McpArgs, run: Option<&Path>, context: &mut Context) -> Outcome {
    if stdin().is_terminal() {
        return Err(AppError::usage(
            "`ai mcp` speaks the Model Context Protocol on standard input, and that is a terminal",
        )
        .hint("name `ai mcp --as agent:NAME` as a server in the settings of the agent's CLI"));
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
