//! `ai export` and `ai import`

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs;
use crate::base::text::counted;
use crate::cli::cmd::backup;
use crate::cli::cmd::new_file;
use crate::cli::context::{Context, Outcome};
use crate::ops::export::{self, Header};
use crate::ops::import::{self, ImportReport, Intent};
use crate::store::{Access, Flow, Store, StoreError};

#[derive(Args)]
pub(in crate::cli) struct ExportArgs {
    /// Write it to this new file; without it, it goes to standard output
    file: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct ImportArgs {
    /// An export of `ai`; `-` reads standard input
    file: PathBuf,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn export(args: &ExportArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let Some(file) = &args.file else {
        store.read(|tx| -> Result<Header, StoreError> {
            export::export(tx, &mut |line| {
                Ok(if context.ui.line(line) {
                    Flow::More
                } else {
                    Flow::Stop
                })
            })
        })?;
        return Ok(exit::OK);
    };
    let path = new_file::free(&context.workspace.start_dir()?, file)?;
    let header = write(store, &path)?;
    if context.ui.json() {
        context.ui.object(&header);
    } else {
        context.ui.line(&format!(
            "{}, {}, head {}",
            counted(header.tasks, "task"),
            counted(header.events, "record"),
            header.head
        ));
    }
    Ok(exit::OK)
}

fn write(store: &mut dyn Store, path: &Path) -> Result<Header, StoreError> {
    let mut header = None;
    fs::write_through(path, |file| -> Result<(), StoreError> {
        header = Some(store.read(|tx| {
            export::export(tx, &mut |line| {
                file.line(line)?;
                Ok(Flow::More)
            })
        })?);
        Ok(())
    })?;
    header.ok_or(StoreError::NotInitialised)
}

pub(super) fn import(args: &ImportArgs, context: &mut Context) -> Outcome {
    let intent = if args.dry_run {
        Intent::DryRun
    } else {
        Intent::Apply
    };
    let path = context.workspace.start_dir()?.join(&args.file);
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let input: Box<dyn Read> = if args.file == Path::new("-") {
        if !std::io::stdin().is_terminal() {
            context.ui.show_progress("reading the export");
        }
        Box::new(std::io::stdin())
    } else {
        context.ui.show_progress("reading the export");
        let opened = fs::open_named(&path)
            .map_err(|error| AppError::unreadable_input(error, "nothing was imported"));
        Box::new(opened?)
    };
    // An export may be of any size; its lines may not.
    let mut input = fs::text_reader(input, u64::MAX).map_err(|error| {
        AppError::usage(format!("{error}; nothing was imported"))
            .hint("make the export again where it came from, by `ai export FILE`")
    })?;
    let report = import::import(store, &cx, &mut input, intent)?;
    show(&report, intent, context);
    if intent == Intent::Apply {
        backup::roll_if_due(context);
    }
    Ok(exit::OK)
}

fn show(report: &ImportReport, intent: Intent, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(report);
        return;
    }
    let would = if intent == Intent::DryRun {
        "would be "
    } else {
        ""
    };
    if report.reproduced {
        let text = format!(
            "the store {would}the exported one: {}, {}",
            counted(report.tasks, "task"),
            counted(report.events, "record")
        );
        context.ui.line(&text);
        return;
    }
    context.ui.line(&format!(
        "{would}created  {} of {}",
        report.created.len(),
        counted(report.tasks, "task")
    ));
    for one in &report.renamed {
        context
            .ui
            .line(&format!("renamed   {} is {} here", one.from, one.to));
    }
    if !report.unchanged.is_empty() {
        context.ui.line(&format!(
            "the same  {}",
            counted(report.unchanged.len(), "task")
        ));
    }
    for id in &report.conflicts {
        context
            .ui
            .line(&format!("differs   {id} is another one here, and was left"));
    }
}
