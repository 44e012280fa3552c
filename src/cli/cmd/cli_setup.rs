//! What `ai guard` and `ai mcp` have in common: `ai` in the settings of an agent's CLI, where a person uses it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::fs::is_missing;
use crate::base::text::{one_line, path_bytes};
use crate::cli::context::{Context, Outcome};
use crate::connector::announced::HookCli;
use crate::connector::cli_places::{CliSetup, SettingsScope};
use crate::git::discover::{self, DiscoverError};
use crate::ops::cli_setup::{
    self, ChangedSettings, FileInGit, SettingsAround, SetupChange, SetupDone, SetupStanding,
    SetupState, Which,
};
use crate::ops::error::OpError;
use crate::ops::hooks::DryRun;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct SetupArgs {
    /// The CLI: claude, codex, gemini, opencode, copilot or qwen
    #[arg(value_name = "CLI")]
    cli: HookCli,
    /// In your own settings, for every project, and not in those of this checkout
    #[arg(long)]
    user: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(in crate::cli) struct SetupStatusArgs {}

impl SetupArgs {
    fn which(&self, setup: CliSetup) -> Which {
        Which {
            setup,
            cli: self.cli,
            scope: if self.user {
                SettingsScope::User
            } else {
                SettingsScope::Project
            },
        }
    }

    fn run(&self) -> DryRun {
        if self.dry_run {
            DryRun::Yes
        } else {
            DryRun::No
        }
    }
}

/// Puts it into the settings of a CLI.
pub(super) fn install(setup: CliSetup, args: &SetupArgs, context: &mut Context) -> Outcome {
    let (which, run) = (args.which(setup), args.run());
    let top = before(which, run, context)?;
    let env = env::all();
    let places = SettingsAround {
        top: top.as_deref(),
        env: &env,
    };
    let program = env::lasting_program().map_err(|source| OpError::System {
        doing: "find the program itself",
        source,
    })?;
    let done = cli_setup::install(places, which, (&program, run))?;
    let done = told((which, run), done, context)?;
    if !context.ui.json() {
        let keep_out = keep_out(&done.file, context).filter(|_| done.open);
        let is_new = done.change != SetupChange::Unchanged;
        let others = is_new.then(|| hints(which, &done));
        for hint in keep_out.into_iter().chain(others.into_iter().flatten()) {
            context.ui.say(&format!("hint: {hint}"));
        }
    }
    if run == DryRun::No {
        warn_of_switch(&cli_setup::standing(places, which)?, context);
    }
    Ok(exit::OK)
}

/// Says where other settings keep what was put in from being of use.
fn warn_of_switch(one: &SetupStanding, context: &mut Context) {
    if let (SetupState::Off, Some(file), false) = (one.state, &one.why, context.ui.json()) {
        let file = one_line(file);
        context.ui.say(&format!(
            "warning: {file} switches all hooks off, so this one is never asked"
        ));
    }
}

/// Takes it out of the settings of a CLI.
pub(super) fn uninstall(setup: CliSetup, args: &SetupArgs, context: &mut Context) -> Outcome {
    let (which, run) = (args.which(setup), args.run());
    let top = by_a_person(which, context)?;
    if top.is_some() && !args.user {
        context.workspace.require_writable()?;
    }
    let env = env::all();
    let places = SettingsAround {
        top: top.as_deref(),
        env: &env,
    };
    let done = cli_setup::uninstall(places, which, run)?;
    told((which, run), done, context)?;
    Ok(exit::OK)
}

/// Says for each CLI how it stands; exit 1 where something is out of order.
pub(super) fn status(setup: CliSetup, context: &mut Context) -> Outcome {
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
            let scope = *scope;
            let one = cli_setup::standing(places, Which { setup, cli, scope })?;
            let one = one.in_git(context.workspace.place().ok())?;
            is_out_of_order |= one.state.is_out_of_order();
            if context.ui.json() {
                context.ui.object(&one);
                continue;
            }
            context.ui.line(&line(setup, &one));
            if let Some(hint) = keep_out(&one.file, context).filter(|_| one.open) {
                context.ui.say(&format!("hint: {hint}"));
            }
        }
    }
    Ok(if is_out_of_order {
        exit::FAILED
    } else {
        exit::OK
    })
}

