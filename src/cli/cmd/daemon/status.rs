//! `ai daemon status`

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{counted, flowing, one_line};
use crate::cli::answer::{DaemonAnswer, DaemonRunTold, DaemonWaiting};
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::{DaemonPresence, DaemonState};
use crate::ops::cx;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::OpError;
use crate::ops::refusal::seconds;
use crate::ops::schedule::{PlannedStep, plan};
use crate::store::Access;

/// Most tasks that are shown as waiting; `--json` has all.
const SHOWN: usize = 10;

#[derive(Args)]
pub(in crate::cli) struct DaemonStatusArgs {}

pub(super) fn run(_args: &DaemonStatusArgs, context: &mut Context) -> Outcome {
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let (card, order) = (daemon::at_work(&place)?, daemon::order(&place)?);
    let store = context.store(Access::Read)?;
    let running = store.read(|tx| -> Result<_, OpError> {
        let mut all = Vec::new();
        for run in tx.active_runs()? {
            all.push(DaemonRunTold {
                title: cx::load(tx, &run.task)?.title,
                task: run.task,
                run: run.id,
                agent: run.agent,
                since_ms: run.started_ms,
            });
        }
        Ok(all)
    })?;
    // What keeps a daemon from looking keeps this from looking, too, and is told.
    let planned = context
        .world()
        .and_then(|world| Ok(plan(&world, store, world.config.scheduler.hands(None))?));
    let (waiting, trouble) = match planned {
        Ok(plan) => {
            let waits = plan.tasks.into_iter();
            let waits = waits.filter(|task| task.plan != PlannedStep::AtWork);
            (waits.map(DaemonWaiting::of).collect(), None)
        }
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let presence = if card.is_some() {
        DaemonPresence::There
    } else {
        DaemonPresence::Gone
    };
    let answer = DaemonAnswer {
        pid: card.as_ref().map(|card| card.process.pid),
        state: DaemonState::of(presence, order.as_ref().map(|order| order.kind)),
        since_ms: card.as_ref().map(|card| card.since_ms),
        version: card.as_ref().map(|card| card.version.clone()),
        command: card.map(|card| card.command),
        order,
        running,
        waiting,
        trouble,
    };
    if context.ui.json() {
        context.ui.object(&answer);
    } else {
        show(&answer, context);
    }
    Ok(match presence {
        DaemonPresence::There => exit::OK,
        DaemonPresence::Gone => exit::NOT_FOUND,
    })
}

fn show(answer: &DaemonAnswer, context: &mut Context) {
    let now_ms = now().wall_ms;
    match (answer.pid, answer.since_ms) {
        (Some(pid), Some(since)) => context.ui.line(&format!(
            "{}  process {pid}, for {}",
            answer.state.as_str(),
            seconds(now_ms - since)
        )),
        _ => context.ui.line("stopped  no daemon works this repository"),
    };
    if let Some(version) = answer
        .version
        .as_ref()
        .filter(|v| *v != env!("CARGO_PKG_VERSION"))
    {
        context.ui.warn(&format!(
            "the daemon is ai {version}; `ai daemon restart` begins this one"
        ));
    }
    if let Some(order) = &answer.order {
        context
            .ui
            .item(&format!("  {}", one_line(&order.in_words())));
    }
    if let Some(trouble) = &answer.trouble {
        context.ui.line(&format!(
            "nothing is started until this is mended: {}",
            flowing(trouble)
        ));
    }
    for run in &answer.running {
        context.ui.item(&format!(
            "  {}  {}  {}  {}",
            run.run,
            one_line(&run.agent),
            seconds(now_ms - run.since_ms),
            one_line(&run.title)
        ));
    }
    for task in answer.waiting.iter().take(SHOWN) {
        context.ui.item(&format!(
            "  {}  {}  {}",
            task.task,
            task.gate,
            flowing(&task.why)
        ));
    }
    if let Some(more @ 1..) = answer.waiting.len().checked_sub(SHOWN) {
        context.ui.line(&format!(
            "  and {} more; `ai schedule`",
            counted(more, "task")
        ));
    }
}
