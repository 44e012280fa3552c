//! `ai doctor`

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{flowing, one_line};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::Tone;
use crate::ops::doctor::{self, Depth, Examination, Finding, Level, Patient};

#[derive(Args)]
pub(in crate::cli) struct DoctorArgs {
    /// Follow the whole log, and replay it against the tables
    #[arg(long)]
    deep: bool,
}

pub(super) fn run(args: &DoctorArgs, context: &mut Context) -> Outcome {
    let place = context.workspace.place()?.clone();
    let root = place.main_root.as_deref().or(place.top.as_deref());
    let depth = if args.deep { Depth::Deep } else { Depth::Quick };
    let found = doctor::examine(&Patient {
        place: &place,
        root,
        now: now(),
        depth,
    });
    for finding in &found.findings {
        let more = if context.ui.json() {
            context.ui.object(finding)
        } else {
            let level = format!("{:<4}", finding.level.as_str());
            let level = context.ui.paint(&level, tone(finding.level));
            context.ui.print(&text(&level, finding))
        };
        if !more {
            break;
        }
    }
    Ok(code(&found))
}

/// The tone of a finding.
pub(super) fn tone(level: Level) -> Tone {
    match level {
        Level::Ok => Tone::Good,
        Level::Warn => Tone::Waiting,
        Level::Bad => Tone::Bad,
    }
}

fn text(level: &str, finding: &Finding) -> String {
    let mut text = format!(
        "{level}  {:<10} {}\n",
        finding.check,
        flowing(&finding.text)
    );
    if let Some(next) = &finding.next {
        text.push_str(&format!("      {:<10} {}\n", "next", one_line(next)));
    }
    text
}

fn code(found: &Examination) -> u8 {
    match found.worst() {
        _ if found.store_unusable => exit::STORE,
        Level::Bad => exit::FAILED,
        Level::Ok | Level::Warn => exit::OK,
    }
}
