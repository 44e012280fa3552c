//! `ai restore`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::exit;
use crate::base::shown_time::time;
use crate::base::text::{counted, path_bytes};
use crate::cli::answer::{BackupAnswer, RestoreAnswer};
use crate::cli::context::{Context, Outcome};
use crate::ops::backup;
use crate::ops::backup::BackupInfo;
use crate::ops::import::Intent;
use crate::ops::restore::{self, Current, RestoreReport};

#[derive(Args)]
pub(in crate::cli) struct RestoreArgs {
    /// The backup; the newest one that is whole where absent
    file: Option<PathBuf>,
    /// Only show the backups, and what would happen
    #[arg(long)]
    dry_run: bool,
    /// Go on with the store that stands there, though it is an older copy
    #[arg(long, conflicts_with_all = ["file", "dry_run"])]
    as_it_is: bool,
}

pub(super) fn run(args: &RestoreArgs, context: &mut Context) -> Outcome {
    let here = context.workspace.start_dir()?;
    let which = args.file.as_ref().map(|file| here.join(file));
    if !args.dry_run {
        context.workspace.require_writable()?;
    }
    let state = context.workspace.state_dir()?;
    let cx = context.workspace.cx()?;
    if args.as_it_is {
        let report = restore::keep_as_it_is(&state, &cx)?;
        if context.ui.json() {
            context.ui.object(&answer(&report, Intent::Apply));
        } else {
            let info = &report.backup;
            let line = format!("goes on  {}  {}", shown(&info.path), content(info));
            context.ui.line(&line);
        }
        return Ok(exit::OK);
    }
    let intent = if args.dry_run {
        Intent::DryRun
    } else {
        Intent::Apply
    };
    if args.dry_run && !context.ui.json() {
        for one in backup::list(&state)? {
            let what = one
                .content
                .map_or_else(|error| error.to_string(), |info| content(&info));
            context.ui.line(&format!("{}  {what}", shown(&one.path)));
        }
    }
    let report = restore::restore(&state, &cx, which.as_deref(), intent)?;
    if context.ui.json() {
        context.ui.object(&answer(&report, intent));
    } else {
        context.ui.print(&text(&report, intent));
    }
    Ok(exit::OK)
}

fn answer(report: &RestoreReport, intent: Intent) -> RestoreAnswer<'_> {
    let (current, why) = match &report.current {
        Current::Missing => ("missing", None),
        Current::Readable(_) => ("readable", None),
        Current::Unreadable(why) => ("unreadable", Some(why.as_str())),
    };
    RestoreAnswer {
        restored: intent == Intent::Apply,
        backup: BackupAnswer::new(&report.backup),
        current,
        why,
        lost_events: report.lost_events(),
        kept: report.kept.as_deref().map(shown),
    }
}

fn text(report: &RestoreReport, intent: Intent) -> String {
    let mut out = String::new();
    for (path, why) in &report.unusable {
        out.push_str(&format!("skipped   {}: {why}\n", shown(path)));
    }
    let did = if intent == Intent::Apply {
        "restored"
    } else {
        "would restore"
    };
    out.push_str(&format!(
        "{did}  {}  {}\n",
        shown(&report.backup.path),
        content(&report.backup)
    ));
    match (&report.current, report.lost_events()) {
        (Current::Missing, _) => out.push_str("in place of  nothing: the store is gone\n"),
        (Current::Unreadable(why), _) => out.push_str(&format!(
            "in place of  a store that cannot be read: {why}\n"
        )),
        (Current::Readable(_), Some(0)) => {
            out.push_str("in place of  a store with nothing newer\n")
        }
        (Current::Readable(_), lost) => {
            let lost = lost.unwrap_or_default();
            out.push_str(&format!(
                "in place of  a store with {} that the backup does not have\n",
                counted(lost, "record")
            ));
        }
    }
    if let Some(kept) = &report.kept {
        out.push_str(&format!("what stood there is kept in {}\n", shown(kept)));
    }
    out
}

fn content(info: &BackupInfo) -> String {
    let newest = info
        .newest_ms
        .map(|ms| format!(", newest {}", time(ms)))
        .unwrap_or_default();
    format!(
        "{}, {}{newest}",
        counted(info.tasks, "task"),
        counted(info.events, "record")
    )
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}
