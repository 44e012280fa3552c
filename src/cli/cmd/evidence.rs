//! `ai evidence list|show|verify|export`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs::read_capped;
use crate::base::shown_time::time;
use crate::base::text::{counted, multi_line, one_line};
use crate::cli::answer::{EvidenceAnswer, EvidenceChecked, EvidenceExported};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::error_class::ErrorClass;
use crate::ops::error::OpError;
use crate::ops::evidence::{self, EvidenceState};
use crate::ops::testimony;
use crate::store::Access;

/// List, show, verify and hand out what was recorded about runs
#[derive(Subcommand)]
pub(in crate::cli) enum EvidenceCommand {
    /// List the evidence of a task or of one run
    List(OfArgs),
    /// Show one piece with its content
    Show(EvidenceShowArgs),
    /// Compare the files with what was recorded; exit 6 where something differs
    Verify(OfArgs),
    /// Copy the evidence of a task or run into a new directory
    Export(EvidenceExportArgs),
}

#[derive(Args)]
pub(in crate::cli) struct OfArgs {
    /// A task (any unique prefix of its id), or a run: TASK.EPOCH
    #[arg(value_name = "TASK|RUN")]
    id: String,
}

#[derive(Args)]
pub(in crate::cli) struct EvidenceShowArgs {
    /// The piece; any unique prefix of its id
    id: String,
}

#[derive(Args)]
pub(in crate::cli) struct EvidenceExportArgs {
    /// A task (any unique prefix of its id), or a run: TASK.EPOCH
    #[arg(value_name = "TASK|RUN")]
    id: String,
    /// The new directory
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub(super) fn run(command: &EvidenceCommand, context: &mut Context) -> Outcome {
    match command {
        EvidenceCommand::List(args) => list(args, context),
        EvidenceCommand::Show(args) => show(args, context),
        EvidenceCommand::Verify(args) => verify(args, context),
        EvidenceCommand::Export(args) => export(args, context),
    }
}

fn list(args: &OfArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let (_, pieces) = store.read(|tx| evidence::list(tx, &args.id))?;
    let listing = Listing::new(&[
        ("EVIDENCE", 0),
        ("RUN", 13),
        ("KIND", 8),
        ("NAME", 11),
        ("SHA256", 12),
        ("    BYTES", 9),
        ("WHEN", 0),
    ]);
    let mut rows = Vec::new();
    for piece in &pieces {
        let more = if context.ui.json() {
            context.ui.object(piece)
        } else {
            let run = piece.run.as_ref().map_or("-", |run| run.as_str());
            let (kind, name, sha) = (
                piece.kind.name(),
                one_line(&piece.name),
                &piece.sha256[..12],
            );
            let cells: [Cell; 7] = [
                piece.id.as_str().into(),
                run.into(),
                kind.into(),
                name.into(),
                sha.into(),
                format!("{:>9}", piece.bytes).into(),
                context.ui.when(piece.at_ms).into(),
            ];
            rows.push(cells.to_vec());
            true
        };
        if !more {
            break;
        }
    }
    context.ui.list(listing, &rows);
    Ok(exit::OK)
}

fn show(args: &EvidenceShowArgs, context: &mut Context) -> Outcome {
    let state = context.workspace.state_dir()?;
    let store = context.store(Access::Read)?;
    let (piece, found) = store.read(|tx| {
        let piece = evidence::find(tx, &args.id)?;
        let found = evidence::state_of(tx, &state, &piece)?;
        Ok::<_, OpError>((piece, found))
    })?;
    if context.ui.json() {
        context.ui.object(&EvidenceAnswer {
            evidence: &piece,
            file: &found,
        });
        return Ok(exit::OK);
    }
    context.ui.line(&format!(
        "{}  {} {}  sha256 {}",
        piece.id,
        piece.kind.name(),
        one_line(&piece.name),
        piece.sha256
    ));
    if let EvidenceState::Pruned { at_ms } = found {
        let text = format!("`ai gc` gave up {} at {}", piece.file, time(at_ms));
        let hint = "`ai log` names the run; for a while it lies in `.ai/state/pruned`";
        return Err(AppError::new(ErrorClass::NotFound, text).hint(hint));
    }
    if found != EvidenceState::Intact {
        let text = format!(
            "the file {} is not what was recorded: it is {}",
            piece.file,
            found.in_words()
        );
        return Err(AppError::new(ErrorClass::NotProven, text)
            .hint("`ai evidence verify` looks at all of them"));
    }
    let bytes = read_capped(&state.join(&piece.file), 64 << 20)?;
    context
        .ui
        .print(&multi_line(&String::from_utf8_lossy(&bytes)));
    Ok(exit::OK)
}

fn verify(args: &OfArgs, context: &mut Context) -> Outcome {
    let state = context.workspace.state_dir()?;
    let store = context.store(Access::Read)?;
    let examined = store.read(|tx| evidence::examine(tx, &state, &args.id))?;
    let (task, pieces) = (&examined.task, &examined.pieces);
    let mut wrong = 0;
    for (piece, found) in pieces {
        wrong += usize::from(!found.is_sound());
        if context.ui.json() {
            context.ui.object(&EvidenceChecked {
                id: &piece.id,
                file: &piece.file,
                found,
            });
        } else {
            let word = match found {
                EvidenceState::Intact => "intact".to_owned(),
                EvidenceState::Missing => "MISSING".to_owned(),
                EvidenceState::Pruned { at_ms } => format!("pruned at {}", time(*at_ms)),
                EvidenceState::Changed { sha256 } => format!("CHANGED (now {})", &sha256[..12]),
                EvidenceState::Replaced { by } => format!("REPLACED by {by}"),
                EvidenceState::Misstated { why } => format!("MISSTATED: {}", one_line(why)),
                EvidenceState::Unreadable { why } => format!("UNREADABLE: {}", one_line(why)),
            };
            context
                .ui
                .line(&format!("{}  {word:<8} {}", piece.id, piece.file));
        }
    }
    if let Some(message) = testimony::sentence(task, &examined.contradicted) {
        return Err(AppError::new(ErrorClass::NotProven, message).hint(testimony::LOOK));
    }
    match wrong {
        0 => Ok(exit::OK),
        n => {
            let (files, are) = (
                counted(pieces.len(), "file"),
                if n == 1 { "is" } else { "are" },
            );
            let message = format!("{n} of {files} of {task} {are} not what was recorded");
            Err(AppError::new(ErrorClass::NotProven, message)
                .hint("`ai log verify` says whether the records themselves stand"))
        }
    }
}

fn export(args: &EvidenceExportArgs, context: &mut Context) -> Outcome {
    let state = context.workspace.state_dir()?;
    let target = context.workspace.start_dir()?.join(&args.to);
    let store = context.store(Access::Read)?;
    let pieces = store.read(|tx| {
        let (_, pieces) = evidence::list(tx, &args.id)?;
        let with_state = |piece| {
            let found = evidence::state_of(tx, &state, &piece)?;
            Ok::<_, OpError>((piece, found))
        };
        pieces
            .into_iter()
            .map(with_state)
            .collect::<Result<Vec<_>, OpError>>()
    })?;
    let written = evidence::export(&state, &pieces, &target)?;
    if context.ui.json() {
        context.ui.object(&EvidenceExported {
            to: &target,
            files: written.len(),
        });
    } else {
        context.ui.line(&format!(
            "{} in {}",
            counted(written.len(), "file"),
            target.display()
        ));
    }
    Ok(exit::OK)
}
