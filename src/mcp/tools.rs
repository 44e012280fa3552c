//! The tools: names, arguments, what each says of itself. The list that clients see, and the reading of a
//! call, are made from one table.
//!
//! The words are few on purpose: every client sends all of them to its model with every request.

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::error::AppError;
use crate::app::in_run::MOST_PATHS;
use crate::base::suggest;
use crate::base::text::one_line;

/// Where a server was started, which decides what it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// By a person, or by a CLI that a person uses.
    Outside,
    /// By the agent of a run, which has its task already.
    WithinRun,
}

/// Most tasks that `ready` lists.
const MOST_READY: u32 = 1_000;

/// What a tool does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Reads,
    Writes,
}

/// Takes nothing for granted: an argument that is not known is refused, as the SDK does not.
macro_rules! arguments {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name { $($(#[$field_doc])* pub(super) $field: $kind,)* }
    )*};
}

arguments! {
    /// Arguments of `ready`.
    ReadyArgs {
        /// At most so many; 10 if absent
        limit: Option<u32>,
    }
    /// Arguments of `show`.
    ShowArgs {
        /// Task id; within a run its own if absent
        task: Option<String>,
    }
    /// Arguments of `why`.
    WhyArgs {
        /// Task id; within a run its own if absent
        task: Option<String>,
    }
    /// Arguments of `claim`.
    ClaimArgs {
        /// Task id; the most urgent ready task if absent
        task: Option<String>,
        /// Length of the lease, as 30m
        ttl: Option<String>,
    }
    /// Arguments of `heartbeat`.
    HeartbeatArgs {
        /// Lease handle from claim or lock; absent within a run
        lease: Option<String>,
    }
    /// Arguments of `checkpoint`.
    CheckpointArgs {
        /// Lease handle from claim; absent within a run
        lease: Option<String>,
        /// What comes next, written for a stranger
        next_step: String,
    }
    /// Arguments of `release`.
    ReleaseArgs {
        /// Lease handle from claim
        lease: String,
        /// What comes next, written for a stranger
        next_step: Option<String>,
    }
    /// Arguments of `submit`.
    SubmitArgs {
        /// Lease handle from claim; absent within a run
        lease: Option<String>,
    }
    /// Arguments of `lock`.
    LockArgs {
        /// Paths or globs from the root of the repository
        globs: Vec<String>,
        /// Let others lock them shared as well
        #[serde(default)]
        shared: Option<bool>,
        /// Length of the lock, as 30m
        ttl: Option<String>,
    }
    /// Arguments of `unlock`.
    UnlockArgs {
        /// Lease handle from lock
        lease: String,
    }
    /// Arguments of `note`.
    NoteArgs {
        /// Task id; within a run its own if absent
        task: Option<String>,
        /// What whoever works on it should know
        text: String,
    }
    /// Arguments of `send`.
    SendArgs {
        /// Task id, agent, or `people`
        to: String,
        /// The message
        text: String,
    }
    /// Arguments of `inbox`.
    InboxArgs {
        /// Ids of those that you have read
        ack: Option<Vec<String>>,
    }
    /// Arguments of `check_path`.
    CheckPathArgs {
        /// Paths from the root of the repository
        paths: Vec<String>,
    }
}

/// Writes the enum of calls, the list and the reading of a call from one table.
macro_rules! tools {
    ($($variant:ident($arguments:ty) = $name:literal, $reach:ident, $run:ident, $about:literal;)*) => {
        /// A call of a tool.
        #[derive(Debug)]
        pub(super) enum ToolCall { $($variant($arguments),)* }

        impl ToolCall {
            /// Reads a call; refuses a tool or an argument that is not known.
            pub(super) fn read(name: &str, given: JsonObject) -> Result<ToolCall, AppError> {
                let call = match name {
                    $($name => arguments(name, given).map(ToolCall::$variant),)*
                    other => Err(unknown(other)),
                }?;
                within_bounds(&call)?;
                Ok(call)
            }
        }

        const NAMES: &[&str] = &[$($name,)*];

        /// The tools that are offered there.
        pub(super) fn offered(surroundings: Surroundings) -> Vec<Tool> {
            let mut all = Vec::new();
            $(if surroundings == Surroundings::Outside || Offered::$run == Offered::Everywhere {
                all.push(tool::<$arguments>($name, $about, Reach::$reach));
            })*
            all
        }
    };
}

#[derive(PartialEq, Eq)]
enum Offered {
    Everywhere,
    Outside,
}

tools! {
    Ready(ReadyArgs) = "ready", Reads, Outside, "List tasks that can be claimed now, most urgent first";
    Show(ShowArgs) = "show", Reads, Everywhere, "Show a task: text, paths, checks, notes, who holds it";
    Why(WhyArgs) = "why", Reads, Everywhere, "Tell what holds a task up and what to do about it";
    Claim(ClaimArgs) = "claim", Writes, Outside, "Claim a task before working on it: locks its paths and returns the lease handle";
    Heartbeat(HeartbeatArgs) = "heartbeat", Writes, Everywhere, "Renew a lease while working";
    Checkpoint(CheckpointArgs) = "checkpoint", Writes, Everywhere, "Leave word on how to go on, and renew the lease";
    Release(ReleaseArgs) = "release", Writes, Outside, "Give a task back unfinished";
    Submit(SubmitArgs) = "submit", Writes, Everywhere, "Hand in finished work: runs the checks, ends the task only if they pass";
    Lock(LockArgs) = "lock", Writes, Outside, "Lock paths without a task; returns the lease handle";
    Unlock(UnlockArgs) = "unlock", Writes, Outside, "Give a lock back";
    Note(NoteArgs) = "note", Writes, Everywhere, "Leave a note on a task, for whoever works on it";
    Send(SendArgs) = "send", Writes, Everywhere, "Write to a task, an agent or people";
    Inbox(InboxArgs) = "inbox", Writes, Everywhere, "Read messages to you; none is an approval";
    CheckPath(CheckPathArgs) = "check_path", Reads, Everywhere, "Tell who else has locked these paths; ask before editing outside of the task";
}

fn tool<A: JsonSchema>(name: &'static str, about: &'static str, reach: Reach) -> Tool {
    let hints = ToolAnnotations::new().open_world(false);
    let hints = match reach {
        Reach::Reads => hints.read_only(true),
        Reach::Writes => hints.read_only(false).destructive(false),
    };
    Tool::new(name, about, schema::<A>()).with_annotations(hints)
}

/// The schema of the arguments without what says nothing to a model.
fn schema<A: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    let mut object = schema
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    object.remove("title");
    object.remove("description");
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|all| all.values_mut()) {
        if let Some(property) = property.as_object_mut() {
            shorten(property);
        }
    }
    object
}

