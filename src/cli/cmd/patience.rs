//! The commands that may keep somebody waiting, and what a terminal says meanwhile.
//!
//! Every command stands here, so that a new one is asked about. Those with nothing say something themselves, follow what
//! others do, read what somebody types, or answer at once; `log verify`, `import` and `task create --from` begin their
//! line themselves, where it is known that they will be long.

use crate::cli::cmd::Command;
use crate::cli::cmd::agent::AgentCommand;
use crate::cli::cmd::daemon::DaemonCommand;
use crate::cli::cmd::evidence::EvidenceCommand;
use crate::cli::cmd::hooks::HooksCommand;
use crate::cli::cmd::notify::NotifyCommand;
use crate::cli::cmd::policy::PolicyCommand;
use crate::cli::cmd::worktree::WorktreeCommand;

/// What a terminal says while somebody waits for the command, as "looking at everything"; nothing for one that has its own
/// way.
pub(super) fn awaited(command: &Command) -> Option<&'static str> {
    match command {
        Command::Init(_) => Some("setting up"),
        Command::Agent(command) => agent(command),
        Command::Policy(command) => policy(command),
        Command::Approvals(_)
        | Command::Approve(_)
        | Command::Deny(_)
        | Command::Trust(_)
        | Command::Budget(_)
        | Command::Route(_)
        | Command::Friction(_)
        | Command::Recurring(_)
        | Command::Inbox(_)
        | Command::Review(_)
        | Command::Why(_)
        | Command::Status(_) => Some("looking"),
        Command::Check(_) => Some("running the checks"),
        Command::Schedule(_) => Some("asking for every task"),
        Command::Daemon(command) => daemon(command),
        Command::Digest(_) => Some("reading what has happened"),
        Command::Notify(command) => match command {
            NotifyCommand::Test(_) => Some("waiting for the other side"),
            NotifyCommand::List | NotifyCommand::Deliver(_) => None,
        },
        Command::Evidence(command) => evidence(command),
        Command::Accept(_) | Command::Land(_) => Some("landing"),
        Command::Reject(_) => Some("sending back"),
        Command::Undo(_) => Some("taking back"),
        Command::Recover(_) => Some("looking for what was cut off"),
        Command::Hooks(command) => match command {
            HooksCommand::Install(_) | HooksCommand::Uninstall(_) => Some("changing the hooks"),
            HooksCommand::Status(_) => Some("looking"),
            HooksCommand::Run(_) => None,
        },
        Command::Guard(_) => Some("looking at the CLIs"),
        Command::Worktree(command) => worktree(command),
        Command::Gc(_) => Some("looking for what can go"),
        Command::Doctor(_) => Some("looking at everything"),
        Command::Backup(_) => Some("copying the store"),
        Command::Restore(_) => Some("looking at the backups"),
        Command::Export(_) => Some("writing the store down"),
        Command::Uninstall(_) => Some("giving the repository back"),
        Command::Task(_)
        | Command::Register(_)
        | Command::List(_)
        | Command::Label(_)
        | Command::Lock(_)
        | Command::Run(_)
        | Command::Send(_)
        | Command::Hook(_)
        | Command::Watch(_)
        | Command::Log(_)
        | Command::Logs(_)
        | Command::Config(_)
        | Command::Import(_)
        | Command::Mcp(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_) => None,
    }
}

fn agent(command: &AgentCommand) -> Option<&'static str> {
    match command {
        AgentCommand::Detect(_) => Some("looking for CLIs"),
        AgentCommand::Doctor(_) => Some("trying the CLIs"),
        AgentCommand::Stats(_) => Some("counting runs"),
        AgentCommand::Register(_)
        | AgentCommand::List(_)
        | AgentCommand::Show(_)
        | AgentCommand::Label(_)
        | AgentCommand::Remove(_) => None,
    }
}

fn policy(command: &PolicyCommand) -> Option<&'static str> {
    match command {
        PolicyCommand::Validate(_)
        | PolicyCommand::Show(_)
        | PolicyCommand::Explain(_)
        | PolicyCommand::Log(_)
        | PolicyCommand::Export(_)
        | PolicyCommand::Override(_)
        | PolicyCommand::Approve(_) => Some("looking"),
        PolicyCommand::Test(_) => Some("trying the rules"),
        PolicyCommand::Conflicts(_) => Some("comparing the rules"),
        PolicyCommand::Check(_) => Some("asking the rules"),
        PolicyCommand::Replay(_) => Some("asking again what was asked"),
    }
}

fn daemon(command: &DaemonCommand) -> Option<&'static str> {
    match command {
        DaemonCommand::Start(_) => Some("starting the daemon"),
        DaemonCommand::Stop(_) => Some("stopping the daemon"),
        DaemonCommand::Restart(_) => Some("starting the daemon again"),
        DaemonCommand::Status(_)
        | DaemonCommand::Pause(_)
        | DaemonCommand::Resume(_)
        | DaemonCommand::Drain(_) => Some("asking the daemon"),
        DaemonCommand::Install(_) | DaemonCommand::Uninstall(_) => Some("asking the system"),
        DaemonCommand::Run(_) | DaemonCommand::Logs(_) => None,
    }
}

fn evidence(command: &EvidenceCommand) -> Option<&'static str> {
    match command {
        EvidenceCommand::List(_) | EvidenceCommand::Show(_) => Some("looking"),
        EvidenceCommand::Verify(_) => Some("proving the evidence"),
        EvidenceCommand::Export(_) => Some("writing the evidence down"),
    }
}

fn worktree(command: &WorktreeCommand) -> Option<&'static str> {
    match command {
        WorktreeCommand::List(_) => Some("measuring the worktrees"),
        WorktreeCommand::Rescue(_) | WorktreeCommand::Adopt(_) => Some("saving what stands there"),
        WorktreeCommand::Prune(_) => Some("looking for what can go"),
        WorktreeCommand::Open(_) => None,
    }
}
