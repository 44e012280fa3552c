//! `ai config show`

use clap::{Args, Subcommand};

use crate::app::exit;
use crate::base::text::one_line;
use crate::cli::context::{Context, Outcome};
use crate::config::{self, ValueOrigin};

/// Show the configuration that is in force
#[derive(Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Show every value
    Show(ConfigShowArgs),
}

#[derive(Args)]
pub(in crate::cli) struct ConfigShowArgs {
    /// Say where each value comes from
    #[arg(long)]
    origin: bool,
}

pub(super) fn run(command: &ConfigCommand, context: &mut Context) -> Outcome {
    let ConfigCommand::Show(args) = command;
    let entries = config::entries(context.workspace.config()?);
    for entry in &entries {
        let more = if context.ui.json() {
            context.ui.object(entry)
        } else {
            let from = match (args.origin, entry.origin) {
                (false, _) => String::new(),
                (true, ValueOrigin::Default) => "  (default)".to_owned(),
                (true, ValueOrigin::File(place)) => {
                    format!("  ({}:{}:{})", config::FILE, place.line, place.column)
                }
            };
            context.ui.line(&format!(
                "{} = {}{from}",
                one_line(&entry.key),
                one_line(&entry.value.to_string())
            ))
        };
        if !more {
            break;
        }
    }
    Ok(exit::OK)
}
