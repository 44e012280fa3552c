//! The commands: one verb, one file.

mod accept;
mod agent;
mod agent_detect;
mod agent_doctor;
mod agent_stats;
mod approvals;
mod backup;
mod budget;
mod check;
mod cli_setup;
mod completions;
mod config;
mod daemon;
mod digest;
mod doctor;
mod evidence;
mod friction;
mod gc;
mod guard;
mod hook;
mod hooks;
mod inbox;
mod init;
mod land;
mod lock;
mod log;
mod logs;
mod man;
mod mcp;
mod message;
mod new_file;
pub(super) mod notify;
mod patience;
mod policy;
mod recover;
mod recurring;
mod restore;
mod review;
mod route;
mod run;
mod schedule;
mod schema;
mod send;
mod status;
mod task;
mod transfer;
mod trust;
mod undo;
mod uninstall;
mod waiting;
mod watch;
mod why;
mod worktree;

use std::path::Path;

use clap::Subcommand;

use crate::app::in_run;
use crate::cli::context::{Context, Outcome};

/// Everything that `ai` can do.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Set this repository up for `ai`
    Init(init::InitArgs),
    /// Create, claim, show and change tasks
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Register, list and change agents
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Register an agent (short for `agent register`)
    Register(agent::RegisterArgs),
    /// List the agents (short for `agent list`)
    List(agent::AgentListArgs),
    /// Add or remove labels of an agent (short for `agent label`)
    Label(agent::LabelArgs),
    /// Check, show and explain the policy and its decisions
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// List the decisions that wait for a person's yes
    Approvals(approvals::ApprovalsArgs),
    /// Say yes to a decision that waits
    Approve(approvals::ApproveArgs),
    /// Say no to a decision that waits; the work that asked goes back with the reason
    Deny(approvals::DenyArgs),
    /// Allow what this repository brings to run code on this machine
    Trust(trust::TrustArgs),
    /// Lock paths by hand, list and check locks
    #[command(subcommand)]
    Lock(lock::LockCommand),
    /// Run a task by an agent: worktree, agent, snapshot, checks, verdict
    Run(run::RunArgs),
    /// Run the checks as a run would, on your worktree or on a commit
    Check(check::CheckArgs),
    /// Show budgets and what is left of them
    Budget(budget::BudgetArgs),
    /// Say which agent would get a task, and why
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// Say which tasks would start now, why the others wait, and when each would be done
    Schedule(schedule::ScheduleArgs),
    /// Have a clock create tasks
    #[command(subcommand)]
    Recurring(recurring::RecurringCommand),
    /// Work the queue unattended
    #[command(subcommand)]
    Daemon(daemon::DaemonCommand),
    /// Tell what a stretch of time has brought, and what comes next
    Digest(digest::DigestArgs),
    /// Write down what got in the way, and say which task mends it
    #[command(subcommand)]
    Friction(friction::FrictionCommand),
    /// Write to a task, an agent or people; a message approves nothing
    Send(send::SendArgs),
    /// Read your messages, and say which you have seen
    Inbox(inbox::InboxArgs),
    /// Try and list the places that are told what comes up
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// Show a run's verdict, checks, decisions and change
    Review(review::ReviewArgs),
    /// List, show, verify and hand out what was recorded about runs
    #[command(subcommand)]
    Evidence(evidence::EvidenceCommand),
    /// Take reviewed work into its target branch
    Accept(accept::AcceptArgs),
    /// Land reviewed work of several tasks at once: combined, checked together, and proven
    Land(land::LandArgs),
    /// Send reviewed work back with a note
    Reject(accept::RejectArgs),
    /// Take an accept back by a commit that reverts it; the work waits for a review again
    Undo(undo::UndoArgs),
    /// Recover runs that were cut off: end what is left of them, save their work, give their tasks
    /// back
    Recover(recover::RecoverArgs),
    /// Answer the hook of an agent's CLI
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Have the CLI of an agent ask `ai` before it calls a tool
    #[command(subcommand)]
    Guard(guard::GuardCommand),
    /// Ask `ai` before Git commits and pushes
    #[command(subcommand)]
    Hooks(hooks::HooksCommand),
    /// List worktrees, go to one, save what stands there, give room back
    #[command(subcommand)]
    Worktree(worktree::WorktreeCommand),
    /// Give room back: old output of agents, idle worktrees, merged branches and rescues
    Gc(gc::GcArgs),
    /// Say what holds a task now, and what to do about it
    Why(why::WhyArgs),
    /// Show what is going on: tasks by state, who works, what waits for you
    Status(status::StatusArgs),
    /// Watch tasks and agents on a board, or what happens line by line
    Watch(watch::WatchArgs),
    /// Show the log of events, or verify its chain
    Log(log::LogArgs),
    /// Show what the agent of a run says, and follow it while it works
    Logs(logs::LogsArgs),
    /// Show the configuration that is in force
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look at everything that `ai` stands on, and say what helps
    Doctor(doctor::DoctorArgs),
    /// Copy the store, while everybody goes on working
    Backup(backup::BackupArgs),
    /// Go back to a backup; the store that stands is kept aside
    Restore(restore::RestoreArgs),
    /// Write the whole store down as JSON Lines
    Export(transfer::ExportArgs),
    /// Take in an export: all of it into a new store, new tasks into any other
    Import(transfer::ImportArgs),
    /// Give the repository back as it was before `ai init`
    Uninstall(uninstall::UninstallArgs),
    /// Serve an agent by the Model Context Protocol, on standard input and output
    Mcp(mcp::McpArgs),
    /// Print the JSON Schema of what commands print and read
    Schema(schema::SchemaArgs),
    /// Print a completion script for your shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write one page a command into a directory
    Man(man::ManArgs),
}

