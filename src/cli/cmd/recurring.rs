//! `ai recurring list|show|enable|disable|run|next|tick`

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::duration;
use crate::base::text::{flowing, multi_line, one_line};
use crate::cli::answer::{RecurringShown, RecurringSwitched, RecurringTicked};
use crate::cli::cmd::backup;
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing, Tone};
use crate::domain::task::Task;
use crate::domain::time::WallMs;
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::recurring::{self, ListedRecurring, RecurringOverview, RecurringState, Switched};
use crate::ops::refusal::{Refusal, seconds};
use crate::ops::trust;
use crate::store::Access;

/// Next moments that `show` tells.
const SHOWN: usize = 3;
/// Most moments that `next` tells.
const MOST_NEXT: usize = 100;

/// Have a clock create tasks
#[derive(Subcommand)]
pub(in crate::cli) enum RecurringCommand {
    /// List the recurring work, how it stands, and when it is due next
    List,
    /// Show one: its clock, its rules, the task, and when it is due
    Show(RecurringNameArgs),
    /// Switch it on: its tasks are created from now on, while its file is trusted
    Enable(RecurringNameArgs),
    /// Switch it off
    Disable(RecurringNameArgs),
    /// Create its task now, whatever the clock says
    Run(RecurringRunArgs),
    /// List the moments that come next
    Next(RecurringNextArgs),
    /// Create what is due now, as a daemon does: for a timer of your own
    Tick,
}

#[derive(Args)]
pub(in crate::cli) struct RecurringNameArgs {
    /// The name: that of its file below .ai/recurring/, without .yaml
    name: String,
}

