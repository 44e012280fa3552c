//! `ai man`

use std::path::PathBuf;

use clap::{Args, Command};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs;
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;

#[derive(Args)]
pub(in crate::cli) struct ManArgs {
    /// Write one page a command into this directory; without it, the main page goes to standard
    /// output
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, context: &mut Context) -> Outcome {
    let mut ai = (context.tree)();
    ai.build();
    let Some(dir) = &args.dir else {
        context.ui.print(&String::from_utf8_lossy(&page(&ai)?));
        return Ok(exit::OK);
    };
    let dir = context.workspace.start_dir()?.join(dir);
    let mut written = 0;
    write_pages(&ai, &mut |name, page| {
        written += 1;
        Ok(fs::write_atomic(&dir.join(format!("{name}.1")), page)?)
    })?;
    context
        .ui
        .say(&format!("wrote {written} pages into {}", dir.display()));
    Ok(exit::OK)
}

/// A receiver of pages, each with the name of its command.
type Sink<'a> = dyn FnMut(&str, &[u8]) -> Result<(), AppError> + 'a;

/// The page of a command and those of all commands beneath it.
fn write_pages(command: &Command, write: &mut Sink<'_>) -> Result<(), AppError> {
    if command.is_hide_set() {
        return Ok(());
    }
    write(
        command
            .get_display_name()
            .unwrap_or_else(|| command.get_name()),
        &page(command)?,
    )?;
    command
        .get_subcommands()
        .try_for_each(|below| write_pages(below, write))
}

fn page(command: &Command) -> Result<Vec<u8>, AppError> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command.clone()).render(&mut page);
    rendered
        .map_err(|e| AppError::new(ErrorClass::Failed, format!("cannot write the page: {e}")))?;
    Ok(page)
}