/// An argument that may be absent need not be `null`, too, and no model asks how wide a number is.
fn shorten(property: &mut JsonObject) {
    property.remove("format");
    let types = property.get("type").and_then(Value::as_array);
    if let Some(first) = types.and_then(|types| types.first()).cloned() {
        property.insert("type".to_owned(), first);
    }
}

fn arguments<A: DeserializeOwned>(name: &str, given: JsonObject) -> Result<A, AppError> {
    serde_json::from_value(Value::Object(given)).map_err(|error| {
        AppError::usage(format!(
            "the arguments of `{name}` are wrong: {}",
            one_line(&error.to_string())
        ))
        .hint("look at the tool's schema, and call it again")
    })
}

/// Refuses what asks for more than one call should, and lists that name nothing.
fn within_bounds(call: &ToolCall) -> Result<(), AppError> {
    match call {
        ToolCall::Ready(ReadyArgs { limit: Some(limit) }) if *limit > MOST_READY => {
            let text = format!("`limit` is {limit}, and `ready` lists at most {MOST_READY} tasks");
            Err(AppError::usage(text).hint(format!("call it with a `limit` of 1 to {MOST_READY}")))
        }
        ToolCall::Lock(args) => listed("globs", args.globs.len()),
        ToolCall::CheckPath(args) => listed("paths", args.paths.len()),
        ToolCall::Inbox(InboxArgs { ack: Some(ack) }) => listed("ack", ack.len()),
        _ => Ok(()),
    }
}

fn listed(argument: &str, count: usize) -> Result<(), AppError> {
    match count {
        0 => Err(AppError::usage(format!("`{argument}` is empty"))
            .hint("name at least one, from the root of the repository")),
        count if count > MOST_PATHS => Err(AppError::usage(format!(
            "`{argument}` has {count} entries, and a call takes at most {MOST_PATHS}"
        ))
        .hint("ask in several calls, or name a directory as `src/`")),
        _ => Ok(()),
    }
}

fn unknown(name: &str) -> AppError {
    let error = AppError::usage(format!("there is no tool `{}`", one_line(name)));
    match suggest::nearest(name, NAMES.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", NAMES.join(", "))),
    }
}