#[derive(Args)]
pub(in crate::cli) struct RecurringRunArgs {
    /// The name: that of its file below .ai/recurring/, without .yaml
    name: String,
    /// Show the task, and create none
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(in crate::cli) struct RecurringNextArgs {
    /// Look so far ahead, as 8h or 30d
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    until: String,
}

pub(super) fn run(command: &RecurringCommand, context: &mut Context) -> Outcome {
    match command {
        RecurringCommand::List => list(context),
        RecurringCommand::Show(args) => show(args, context),
        RecurringCommand::Enable(args) => enable(args, context),
        RecurringCommand::Disable(args) => disable(args, context),
        RecurringCommand::Run(args) => run_now(args, context),
        RecurringCommand::Next(args) => next(args, context),
        RecurringCommand::Tick => tick(context),
    }
}

fn overview(context: &mut Context) -> Result<RecurringOverview, AppError> {
    let store = context.store(Access::Read)?;
    let common_dir = context.workspace.place()?.common_dir.clone();
    let around = (context.workspace.root()?, common_dir.as_path());
    Ok(recurring::overview(around, store, now().wall_ms)?)
}

fn list(context: &mut Context) -> Outcome {
    let all = overview(context)?;
    if context.ui.json() {
        context.ui.objects(&all.listed);
    } else {
        let listing = Listing::new(&[
            ("NAME", 0),
            ("STATE", 0),
            ("NEXT", 0),
            ("SCHEDULE", 0),
            ("LAST", 0),
            ("TITLE", 0),
        ]);
        let rows: Vec<Vec<Cell>> = all.listed.iter().map(|one| cells(one, context)).collect();
        context.ui.list(listing, &rows);
        for trouble in all.listed.iter().filter_map(|one| one.trouble.as_ref()) {
            context.ui.warn(&one_line(&trouble.to_string()));
        }
        if all.listed.is_empty() {
            let text = "there is no recurring work; a file .ai/recurring/NAME.yaml makes it, docs/recurring.md says how";
            context.ui.say(text);
        }
    }
    for (file, why) in &all.misnamed {
        let text = format!(".ai/recurring/{file} does not count: {why}");
        context.ui.warn(&one_line(&text));
    }
    Ok(exit::OK)
}

fn cells(one: &ListedRecurring, context: &Context) -> Vec<Cell> {
    let when = |at: Option<WallMs>| match at {
        Some(at) if context.ui.is_terminal() => format!("in {}", seconds(at - now().wall_ms)),
        Some(at) => context.ui.when(at),
        None => "-".to_owned(),
    };
    let last = match (&one.task, &one.status) {
        (Some(task), Some(status)) => format!("{task} {status}"),
        _ => "-".to_owned(),
    };
    let text = |text: &Option<String>| one_line(text.as_deref().unwrap_or("-"));
    let state = match one.state {
        RecurringState::On if one.trouble.is_some() => Tone::Waiting,
        RecurringState::On => Tone::Good,
        RecurringState::Off => Tone::Faint,
        RecurringState::Untrusted => Tone::Waiting,
        RecurringState::Broken | RecurringState::Gone => Tone::Bad,
    };
    vec![
        one.name.clone().into(),
        Cell::toned(one.state.as_str(), state),
        when(one.next_ms).into(),
        text(&one.schedule).into(),
        last.into(),
        text(&one.title).into(),
    ]
}

/// The listed entry of a name; refuses one of which nothing is known.
fn listed(name: &str, context: &mut Context) -> Result<ListedRecurring, AppError> {
    let all = overview(context)?;
    let found = all.listed.into_iter().find(|one| one.name == name);
    Ok(found.ok_or_else(|| recurring::unknown(name))?)
}

fn show(args: &RecurringNameArgs, context: &mut Context) -> Outcome {
    let one = listed(&args.name, context)?;
    if one.state == RecurringState::Gone {
        return Err(gone(&one).into());
    }
    let root = context.workspace.root()?.to_owned();
    let (_, template) = recurring::load(&root, &args.name)?;
    let now_ms = now().wall_ms;
    let mut next: Vec<WallMs> = one.next_ms.into_iter().collect();
    if matches!(one.state, RecurringState::On | RecurringState::Off) {
        // Of one that is off, as if it were switched on now.
        let from = next.first().copied().unwrap_or(now_ms);
        let more = SHOWN.saturating_sub(next.len());
        next.extend(recurring::due_after(&template, from, more));
    }
    let there = next.iter().map(|at| template.clock.zone().shown(*at));
    let shown = RecurringShown {
        there: there.collect(),
        next,
        new_task: &template.task,
        listed: &one,
    };
    if context.ui.json() {
        context.ui.object(&shown);
        return Ok(exit::OK);
    }
    for (name, value) in shown.rows() {
        context.ui.line(&format!("{name:<10} {}", flowing(&value)));
    }
    if !template.task.body.is_empty() {
        context.ui.line("");
        context.ui.line(&multi_line(&template.task.body));
    }
    if one.state == RecurringState::Off {
        let text = format!(
            "it is off: `ai recurring enable {}` switches it on",
            one.name
        );
        context.ui.say(&text);
    }
    Ok(exit::OK)
}

fn gone(one: &ListedRecurring) -> OpError {
    let why = format!("{} is gone, and {} is switched on", one.file, one.name);
    let hint = format!("`ai recurring disable {}`, or put the file back", one.name);
    Refusal::Missing { why, hint }.into()
}

fn enable(args: &RecurringNameArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let common_dir = context.workspace.place()?.common_dir.clone();
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    // Whoever may not is told so first, and that they tried is recorded.
    commit(&mut *store, &cx, |tx, cx| trust::require_person(tx, cx))?;
    let (name, template) = recurring::load(&root, &args.name)?;
    recurring::require_trust(&common_dir, (&name, &template))?;
    let switched = commit(store, &cx, |tx, cx| {
        recurring::enable(tx, cx, (&name, &template))
    })?;
    let one = listed(&args.name, context)?;
    let told = RecurringSwitched {
        name: &args.name,
        state: one.state,
        next_ms: one.next_ms,
    };
    tell_switched(switched, &told, context)
}

fn disable(args: &RecurringNameArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    // Of a file that is gone or broken, the name alone is left.
    listed(&args.name, context)?;
    let store = context.store(Access::Write)?;
    let switched = commit(store, &cx, |tx, cx| recurring::disable(tx, cx, &args.name))?;
    let told = RecurringSwitched {
        name: &args.name,
        state: RecurringState::Off,
        next_ms: None,
    };
    tell_switched(switched, &told, context)
}

fn tell_switched(
    switched: Switched,
    told: &RecurringSwitched<'_>,
    context: &mut Context,
) -> Outcome {
    if context.ui.json() {
        context.ui.object(told);
        return Ok(exit::OK);
    }
    let next = told
        .next_ms
        .map(|at| format!("  next {}", context.ui.when(at)));
    let (name, state) = (told.name, told.state.as_str());
    let line = format!("{name}  {state}{}", next.unwrap_or_default());
    context.ui.line(&line);
    if switched == Switched::Already {
        context.ui.say("it stood so before; nothing was changed");
    }
    Ok(exit::OK)
}

fn run_now(args: &RecurringRunArgs, context: &mut Context) -> Outcome {
    let root = context.workspace.root()?.to_owned();
    let (name, template) = recurring::load(&root, &args.name)?;
    if args.dry_run {
        if context.ui.json() {
            context.ui.object(&template.task);
        } else {
            let text = format!("{name}  would create: {}", one_line(&template.task.title));
            context.ui.line(&text);
        }
        return Ok(exit::OK);
    }
    let common_dir = context.workspace.place()?.common_dir.clone();
    recurring::require_trust(&common_dir, (&name, &template))?;
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let open = store.read(|tx| recurring::last_open(tx, name.as_str()))?;
    let task: Task = commit(store, &cx, |tx, cx| {
        recurring::run(tx, cx, (&name, &template))
    })?;
    if let Some(open) = open {
        context
            .ui
            .warn(&format!("{open}, the last task of {name}, is still open"));
    }
    if context.ui.json() {
        context.ui.object(&task);
    } else if context.ui.is_terminal() {
        let title = one_line(&task.title);
        let line = format!("{}  {}  {title}", task.id, task.status_text());
        context.ui.line(&line);
    } else {
        context.ui.line(task.id.as_str());
    }
    Ok(exit::OK)
}

fn next(args: &RecurringNextArgs, context: &mut Context) -> Outcome {
    let until = duration::parse(&args.until)
        .map_err(|error| AppError::usage(format!("--until: {error}")).hint(error.hint()))?;
    let now_ms = now().wall_ms;
    let until_ms =
        i64::try_from(until.as_millis()).map_or(i64::MAX, |ms| now_ms.saturating_add(ms));
    let store = context.store(Access::Read)?;
    let common_dir = context.workspace.place()?.common_dir.clone();
    let around = (context.workspace.root()?, common_dir.as_path());
    let all = recurring::upcoming(around, store, (now_ms, until_ms, MOST_NEXT))?;
    if context.ui.json() {
        context.ui.objects(&all);
    } else {
        let listing = Listing::new(&[("TIME", 0), ("NAME", 0), ("TITLE", 0)]);
        let rows: Vec<Vec<Cell>> = all
            .iter()
            .map(|one| {
                vec![
                    one.there.clone().into(),
                    one.name.clone().into(),
                    one_line(&one.title).into(),
                ]
            })
            .collect();
        context.ui.list(listing, &rows);
    }
    if all.is_empty() {
        let text = format!("nothing is due within {}", one_line(&args.until));
        context.ui.say(&text);
    } else if all.len() == MOST_NEXT {
        context
            .ui
            .say(&format!("the first {MOST_NEXT}; there may be more"));
    }
    Ok(exit::OK)
}

fn tick(context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("have the clock create tasks")?;
    let world = context.world()?;
    let store = context.store(Access::Write)?;
    let told = recurring::tick(&world, store)?;
    let refused = told.refusals.into_iter().next().map(AppError::from);
    let answer = RecurringTicked {
        done: &told.done,
        troubles: &told.troubles,
        next_ms: told.next_ms,
    };
    if context.ui.json() {
        context.ui.object(&answer);
    } else {
        for one in &told.done {
            let title = one.title.as_ref().map(|title| format!(": {title}"));
            let text = format!("{}{}", one.word.told(), title.unwrap_or_default());
            context.ui.line(&flowing(&text));
        }
        for trouble in &told.troubles {
            context.ui.warn(&flowing(&trouble.to_string()));
        }
        if let Some(at) = told.next_ms {
            let text = format!("due next: {}", context.ui.when(at));
            context.ui.say(&text);
        } else if told.troubles.is_empty() {
            context
                .ui
                .say("nothing is due: `ai recurring list` shows what is switched on");
        }
    }
    backup::roll_if_due(context);
    Ok(match refused {
        Some(error) => error.class.code(),
        None if told.troubles.is_empty() => exit::OK,
        None => exit::FAILED,
    })
}
