//! `ai lock acquire|list|release|check`

use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::exit;
use crate::app::in_run::{self, AgentAnswer, AgentAsk, LockTold};
use crate::app::lease_time::lease_ms;
use crate::app::token;
use crate::app::workspace::now;
use crate::base::shown_time::time;
use crate::base::text::one_line;
use crate::cli::answer::{Granted, LockAnswer, LockLine, LockReleased, LockedByHand, LockedPath};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::lease::LeaseLiveness;
use crate::domain::path_lock::LockMode;
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::lock;
use crate::ops::patterns::mode_word;
use crate::ops::refusal::seconds;
use crate::store::Access;

/// Lock paths by hand, list and check locks
#[derive(Subcommand)]
pub(in crate::cli) enum LockCommand {
    /// Lock paths without a task
    Acquire(AcquireArgs),
    /// List the locks that bind now, by hand and by claims
    List(LockListArgs),
    /// Give a lock back
    Release(LockReleaseArgs),
    /// Say who else has locked these paths; exit 4 where somebody has
    Check(LockCheckArgs),
}

#[derive(Args)]
pub(in crate::cli) struct AcquireArgs {
    /// What to lock
    #[arg(value_name = "GLOB", required = true)]
    globs: Vec<String>,
    /// Let others lock it shared as well; nobody may lock it exclusively
    #[arg(long)]
    shared: bool,
    /// How long it lasts
    #[arg(long, value_name = "30m")]
    ttl: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct LockListArgs {}

#[derive(Args)]
pub(in crate::cli) struct LockReleaseArgs {
    /// The lock; any unique prefix of its id
    id: String,
    /// The lock's token; not needed for one's own lock
    #[arg(long, value_name = "TOKEN")]
    lease: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct LockCheckArgs {
    /// Paths relative to the repository's root
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

pub(super) fn run(command: &LockCommand, context: &mut Context) -> Outcome {
    match command {
        LockCommand::Acquire(args) => acquire(args, context),
        LockCommand::List(_) => list(context),
        LockCommand::Release(args) => release(args, context),
        LockCommand::Check(args) => check(args, context),
    }
}

fn acquire(args: &AcquireArgs, context: &mut Context) -> Outcome {
    let ttl_ms = lease_ms(&context.workspace, args.ttl.as_deref())?;
    let mode = if args.shared {
        LockMode::Shared
    } else {
        LockMode::Exclusive
    };
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let acquired = commit(store, &cx, |tx, cx| {
        lock::acquire(tx, cx, &args.globs, mode, ttl_ms)
    })?;
    let lease = &acquired.lease;
    token::keep(&context.workspace, lease, &acquired.token)?;
    if context.ui.json() {
        let patterns = acquired.locks.iter().map(|l| l.pattern.clone()).collect();
        let lock = LockedByHand {
            id: lease.subject.clone(),
            mode,
            patterns,
        };
        context.ui.object(&LockAnswer {
            lock,
            lease: Granted::new(lease, &acquired.token),
        });
    } else {
        let patterns: Vec<String> = acquired
            .locks
            .iter()
            .map(|l| one_line(&l.pattern))
            .collect();
        let text = format!(
            "{}  {} {} until {}",
            lease.subject,
            mode_word(mode),
            patterns.join(" "),
            time(lease.expires_ms)
        );
        context.ui.line(&text);
    }
    Ok(exit::OK)
}

fn list(context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Read)?;
    let held = store.read(|tx| lock::list(tx, &cx))?;
    if held.is_empty() {
        context.ui.say("no path is locked");
    }
    let listing = Listing::new(&[
        ("LOCK", 0),
        ("MODE", 10),
        ("PATHS", 0),
        ("HOLDER", 0),
        ("LEFT", 0),
    ]);
    let mut rows = Vec::new();
    for one in &held {
        let left = match one.lease.liveness(&cx.now) {
            LeaseLiveness::Live(ms) => seconds(ms),
            LeaseLiveness::Lapsed | LeaseLiveness::Unknown => "?".to_owned(),
        };
        let more = if context.ui.json() {
            context.ui.object(&LockLine::new(one))
        } else {
            let (pattern, mode) = (one_line(&one.lock.pattern), mode_word(one.lock.mode));
            let cells: [Cell; 5] = [
                one.lock.subject.as_str().into(),
                mode.into(),
                pattern.into(),
                one_line(&one.lease.holder.to_string()).into(),
                format!("{left} left").into(),
            ];
            rows.push(cells.to_vec());
            true
        };
        if !more {
            break;
        }
    }
    context.ui.list(listing, &rows);
    Ok(exit::OK)
}

fn release(args: &LockReleaseArgs, context: &mut Context) -> Outcome {
    let shown = match &args.lease {
        Some(text) => token::by_hand(&context.workspace, Some(text))?,
        None => None,
    };
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let subject = commit(store, &cx, |tx, cx| {
        lock::release(tx, cx, &args.id, shown.as_ref())
    })?;
    token::forget_lock(&context.workspace, &subject)?;
    if context.ui.json() {
        context.ui.object(&LockReleased { released: subject });
    } else {
        context.ui.line(&format!("{subject}  released"));
    }
    Ok(exit::OK)
}

fn check(args: &LockCheckArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let shown = token::at_hand(&context.workspace)?;
    let store = context.store(Access::Read)?;
    let blocked = store.read(|tx| -> Result<_, OpError> {
        let own = lock::opened_by(tx, &cx, &shown)?;
        lock::check(tx, &cx, &args.paths, &own)
    })?;
    let told: Vec<LockTold> = blocked.iter().map(LockTold::from).collect();
    Ok(show_locked(&told, context))
}

/// The same inside of a run, where its supervisor answers.
pub(super) fn ask_the_run(command: &LockCommand, socket: &Path, context: &mut Context) -> Outcome {
    let LockCommand::Check(args) = command else {
        return Err(in_run::not_available());
    };
    let paths = args.paths.clone();
    let AgentAnswer::Locked(told) = in_run::ask(socket, AgentAsk::LockCheck { paths })? else {
        return Err(in_run::other_answer());
    };
    Ok(show_locked(&told, context))
}

fn show_locked(blocked: &[LockTold], context: &mut Context) -> u8 {
    let at = now();
    for one in blocked {
        if context.ui.json() {
            context.ui.object(&LockedPath {
                path: &one.path,
                locked_by: &one.locked_by,
                pattern: &one.pattern,
                mode: one.mode,
                holder: &one.holder,
                expires_ms: one.expires_ms,
            });
        } else {
            let left = seconds(one.expires_ms - at.wall_ms);
            let (path, pattern) = (one_line(&one.path), one_line(&one.pattern));
            let how = mode_word(one.mode);
            context.ui.line(&format!(
                "{path}  locked {how} by {} ({}, `{pattern}`) for {left}",
                one.holder, one.locked_by
            ));
        }
    }
    if blocked.is_empty() {
        exit::OK
    } else {
        exit::CONFLICT
    }
}
