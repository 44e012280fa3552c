//! The questions of an agent inside of a run, and the way in which they are asked: one request and one answer a
//! connection, each a line of JSON with the version of the protocol.
//!
//! The socket is the run's, so a request names no run and shows no token of its lease, but a word that
//! only the run's own agent was given; the task is named all the same, so that nobody takes an answer about this one for one about another. Both sides are here:
//! the words, and the call by which a front end asks.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::app::error::AppError;
use crate::base::env;
use crate::base::socket;
use crate::base::text::one_line;
use crate::connector::dialogue::AskedCall;
use crate::domain::actor::Actor;
use crate::domain::error_class::ErrorClass;
use crate::domain::friction::Friction;
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::path_lock::LockMode;
use crate::domain::task::Task;
use crate::domain::time::Now;
use crate::ops::gates::Gate;
use crate::ops::lock::Blocked;
use crate::ops::send::MessageSent;

/// The version of the protocol. A request of another one is refused in words that say which.
pub const VERSION: u32 = 1;
/// Longest request, in bytes.
pub const REQUEST_CAP: usize = 64 << 10;
/// Most paths of one request.
pub const MOST_PATHS: usize = 256;
/// Longest answer that is read, in bytes.
const ANSWER_CAP: usize = 32 << 20;
/// An answer may take as long as a busy store lets a writer wait, and a little more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentRequest {
    /// The version of the protocol.
    pub version: u32,
    /// The word by which the supervisor knows its own agent: users and paths tell no run from another.
    #[serde(default)]
    pub key: String,
    /// The question.
    pub ask: AgentAsk,
}

/// A question. A task is named as at the terminal: by its id or a prefix of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AgentAsk {
    /// Shows the task.
    Show {
        /// The task.
        task: String,
    },
    /// Tells what holds the task.
    Why {
        /// The task; absent for the run's own.
        task: Option<String>,
    },
    /// Renews the lease.
    Heartbeat {
        /// The task.
        task: String,
    },
    /// Leaves word for whoever goes on, and renews the lease.
    Checkpoint {
        /// The task.
        task: String,
        /// The next step.
        next_step: String,
    },
    /// Leaves a note on the task.
    Note {
        /// The task.
        task: String,
        /// The text.
        text: String,
    },
    /// Tells of what got in the way.
    Friction {
        /// The text.
        text: String,
        /// The task at which it was met; absent for the run's own.
        task: Option<String>,
    },
    /// Writes to a task, an agent or people.
    Send {
        /// The addressee, as at the terminal.
        to: String,
        /// The text.
        text: String,
    },
    /// Reads the messages to the agent and to its task.
    Inbox {
        /// The ids of those that are marked as seen, all that wait where there are none; absent where they are only looked at.
        ack: Option<Vec<String>>,
    },
    /// Says that the work is finished. Proof comes at the end of the run, whatever is said here.
    Submit {
        /// The task.
        task: String,
    },
    /// Tells who else has locked these paths.
    LockCheck {
        /// Paths relative to the root of the repository.
        paths: Vec<String>,
    },
    /// Asks whether a tool may be called, as the hook of the agent's CLI does.
    PreTool {
        /// The call.
        call: AskedCall,
    },
}

/// A reply.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The version of the protocol.
    pub version: u32,
    /// The answer, or the refusal.
    #[serde(flatten)]
    pub outcome: ReplyOutcome,
}

/// The content of a reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyOutcome {
    /// It happened.
    Answer(AgentAnswer),
    /// It did not.
    Error(RefusalTold),
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentAnswer {
    /// The task.
    Task(Box<TaskTold>),
    /// The gates that hold it.
    Gates(Box<GatesTold>),
    /// The renewed lease.
    Lease(LeaseTold),
    /// The paths that somebody else has locked.
    Locked(Vec<LockTold>),
    /// The note, or the word that the work is finished, stands on the task.
    Noted(NoteTold),
    /// The friction stands in the log.
    Friction(Box<Friction>),
    /// The message stands in the log.
    Sent(Box<MessageSent>),
    /// The messages, or those that were marked.
    Messages(Vec<Message>),
    /// The tool may be called.
    MayCall,
}

/// A note that was taken.
#[derive(Debug, Serialize, Deserialize)]
pub struct NoteTold {
    /// The task.
    pub task: TaskId,
    /// The number of its notes.
    pub notes: usize,
    /// What comes of it, where that is more than a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A task with all that `ai task show` tells.
#[derive(Debug, Serialize, Deserialize)]
pub struct TaskTold {
    /// The task.
    pub task: Task,
    /// Its lease.
    pub lease: Option<LeaseTold>,
    /// The gates that hold it.
    pub gates: Vec<Gate>,
    /// The tasks that it needs.
    pub deps: Vec<TaskId>,
    /// The messages to it that nobody has seen.
    pub messages: Vec<Message>,
}

/// A task and what holds it.
#[derive(Debug, Serialize, Deserialize)]
pub struct GatesTold {
    /// The task.
    pub task: Task,
    /// The gates that hold it.
    pub gates: Vec<Gate>,
    /// The messages to it that nobody has seen.
    pub messages: Vec<Message>,
}

/// A lease without anything by which it could be proven.
#[derive(Debug, Serialize, Deserialize)]
pub struct LeaseTold {
    /// The subject.
    pub subject: Subject,
    /// The number of the grant.
    pub epoch: u64,
    /// The holder.
    pub holder: Actor,
    /// Duration of a renewal, in milliseconds.
    pub ttl_ms: i64,
    /// Time of expiry by the wall clock.
    pub expires_ms: i64,
    /// False where it has lapsed.
    pub live: bool,
}

/// A path that somebody else has locked.
#[derive(Debug, Serialize, Deserialize)]
pub struct LockTold {
    /// The path that was asked about.
    pub path: String,
    /// The task or lock that holds it.
    pub locked_by: Subject,
    /// The glob that matches.
    pub pattern: String,
    /// The mode in which it is held.
    pub mode: LockMode,
    /// The holder.
    pub holder: Actor,
    /// Time of expiry by the wall clock.
    pub expires_ms: i64,
}

/// A refusal, as the error of a command has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RefusalTold {
    /// The name of the class.
    pub kind: String,
    /// The failure and its reason.
    pub message: String,
    /// The next command, where one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl LeaseTold {
    /// The lease as it stands at `now`.
    pub fn of(lease: &Lease, now: &Now) -> LeaseTold {
        LeaseTold {
            subject: lease.subject.clone(),
            epoch: lease.epoch,
            holder: lease.holder.clone(),
            ttl_ms: lease.ttl_ms,
            expires_ms: lease.expires_ms,
            live: lease.binds(now),
        }
    }
}

