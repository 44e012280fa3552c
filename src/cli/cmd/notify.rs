//! `ai notify test|list`, and the helper that delivers notices beside the work.

use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{listed, one_line};
use crate::base::{clock, duration, env, fs, hash, suggest};
use crate::cli::answer::{NotifySinkLine, NotifyTested};
use crate::cli::cmd::run;
use crate::cli::context::{Context, NewsOf, Outcome};
use crate::cli::look::{Cell, Listing, Tone};
use crate::config::{Budgets, Trees};
use crate::domain::error_class::ErrorClass;
use crate::domain::notice::{
    Notice, NoticeCause, NoticePlace, NoticeSettings, NoticeSink, NoticeType, Reviewer, SecretAt,
    SinkEnd, UrlAt,
};
use crate::notify::{PATIENCE, Teller, TryWish, tell};
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::notices::{self, Courier, NoticePaths, SettingsAt};
use crate::ops::{project, trust};
use crate::process::reexec;
use crate::store::Access;

/// Try and list the places that are told what comes up
#[derive(Subcommand)]
pub(in crate::cli) enum NotifyCommand {
    /// Send a notice to a sink now, and say what came of it
    Test(NotifyTestArgs),
    /// List the sinks, of what each is told, and how that goes
    List,
    /// Deliver what came up: how other commands have it done beside their work
    #[command(hide = true)]
    Deliver(NotifyDeliverArgs),
}

#[derive(Args)]
pub(in crate::cli) struct NotifyTestArgs {
    /// The sink, as `notices.sinks` in the configuration names it
    sink: String,
}

#[derive(Args)]
pub(in crate::cli) struct NotifyDeliverArgs {
    /// The record of the log behind which everything is new, where nobody has looked before
    #[arg(long, value_name = "N")]
    since: Option<u64>,
}

pub(super) fn run(command: &NotifyCommand, context: &mut Context) -> Outcome {
    match command {
        NotifyCommand::Test(args) => test(args, context),
        NotifyCommand::List => list(context),
        NotifyCommand::Deliver(args) => deliver(args, context),
    }
}

fn teller(context: &Context, tries: TryWish) -> Result<Teller, AppError> {
    let state = context.workspace.state_dir()?;
    Ok(Teller {
        root: context.workspace.root()?.to_owned(),
        dir: NoticePaths::of(&state).dir().to_owned(),
        home: env::os("HOME").map(Into::into),
        env: env::all(),
        hidden: hidden(&context.workspace.config()?.notices),
        tries,
    })
}

/// Everything that no word about a failure may hold: addresses and secrets of webhooks.
fn hidden(settings: &NoticeSettings) -> Vec<String> {
    let named = |name: &String| env::text(name);
    let mut hidden = Vec::new();
    for sink in settings.sinks.values() {
        let NoticeSink::Webhook(sink) = sink else {
            continue;
        };
        match &sink.url {
            UrlAt::Url(url) => hidden.push(url.clone()),
            UrlAt::UrlEnv(name) => hidden.extend(named(name)),
            UrlAt::UrlFile(_) => {}
        }
        if let Some(SecretAt::SecretEnv(name)) = &sink.secret {
            hidden.extend(named(name));
        }
    }
    hidden.retain(|text| !text.trim().is_empty());
    hidden
}

fn test(args: &NotifyTestArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("send notices to try a sink")?;
    let settings = context.workspace.config()?.notices.clone();
    let Some(sink) = settings.sinks.get(&args.sink) else {
        return Err(unknown(&args.sink, &settings));
    };
    let place = context.workspace.place()?;
    if sink.needs_trust() {
        let what = format!("the sink `{}`", args.sink);
        let config = context.workspace.config()?;
        let of = (context.workspace.root()?, place.common_dir.as_path());
        trust::require_of(config, of, &what)?;
    }
    let teller = teller(context, TryWish::Once)?;
    fs::create_private_dir(&teller.dir)?;
    let notice = sample(&args.sink, &teller);
    let begun = clock::boot_ms();
    let end = tell(&teller, sink, &notice);
    let took_ms = u64::try_from(clock::boot_ms() - begun).unwrap_or(0);
    let paths = NoticePaths::of(&context.workspace.state_dir()?);
    let taken_down = notices::take_trial_down(&paths, (&args.sink, &end), now().wall_ms);
    if let Err(error) = &taken_down {
        let text = format!("what came of it could not be written down: {error}");
        context.ui.warn(&one_line(&text));
    }
    let waiting = taken_down.unwrap_or_default();
    if waiting > 0 && end == SinkEnd::Taken {
        // What it did not take before is told now.
        start(None, context)?;
    }
    let answer = NotifyTested::new((&args.sink, sink), &notice, &end, took_ms);
    let is_taken = end == SinkEnd::Taken;
    if context.ui.json() {
        context.ui.object(&answer);
    } else {
        let limit = limit(sink).map_or(String::new(), |limit| {
            format!(", of at most {}", duration::format(limit))
        });
        let line = format!("{}  {} ({took_ms} ms{limit})", args.sink, answer.what());
        context.ui.line(&one_line(&line));
        if let Some(next) = answer.next() {
            context.ui.say(&format!("next: {next}"));
        }
    }
    Ok(if is_taken { exit::OK } else { exit::FAILED })
}

