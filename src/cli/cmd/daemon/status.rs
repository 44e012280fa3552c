//! `ai daemon status`

use clap::Args;

use crate::app::daemon_words::{self, DaemonAsk, DaemonLeftOut, DaemonSight, DaemonWord};
use crate::app::error::AppError;
use crate::app::exit;
use crate::app::token;
use crate::app::workspace::now;
use crate::base::text::{counted, flowing, one_line};
use crate::cli::answer::{DaemonAnswer, DaemonLanding, DaemonRunTold, DaemonWaiting, LeftOutTask};
use crate::cli::cmd::land as land_cmd;
use crate::cli::context::{Context, Outcome};
use crate::config::Config;
use crate::domain::daemon::{DaemonPresence, DaemonState, StartBar};
use crate::domain::landing::PartnerSearch;
use crate::domain::time::WallMs;
use crate::ops::daemon::{self, DaemonCard, DaemonPlace};
use crate::ops::error::OpError;
use crate::ops::land::{self, LandOrder, LandingBy, LandingLook, USUAL_BATCH};
use crate::ops::refusal::seconds;
use crate::ops::schedule::{PlannedStep, plan};
use crate::ops::{cx, trust};
use crate::store::Access;

/// Most tasks that are shown as waiting; `--json` has all.
const SHOWN: usize = 10;

#[derive(Args)]
pub(in crate::cli) struct DaemonStatusArgs {}

pub(super) fn run(_args: &DaemonStatusArgs, context: &mut Context) -> Outcome {
    let place = DaemonPlace::of(&context.workspace.state_dir()?);
    let (at_work, order) = (daemon::at_work(&place)?, daemon::order(&place)?);
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
    let presence = match at_work {
        Some(_) => DaemonPresence::There,
        None => DaemonPresence::Gone,
    };
    let (live, unheard) = match presence {
        DaemonPresence::There => heard(&place),
        DaemonPresence::Gone => (None, None),
    };
    // What keeps a daemon from looking keeps this from looking, too, and is told.
    let world = context.world();
    let planned = world.and_then(|world| {
        // One that is at work plans with what it holds; else one that is started would.
        let hands = match &live {
            Some(live) => (live.parallel, live.runs.len()),
            None => (daemon_hands(&world.config), 0),
        };
        let plan = plan(&world, store, hands)?;
        // Whose trust counts is who started the daemon: one that is at work has told what it misses.
        let (root, common) = (&world.root, &world.location.common_dir);
        let trusted = match presence {
            DaemonPresence::There => Ok(()),
            DaemonPresence::Gone => trust::require(root, common, "a daemon"),
        };
        Ok((plan, trusted.err().map(told)))
    });
    let (tasks, recurring, in_the_way) = match planned {
        Ok((plan, in_the_way)) => (plan.tasks, plan.recurring, in_the_way),
        Err(error) => (Vec::new(), Vec::new(), Some(told(error))),
    };
    let trouble = match presence {
        DaemonPresence::There => daemon::trouble(&place)?.or(in_the_way),
        DaemonPresence::Gone => in_the_way,
    };
    let landing = landing(context).unwrap_or_else(|error| DaemonLanding {
        trouble: Some(told(error)),
        ..DaemonLanding::default()
    });
    let now_ms = now().wall_ms;
    let landing = with_last(landing, live.as_ref(), now_ms);
    let bar = StartBar::of(presence, order.as_ref(), trouble.as_deref());
    let waits = tasks.into_iter();
    let waits = waits.filter(|task| task.plan != PlannedStep::AtWork);
    let rests = live.as_ref().map_or(&[][..], |live| &live.resting);
    let waiting = waits.map(|task| DaemonWaiting::of(task, bar.as_ref(), (rests, now_ms)));
    let waiting = waiting.collect();
    let process = at_work.as_ref().and_then(|daemon| daemon.process.as_ref());
    let pid = process.map(|process| process.pid);
    let card = at_work.and_then(|daemon| daemon.card);
    let differences = card.as_ref().map(DaemonCard::differences);
    let answer = DaemonAnswer {
        pid,
        state: DaemonState::of(presence, order.as_ref().map(|order| order.kind)),
        since_ms: card.as_ref().map(|card| card.since_ms),
        version: card.as_ref().map(|card| card.version.clone()),
        command: card.map(|card| card.command),
        order,
        running,
        waiting,
        recurring,
        landing,
        differences: differences.unwrap_or_default(),
        live,
        unheard,
        trouble,
    };
    if context.ui.json() {
        context.ui.object(&answer);
    } else {
        show(&answer, context);
        show_landing(&answer, bar.as_ref(), context);
    }
    Ok(match presence {
        DaemonPresence::There => exit::OK,
        DaemonPresence::Gone => exit::NOT_FOUND,
    })
}

/// Runs at a time of a daemon that is started without a number.
fn daemon_hands(config: &Config) -> usize {
    let by_file = config.daemon.parallel;
    let by_file = by_file.map(|n| u16::try_from(n).unwrap_or(u16::MAX));
    config.scheduler.hands(by_file)
}

/// What the daemon at work says of itself, or why it does not.
fn heard(place: &DaemonPlace) -> (Option<DaemonSight>, Option<String>) {
    match daemon_words::ask(&place.socket(), DaemonAsk::Status) {
        Ok(DaemonWord::Status(sight)) => (Some(*sight), None),
        Ok(DaemonWord::Order(_) | DaemonWord::Heard) => {
            (None, Some("it answers something else".to_owned()))
        }
        Err(unheard) => (None, Some(unheard.to_string())),
    }
}

