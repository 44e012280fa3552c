//! `ai task heartbeat`, `checkpoint`, `release`, `handoff` and `fail`: what a holder does, each
//! under its token.

use std::path::Path;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk, LeaseTold};
use crate::app::lease_time::lease_ms;
use crate::app::token::{self, TokenAsk};
use crate::app::workspace::parse_actor;
use crate::base::shown_time::time;
use crate::cli::answer::LeaseAnswer;
use crate::cli::cmd::task::claim::show;
use crate::cli::context::{Context, Outcome};
use crate::domain::ids::TaskId;
use crate::domain::lease::Token;
use crate::ops::cx::{self, commit};
use crate::ops::error::OpError;
use crate::ops::lease;
use crate::store::{Access, Store};

#[derive(Args)]
struct HeldTaskArgs {
    /// The task; any unique prefix of its id
    id: String,
    /// The lease token; without it, AI_LEASE or the one that was claimed in this worktree
    #[arg(long, value_name = "TOKEN")]
    lease: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct HeartbeatArgs {
    #[command(flatten)]
    held: HeldTaskArgs,
    /// Let the lease last this long from now on
    #[arg(long, value_name = "30m")]
    ttl: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct CheckpointArgs {
    #[command(flatten)]
    held: HeldTaskArgs,
    /// What comes next, written for a stranger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    next_step: String,
}

#[derive(Args)]
pub(in crate::cli) struct TaskReleaseArgs {
    #[command(flatten)]
    held: HeldTaskArgs,
    /// What comes next, written for a stranger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    next_step: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct HandoffArgs {
    #[command(flatten)]
    held: HeldTaskArgs,
    /// Who takes over: NAME or agent:NAME
    #[arg(long, value_name = "NAME")]
    to: String,
    /// What comes next, written for a stranger
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    next_step: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct FailArgs {
    #[command(flatten)]
    held: HeldTaskArgs,
    /// Why it cannot be done
    #[arg(
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        default_value = "given up by its holder"
    )]
    reason: String,
}

impl HeldTaskArgs {
    /// The task and the token for what is tried with it.
    fn open(
        &self,
        tried: &str,
        context: &mut Context,
    ) -> Result<(&'static mut dyn Store, TaskId, Token), AppError> {
        let store = context.store(Access::Write)?;
        let id = store.read(|tx| -> Result<TaskId, OpError> { cx::resolve(tx, &self.id) })?;
        let ask = TokenAsk {
            subject: &id.subject(),
            flag: self.lease.as_deref(),
            tried,
        };
        let token = token::find(&context.workspace, store, ask)?;
        Ok((store, id, token))
    }
}

/// Inside of a run its supervisor shows the run's own lease, and nobody else's counts.
fn refuse_by_hand(flag: Option<&str>, name: &str) -> Result<(), AppError> {
    match flag {
        Some(_) => Err(AppError::usage(format!(
            "inside of a run {name} cannot be given: its supervisor holds the lease"
        ))
        .hint("the same command without it")),
        None => Ok(()),
    }
}

pub(super) fn heartbeat_in_run(
    args: &HeartbeatArgs,
    socket: &Path,
    context: &mut Context,
) -> Outcome {
    refuse_by_hand(args.held.lease.as_deref(), "--lease")?;
    refuse_by_hand(args.ttl.as_deref(), "--ttl")?;
    let task = args.held.id.clone();
    renewed(in_run::ask(socket, AgentAsk::Heartbeat { task })?, context)
}

pub(super) fn checkpoint_in_run(
    args: &CheckpointArgs,
    socket: &Path,
    context: &mut Context,
) -> Outcome {
    refuse_by_hand(args.held.lease.as_deref(), "--lease")?;
    let ask = AgentAsk::Checkpoint {
        task: args.held.id.clone(),
        next_step: args.next_step.clone(),
    };
    renewed(in_run::ask(socket, ask)?, context)
}

fn renewed(answer: AgentAnswer, context: &mut Context) -> Outcome {
    let AgentAnswer::Lease(lease) = answer else {
        return Err(in_run::other_answer());
    };
    show_lease(&lease, context);
    Ok(exit::OK)
}

fn show_lease(lease: &LeaseTold, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(&LeaseAnswer::new(lease));
    } else {
        context.ui.line(&format!(
            "{}  held until {}",
            lease.subject,
            time(lease.expires_ms)
        ));
    }
}

pub(super) fn heartbeat(args: &HeartbeatArgs, context: &mut Context) -> Outcome {
    let ttl_ms = args
        .ttl
        .as_deref()
        .map(|text| lease_ms(&context.workspace, Some(text)))
        .transpose()?;
    let (store, _, token) = args.held.open("heartbeat", context)?;
    let cx = context.workspace.cx()?;
    let lease = commit(store, &cx, |tx, cx| {
        lease::heartbeat(tx, cx, &token, ttl_ms)
    })?;
    show_lease(&LeaseTold::of(&lease, &cx.now), context);
    Ok(exit::OK)
}

pub(super) fn checkpoint(args: &CheckpointArgs, context: &mut Context) -> Outcome {
    let (store, _, token) = args.held.open("checkpoint", context)?;
    let cx = context.workspace.cx()?;
    let lease = commit(store, &cx, |tx, cx| {
        lease::checkpoint(tx, cx, &token, args.next_step.clone())
    })?;
    show_lease(&LeaseTold::of(&lease, &cx.now), context);
    Ok(exit::OK)
}

pub(super) fn release(args: &TaskReleaseArgs, context: &mut Context) -> Outcome {
    let (store, id, token) = args.held.open("release", context)?;
    let cx = context.workspace.cx()?;
    commit(store, &cx, |tx, cx| {
        lease::release(tx, cx, &token, args.next_step.clone())
    })?;
    token::forget(&context.workspace, &token)?;
    finish(store, &id, context)
}

pub(super) fn handoff(args: &HandoffArgs, context: &mut Context) -> Outcome {
    let to = parse_actor(&args.to)?;
    let (store, _, token) = args.held.open("handoff", context)?;
    let cx = context.workspace.cx()?;
    let claimed = commit(store, &cx, |tx, cx| {
        lease::handoff(tx, cx, &token, to, args.next_step.clone())
    })?;
    token::forget(&context.workspace, &token)?;
    show(&claimed, context);
    Ok(exit::OK)
}

pub(super) fn fail(args: &FailArgs, context: &mut Context) -> Outcome {
    let (store, id, token) = args.held.open("fail", context)?;
    let cx = context.workspace.cx()?;
    commit(store, &cx, |tx, cx| {
        lease::fail(tx, cx, &token, args.reason.clone())
    })?;
    token::forget(&context.workspace, &token)?;
    finish(store, &id, context)
}

/// Shows the task as it stands now.
fn finish(store: &mut dyn Store, id: &TaskId, context: &mut Context) -> Outcome {
    let task = store.read(|tx| cx::load(tx, id))?;
    if context.ui.json() {
        context.ui.object(&task);
    } else {
        context
            .ui
            .line(&format!("{}  {}", task.id, task.status_text()));
    }
    Ok(exit::OK)
}
