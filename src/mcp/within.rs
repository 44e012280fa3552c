//! Calls within a run: its supervisor answers, as it does to the commands.

use std::path::Path;

use serde_json::Value;

use crate::app::error::AppError;
use crate::app::in_run::{self, AgentAnswer, AgentAsk};
use crate::base::env;
use crate::domain::ids::RunId;
use crate::mcp::answer::{ShownTask, json};
use crate::mcp::tools::ToolCall;

/// Answers a call at the supervisor's socket.
pub(super) fn answer(socket: &Path, call: ToolCall) -> Result<Value, AppError> {
    let ask = match call {
        ToolCall::Show(args) => AgentAsk::Show {
            task: args.task.map_or_else(own_task, Ok)?,
        },
        ToolCall::Why(args) => AgentAsk::Why { task: args.task },
        ToolCall::Heartbeat(args) => {
            refuse_handle(args.lease.as_deref())?;
            AgentAsk::Heartbeat { task: own_task()? }
        }
        ToolCall::Checkpoint(args) => {
            refuse_handle(args.lease.as_deref())?;
            AgentAsk::Checkpoint {
                task: own_task()?,
                next_step: args.next_step,
            }
        }
        ToolCall::Submit(args) => {
            refuse_handle(args.lease.as_deref())?;
            AgentAsk::Submit { task: own_task()? }
        }
        ToolCall::Note(args) => AgentAsk::Note {
            task: args.task.map_or_else(own_task, Ok)?,
            text: args.text,
        },
        ToolCall::Send(args) => AgentAsk::Send {
            to: args.to,
            text: args.text,
        },
        ToolCall::Inbox(args) => AgentAsk::Inbox { ack: args.ack },
        ToolCall::CheckPath(args) => AgentAsk::LockCheck { paths: args.paths },
        ToolCall::Ready(_)
        | ToolCall::Claim(_)
        | ToolCall::Release(_)
        | ToolCall::Lock(_)
        | ToolCall::Unlock(_) => return Err(in_run::not_available()),
    };
    match in_run::ask(socket, ask)? {
        AgentAnswer::Task(told) => json(&ShownTask {
            task: told.task,
            lease: told.lease,
            needs: told.deps,
            gates: told.gates,
            messages: told.messages,
        }),
        AgentAnswer::Gates(told) => json(&told),
        AgentAnswer::Lease(told) => json(&told),
        AgentAnswer::Noted(told) => json(&told),
        AgentAnswer::Sent(told) => json(&told),
        AgentAnswer::Messages(told) => json(&serde_json::json!({ "messages": told })),
        AgentAnswer::Locked(told) => json(&serde_json::json!({ "locked": told })),
        AgentAnswer::MayCall | AgentAnswer::Friction(_) => Err(in_run::other_answer()),
    }
}

fn own_task() -> Result<String, AppError> {
    let run = env::text(env::AI_RUN).map(RunId);
    run.map(|run| run.task().to_string())
        .ok_or_else(in_run::other_answer)
}

fn refuse_handle(lease: Option<&str>) -> Result<(), AppError> {
    match lease {
        Some(_) => Err(AppError::usage(
            "within a run no lease handle can be given: its supervisor holds the lease",
        )
        .hint("call it without `lease`")),
        None => Ok(()),
    }
}