/// The same with what the last landing of the daemon has left out, which without it looks as if it landed next.
fn with_last(landing: DaemonLanding, live: Option<&DaemonSight>, now_ms: WallMs) -> DaemonLanding {
    let last = live.and_then(|live| live.last_landing.as_ref());
    let Some(last) = last.filter(|_| landing.at_work.is_none()) else {
        return landing;
    };
    let (mut next, mut left_out) = (Vec::new(), landing.left_out);
    for planned in landing.would_land {
        let is_same = |one: &&DaemonLeftOut| one.run.as_ref() == Some(&planned.run);
        match last.left_out.iter().find(is_same) {
            Some(one) => left_out.push(LeftOutTask::by_daemon(one.clone(), last, now_ms)),
            None => next.push(planned),
        }
    }
    DaemonLanding {
        would_land: next,
        left_out,
        ..landing
    }
}

/// What the daemon lands, or would, by its own hand.
fn landing(context: &mut Context) -> Result<DaemonLanding, AppError> {
    let kept = token::at_hand(&context.workspace)?;
    let mut world = context.world()?;
    if !world.config.daemon.land {
        return Ok(DaemonLanding::default());
    }
    let person = land::act_as_daemon(&mut world)?;
    let order = LandOrder {
        tasks: &[],
        batch: USUAL_BATCH,
        partner: PartnerSearch::WithinBound,
        kept: &kept,
        by: LandingBy::Daemon(&person),
    };
    let store = context.store(Access::Read)?;
    let plan = land::plan(&world, store, &order, LandingLook::Apart)?;
    let left = plan.left_out.into_iter();
    Ok(DaemonLanding {
        enabled: true,
        at_work: plan.at_work,
        would_land: plan.would_land,
        left_out: left.map(LeftOutTask::looked_at).collect(),
        trouble: None,
    })
}

fn show_landing(answer: &DaemonAnswer, bar: Option<&StartBar>, context: &mut Context) {
    let landing = &answer.landing;
    if let Some(trouble) = landing
        .trouble
        .as_ref()
        .filter(|_| answer.trouble.is_none())
    {
        context
            .ui
            .behind("nothing can be told of landings: ", &flowing(trouble));
    }
    if let Some(at_work) = &landing.at_work {
        let line = format!("  {}", land_cmd::at_work_line(at_work));
        context.ui.item(&line);
    }
    for one in landing.would_land.iter().take(SHOWN) {
        let why = bar.map_or("it lands next", |bar| bar.why.as_str());
        let head = format!("  {}  review  ", one.task);
        context.ui.behind(&head, &flowing(why));
    }
    for one in landing.left_out.iter().take(SHOWN) {
        let head = format!("  {}  review  ", one.task);
        context.ui.behind(&head, &flowing(&one.message));
    }
    let shown = landing.would_land.len().min(SHOWN) + landing.left_out.len().min(SHOWN);
    let all = landing.would_land.len() + landing.left_out.len();
    if let Some(more @ 1..) = all.checked_sub(shown) {
        let tasks = counted(more, "task");
        context
            .ui
            .line(&format!("  and {tasks} more in review; `ai land status`"));
    }
}

fn told(error: impl Into<AppError>) -> String {
    let error = error.into();
    match &error.hint {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

fn show(answer: &DaemonAnswer, context: &mut Context) {
    let now_ms = now().wall_ms;
    let line = match (answer.state, answer.pid, answer.since_ms) {
        (DaemonState::Stopped, _, _) => "stopped  no daemon works this repository".to_owned(),
        (state, Some(pid), Some(since)) => format!(
            "{}  process {pid}, for {}",
            state.as_str(),
            seconds(now_ms - since)
        ),
        (state, Some(pid), None) => format!("{}  process {pid}", state.as_str()),
        (state, None, _) => format!(
            "{}  by a process that cannot be seen from here",
            state.as_str()
        ),
    };
    context.ui.line(&line);
    for one in &answer.differences {
        let text = flowing(&one.text);
        context
            .ui
            .warn(&format!("{text}; `ai daemon restart` begins this one"));
    }
    if let Some(unheard) = &answer.unheard {
        let text = flowing(unheard);
        context.ui.warn(&format!(
            "the daemon cannot be asked: {text}; this is told by its files"
        ));
    }
    if let Some(stops_by) = answer.live.as_ref().and_then(|live| live.stops_by_ms) {
        let left = seconds((stops_by - now_ms).max(0));
        let text = format!("it ends, and starts nothing more; its runs have {left} left");
        context.ui.line(&text);
    }
    if let Some(order) = &answer.order {
        context.ui.behind("  ", &one_line(&order.in_words()));
    }
    if let Some(trouble) = &answer.trouble {
        context.ui.behind(
            "nothing is started until this is mended: ",
            &flowing(trouble),
        );
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
        let head = format!("  {}  {}  ", task.task, task.gate);
        context.ui.behind(&head, &flowing(&task.why));
    }
    if let Some(more @ 1..) = answer.waiting.len().checked_sub(SHOWN) {
        context.ui.line(&format!(
            "  and {} more; `ai schedule`",
            counted(more, "task")
        ));
    }
    for one in answer.recurring.iter().take(SHOWN) {
        let (name, at) = (one_line(&one.name), context.ui.when(one.at_ms));
        let title = one_line(&one.title);
        let line = format!("  recurring {name}  next {at}  {title}");
        context.ui.item(&line);
    }
    if let Some(more @ 1..) = answer.recurring.len().checked_sub(SHOWN) {
        context
            .ui
            .line(&format!("  and {more} more recurring; `ai recurring next`"));
    }
}
