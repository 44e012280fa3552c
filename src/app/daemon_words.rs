//! The words in which a daemon is asked at its socket, and its answers: a line of JSON each. It greets, then answers
//! one request after another.
//!
//! Both sides are here: the words, and the call by which a front end asks. A request does what a command does, by
//! the same operation, or tells what the daemon itself sees; none of them can be done by the socket alone.
//! docs/daemon-protocol.md is for whoever writes another client.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::in_run::RefusalTold;
use crate::base::socket::{self, SocketLines};
use crate::base::text::one_line;
use crate::domain::daemon::{RunsAtStop, StandingOrder};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::time::WallMs;

/// The version of the protocol. A request of another one is refused in words that say which.
pub const PROTOCOL: u32 = 1;
/// Longest request, in bytes.
pub const REQUEST_CAP: usize = 16 << 10;
/// Longest answer that is read, in bytes.
const ANSWER_CAP: usize = 8 << 20;
/// A daemon answers from what it knows, so that one that takes longer stands still.
const PATIENCE: Duration = Duration::from_secs(3);

/// The first line of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaemonGreeting {
    /// The daemon listens.
    Hello(DaemonHello),
    /// The daemon does not, and hangs up.
    Error(RefusalTold),
}

/// The daemon that listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonHello {
    /// The version of the protocol that it speaks.
    pub protocol: u32,
    /// The version of `ai`.
    pub ai: String,
    /// The newest format of the store that it knows.
    pub store_format: String,
    /// The process of the daemon, as it names itself.
    pub pid: u32,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct DaemonRequest {
    /// The version of the protocol.
    pub protocol: u32,
    /// The question.
    pub ask: DaemonAsk,
}

/// A question to a daemon, or a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DaemonAsk {
    /// Tell everything that it sees.
    Status,
    /// Look at the queue now.
    Wake,
    /// Have nothing more started, as `ai daemon pause` does.
    Pause {
        /// The reason.
        #[serde(default)]
        reason: Option<String>,
    },
    /// The same, as `ai daemon drain` does.
    Drain {
        /// The reason.
        reason: String,
    },
    /// Take either back, as `ai daemon resume` does.
    Resume,
    /// End.
    Stop {
        /// Fate of the runs that are at work.
        runs: RunsAtStop,
    },
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonReply {
    /// The version of the protocol.
    pub protocol: u32,
    /// The answer, or the refusal.
    #[serde(flatten)]
    pub outcome: DaemonOutcome,
}

/// The content of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaemonOutcome {
    /// The request was done.
    Answer(DaemonWord),
    /// The request was refused.
    Error(RefusalTold),
}

/// An answer of a daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DaemonWord {
    /// The sight of the daemon.
    Status(Box<DaemonSight>),
    /// The order that stands now; none where it was taken back.
    Order(Option<StandingOrder>),
    /// The daemon will do so.
    Heard,
}

/// Activity of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DaemonPhase {
    /// Looking at the queue, and starting what may start.
    Looks,
    /// Waiting for news.
    Waits,
    /// Ending.
    Stops,
}

/// Everything that a daemon itself sees. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonSight {
    /// The activity.
    pub phase: DaemonPhase,
    /// The beginning of that, as far as it has told.
    pub since_ms: WallMs,
    /// The end of its last look at the queue; null before the first.
    pub looked_ms: Option<WallMs>,
    /// The time of its next look, should nobody have any news; null while it looks.
    pub looks_again_ms: Option<WallMs>,
    /// Runs at a time.
    pub parallel: usize,
    /// The runs that it answers for.
    pub runs: Vec<DaemonRunSeen>,
    /// Tasks that were turned away before a run began, and are left alone for a while.
    pub resting: Vec<DaemonRestSeen>,
    /// The landing that it has begun or waits for.
    pub landing: Option<DaemonLandingSeen>,
    /// The last landing that it has heard of.
    pub last_landing: Option<DaemonLastLanding>,
    /// Reason for which it cannot look.
    pub trouble: Option<String>,
    /// The time by which its runs are to have ended, where it is to end.
    pub stops_by_ms: Option<WallMs>,
}

/// A run that a daemon answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonRunSeen {
    /// The task.
    pub task: TaskId,
    /// The run; null where this daemon has started it and knows its process alone.
    pub run: Option<RunId>,
    /// The process; null where it cannot be seen.
    pub pid: Option<i32>,
    /// True for a run that an earlier daemon has started.
    pub adopted: bool,
}

