//! Calls outside of a run: the operations of the commands, in the name of the session's agent.

use serde_json::{Value, json};

use crate::app::done::{self, DoneAsk};
use crate::app::error::AppError;
use crate::app::in_run::{LeaseTold, LockTold};
use crate::app::lease_time::lease_ms;
use crate::app::token::{self, TokenAsk};
use crate::app::workspace::{Workspace, now};
use crate::base::env;
use crate::domain::ids::Subject;
use crate::domain::lease::Token;
use crate::domain::message::{MessageReader, MessageWay};
use crate::domain::path_lock::LockMode;
use crate::domain::task::Task;
use crate::mcp::answer::{GrantedTask, ReadyTask, ShownTask, json as to_json};
use crate::mcp::tools::{ClaimArgs, LockArgs, SendArgs, ToolCall};
use crate::ops::claim::{self, Which};
use crate::ops::cx::{self, commit};
use crate::ops::error::OpError;
use crate::ops::fitness::AgentRoster;
use crate::ops::mail::MessagesMeant;
use crate::ops::ready::ReadyAsked;
use crate::ops::send::{self, AddressBook};
use crate::ops::{backup, edit, land, lease, lock, mail, schedule, why, why_agent};
use crate::store::{Access, Flow, Store, StoreError};

/// Tasks that are listed where nobody says how many.
const FIRST_READY: u32 = 10;

/// Answers a call.
pub(super) fn answer(workspace: &Workspace, call: ToolCall) -> Result<Value, AppError> {
    match call {
        ToolCall::Ready(args) => ready(workspace, args.limit.unwrap_or(FIRST_READY)),
        ToolCall::Show(args) => show(workspace, &named(args.task)?),
        ToolCall::Why(args) => why_of(workspace, &named(args.task)?),
        ToolCall::Claim(args) => claim(workspace, args),
        ToolCall::Heartbeat(args) => {
            let handle = args.lease.ok_or_else(no_handle)?;
            renew(workspace, "heartbeat", &handle, None)
        }
        ToolCall::Checkpoint(args) => {
            let handle = args.lease.ok_or_else(no_handle)?;
            refuse_lock(&handle, "no next step")?;
            renew(workspace, "checkpoint", &handle, Some(args.next_step))
        }
        ToolCall::Release(args) => {
            refuse_lock(&args.lease, "no task to give back")?;
            release(workspace, &args.lease, args.next_step)
        }
        ToolCall::Submit(args) => {
            let handle = args.lease.ok_or_else(no_handle)?;
            refuse_lock(&handle, "no work to hand in")?;
            submit(workspace, &handle)
        }
        ToolCall::Lock(args) => lock_paths(workspace, &args),
        ToolCall::Unlock(args) => {
            refuse_task(&args.lease)?;
            unlock(workspace, &args.lease)
        }
        ToolCall::Note(args) => note(workspace, &named(args.task)?, &args.text),
        ToolCall::Send(args) => send_message(workspace, &args),
        ToolCall::Inbox(args) => inbox(workspace, args.ack.as_deref()),
        ToolCall::CheckPath(args) => check_path(workspace, &args.paths),
    }
}

fn named(task: Option<String>) -> Result<String, AppError> {
    task.ok_or_else(|| {
        AppError::usage("no task is named").hint("`ready` lists the tasks that can be claimed")
    })
}

fn no_handle() -> AppError {
    AppError::usage("no lease handle is given").hint("`claim` returns one; give it as `lease`")
}

/// Refuses the handle of a lock where that of a task is wanted, before anything is written.
fn refuse_lock(handle: &str, lacks: &str) -> Result<(), AppError> {
    let token = parsed(handle)?;
    if token.subject.task().is_some() {
        return Ok(());
    }
    let text = format!(
        "the handle is that of the lock {}, which has {lacks}",
        token.subject
    );
    Err(AppError::usage(text).hint("`unlock` gives a lock back; give the handle from `claim` here"))
}

/// Refuses the handle of a task where that of a lock is wanted.
fn refuse_task(handle: &str) -> Result<(), AppError> {
    match parsed(handle)?.subject.task() {
        None => Ok(()),
        Some(task) => {
            let text = format!("the handle is that of the task {task}, and no lock's");
            Err(AppError::usage(text)
                .hint("`release` gives a task back; give the handle from `lock` here"))
        }
    }
}

fn parsed(handle: &str) -> Result<Token, AppError> {
    Token::parse(handle)
        .map_err(|e| AppError::usage(e.to_string()).hint("`claim` and `lock` return a handle"))
}

