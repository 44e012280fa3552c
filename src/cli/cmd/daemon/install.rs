//! `ai daemon install|uninstall`: the file by which the service manager of a user starts the daemon. It is shown before
//! it is written; putting it in force is the user's own command.

use std::time::Duration;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::text::{listed, multi_line, one_line};
use crate::cli::answer::{DaemonService, ServiceState};
use crate::cli::context::{Context, Outcome};
use crate::domain::daemon::{ServiceOrder, UnfitForService, lasting_places};
use crate::domain::error_class::ErrorClass;
use crate::ops::daemon_unit::{self, ServicePlace, ServiceStanding};
use crate::store::Access;

/// Beyond the time that runs and their agents have to end, the time for a daemon to see them end.
const ENDING: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(in crate::cli) struct DaemonInstallArgs {
    /// Only show the file
    #[arg(long)]
    dry_run: bool,
    /// Write it without asking
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// How many runs at a time; else `daemon.parallel`, `scheduler.max_concurrency`, or one
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: Option<u16>,
}

#[derive(Args)]
pub(in crate::cli) struct DaemonUninstallArgs {
    /// Only show what would go
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn install(args: &DaemonInstallArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("have the daemon started by the system")?;
    context.store(Access::Read)?;
    let place = place(context)?;
    let text = text(&place, args.parallel, context)?;
    let state = match place.standing()? {
        ServiceStanding::Ours(there) if there == text => ServiceState::Stands,
        ServiceStanding::Absent | ServiceStanding::Ours(_) => ServiceState::Planned,
        ServiceStanding::Changed => return Err(changed(&place)),
        ServiceStanding::Foreign => return Err(foreign(&place)),
    };
    if !context.ui.json() && state != ServiceState::Stands {
        context.ui.line(&one_line(&place.path.to_string_lossy()));
        for line in text.lines() {
            context.ui.line(&format!("  {}", multi_line(line)));
        }
    }
    let is_agreed = match (state, args.dry_run, args.yes) {
        (ServiceState::Planned, false, false) => {
            context.ui.ask("write this file?").unwrap_or_default()
        }
        (_, _, yes) => yes,
    };
    let state = match state {
        ServiceState::Planned if is_agreed => {
            place.write(&text)?;
            ServiceState::Written
        }
        ServiceState::Planned if !args.dry_run => {
            return Err(
                AppError::new(ErrorClass::ApprovalNeeded, "nothing was written")
                    .hint("if the file is right, say --yes"),
            );
        }
        state => state,
    };
    let [next, _] = place.manager.commands(&place.name, &place.path);
    tell(&place, (state, next), Some(text), context);
    Ok(exit::OK)
}

pub(super) fn uninstall(args: &DaemonUninstallArgs, context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("keep the daemon from being started by the system")?;
    let place = place(context)?;
    match place.standing()? {
        ServiceStanding::Ours(_) => {}
        ServiceStanding::Absent => {
            let path = place.path.display();
            let why = format!("no file starts the daemon of this repository: {path} is not there");
            return Err(
                AppError::new(ErrorClass::NotFound, why).hint("`ai daemon install` writes one")
            );
        }
        ServiceStanding::Changed => return Err(changed(&place)),
        ServiceStanding::Foreign => return Err(foreign(&place)),
    }
    let [_, before] = place.manager.commands(&place.name, &place.path);
    if args.dry_run {
        tell(&place, (ServiceState::Stands, before), None, context);
        return Ok(exit::OK);
    }
    place.remove()?;
    tell(&place, (ServiceState::Removed, before), None, context);
    Ok(exit::OK)
}

fn place(context: &Context) -> Result<ServicePlace, AppError> {
    let common = &context.workspace.place()?.common_dir;
    daemon_unit::place(common).ok_or_else(|| {
        let why = "nobody knows where your service manager looks for files: HOME is not set";
        AppError::new(ErrorClass::NotFound, why).hint("set HOME, then the same command again")
    })
}

fn text(
    place: &ServicePlace,
    parallel: Option<u16>,
    context: &mut Context,
) -> Result<String, AppError> {
    let program = env::lasting_program().map_err(|error| {
        let why = format!("the path of `ai` itself cannot be found: {error}");
        AppError::new(ErrorClass::Failed, why)
    })?;
    let directory = context.workspace.tree_here()?.to_owned();
    let common = context.workspace.place()?.common_dir.clone();
    let config = context.workspace.config()?;
    let stop = config.daemon.stop_within + config.runs.grace + ENDING;
    let search = env::text("PATH");
    let (lasting, relative) = search
        .as_deref()
        .map_or_else(Default::default, lasting_places);
    let search = Some(lasting).filter(|lasting| !lasting.is_empty());
    if !relative.is_empty() {
        let named = relative.iter().filter(|place| !place.is_empty());
        let named: Vec<String> = named
            .map(|place| format!("`{}`", one_line(place)))
            .collect();
        let what = if named.is_empty() {
            "an empty place".to_owned()
        } else {
            listed(&named)
        };
        context.ui.warn(&format!(
            "your PATH has {what}, which is another directory wherever a process works, and is left out of the file"
        ));
    }
    place
        .manager
        .text(&ServiceOrder {
            program: &program,
            directory: &directory,
            repository: &common,
            named: context.workspace.named(),
            parallel,
            search_path: search.as_deref(),
            stop_seconds: stop.as_secs(),
        })
        .map_err(|unfit: UnfitForService| {
            AppError::of(ErrorClass::Usage, unfit).hint("`ai daemon start` needs no such file")
        })
}

fn changed(place: &ServicePlace) -> AppError {
    let path = place.path.display();
    AppError::new(
        ErrorClass::Conflict,
        format!("{path} was changed by hand since `ai` wrote it, and is left alone"),
    )
    .hint("move it away, then the same command again")
}

fn foreign(place: &ServicePlace) -> AppError {
    let path = place.path.display();
    AppError::new(
        ErrorClass::Conflict,
        format!("{path} was not written by `ai`, and is left alone"),
    )
    .hint("move it away, then the same command again")
}

fn tell(
    place: &ServicePlace,
    (state, next): (ServiceState, Vec<String>),
    text: Option<String>,
    context: &mut Context,
) {
    if context.ui.json() {
        context.ui.object(&DaemonService {
            manager: place.manager,
            name: place.name.clone(),
            path: place.path.clone(),
            state,
            text,
            next,
        });
        return;
    }
    let path = one_line(&place.path.to_string_lossy());
    let done = match state {
        ServiceState::Written => Some(format!("wrote {path}")),
        ServiceState::Removed => Some(format!("removed {path}")),
        ServiceState::Stands => Some(format!("{path} stands there")),
        ServiceState::Planned => None,
    };
    match done {
        Some(done) => {
            context.ui.line(&done);
        }
        None => context.ui.say("nothing was written"),
    }
    let what = match (state, text) {
        (ServiceState::Removed, _) => "if the service is in force still, take it out of force:",
        (_, None) => "before the file goes, take the service out of force:",
        (_, Some(_)) => "to put the service in force:",
    };
    context.ui.say(what);
    for command in next {
        context.ui.say(&format!("  {}", one_line(&command)));
    }
}