/// Refuses whoever may not put it in, and returns the checkout around.
fn before(which: Which, run: DryRun, context: &mut Context) -> Result<Option<PathBuf>, AppError> {
    let top = by_a_person(which, context)?;
    // A project that was not set up has no policy that could be asked, and no log.
    let has_store = top.is_some() && !is_missing(&context.workspace.state_dir()?);
    if which.scope == SettingsScope::Project && has_store && run == DryRun::No {
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

/// Refuses an agent, and returns the checkout around. To give settings back needs no more: where the policy or
/// the store cannot be read, the hook refuses everything, and this is the way out.
fn by_a_person(which: Which, context: &Context) -> Result<Option<PathBuf>, AppError> {
    context.workspace.refuse_agents(match which.setup {
        CliSetup::Guard => "change what the CLI of an agent asks",
        CliSetup::Server => "change which servers the CLI of an agent starts",
    })?;
    checkout(context)
}

/// The checkout around, if there is one: a user's own settings have to do with no repository.
fn checkout(context: &Context) -> Result<Option<PathBuf>, AppError> {
    match discover::discover(&context.workspace.start_dir()?) {
        Ok(place) => Ok(place.top),
        Err(DiscoverError::NotARepository(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells what was done, or would be.
fn told(
    (which, run): (Which, DryRun),
    done: ChangedSettings,
    context: &mut Context,
) -> Result<SetupDone, AppError> {
    let in_git = match which.scope {
        SettingsScope::Project => cli_setup::in_git(context.workspace.place()?, &done.file)?,
        SettingsScope::User => FileInGit::LeftOut,
    };
    let done = SetupDone {
        cli: which.cli.to_string(),
        tracked: in_git == FileInGit::Tracked,
        open: in_git == FileInGit::Open && names_program(done.change),
        file: done.file,
        change: done.change,
        entry: done.entry,
        dry_run: run == DryRun::Yes,
    };
    if context.ui.json() {
        context.ui.object(&done);
        return Ok(done);
    }
    let what = changed(which.setup, done.change);
    let file = shown(&done.file);
    context.ui.line(&format!("{:<9} {what}: {file}", done.cli));
    if done.dry_run {
        for line in done.entry.iter().flat_map(|entry| entry.lines()) {
            context.ui.line(&format!("  {line}"));
        }
        context.ui.say("a dry run: nothing was written");
    }
    Ok(done)
}

/// True where the file names a program of this machine after the change.
fn names_program(change: SetupChange) -> bool {
    match change {
        SetupChange::Installed | SetupChange::Renewed | SetupChange::Unchanged => true,
        SetupChange::Removed | SetupChange::CutOut | SetupChange::Absent => false,
    }
}

/// The way to keep a settings file out of commits.
fn keep_out(file: &Path, context: &Context) -> Option<String> {
    let place = context.workspace.place().ok()?;
    let (line, exclude) = cli_setup::left_out_by(place, file)?;
    Some(format!(
        "{} names a program of this machine, and a commit of everything takes it along: the line `{}` in {} keeps it out",
        shown(file),
        one_line(&line),
        shown(&exclude)
    ))
}

fn changed(setup: CliSetup, change: SetupChange) -> &'static str {
    match (setup, change) {
        (CliSetup::Guard, SetupChange::Installed) => "asks `ai`",
        (CliSetup::Guard, SetupChange::Renewed) => "asks `ai`; an earlier entry is written anew",
        (CliSetup::Guard, SetupChange::Unchanged) => "asks `ai` already",
        (CliSetup::Guard, SetupChange::Removed) => "asks no more; the settings are what they were",
        (CliSetup::Guard, SetupChange::CutOut) => {
            "asks no more; the settings were changed since, and all else in them stays as it is"
        }
        (CliSetup::Guard, SetupChange::Absent) => "has no hook of `ai` here",
        (CliSetup::Server, SetupChange::Installed) => "starts `ai mcp`",
        (CliSetup::Server, SetupChange::Renewed) => {
            "starts `ai mcp`; an earlier entry is written anew"
        }
        (CliSetup::Server, SetupChange::Unchanged) => "starts `ai mcp` already",
        (CliSetup::Server, SetupChange::Removed) => {
            "starts it no more; the settings are what they were"
        }
        (CliSetup::Server, SetupChange::CutOut) => {
            "starts it no more; the settings were changed since, and all else in them stays as it is"
        }
        (CliSetup::Server, SetupChange::Absent) => "has no server `ai` here",
    }
}

/// What a person has to know of this CLI.
fn hints(which: Which, done: &SetupDone) -> Vec<String> {
    let mut all = Vec::new();
    if done.tracked {
        all.push("the file is tracked, and now names a program of this machine: keep the change out of commits".to_owned());
    }
    let of_cli = match (which.setup, which.cli, which.scope) {
        (CliSetup::Guard, HookCli::Codex, _) => {
            Some("Codex skips a hook until you have trusted it: `/hooks` in its next session")
        }
        (CliSetup::Server, HookCli::Claude, SettingsScope::Project) => {
            Some("Claude Code asks you once whether it may start the servers of this file")
        }
        (CliSetup::Server, HookCli::Codex, SettingsScope::Project) => {
            Some("it heeds the settings of a project that you trust")
        }
        (CliSetup::Server, HookCli::Copilot, SettingsScope::Project)
        | (_, HookCli::Gemini | HookCli::Qwen, SettingsScope::Project) => {
            Some("it heeds the settings of a project in a folder that you trust")
        }
        _ => None,
    };
    all.extend(of_cli.map(str::to_owned));
    let which_file = match which.scope {
        SettingsScope::Project => which.cli.to_string(),
        SettingsScope::User => format!("{} --user", which.cli),
    };
    let (so, verb) = match which.setup {
        CliSetup::Guard => ("ask", "guard"),
        CliSetup::Server => ("have its tools", "mcp"),
    };
    all.push(format!(
        "sessions that begin from now on {so}; `ai {verb} uninstall {which_file}` takes it away"
    ));
    all
}

fn line(setup: CliSetup, one: &SetupStanding) -> String {
    let program = one.program.as_deref().map(shown).unwrap_or_default();
    let to_user = if one.user { " --user" } else { "" };
    let which = format!("{}{to_user}", one.cli);
    let (does, verb) = match setup {
        CliSetup::Guard => ("asks", "guard"),
        CliSetup::Server => ("starts", "mcp"),
    };
    let install = format!("`ai {verb} install {which}`");
    let why = match (setup, one.state) {
        (_, SetupState::Installed) => format!("{does} {program}"),
        (_, SetupState::Absent) if !one.found => "the CLI is not on the PATH".to_owned(),
        (CliSetup::Guard, SetupState::Absent) => format!("{install} makes it ask"),
        (CliSetup::Server, SetupState::Absent) => format!("{install} makes it start it"),
        (CliSetup::Guard, SetupState::Edited) => {
            "an entry asks `ai` in other words; nothing is done to it".to_owned()
        }
        (CliSetup::Server, SetupState::Edited) => {
            "a server `ai` stands there in other words; nothing is done to it".to_owned()
        }
        (CliSetup::Guard, SetupState::Off) => match &one.why {
            Some(file) => format!("{} switches all hooks off", one_line(file)),
            None => "the settings switch all hooks off".to_owned(),
        },
        (CliSetup::Server, SetupState::Off) => "the settings leave the server out".to_owned(),
        (CliSetup::Guard, SetupState::Broken) => {
            format!("{program} is gone: every tool is refused; {install} mends it")
        }
        (CliSetup::Server, SetupState::Broken) => {
            format!("{program} is gone: the server does not start; {install} mends it")
        }
        (_, SetupState::Unreadable) => one_line(one.why.as_deref().unwrap_or_default()),
    };
    let scope = if one.user { "user" } else { "project" };
    format!(
        "{:<9} {scope:<8} {:<10} {why} ({})",
        one.cli,
        one.state.as_str(),
        shown(&one.file)
    )
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}
