//! `ai policy …`

mod check;
mod conflicts;
mod explain;
mod export;
pub(in crate::cli) mod log;
mod look;
mod overriding;
mod replay;
mod test;

use clap::Subcommand;

use crate::cli::cmd::approvals::ApproveArgs;
use crate::cli::context::{Context, Outcome};

/// Check, show and explain the policy and its decisions
#[derive(Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check the policy, or a file of one, and the examples of its rules; exit 1 where something is wrong
    Validate(look::ValidateArgs),
    /// Show the rules that are in force
    Show(look::ShowArgs),
    /// Try the examples of the project's policy and its tests; exit 1 where one fails
    Test(test::TestArgs),
    /// Show rules that meet, that never decide, and actions with one answer, each with a question that shows it
    Conflicts(conflicts::ConflictsArgs),
    /// Judge the commits of a range, in any clone; exit 5 where one is denied, 8 where one needs a person's yes
    Check(check::PolicyCheckArgs),
    /// Show a decision: which rules matched and which one won
    Explain(explain::DecisionArgs),
    /// List the decisions, newest last
    Log(log::PolicyLogArgs),
    /// Judge the decisions of the past by another policy, and list those that it would change
    Replay(replay::ReplayArgs),
    /// Write decisions, answers, overrides and the policy in force down for somebody who audits them, as JSON Lines
    Export(export::PolicyExportArgs),
    /// Have a rule not hold for a while
    #[command(subcommand)]
    Override(overriding::OverrideCommand),
    /// Say yes to a decision that waits for a person (long for `approve`)
    Approve(ApproveArgs),
}

pub(super) fn run(command: &PolicyCommand, context: &mut Context) -> Outcome {
    match command {
        PolicyCommand::Validate(args) => look::validate(args, context),
        PolicyCommand::Show(args) => look::show(args, context),
        PolicyCommand::Test(args) => test::run(args, context),
        PolicyCommand::Conflicts(args) => conflicts::run(args, context),
        PolicyCommand::Check(args) => check::run(args, context),
        PolicyCommand::Explain(args) => explain::explain(args, context),
        PolicyCommand::Log(args) => log::log(args, context),
        PolicyCommand::Replay(args) => replay::run(args, context),
        PolicyCommand::Export(args) => export::run(args, context),
        PolicyCommand::Override(command) => overriding::run(command, context),
        PolicyCommand::Approve(args) => look::approve(args, context),
    }
}