impl From<&Blocked> for LockTold {
    fn from(one: &Blocked) -> LockTold {
        LockTold {
            path: one.path.clone(),
            locked_by: one.lock.subject.clone(),
            pattern: one.lock.pattern.clone(),
            mode: one.lock.mode,
            holder: one.lease.holder.clone(),
            expires_ms: one.lease.expires_ms,
        }
    }
}

impl From<&AppError> for RefusalTold {
    fn from(error: &AppError) -> RefusalTold {
        RefusalTold {
            kind: error.class.name().to_owned(),
            message: error.message.clone(),
            next: error.hint.clone(),
        }
    }
}

impl From<RefusalTold> for AppError {
    fn from(refused: RefusalTold) -> AppError {
        let class = ErrorClass::ALL
            .into_iter()
            .find(|class| class.name() == refused.kind)
            .unwrap_or(ErrorClass::Failed);
        let error = AppError::new(class, refused.message);
        match refused.next {
            Some(next) => error.hint(next),
            None => error,
        }
    }
}

/// The socket of the run in which this process lives, where it is the agent's.
pub fn socket() -> Option<PathBuf> {
    env::os(env::AI_SOCKET)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Asks the supervisor of the run, and waits for its answer.
pub fn ask(path: &Path, ask: AgentAsk) -> Result<AgentAnswer, AppError> {
    let request = AgentRequest {
        version: VERSION,
        key: env::text(env::AI_SOCKET_KEY).unwrap_or_default(),
        ask,
    };
    let mut text = serde_json::to_vec(&request).map_err(|e| AppError::usage(e.to_string()))?;
    if text.len() > REQUEST_CAP {
        return Err(too_long());
    }
    text.push(b'\n');
    let line = call(path, &text).map_err(unreached)?;
    let reply: Reply = serde_json::from_slice(&line).map_err(|why| {
        let message = format!("the supervisor of this run gave no answer that can be read: {why}");
        AppError::new(ErrorClass::TryLater, message)
    })?;
    match reply.outcome {
        ReplyOutcome::Answer(answer) => Ok(answer),
        ReplyOutcome::Error(refused) => Err(refused.into()),
    }
}

/// An answer to something that was not asked.
pub fn other_answer() -> AppError {
    AppError::new(
        ErrorClass::TryLater,
        "the supervisor of this run answered something else",
    )
    .hint("the same command again in a moment")
}

/// The refusal of everything that only the person outside can do.
pub fn not_available() -> AppError {
    AppError::new(
        ErrorClass::Denied,
        "inside of a run this command is not available: its agent has `ai task show`, `ai task heartbeat`, `ai task checkpoint` and `ai why` \
         for its own task, `ai lock check`, `ai friction add`, `ai send` and `ai inbox`",
    )
}

/// Refuses another name than that of the run's agent: it would be passed over, and whoever gave it would take the word for said in that name.
pub fn refuse_other_name(named: Option<&str>) -> Result<(), AppError> {
    let own = env::text(env::AI_ACTOR);
    match named.filter(|named| own.as_deref() != Some(*named)) {
        None => Ok(()),
        Some(named) => Err(AppError::new(
            ErrorClass::Denied,
            format!(
                "inside of a run its agent writes and reads as itself, not as `{}`",
                one_line(named)
            ),
        )
        .hint("leave `--as` away")),
    }
}

/// A request that is longer than any may be.
pub fn too_long() -> AppError {
    AppError::usage(format!(
        "inside of a run a request has at most {} KiB",
        REQUEST_CAP >> 10
    ))
    .hint("put it into a file of your worktree, and name that")
}

fn call(path: &Path, request: &[u8]) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let mut stream = socket::connect(path)?;
    // A supervisor that had no time for this caller may have hung up; its word is read all the
    // same.
    let sent = socket::write_all(&mut stream, request, until);
    let answer = socket::read_line(&mut stream, ANSWER_CAP, until)?;
    if answer.is_empty() {
        sent?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

fn unreached(error: io::Error) -> AppError {
    use io::ErrorKind::{ConnectionRefused, NotFound};
    if matches!(error.kind(), NotFound | ConnectionRefused) {
        let message = "the run that started this process has ended: nobody answers for it any more";
        return AppError::new(ErrorClass::LeaseLost, message)
            .hint("stop working on it: what was done stands on the branch of the run");
    }
    AppError::new(
        ErrorClass::TryLater,
        format!("the supervisor of this run did not answer: {error}"),
    )
    .hint("the same command again in a moment")
}
