//! `ai guard install|uninstall|status`: the hook of an agent's CLI, where a person uses it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::fs::is_missing;
use crate::base::text::{one_line, path_bytes};
use crate::cli::context::{Context, Outcome};
use crate::connector::announced::HookCli;
use crate::connector::cli_settings::{CliSetup, SettingsScope};
use crate::domain::actor::ActorKind;
use crate::domain::error_class::ErrorClass;
use crate::git::discover::{self, DiscoverError};
use crate::ops::cli_setup::{
    self, SettingsAround, SetupChange, SetupDone, SetupStanding, SetupState, Which,
};
use crate::ops::error::OpError;
use crate::store::Access;

/// Have the CLI of an agent ask `ai` before it calls a tool
#[derive(Subcommand)]
pub(in crate::cli) enum GuardCommand {
    /// Put the hook into the settings of a CLI
    Install(GuardArgs),
    /// Take the hook away, and give the settings back as they were
    Uninstall(GuardArgs),
    /// Say for each CLI whether it asks `ai`; exit 1 where a hook is out of order
    Status(GuardStatusArgs),
}

#[derive(Args)]
pub(in crate::cli) struct GuardArgs {
    /// The CLI: claude, codex, gemini, opencode, copilot or qwen
    #[arg(value_name = "CLI")]
    cli: HookCli,
    /// In your own settings, for every project, and not in those of this checkout
    #[arg(long)]
    user: bool,
}

#[derive(Args)]
pub(in crate::cli) struct GuardStatusArgs {}

const GUARD: CliSetup = CliSetup::Guard;

pub(super) fn run(command: &GuardCommand, context: &mut Context) -> Outcome {
    match command {
        GuardCommand::Install(args) => install(args, context),
        GuardCommand::Uninstall(args) => uninstall(args, context),
        GuardCommand::Status(_) => status(context),
    }
}

fn install(args: &GuardArgs, context: &mut Context) -> Outcome {
    let which = which(args);
    let top = before(which, context)?;
    let env = env::all();
    let places = SettingsAround {
        top: top.as_deref(),
        env: &env,
    };
    let program = env::lasting_program().map_err(|source| OpError::System {
        doing: "find the program itself",
        source,
    })?;
    let done = cli_setup::install(places, which, &program)?;
    let done = told(which, done, context)?;
    if !context.ui.json() && done.change != SetupChange::Unchanged {
        for hint in hints(which, &done) {
            context.ui.say(&format!("hint: {hint}"));
        }
    }
    Ok(exit::OK)
}

fn uninstall(args: &GuardArgs, context: &mut Context) -> Outcome {
    let which = which(args);
    let top = before(which, context)?;
    let env = env::all();
    let places = SettingsAround {
        top: top.as_deref(),
        env: &env,
    };
    let done = cli_setup::uninstall(places, which)?;
    told(which, done, context)?;
    Ok(exit::OK)
}

fn status(context: &mut Context) -> Outcome {
    let top = checkout(context)?;
    let env = env::all();
    let places = SettingsAround {
        top: top.as_deref(),
        env: &env,
    };
    let scopes: &[SettingsScope] = match top {
        Some(_) => &[SettingsScope::Project, SettingsScope::User],
        None => &[SettingsScope::User],
    };
    let mut is_out_of_order = false;
    for cli in HookCli::ALL {
        for scope in scopes {
            let one = cli_setup::standing(
                places,
                Which {
                    setup: GUARD,
                    cli,
                    scope: *scope,
                },
            )?;
            is_out_of_order |= one.state.is_out_of_order();
            if context.ui.json() {
                context.ui.object(&one);
            } else {
                context.ui.line(&line(&one));
            }
        }
    }
    Ok(if is_out_of_order {
        exit::FAILED
    } else {
        exit::OK
    })
}

fn which(args: &GuardArgs) -> Which {
    Which {
        setup: GUARD,
        cli: args.cli,
        scope: if args.user {
            SettingsScope::User
        } else {
            SettingsScope::Project
        },
    }
}