/// A task that rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonRestSeen {
    /// The task.
    pub task: TaskId,
    /// The end of the rest, unless somebody changes the task or answers a question about it before.
    pub until_ms: WallMs,
    /// Reason for which no run was begun.
    pub why: String,
}

/// A landing that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonLandingSeen {
    /// The process; null where it cannot be seen.
    pub pid: Option<i32>,
    /// True for one that an earlier daemon has begun.
    pub adopted: bool,
}

/// A landing that has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonLastLanding {
    /// The time at which the daemon heard of its end.
    pub ended_ms: WallMs,
    /// The tasks that have landed.
    pub landed: Vec<TaskId>,
    /// The tasks that went back.
    pub sent_back: Vec<TaskId>,
    /// The tasks that it left in review.
    pub left_out: Vec<DaemonLeftOut>,
    /// The time of the next one for the same works, where somebody was in the way; else another one waits until
    /// something else is reviewed, or a target moves.
    pub again_ms: Option<WallMs>,
}

/// A task that a landing has left in review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonLeftOut {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The run whose work it is; null where the landing was not begun by this daemon.
    pub run: Option<RunId>,
    /// The exit code that landing it alone would end with.
    pub code: u8,
    /// The reason.
    pub message: String,
    /// The next command, where one helps.
    pub next: Option<String>,
}

/// Reason for which a daemon has not answered.
#[derive(Debug, thiserror::Error)]
pub enum DaemonUnheard {
    /// There is no socket, or nobody listens at it.
    #[error("it does not listen at its socket: {0}")]
    Absent(io::Error),
    /// A daemon that listens, and says nothing in time, or nothing that can be read.
    #[error("it does not answer at its socket: {0}")]
    Silent(io::Error),
    /// A daemon of another version of the protocol.
    #[error("ai {} speaks version {} of the protocol, and this `ai` version {PROTOCOL}", .0.ai, .0.protocol)]
    OtherProtocol(Box<DaemonHello>),
    /// A daemon that refuses.
    #[error("{}", .0.message)]
    Refused(RefusalTold),
}

/// Asks the daemon at a socket, and waits for its answer for a few seconds at most.
pub fn ask(path: &Path, ask: DaemonAsk) -> Result<DaemonWord, DaemonUnheard> {
    let until = Instant::now() + PATIENCE;
    let silent = DaemonUnheard::Silent;
    let mut stream = socket::connect_at_once(path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => silent(error),
        _ => DaemonUnheard::Absent(error),
    })?;
    let mut lines = SocketLines::default();
    let line = lines
        .next(&mut stream, ANSWER_CAP, until)
        .map_err(|error| silent(late(error)))?;
    let hello = match read(&line).map_err(silent)? {
        DaemonGreeting::Hello(hello) => hello,
        DaemonGreeting::Error(refused) => return Err(DaemonUnheard::Refused(refused)),
    };
    if hello.protocol != PROTOCOL {
        return Err(DaemonUnheard::OtherProtocol(Box::new(hello)));
    }
    let request = DaemonRequest {
        protocol: PROTOCOL,
        ask,
    };
    let mut text = serde_json::to_vec(&request).map_err(|error| silent(error.into()))?;
    text.push(b'\n');
    let answered = socket::write_all(&mut stream, &text, until)
        .and_then(|()| lines.next(&mut stream, ANSWER_CAP, until))
        .map_err(|error| silent(late(error)))?;
    let reply: DaemonReply = read(&answered).map_err(silent)?;
    match reply.outcome {
        DaemonOutcome::Answer(word) => Ok(word),
        DaemonOutcome::Error(refused) => Err(DaemonUnheard::Refused(refused)),
    }
}

fn read<T: for<'a> Deserialize<'a>>(line: &[u8]) -> io::Result<T> {
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(line).map_err(|error| {
        let why = format!("its line cannot be read: {}", one_line(&error.to_string()));
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

/// A time that is over, in the same words whichever call has noticed it.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            let why = format!("nothing has come in {} s", PATIENCE.as_secs());
            io::Error::new(io::ErrorKind::TimedOut, why)
        }
        _ => error,
    }
}

#[cfg(test)]
#[path = "daemon_words_tests.rs"]
mod tests;