/// The longest that a sink may take.
fn limit(sink: &NoticeSink) -> Option<std::time::Duration> {
    match sink {
        NoticeSink::Console | NoticeSink::File(_) => None,
        NoticeSink::Desktop => Some(PATIENCE),
        NoticeSink::Webhook(webhook) => Some(webhook.timeout),
        NoticeSink::Command(command) => Some(command.timeout),
    }
}

fn unknown(name: &str, settings: &NoticeSettings) -> AppError {
    let error = AppError::new(
        ErrorClass::NotFound,
        format!("there is no sink `{}`", one_line(name)),
    );
    if settings.sinks.is_empty() {
        return error.hint("declare one under `notices: {sinks: …}` in .ai/config.yaml");
    }
    error.hint(
        match suggest::nearest(name, settings.sinks.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(settings.sinks.keys())),
        },
    )
}

/// A notice that says it is a trial.
fn sample(sink: &str, teller: &Teller) -> Notice {
    let cause = NoticeCause {
        kind: NoticeType::Digest,
        task: None,
        run: None,
        what: format!("a trial of the sink {sink}"),
        text: format!("sent by `ai notify test {sink}`; nothing has happened"),
        next: "ai status".to_owned(),
        same: String::new(),
        question: None,
    };
    let at_ms = now().wall_ms;
    let repository = teller.root.file_name().unwrap_or_default();
    let mark = hash::sha256_hex(format!("{at_ms} {}", std::process::id()).as_bytes());
    let place = NoticePlace {
        repository: &repository.to_string_lossy(),
        title: None,
        at_ms,
        mark: &mark,
    };
    Notice::of(&cause, &place)
}

fn list(context: &mut Context) -> Outcome {
    let settings = context.workspace.config()?.notices.clone();
    let paths = NoticePaths::of(&context.workspace.state_dir()?);
    let outbox = notices::read(&paths)?;
    let common_dir = context.workspace.place()?.common_dir.clone();
    let is_trusted = trust::missing(context.workspace.root()?, &common_dir)?.is_empty();
    let lines: Vec<NotifySinkLine> = settings
        .sinks
        .iter()
        .map(|(name, sink)| {
            let is_barred = sink.needs_trust() && !is_trusted;
            NotifySinkLine::new((name, sink), &settings, &outbox, is_barred)
        })
        .collect();
    if context.ui.json() {
        context.ui.objects(&lines);
        return Ok(exit::OK);
    }
    let listing = Listing::new(&[
        ("SINK", 0),
        ("TYPE", 0),
        ("STATE", 0),
        ("DELIVERED", 0),
        ("WAITING", 0),
        ("DROPPED", 0),
        ("TOLD OF", 0),
    ]);
    let rows: Vec<Vec<Cell>> = lines
        .iter()
        .map(|line| {
            let mut cells: Vec<Cell> = line.cells().into_iter().map(Cell::from).collect();
            if line.is_in_trouble() {
                cells[2] = Cell::toned(line.state(), Tone::of_state("failed"));
            }
            cells
        })
        .collect();
    context.ui.list(listing, &rows);
    if let Some(text) = notices::set_aside(&paths) {
        context.ui.warn(&text);
    }
    if lines.is_empty() {
        context
            .ui
            .say("nobody is told of anything; docs/notices.md says how");
    } else if outbox.held() > 0 {
        let held = outbox.held();
        context
            .ui
            .say(&format!("{held} held back until quiet hours end"));
    }
    Ok(exit::OK)
}

