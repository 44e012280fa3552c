//! From the process's arguments to its exit code.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::app::doors::Doors;
use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::app::{exit, in_run};
use crate::base::{descriptors, env, heap};
use crate::cli::args::Cli;
use crate::cli::context::Context;
use crate::cli::error::Detail;
use crate::cli::mistake::{in_clap_words, mistake};
use crate::cli::ui::{Format, Talk, Ui};
use crate::cli::{branch, cmd};
use crate::domain::error_class::ErrorClass;
use crate::ops::hindrance::NO_ROOM;
use crate::process::guard::{self, KeeperWord};

/// Runs one command and returns its exit code. The only place that decides it. What it starts that is
/// no command, `doors` opens.
pub fn main(doors: Doors) -> ExitCode {
    descriptors::keep_from_children();
    let args = env::args();
    let first = args.get(1).and_then(|arg| arg.to_str());
    if let Some(word) = first.and_then(KeeperWord::parse) {
        return guard::main(word, &args[2..]);
    }
    match first {
        // Asked by scripts and shells all the time: answered without building the parser.
        Some("--version" | "-V") if args.len() == 2 => {
            let mut ui = Ui::new(Format::Text, Talk::Normal, Detail::Message);
            ui.line(concat!("ai ", env!("CARGO_PKG_VERSION")));
            ui.flush();
            return ExitCode::from(exit::OK);
        }
        _ => {}
    }
    heap::prepare();
    ExitCode::from(run(asked_for_help(args), doors))
}

fn run(args: Vec<OsString>, doors: Doors) -> u8 {
    let wants_json = args.iter().any(|arg| arg == "--json");
    let cli = match branch::parse(&args).map_or_else(|| parse_all(&args), Ok) {
        Ok(cli) => cli,
        Err(error) => return usage(&args, &error, wants_json),
    };
    let format = if cli.global.json {
        Format::Json
    } else {
        Format::Text
    };
    let talk = if cli.global.quiet {
        Talk::Quiet
    } else {
        Talk::Normal
    };
    let detail = if cli.global.verbose {
        Detail::Causes
    } else {
        Detail::Message
    };
    let workspace = Workspace::new(cli.global.directory, cli.global.actor);
    let ui = Ui::new(format, talk, detail).coloured(cli.global.color);
    let mut context = Context::new(ui, talk, workspace, doors, Cli::command);
    // For the agent of a run the store is out of sight, and its supervisor answers.
    let done = match in_run::socket() {
        Some(socket) => cmd::ask_the_run(cli.command, &socket, &mut context),
        None => cmd::dispatch(cli.command, &mut context),
    };
    let code = match done {
        Ok(code) => code,
        Err(error) => {
            context.tell_of_error(&error);
            error.code()
        }
    };
    context.tell_scrubbed();
    context.ui.end_progress();
    cmd::notify::after(&mut context);
    context.ui.flush();
    match context.ui.lost() {
        Some(error) => {
            let error = unwritten(error);
            context.ui.error(&error);
            if code == exit::OK { error.code() } else { code }
        }
        None => code,
    }
}

/// The error of output that was not written: a full disk is one wherever it is met.
fn unwritten(error: io::Error) -> AppError {
    let (class, hint) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorClass::StoreUnusable, NO_ROOM)
        }
        _ => (
            ErrorClass::Failed,
            "see where standard output leads, and run the command again",
        ),
    };
    let message = format!("the output could not be written: {error}");
    AppError::of(class, error).saying(message).hint(hint)
}

/// `ai help task create` is `ai task create --help`: other tools have taught people to ask so.
fn asked_for_help(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.get(1).is_some_and(|arg| arg == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    args
}

/// Parses with the tree of all commands.
fn parse_all(args: &[OsString]) -> Result<Cli, clap::Error> {
    // Taking the tree apart again would cost as much as building it, and the process ends soon.
    let mut tree = ManuallyDrop::new(Cli::command());
    tree.try_get_matches_from_mut(args)
        .and_then(|found| Cli::from_arg_matches(&found))
}

/// Help and version are answers; everything else that clap says is a usage error.
fn usage(args: &[OsString], error: &clap::Error, wants_json: bool) -> u8 {
    use clap::error::ErrorKind::{
        DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion,
    };
    let asked = matches!(error.kind(), DisplayHelp | DisplayVersion);
    let tree = ManuallyDrop::new(Cli::command());
    if let Some(mistake) = mistake(args, error, &tree) {
        let format = if wants_json {
            Format::Json
        } else {
            Format::Text
        };
        Ui::new(format, Talk::Normal, Detail::Message).error(&mistake);
        return mistake.code();
    }
    if wants_json && !asked && error.kind() != DisplayHelpOnMissingArgumentOrSubcommand {
        let mut ui = Ui::new(Format::Json, Talk::Normal, Detail::Message);
        ui.error(&in_clap_words(&error.render().to_string(), args, &tree));
    } else {
        let printed = error.print().and_then(|()| io::stdout().flush());
        // Nobody is left to tell when the stream is closed.
        let lost = printed
            .err()
            .filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        if let Some(lost) = lost.filter(|_| asked) {
            let lost = unwritten(lost);
            Ui::new(Format::Text, Talk::Normal, Detail::Message).error(&lost);
            return lost.code();
        }
    }
    if asked { exit::OK } else { exit::USAGE }
}
