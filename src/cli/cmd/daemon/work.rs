//! `ai daemon run`

use std::ffi::OsString;
use std::io::Write as _;

use clap::Args;

use crate::app::doors::DaemonOrder;
use crate::app::exit;
use crate::base::duration;
use crate::base::text::multi_line;
use crate::cli::cmd::run;
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::{DaemonEnding, WhenEmpty};
use crate::domain::ids::TaskId;
use crate::ops::error::Doing as _;
use crate::ops::run::batch::{Line, Summary};
use crate::process::reexec;

#[derive(Args)]
pub(in crate::cli) struct DaemonRunArgs {
    /// Start nothing more after this time, such as 4h; what is at work may end
    #[arg(long = "for", value_name = "DURATION")]
    ends_after: Option<String>,
    /// End when nothing is at work and nothing will start by itself
    #[arg(long)]
    until_empty: bool,
    /// How many runs at a time; else `daemon.parallel`, `scheduler.max_concurrency`, or one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
    /// In a session of its own, a line on standard output once it is at work: how `ai daemon start` starts it
    #[arg(long, hide = true)]
    detached: bool,
}

/// The one who hears of what goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DaemonHearer {
    /// A person at a terminal, or whoever reads like one.
    Person,
    /// A program that reads JSON.
    Program,
    /// Nobody: what is said stands in the log.
    Nobody,
}

pub(super) fn run(args: &DaemonRunArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("work the queue unattended")?;
    let ends_after = args
        .ends_after
        .as_deref()
        .map(duration::parse)
        .transpose()?;
    // Not a directory within it, which the next checkout may not have.
    let top = context.workspace.tree_here()?.to_owned();
    let own = run::again_at(&["run", "--by-daemon", "--json"], top.clone(), context)?;
    let child = |id: &TaskId| [&own[..], &["--".into(), OsString::from(id.as_str())]].concat();
    let mode = if args.detached {
        reexec::detach().doing("leave the terminal")?;
        ("ai daemon start", DaemonHearer::Nobody)
    } else if context.ui.json() {
        ("ai daemon run", DaemonHearer::Program)
    } else {
        ("ai daemon run", DaemonHearer::Person)
    };
    let (command, listener) = mode;
    let talkative = context.is_talkative() && listener != DaemonHearer::Nobody;
    let serve = context.doors.daemon;
    let recover = run::again_at(&["recover", "--json"], top.clone(), context)?;
    let land = ["land", "--all", "--by-daemon", "--json"];
    let land = run::again_at(&land, top.clone(), context)?;
    let notify = run::again_at(&["notify", "deliver"], top.clone(), context)?;
    let named = context.workspace.named().map(Into::into);
    let ui = &mut context.ui;
    let mut each = |line: &Line| {
        if listener == DaemonHearer::Program {
            ui.object(line);
            ui.flush();
        }
    };
    let order = DaemonOrder {
        directory: Some(top),
        named,
        command,
        child: &child,
        recover,
        land,
        notify,
        parallel: args.parallel,
        ends_after,
        when_empty: if args.until_empty {
            WhenEmpty::End
        } else {
            WhenEmpty::Stay
        },
        say: &|text| {
            if talkative {
                say(text);
            }
        },
        ready: &|| {
            if listener == DaemonHearer::Nobody {
                // Whoever waits for it may have gone.
                let _untold = std::io::stdout().write_all(b"ready\n");
            }
        },
        each: &mut each,
    };
    let report = serve(order)?;
    let summary = Summary {
        lines: report.lines,
        interrupted: report.ending == DaemonEnding::Interrupted,
    };
    if listener == DaemonHearer::Person {
        run::table(&summary, context);
    }
    if let Some(barred) = report.barred {
        return Err(barred);
    }
    Ok(match report.ending {
        DaemonEnding::Stopped | DaemonEnding::HandedOver => exit::OK,
        DaemonEnding::Interrupted
        | DaemonEnding::TimeOver
        | DaemonEnding::QueueEmpty
        | DaemonEnding::Barred => summary.code(),
    })
}

/// Says a line on standard error.
fn say(text: &str) {
    // Nobody is left to tell when it is closed.
    let _untold = writeln!(std::io::stderr(), "{}", multi_line(text));
}
