//! `ai hook pre-tool`: the answer to the hook of an agent's CLI.
//!
//! Exit code 2, the reason on standard error and nothing on standard output is the one no that all of
//! them understand; 0 and nothing at all is a yes. There is no other code.

use std::io::{IsTerminal as _, Read, stdin};
use std::path::Path;

use clap::{Args, Command, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::guard::{self, HookRuling};
use crate::cli::context::{Context, Outcome};
use crate::connector::announced::HookCli;

/// The longest payload: what a model writes into a file stands in it.
const INPUT_CAP: u64 = 32 << 20;

/// Answer the hook of an agent's CLI
#[derive(Subcommand)]
pub(in crate::cli) enum HookCommand {
    /// Say whether a tool may be called, of which the CLI tells on standard input; exit 2, with the reason,
    /// where not
    PreTool(PreToolArgs),
}

#[derive(Args)]
pub(in crate::cli) struct PreToolArgs {
    /// The CLI that asks: claude, codex, gemini, opencode, copilot or qwen
    #[arg(long, value_name = "NAME")]
    cli: HookCli,
}

/// The part of the tree that `second` needs.
pub(super) fn branch(second: &str) -> Option<Command> {
    (second == "pre-tool").then(|| PreToolArgs::augment_args(Command::new("pre-tool")))
}

/// Answers. Within a run, `run` is the socket of its supervisor.
pub(super) fn run(command: &HookCommand, run: Option<&Path>, context: &mut Context) -> Outcome {
    let HookCommand::PreTool(args) = command;
    let ruling = match payload() {
        Ok(payload) => guard::rule(&context.workspace, run, (args.cli, &payload)),
        Err(error) => HookRuling::Refuse(error),
    };
    Ok(match ruling {
        HookRuling::Pass => exit::OK,
        HookRuling::Unjudged(error) => {
            context.ui.warn(&format!("not judged: {error}"));
            exit::OK
        }
        HookRuling::Refuse(error) => {
            context.tell_of_error(&error);
            exit::HOOK_REFUSES
        }
    })
}

fn payload() -> Result<Vec<u8>, AppError> {
    let input = stdin();
    if input.is_terminal() {
        let message = "a CLI tells its tool call on standard input, and that is a terminal";
        return Err(AppError::usage(message).hint("`ai hook pre-tool --cli claude <payload.json`"));
    }
    let mut payload = Vec::new();
    match input.take(INPUT_CAP + 1).read_to_end(&mut payload) {
        Ok(length) if length as u64 > INPUT_CAP => Err(AppError::usage(format!(
            "the tool call is longer than {} MiB, and is not looked at",
            INPUT_CAP >> 20
        ))
        .hint("write the file in parts")),
        Ok(_) => Ok(payload),
        Err(error) => Err(AppError::usage(format!(
            "what the CLI says cannot be read: {error}"
        ))),
    }
}
