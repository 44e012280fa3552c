//! `ai log`

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::store_news::StoreNews;
use crate::base::text::{counted, flowing, one_line};
use crate::cli::answer::LogVerified;
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::error_class::ErrorClass;
use crate::ops::cx;
use crate::ops::log::{self, LogLine};
use crate::store::{Access, EventFilter, Flow, StoredEvent};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct LogArgs {
    #[command(subcommand)]
    command: Option<LogCommand>,
    /// Only about this task (any unique prefix of its id) or lock
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Go on showing what happens
    #[arg(long, short)]
    follow: bool,
    /// Only the last so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Check that no record was changed, dropped or put between, and that the tables are what the
    /// log says
    Verify,
}

/// The columns of the whole log.
pub(super) const OF_ALL: [(&str, usize); 4] =
    [("TIME", 19), ("WHO", 12), ("ABOUT", 10), ("WHAT", 0)];
/// The columns of the log of one task or lock.
pub(super) const OF_ONE: [(&str, usize); 3] = [("TIME", 19), ("WHO", 12), ("WHAT", 0)];

pub(super) fn run(args: &LogArgs, context: &mut Context) -> Outcome {
    if matches!(args.command, Some(LogCommand::Verify)) {
        return verify(context);
    }
    let mut news = StoreNews::over(&context.workspace.state_dir()?);
    let store = context.store(Access::Read)?;
    let mut filter = EventFilter {
        subject: None,
        after: 0,
        last: args.limit,
        ..EventFilter::default()
    };
    if let Some(typed) = &args.id {
        filter.subject = Some(if typed.starts_with("l-") {
            typed.clone()
        } else {
            store.read(|tx| cx::resolve(tx, typed))?.0
        });
    }
    let mut seen = 0;
    let mut listing = Listing::new(if filter.subject.is_some() {
        &OF_ONE
    } else {
        &OF_ALL
    });
    loop {
        let mut gone = false;
        store.read(|tx| {
            tx.events(&filter, &mut |event| {
                seen = event.seq;
                gone = !show(&event, &mut listing, context);
                Ok(if gone { Flow::Stop } else { Flow::More })
            })
        })?;
        (filter.after, filter.last) = (seen, None);
        if gone || !args.follow {
            return Ok(exit::OK);
        }
        context.ui.flush();
        news.wait();
    }
}

/// Shows a record. Returns false when nobody reads any more.
pub(super) fn show(event: &StoredEvent, listing: &mut Listing, context: &mut Context) -> bool {
    if context.ui.json() {
        let parse = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
        return context.ui.object(&serde_json::json!({
            "seq": event.seq, "at_ms": event.at_ms, "actor": parse(&event.actor), "event": parse(&event.body),
            "prev": event.prev, "hash": event.hash,
        }));
    }
    let line = LogLine::of(event);
    let subject = line.subject.as_deref().unwrap_or("-");
    let mut cells = vec![
        Cell::from(context.ui.when(event.at_ms)),
        Cell::from(one_line(&line.who)),
    ];
    if listing.width() == OF_ALL.len() {
        cells.push(Cell::from(one_line(subject)));
    }
    cells.push(Cell::from(flowing(&line.what)));
    context.ui.row(listing, &cells)
}

fn verify(context: &mut Context) -> Outcome {
    context.ui.show_progress("checking the log");
    let store = context.store(Access::Read)?;
    let report = store.read(|tx| log::verify(tx))?;
    if context.ui.json() {
        context.ui.object(&LogVerified {
            events: report.events,
            head: &report.head,
            ok: report.fault.is_none(),
            fault: report.fault.as_deref(),
        });
    }
    match report.fault {
        None => {
            if !context.ui.json() {
                context.ui.line(&format!(
                    "{}, chain intact, tables agree; head {}",
                    counted(report.events, "event"),
                    report.head
                ));
            }
            Ok(exit::OK)
        }
        Some(fault) => Err(AppError::new(ErrorClass::StoreUnusable, fault)
            .hint("`ai backup` keeps what is there, `ai restore --dry-run` shows older states")),
    }
}
