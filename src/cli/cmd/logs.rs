//! `ai logs`: what the agent of a run says, for a person or for a program, also while it is at work.
//!
//! `ai log` is the log of the store; this is the voice of an agent, and nothing is proven by it.

use std::time::Duration;

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::shown_time::time;
use crate::base::text::one_line;
use crate::cli::answer::SaidLine;
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, Outcome};
use crate::domain::ids::RunId;
use crate::domain::run::RunStep;
use crate::ops::agent_log::{self, AgentLog, Progress, Said};
use crate::ops::gc;
use crate::store::Access;

const TO_READ: Wanted = Wanted {
    command: "ai logs",
    waits_for: "a reader",
    statuses: &["running", "review", "failed"],
};

/// The end of a run is looked for after so long where nothing was written: a process that is killed
/// writes nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(in crate::cli) struct LogsArgs {
    /// The task, for its newest run, or a run; any unique prefix of its id
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Go on until the run has ended
    #[arg(long, short)]
    follow: bool,
}

pub(super) fn run(args: &LogsArgs, context: &mut Context) -> Outcome {
    let typed = waiting::task(args.id.as_deref(), &TO_READ, context)?;
    let state = context.workspace.state_dir()?;
    let store = context.store(Access::Read)?;
    let run = store.read(|tx| agent_log::find(tx, typed))?;
    context
        .ui
        .say(&format!("run {} by {}", run.id, one_line(&run.agent)));
    let mut log = AgentLog::open(&state, &run.id);
    let (mut seen, mut at) = (Seen::Nothing, RunStep::Agent);
    let progress = loop {
        // Looked at before the words are read: what was said before the end is read in any case.
        let progress = store.read(|tx| agent_log::progress(tx, &run.id, &now(), &state))?;
        while let Some(said) = log.next()? {
            seen = Seen::Something;
            if !show(&run.id, &said, context) {
                return Ok(exit::OK);
            }
        }
        let Progress::At(step) = progress else {
            break progress;
        };
        if !args.follow {
            break progress;
        }
        if step > at {
            at = step;
            context
                .ui
                .say(&format!("run {}: at step {}", run.id, step.name()));
        }
        context.ui.flush();
        log.wait(LOOK_AGAIN);
    };
    if !matches!(progress, Progress::At(_))
        && let Some(said) = log.rest()
    {
        seen = Seen::Something;
        show(&run.id, &said, context);
    }
    let pruned = store.read(|tx| gc::given_up(tx, &run.task))?;
    let gone = store.read(|tx| tx.evidence(Some(&run.task), Some(&run.id)))?;
    let gone = gone.iter().find_map(|piece| pruned.get(&piece.id));
    match (seen, gone) {
        (Seen::Nothing, Some(at_ms)) => context.ui.say(&format!(
            "run {}: `ai gc` gave up its output at {}; `ai review` shows the rest",
            run.id,
            time(*at_ms)
        )),
        _ => context.ui.say(&end(&run.id, &progress, seen)),
    }
    Ok(exit::OK)
}

/// Tells whether there was anything to show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Something,
}

fn show(run: &RunId, said: &Said, context: &mut Context) -> bool {
    if context.ui.json() {
        return context.ui.object(&SaidLine::of(run, said));
    }
    agent_log::text(said).is_none_or(|text| context.ui.line(&text))
}

/// The last words, about the run itself.
fn end(run: &RunId, progress: &Progress, seen: Seen) -> String {
    match (progress, seen) {
        (Progress::At(step), seen) => {
            let nothing = match seen {
                Seen::Nothing => ", and its agent has said nothing yet",
                Seen::Something => "",
            };
            format!(
                "run {run} is at step {}{nothing}; `ai logs {run} --follow` goes on with it",
                step.name()
            )
        }
        (Progress::CutOff(cause), _) => {
            format!("run {run} was cut off: {cause}; `ai recover {run}` saves its work")
        }
        (Progress::Ended(end), seen) => {
            let why = one_line(end.told_afterwards().lines().next().unwrap_or_default());
            match seen {
                Seen::Nothing => format!("run {run} left no output; it ended: {why}"),
                Seen::Something => format!("run {run} ended: {why}"),
            }
        }
    }
}
