//! `ai backup`, and the rolling backups that other commands take.

use std::path::PathBuf;

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{counted, path_bytes};
use crate::cli::answer::BackupAnswer;
use crate::cli::cmd::new_file;
use crate::cli::context::{Context, Outcome};
use crate::ops::backup;

#[derive(Args)]
pub(in crate::cli) struct BackupArgs {
    /// Write it to this new file; without it, it is one of the last eight beside the store
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub(super) fn run(args: &BackupArgs, context: &mut Context) -> Outcome {
    let target = match &args.to {
        Some(file) => Some(new_file::free(&context.workspace.start_dir()?, file)?),
        None => None,
    };
    context.workspace.require_writable()?;
    let state = context.workspace.state_dir()?;
    let info = backup::take(&state, target.as_deref())?;
    context.workspace.mend_link()?;
    if context.ui.json() {
        context.ui.object(&BackupAnswer::new(&info));
    } else {
        let path = path_bytes(info.path.as_os_str().as_encoded_bytes());
        context.ui.line(&format!(
            "{path}  {}, {}",
            counted(info.tasks, "task"),
            counted(info.events, "record")
        ));
    }
    Ok(exit::OK)
}

/// Takes a rolling backup where one is due. What fails is said, and is no failure of the command
/// that has done its work.
pub(in crate::cli) fn roll_if_due(context: &mut Context) {
    let taken = match context.workspace.state_dir() {
        Ok(state) => {
            backup::roll_if_due(&state, now().wall_ms, backup::MAX_AGE).map_err(|e| e.to_string())
        }
        Err(error) => Err(error.message),
    };
    if let Err(error) = taken {
        context
            .ui
            .warn(&format!("no backup could be taken: {error}"));
    }
}