fn ready(workspace: &Workspace, limit: u32) -> Result<Value, AppError> {
    let cx = workspace.cx_for_reading()?;
    let roster = AgentRoster::read(&cx)?;
    let asked = ReadyAsked {
        cx: &cx,
        roster: &roster,
        wanted: Some(limit.into()),
        now_ms: now().wall_ms,
    };
    let mut tasks = Vec::new();
    let count = workspace.open_store(Access::Read)?.read(|tx| {
        asked.each(tx, &mut |line| {
            let task: Task = serde_json::from_str(line.json).map_err(|source| StoreError::Row {
                row: format!("task {}", line.id),
                source: source.into(),
            })?;
            tasks.push(ReadyTask {
                id: task.id,
                title: task.title,
                priority: task.priority,
                kind: task.kind,
                paths: task.paths.into_iter().map(|path| path.pattern).collect(),
            });
            Ok(Flow::More)
        })
    })?;
    Ok(json!({ "tasks": to_json(&tasks)?, "ready_for_others": count.passed_over }))
}

fn show(workspace: &Workspace, task: &str) -> Result<Value, AppError> {
    let (cx, config) = (workspace.cx_for_reading()?, workspace.config()?);
    let shown = workspace
        .open_store(Access::Read)?
        .read(|tx| -> Result<_, OpError> {
            let (task, gates) = why::why(tx, &cx, config, task)?;
            let lease = tx.lease(&task.id.subject())?;
            Ok(ShownTask {
                needs: tx.deps(&task.id)?,
                lease: lease.map(|lease| LeaseTold::of(&lease, &cx.now)),
                messages: mail::of_task(tx, &task.id)?,
                task,
                gates,
            })
        })?;
    to_json(&shown)
}

fn why_of(workspace: &Workspace, task: &str) -> Result<Value, AppError> {
    let (cx, config) = (workspace.cx_for_reading()?, workspace.config()?);
    let mut store = workspace.open_store(Access::Read)?;
    let (task, mut gates, messages) = store.read(|tx| -> Result<_, OpError> {
        let (task, gates) = why::why(tx, &cx, config, task)?;
        let messages = mail::of_task(tx, &task.id)?;
        Ok((task, gates, messages))
    })?;
    // Agents are files: where they cannot be looked at, what holds the task is told all the same.
    let agents = workspace.world(Box::new(|_| ())).and_then(|world| {
        land::add_gate(&world, &mut *store, &task, &mut gates)?;
        land::add_conflict(&world, &mut *store, &task, &mut gates)?;
        why_agent::add(&world, &mut *store, &task, &mut gates)?;
        schedule::add_kept(&world, &mut *store, &task, &mut gates)?;
        Ok(schedule::add_landing(
            &world,
            &mut *store,
            &task,
            &mut gates,
        )?)
    });
    let unseen = agents.err().map(|error| error.to_string());
    Ok(json!({
        "task": task.id, "status": task.state.name(), "gates": to_json(&gates)?, "agents_unseen": unseen,
        "messages": to_json(&messages)?,
    }))
}

fn claim(workspace: &Workspace, args: ClaimArgs) -> Result<Value, AppError> {
    let ttl_ms = lease_ms(workspace, args.ttl.as_deref())?;
    let which = args.task.map_or(Which::Next, Which::Task);
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let claimed = claim::run(&mut *store, &cx, &which, ttl_ms)?;
    token::keep(workspace, &claimed.lease, &claimed.token)?;
    // Hooks of Git know whoever commits by this alone; the lease is this session's.
    let shell = format!("export {}={}", env::AI_ACTOR, claimed.lease.holder);
    to_json(&GrantedTask {
        what: json!({ "task": to_json(&claimed.task)?, "shell": shell }),
        lease: claimed.token.reveal(),
        expires_ms: claimed.lease.expires_ms,
        warnings: claimed.warnings,
    })
}

/// The token of a handle, where it counts for this session.
fn token_of(
    workspace: &Workspace,
    store: &mut dyn Store,
    (handle, tried): (&str, &str),
) -> Result<Token, AppError> {
    let subject: Subject = parsed(handle)?.subject;
    let ask = TokenAsk {
        subject: &subject,
        flag: Some(handle),
        tried,
    };
    token::find(workspace, store, ask)
}

fn renew(
    workspace: &Workspace,
    tried: &str,
    handle: &str,
    next_step: Option<String>,
) -> Result<Value, AppError> {
    let mut store = workspace.open_store(Access::Write)?;
    let token = token_of(workspace, &mut *store, (handle, tried))?;
    let cx = workspace.cx()?;
    let lease = commit(&mut *store, &cx, |tx, cx| match next_step.clone() {
        None => lease::heartbeat(tx, cx, &token, None),
        Some(next_step) => lease::checkpoint(tx, cx, &token, next_step),
    })?;
    to_json(&LeaseTold::of(&lease, &cx.now))
}

fn release(
    workspace: &Workspace,
    handle: &str,
    next_step: Option<String>,
) -> Result<Value, AppError> {
    let mut store = workspace.open_store(Access::Write)?;
    let token = token_of(workspace, &mut *store, (handle, "release"))?;
    let cx = workspace.cx()?;
    commit(&mut *store, &cx, |tx, cx| {
        lease::release(tx, cx, &token, next_step.clone())
    })?;
    token::forget(workspace, &token)?;
    let subject = token.subject.to_string();
    let task = store.read(|tx| -> Result<_, OpError> {
        let id = cx::resolve(tx, &subject)?;
        cx::load(tx, &id)
    })?;
    Ok(json!({ "task": task.id, "status": task.state.name() }))
}

