//! `ai daemon`

mod control;
mod install;
pub(super) mod order;
mod start;
mod status;
mod work;

use clap::Subcommand;

use crate::cli::context::{Context, Outcome};

#[derive(Subcommand)]
pub(in crate::cli) enum DaemonCommand {
    /// Work the queue in the background
    Start(start::DaemonStartArgs),
    /// End the daemon; its runs may end before, or are asked to
    Stop(control::DaemonStopArgs),
    /// End it and start one anew, under which what is at work goes on
    Restart(start::DaemonRestartArgs),
    /// Say whether one is at work, what it does and what waits; exit 3 where none is
    Status(status::DaemonStatusArgs),
    /// Work the queue here, until Ctrl-C or SIGTERM, and report
    Run(work::DaemonRunArgs),
    /// Show what the daemon and its runs have said
    Logs(control::DaemonLogsArgs),
    /// Have nothing more started, also by the next daemon
    Pause(order::DaemonPauseArgs),
    /// Take back what `pause` or `drain` has ordered
    Resume(order::DaemonResumeArgs),
    /// Finish what is at work, and have nothing more started
    Drain(order::DaemonDrainArgs),
    /// Write the file by which systemd or launchd starts it for you, after showing it
    Install(install::DaemonInstallArgs),
    /// Take that file away again
    Uninstall(install::DaemonUninstallArgs),
}

pub(super) fn run(command: DaemonCommand, context: &mut Context) -> Outcome {
    match command {
        DaemonCommand::Start(args) => start::start(&args, context),
        DaemonCommand::Stop(args) => control::stop(&args, context),
        DaemonCommand::Restart(args) => start::restart(&args, context),
        DaemonCommand::Status(args) => status::run(&args, context),
        DaemonCommand::Run(args) => work::run(&args, context),
        DaemonCommand::Logs(args) => control::logs(&args, context),
        DaemonCommand::Pause(args) => order::pause(args, context),
        DaemonCommand::Resume(args) => order::resume(&args, context),
        DaemonCommand::Drain(args) => order::drain(args, context),
        DaemonCommand::Install(args) => install::install(&args, context),
        DaemonCommand::Uninstall(args) => install::uninstall(&args, context),
    }
}
