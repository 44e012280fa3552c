//! `ai daemon start|restart`: the same as `ai daemon run`, in a session of its own.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs;
use crate::cli::answer::DaemonTold;
use crate::cli::cmd::daemon::control;
use crate::cli::cmd::run;
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::Doing as _;
use crate::process::reexec;
use crate::store::Access;

/// Time in which a daemon is at work, or says why not.
const STARTING: Duration = Duration::from_secs(60);
/// Most of its last words that are read, in bytes.
const LAST_WORDS: u64 = 64 << 10;

#[derive(Args)]
pub(in crate::cli) struct DaemonStartArgs {
    /// How many runs at a time; else `daemon.parallel`, `scheduler.max_concurrency`, or one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
}

#[derive(Args)]
pub(in crate::cli) struct DaemonRestartArgs {
    /// Ask the runs that are at work to end at once
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    start: DaemonStartArgs,
}

pub(super) fn restart(args: &DaemonRestartArgs, context: &mut Context) -> Outcome {
    context.workspace.refuse_agents("restart the daemon")?;
    // What would keep the next one from its work is told before this one has ended.
    context.workspace.config()?;
    context.store(Access::Write)?;
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let before = daemon::at_work(&place)?.and_then(|daemon| daemon.card);
    if args.now {
        control::end(Some(Duration::ZERO), context)?;
    } else {
        control::hand_over(context)?;
    }
    let again = DaemonStartArgs {
        parallel: args
            .start
            .parallel
            .or(before.and_then(|card| card.parallel)),
    };
    start(&again, context)
}

pub(super) fn start(args: &DaemonStartArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("start a daemon that works the queue")?;
    // What would keep it from its work is told by this command, not by its last words.
    context.workspace.config()?;
    context.store(Access::Write)?;
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let mut words = run::again(&["daemon", "run", "--detached"], context)?;
    let parallel = args.parallel.map(|n| OsString::from(n.to_string()));
    words.extend(parallel.into_iter().flat_map(|n| ["--parallel".into(), n]));
    fs::create_private_dir(place.dir())?;
    let words_before = fs::stat(&place.log())?.map_or(0, |log| log.len);
    let log = fs::open_to_append(&place.log())?;
    let mut child = reexec::start_to_detach(&words, log).doing("start the daemon")?;
    if child.first_line(STARTING).is_none() {
        return Err(why_not(&place, words_before)?);
    }
    let Some(daemon) = daemon::at_work(&place)? else {
        return Err(why_not(&place, words_before)?);
    };
    if context.ui.json() {
        context.ui.object(&DaemonTold::of(daemon));
        return Ok(exit::OK);
    }
    let line = format!("the daemon is at work ({})", daemon.named());
    context.ui.line(&line);
    if let Some(order) = daemon::order(&place)? {
        context
            .ui
            .say(&format!("{}; `ai daemon resume`", order.in_words()));
    }
    Ok(exit::OK)
}

/// The error of a daemon that has not come to work, in its own last words.
fn why_not(place: &DaemonPlace, words_before: u64) -> Result<AppError, AppError> {
    let text = fs::read_capped(&place.log(), words_before + LAST_WORDS)?;
    let new = text.get(usize::try_from(words_before).unwrap_or(usize::MAX)..);
    let said = String::from_utf8_lossy(new.unwrap_or_default()).into_owned();
    let said = said.trim().trim_start_matches("error: ");
    let class = match daemon::at_work(place)? {
        // What stands in the log since is that one's.
        Some(daemon) => {
            let who = daemon.named();
            let why = format!("a daemon works this repository already ({who})");
            return Ok(AppError::new(ErrorClass::Conflict, why).hint(
                "one is enough, and takes up whatever becomes ready; `ai daemon status` tells of it, `ai daemon stop` ends it",
            ));
        }
        None => ErrorClass::Failed,
    };
    Ok(match said {
        "" => AppError::new(
            class,
            "the daemon has ended before it was at work, and says nothing",
        )
        .hint("`ai daemon run` may say more, in the foreground"),
        said => {
            let (why, next) = match said.split_once("\n  next: ") {
                Some((why, next)) => (why.trim_end(), format!("{next}; then `ai daemon start`")),
                None => {
                    let usual =
                        "mend that, then `ai daemon start`; `ai daemon logs` has all that it said";
                    (said, usual.to_owned())
                }
            };
            AppError::new(class, format!("the daemon is not at work: {why}")).hint(next)
        }
    })
}
