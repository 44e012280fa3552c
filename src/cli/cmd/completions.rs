//! `ai completions`

use clap::Args;
use clap_complete::Shell;

use crate::app::exit;
use crate::cli::context::{Context, Outcome};

#[derive(Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, context: &mut Context) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut (context.tree)(), "ai", &mut script);
    context.ui.print(&String::from_utf8_lossy(&script));
    Ok(exit::OK)
}
