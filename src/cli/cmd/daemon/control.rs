//! `ai daemon stop|logs`

use std::time::{Duration, Instant};

use clap::Args;

use crate::app::daemon_words::{self, DaemonAsk};
use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs::{DirWatch, Tail};
use crate::base::text::flowing;
use crate::base::{clock, duration, text};
use crate::cli::answer::{DaemonLogLine, DaemonTold};
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::RunsAtStop;
use crate::domain::error_class::ErrorClass;
use crate::ops::daemon::{self, DaemonAtWork, DaemonPlace};
use crate::process::end_process::{EndSignal, send_end_signal, wait_for_end};
use crate::process::identity::ProcessLiveness;

/// Beyond the time that its runs have, the time for a daemon to see them end.
const ENDING: Duration = Duration::from_secs(120);
/// Time for a daemon that leaves its runs to the next one to end, which waits for nothing but a look.
const HANDING_OVER: Duration = Duration::from_secs(60);
/// Between two looks whether its lock is free: it may be a process that cannot be seen from here.
const STEP: Duration = Duration::from_millis(20);
/// Time after which a log that is followed is looked at without any news.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(in crate::cli) struct DaemonStopArgs {
    /// Ask the runs that are at work to end at once
    #[arg(long, conflicts_with = "within")]
    now: bool,
    /// How long the runs may go on before they are asked to end; else `daemon.stop_within`
    #[arg(long, value_name = "DURATION")]
    within: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct DaemonLogsArgs {
    /// How many lines from the end
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    lines: usize,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
}

pub(super) fn stop(args: &DaemonStopArgs, context: &mut Context) -> Outcome {
    let within = args.within.as_deref().map(duration::parse).transpose()?;
    let within = within.or(args.now.then_some(Duration::ZERO));
    context.workspace.refuse_agents("stop the daemon")?;
    let daemon = end(within, context)?.ok_or_else(nobody)?;
    if context.ui.json() {
        context.ui.object(&DaemonTold::of(daemon));
    } else {
        let line = format!("the daemon has ended ({})", daemon.named());
        context.ui.line(&line);
    }
    Ok(exit::OK)
}

/// The error where no daemon is at work.
fn nobody() -> AppError {
    AppError::new(ErrorClass::NotFound, "no daemon works this repository")
        .hint("`ai daemon start` begins one")
}

/// Ends the daemon and sees to it that it has ended; nothing where none is at work.
pub(super) fn end(
    within: Option<Duration>,
    context: &mut Context,
) -> Result<Option<DaemonAtWork>, AppError> {
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let Some(daemon) = daemon::at_work(&place)? else {
        return Ok(None);
    };
    let Some(process) = &daemon.process else {
        let message = format!("the daemon cannot be ended: it is {}", daemon.named());
        return Err(AppError::new(ErrorClass::Conflict, message)
            .hint("do it as the user and in the container in which it was started"));
    };
    send_end_signal(process, EndSignal::Term);
    // Where the configuration cannot be read, the daemon waits by the one that it has read before.
    let usual = context.workspace.config().map_or(ENDING, |config| {
        config.daemon.stop_within + config.runs.grace
    });
    let mut state = wait_for_end(process, within.unwrap_or(usual));
    if state == ProcessLiveness::Alive {
        // A second word means at once; another signal than the first, since two of a kind may become one.
        send_end_signal(process, EndSignal::Interrupt);
        state = wait_for_end(process, ENDING);
    }
    if state != ProcessLiveness::Dead {
        let message = format!("the daemon ({}) does not end", daemon.named());
        return Err(AppError::new(ErrorClass::TryLater, message)
            .hint("`ai daemon logs` says what it waits for; its runs would outlive a kill"));
    }
    Ok(Some(daemon))
}

/// Has the daemon end at once and leave its runs to the next one; nothing where none is at work. One that does not take
/// the word is ended as by `ai daemon stop`, and its runs before it.
pub(super) fn hand_over(context: &mut Context) -> Result<(), AppError> {
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let Some(daemon) = daemon::at_work(&place)? else {
        return Ok(());
    };
    let leave = DaemonAsk::Stop {
        runs: RunsAtStop::GoOn,
    };
    if let Err(unheard) = daemon_words::ask(&place.socket(), leave) {
        context.ui.say(&format!(
            "the daemon ({}) does not take the word to leave its runs to the next one: {}; it is stopped, and they have to end",
            daemon.named(),
            flowing(&unheard.to_string())
        ));
        return end(None, context).map(drop);
    }
    let until = Instant::now() + HANDING_OVER;
    while daemon::at_work(&place)?.is_some() {
        if Instant::now() > until {
            let message = format!("the daemon ({}) does not end", daemon.named());
            return Err(AppError::new(ErrorClass::TryLater, message)
                .hint("`ai daemon logs` says what it waits for; its runs would outlive a kill"));
        }
        clock::pause(STEP);
    }
    Ok(())
}

pub(super) fn logs(args: &DaemonLogsArgs, context: &mut Context) -> Outcome {
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let mut log = Tail::of(place.log());
    let mut last: Vec<String> = Vec::new();
    while let Some(line) = log.line()? {
        last.push(shown(&line));
        if last.len() > args.lines.saturating_mul(2).max(1_000) {
            last.drain(..last.len() - args.lines);
        }
    }
    let from = last.len().saturating_sub(args.lines);
    for line in &last[from..] {
        show(line, context);
    }
    if last.is_empty() && !args.follow {
        context.ui.say("no daemon was ever at work here");
    }
    let news = args.follow.then(|| DirWatch::over(place.dir()));
    while let Some(news) = &news {
        context.ui.flush();
        news.wait(LOOK_AGAIN);
        while let Some(line) = log.line()? {
            if !show(&shown(&line), context) {
                return Ok(exit::OK);
            }
        }
    }
    Ok(exit::OK)
}

/// Shows a line. Returns false when nobody reads any more.
fn show(line: &str, context: &mut Context) -> bool {
    if context.ui.json() {
        context.ui.object(&DaemonLogLine { line })
    } else {
        context.ui.line(line)
    }
}

fn shown(line: &[u8]) -> String {
    text::one_line(&String::from_utf8_lossy(line))
}