/// The part of the tree that a usual command needs, for its first two words.
pub(super) fn branch(first: &str, second: Option<&str>) -> Option<clap::Command> {
    use clap::{Args, Command};
    Some(match first {
        "task" => Command::new("task").subcommand(task::branch(second?)?),
        "hook" => Command::new("hook").subcommand(hook::branch(second?)?),
        "hooks" => Command::new("hooks").subcommand(hooks::branch(second?)?),
        "why" => why::WhyArgs::augment_args(Command::new("why")),
        "status" => status::StatusArgs::augment_args(Command::new("status")),
        "run" => run::RunArgs::augment_args(Command::new("run")),
        _ => return None,
    })
}

/// Runs a command.
pub(super) fn dispatch(command: Command, context: &mut Context) -> Outcome {
    if let Some(what) = patience::awaited(&command) {
        context.ui.show_progress(what);
    }
    match command {
        Command::Init(args) => init::run(&args, context),
        Command::Task(command) => task::run(command, context),
        Command::Agent(command) => agent::run(command, context),
        Command::Register(args) => agent::register(args, context),
        Command::List(args) => agent::list(&args, context),
        Command::Label(args) => agent::label(&args, context),
        Command::Policy(command) => policy::run(&command, context),
        Command::Approvals(args) => approvals::list(&args, context),
        Command::Approve(args) => approvals::approve(&args, context),
        Command::Deny(args) => approvals::deny(&args, context),
        Command::Trust(args) => trust::run(&args, context),
        Command::Lock(command) => lock::run(&command, context),
        Command::Run(args) => run::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Budget(args) => budget::run(&args, context),
        Command::Route(command) => route::run(&command, context),
        Command::Schedule(args) => schedule::run(&args, context),
        Command::Recurring(command) => recurring::run(&command, context),
        Command::Daemon(command) => daemon::run(command, context),
        Command::Digest(args) => digest::run(&args, context),
        Command::Friction(command) => friction::run(&command, context),
        Command::Send(args) => send::run(&args, context),
        Command::Inbox(args) => inbox::run(&args, context),
        Command::Notify(command) => notify::run(&command, context),
        Command::Review(args) => review::run(&args, context),
        Command::Evidence(command) => evidence::run(&command, context),
        Command::Accept(args) => accept::accept(&args, context),
        Command::Land(args) => land::run(&args, context),
        Command::Reject(args) => accept::reject(&args, context),
        Command::Undo(args) => undo::run(&args, context),
        Command::Recover(args) => recover::run(&args, context),
        Command::Hook(command) => hook::run(&command, None, context),
        Command::Guard(command) => guard::run(&command, context),
        Command::Hooks(command) => hooks::run(&command, context),
        Command::Worktree(command) => worktree::run(&command, context),
        Command::Gc(args) => gc::run(&args, context),
        Command::Why(args) => why::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Watch(args) => watch::run(&args, context),
        Command::Log(args) => log::run(&args, context),
        Command::Logs(args) => logs::run(&args, context),
        Command::Config(command) => config::run(&command, context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Backup(args) => backup::run(&args, context),
        Command::Restore(args) => restore::run(&args, context),
        Command::Export(args) => transfer::export(&args, context),
        Command::Import(args) => transfer::import(&args, context),
        Command::Uninstall(args) => uninstall::run(&args, context),
        Command::Mcp(args) => mcp::run(&args, None, context),
        Command::Schema(args) => schema::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
    }
}

/// Runs a command of the agent of a run, at whose `socket` its supervisor answers. What describes `ai`
/// itself needs no answer.
pub(super) fn ask_the_run(command: Command, socket: &Path, context: &mut Context) -> Outcome {
    match command {
        Command::Task(command) => task::ask_the_run(&command, socket, context),
        Command::Lock(command) => lock::ask_the_run(&command, socket, context),
        Command::Friction(command) => friction::ask_the_run(&command, socket, context),
        Command::Send(args) => send::ask_the_run(&args, socket, context),
        Command::Inbox(args) => inbox::ask_the_run(&args, socket, context),
        Command::Why(args) => why::ask_the_run(&args, socket, context),
        Command::Hook(command) => hook::run(&command, Some(socket), context),
        Command::Hooks(command) => hooks::ask_the_run(&command, context),
        Command::Mcp(args) => mcp::run(&args, Some(socket), context),
        Command::Schema(args) => schema::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
        _ => Err(in_run::not_available()),
    }
}