/// Refuses whoever may not do this, and returns the checkout around.
fn before(which: Which, context: &mut Context) -> Result<Option<PathBuf>, AppError> {
    let is_person = context.workspace.actor()?.kind == ActorKind::Human;
    if !is_person || env::text(env::AI_RUN).is_some() {
        let message = "only a person may change what the CLI of an agent asks";
        return Err(AppError::new(ErrorClass::Denied, message)
            .hint("ask the person whose CLI it is to give this command"));
    }
    let top = checkout(context)?;
    // A project that was not set up has no policy that could be asked, and no log.
    let has_store = top.is_some() && !is_missing(&context.workspace.state_dir()?);
    if which.scope == SettingsScope::Project && has_store {
        let env = env::all();
        let places = SettingsAround {
            top: top.as_deref(),
            env: &env,
        };
        let cx = context.cx()?;
        let store = context.store(Access::Write)?;
        cli_setup::allowed(store, cx, (places, which))?;
    }
    Ok(top)
}

/// The checkout around, if there is one: a user's own settings have to do with no repository.
fn checkout(context: &Context) -> Result<Option<PathBuf>, AppError> {
    match discover::discover(&context.workspace.start_dir()?) {
        Ok(place) => Ok(place.top),
        Err(DiscoverError::NotARepository(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells what was done.
fn told(
    which: Which,
    (file, change): (PathBuf, SetupChange),
    context: &mut Context,
) -> Result<SetupDone, AppError> {
    let is_of_project = which.scope == SettingsScope::Project;
    let done = SetupDone {
        cli: which.cli.to_string(),
        tracked: is_of_project && cli_setup::is_tracked(context.workspace.place()?, &file)?,
        file,
        change,
    };
    if context.ui.json() {
        context.ui.object(&done);
        return Ok(done);
    }
    let file = path_bytes(done.file.as_os_str().as_encoded_bytes());
    let what = match change {
        SetupChange::Installed => "asks `ai`",
        SetupChange::Renewed => "asks `ai`; an earlier entry is written anew",
        SetupChange::Unchanged => "asks `ai` already",
        SetupChange::Removed => "asks no more; the settings are what they were",
        SetupChange::CutOut => {
            "asks no more; the settings were written anew since, and all else in them stays as it is"
        }
        SetupChange::Absent => "has no hook of `ai` here",
    };
    context.ui.line(&format!("{:<9} {what}: {file}", done.cli));
    Ok(done)
}

/// What a person has to know of this CLI.
fn hints(which: Which, done: &SetupDone) -> Vec<String> {
    let mut all = Vec::new();
    if done.tracked {
        all.push("the file is tracked, and now names a program of this machine: keep the change out of commits".to_owned());
    }
    match (which.cli, which.scope) {
        (HookCli::Codex, _) => all.push(
            "Codex skips a hook until you have trusted it: `/hooks` in its next session".to_owned(),
        ),
        (HookCli::Gemini | HookCli::Qwen, SettingsScope::Project) => {
            all.push("it heeds the settings of a project in a folder that you trust".to_owned());
        }
        _ => {}
    }
    all.push("sessions that begin from now on ask; `ai guard uninstall` takes it away".to_owned());
    all
}

fn line(one: &SetupStanding) -> String {
    let shown = |path: &PathBuf| path_bytes(path.as_os_str().as_encoded_bytes());
    let program = one.program.as_ref().map(shown).unwrap_or_default();
    let install = "`ai guard install`";
    let why = match one.state {
        SetupState::Installed => format!("asks {program}"),
        SetupState::Absent if !one.found => "the CLI is not on the PATH".to_owned(),
        SetupState::Absent => format!("{install} makes it ask"),
        SetupState::Edited => "an entry asks `ai` in other words; nothing is done to it".to_owned(),
        SetupState::Off => "the settings switch all hooks off".to_owned(),
        SetupState::Broken => {
            format!("{program} is gone: every tool is refused; {install} mends it")
        }
        SetupState::Unreadable => one_line(one.why.as_deref().unwrap_or_default()),
    };
    let scope = if one.user { "user" } else { "project" };
    format!(
        "{:<9} {scope:<8} {:<10} {why} ({})",
        one.cli,
        one.state.as_str(),
        shown(&one.file)
    )
}
