//! `ai completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::app::exit;
use crate::cli::args::Cli;
use crate::cli::cmd::Outcome;
use crate::cli::context::Context;

#[derive(Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, context: &mut Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ai", &mut script);
    context.ui.print(&String::from_utf8_lossy(&script));
    Ok(exit::OK)
}
