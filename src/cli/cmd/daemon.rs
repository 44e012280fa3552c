//! `ai daemon`

use std::ffi::OsString;

use clap::{Args, Subcommand};

use crate::app::doors::DaemonOrder;
use crate::app::exit;
use crate::base::duration;
use crate::base::text::multi_line;
use crate::cli::cmd::run;
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::{DaemonEnding, WhenEmpty};
use crate::domain::ids::TaskId;
use crate::ops::run::batch::{Line, Summary};

#[derive(Subcommand)]
pub(in crate::cli) enum DaemonCommand {
    /// Work the queue here, until Ctrl-C or SIGTERM, and report
    Run(DaemonRunArgs),
}

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
}

pub(super) fn run(command: DaemonCommand, context: &mut Context) -> Outcome {
    match command {
        DaemonCommand::Run(args) => work(&args, context),
    }
}

fn work(args: &DaemonRunArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("work the queue unattended")?;
    let ends_after = args
        .ends_after
        .as_deref()
        .map(duration::parse)
        .transpose()?;
    let own = run::again(&["run", "--by-daemon", "--json"], context)?;
    let child = |id: &TaskId| [&own[..], &["--".into(), OsString::from(id.as_str())]].concat();
    let (json, talkative) = (context.ui.json(), context.is_talkative());
    let serve = context.doors.daemon;
    let recover = run::again(&["recover", "--json"], context)?;
    let (directory, named) = (
        context.workspace.directory().map(Into::into),
        context.workspace.named().map(Into::into),
    );
    let ui = &mut context.ui;
    let mut each = |line: &Line| {
        if json {
            ui.object(line);
            ui.flush();
        }
    };
    let order = DaemonOrder {
        directory,
        named,
        command: "ai daemon run",
        child: &child,
        recover,
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
        each: &mut each,
    };
    let report = serve(order)?;
    let summary = Summary {
        lines: report.lines,
        interrupted: report.ending == DaemonEnding::Interrupted,
    };
    if !json {
        run::table(&summary, context);
    }
    Ok(match report.ending {
        DaemonEnding::Stopped => exit::OK,
        DaemonEnding::Interrupted | DaemonEnding::TimeOver | DaemonEnding::QueueEmpty => {
            summary.code()
        }
    })
}

/// Says a line on standard error.
fn say(text: &str) {
    // Nobody is left to tell when it is closed.
    let _untold = std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{}\n", multi_line(text)).as_bytes(),
    );
}