fn submit(workspace: &Workspace, handle: &str) -> Result<Value, AppError> {
    let mut store = workspace.open_store(Access::Write)?;
    let token = token_of(workspace, &mut *store, (handle, "done"))?;
    let world = workspace.world(Box::new(|_| ()))?;
    let subject = token.subject.to_string();
    let ask = DoneAsk {
        task: &subject,
        lease: Some(handle),
        overridden: None,
    };
    let report = done::end(workspace, &world, &mut *store, &ask)?;
    // A backup that cannot be made now is told by `ai doctor`; the work is in.
    let _later = backup::roll_if_due(&workspace.state_dir()?, now().wall_ms, backup::MAX_AGE);
    Ok(json!({
        "task": report.task.id, "status": report.task.state.name(), "verdict": report.handed_in, "warnings": report.warnings,
    }))
}

fn lock_paths(workspace: &Workspace, args: &LockArgs) -> Result<Value, AppError> {
    let ttl_ms = lease_ms(workspace, args.ttl.as_deref())?;
    let mode = match args.shared {
        Some(true) => LockMode::Shared,
        Some(false) | None => LockMode::Exclusive,
    };
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let acquired = commit(&mut *store, &cx, |tx, cx| {
        lock::acquire(tx, cx, &args.globs, mode, ttl_ms)
    })?;
    token::keep(workspace, &acquired.lease, &acquired.token)?;
    let patterns: Vec<&str> = acquired.locks.iter().map(|l| l.pattern.as_str()).collect();
    to_json(&GrantedTask {
        what: json!({ "lock": acquired.lease.subject, "mode": mode, "patterns": patterns }),
        lease: acquired.token.reveal(),
        expires_ms: acquired.lease.expires_ms,
        warnings: Vec::new(),
    })
}

fn unlock(workspace: &Workspace, handle: &str) -> Result<Value, AppError> {
    let mut store = workspace.open_store(Access::Write)?;
    let token = token_of(workspace, &mut *store, (handle, "release"))?;
    let shown = token::by_hand(workspace, Some(handle))?;
    let cx = workspace.cx()?;
    let subject = commit(&mut *store, &cx, |tx, cx| {
        lock::release(tx, cx, token.subject.as_str(), shown.as_ref())
    })?;
    token::forget_lock(workspace, &subject)?;
    Ok(json!({ "released": subject }))
}

fn note(workspace: &Workspace, task: &str, text: &str) -> Result<Value, AppError> {
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let task = commit(&mut *store, &cx, |tx, cx| {
        edit::note(tx, cx, task, text.to_owned())
    })?;
    Ok(json!({ "task": task.id, "notes": task.notes.len() }))
}

fn send_message(workspace: &Workspace, args: &SendArgs) -> Result<Value, AppError> {
    let book = AddressBook::of(workspace.root()?)?;
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let sent = commit(&mut *store, &cx, |tx, cx| {
        send::send(tx, cx, &book, (&args.to, &args.text))
    })?;
    to_json(&sent)
}

fn inbox(workspace: &Workspace, ack: Option<&[String]>) -> Result<Value, AppError> {
    let messages = match ack {
        Some(ids) => {
            let cx = workspace.cx()?;
            let mut store = workspace.open_store(Access::Write)?;
            commit(&mut *store, &cx, |tx, cx| {
                let held = mail::held_by(tx, cx)?;
                let reader = MessageReader {
                    actor: &cx.actor,
                    held: &held,
                    run: None,
                };
                mail::mark(
                    tx,
                    cx,
                    (&reader, MessagesMeant::Named(ids)),
                    &MessageWay::Inbox,
                )
            })?
        }
        None => {
            let cx = workspace.cx_for_reading()?;
            let mut store = workspace.open_store(Access::Read)?;
            store.read(|tx| -> Result<_, OpError> {
                let held = mail::held_by(tx, &cx)?;
                let reader = MessageReader {
                    actor: &cx.actor,
                    held: &held,
                    run: None,
                };
                mail::inbox(tx, Some(&reader))
            })?
        }
    };
    Ok(json!({ "messages": to_json(&messages)? }))
}

fn check_path(workspace: &Workspace, paths: &[String]) -> Result<Value, AppError> {
    let cx = workspace.cx_for_reading()?;
    let shown = token::at_hand(workspace)?;
    let blocked = workspace
        .open_store(Access::Read)?
        .read(|tx| -> Result<_, OpError> {
            let own = lock::opened_by(tx, &cx, &shown)?;
            lock::check(tx, &cx, paths, &own)
        })?;
    let told: Vec<LockTold> = blocked.iter().map(LockTold::from).collect();
    Ok(json!({ "locked": to_json(&told)? }))
}