fn deliver(args: &NotifyDeliverArgs, context: &mut Context) -> Outcome {
    context.workspace.refuse_agents("deliver notices")?;
    let state = context.workspace.state_dir()?;
    let settings = settings_at(&state, context)?;
    let teller = teller(context, TryWish::Several)?;
    let workspace = &context.workspace;
    let cx = workspace.cx_for_reading()?;
    let courier = Courier {
        state: &state,
        root: workspace.root()?,
        common_dir: &workspace.place()?.common_dir,
        config: workspace.config()?,
        settings,
        cx: &cx,
        teller: &teller,
        since: args.since,
        clock: || now().wall_ms,
    };
    notices::deliver(&courier, || project::store_place(&state).open(Access::Read))?;
    Ok(exit::OK)
}

/// Finds the settings to go by. That the file cannot be read is among what a daemon has to tell: then what it read last counts.
fn settings_at(state: &Path, context: &Context) -> Result<SettingsAt, AppError> {
    let Err(error) = context.workspace.config() else {
        return Ok(SettingsAt::File);
    };
    match daemon::kept_settings(&DaemonPlace::of(state), &Trees::of_user()) {
        Some(kept) => {
            context.workspace.go_by(kept);
            Ok(SettingsAt::Kept)
        }
        None => Err(error),
    }
}

/// Does what comes after a command that may have written: the console is told, and a helper is started for the other
/// sinks, which this process does not wait for. What fails here is no failure of the command.
pub(in crate::cli) fn after(context: &mut Context) {
    let Some(since) = context.news_since() else {
        return;
    };
    let Ok(config) = context.workspace.config() else {
        return;
    };
    let settings = config.notices.clone();
    let has_budgets = config.budgets != Budgets::default();
    let reviewer = match context.workspace.state_dir() {
        Ok(state) => notices::reviewer(config, &state),
        Err(_) => Reviewer::Person,
    };
    let told = context.workspace.open_store(Access::Read);
    let by = (now().wall_ms, reviewer);
    let found = told.and_then(|mut store| Ok(store.read(|tx| notices::news(tx, since, by))?));
    let Ok(sight) = found else {
        return;
    };
    let mut is_any = (has_budgets && sight.has_spent) || is_due(&settings, context);
    for one in &sight.found {
        let sinks = settings.sinks_of(one.cause.kind);
        let is_console = |name: &&str| settings.sinks.get(*name) == Some(&NoticeSink::Console);
        is_any |= sinks.iter().any(|name| !is_console(name));
        let is_here = match &context.news_of {
            NewsOf::All => true,
            NewsOf::Task(task) => one.cause.task.as_ref() == Some(task),
            NewsOf::Nothing => false,
        };
        if is_here && sinks.iter().any(is_console) {
            tell_console(one, context);
        }
    }
    if is_any {
        // What was said so far stands there before anything else is begun.
        context.ui.flush();
        let _untold = start(Some(since), context);
    }
}

/// True where quiet hours have ended in which something was held back.
fn is_due(settings: &NoticeSettings, context: &Context) -> bool {
    let now_ms = now().wall_ms;
    let Ok(state) = context.workspace.state_dir() else {
        return false;
    };
    let due = notices::waits_until_ms(&NoticePaths::of(&state), settings, now_ms);
    due.is_ok_and(|due| due.is_some_and(|due| due <= now_ms))
}

fn tell_console(one: &notices::NoticeNews, context: &mut Context) {
    let place = NoticePlace {
        repository: "",
        title: one.title.as_deref(),
        at_ms: one.at_ms,
        mark: &one.mark,
    };
    let line = Notice::of(&one.cause, &place).line();
    context.ui.say(&format!("notice: {line}"));
}

/// Starts the helper, to outlive this process.
fn start(since: Option<u64>, context: &Context) -> Result<(), AppError> {
    let mut args = run::again(&["notify", "deliver"], context)?;
    args.extend(since.map(|since| format!("--since={since}").into()));
    let silence = fs::open_to_append(std::path::Path::new("/dev/null"))?;
    reexec::start_apart(&args, silence).map_err(|error| {
        AppError::new(
            ErrorClass::Failed,
            format!("cannot start a helper: {error}"),
        )
    })?;
    Ok(())
}
