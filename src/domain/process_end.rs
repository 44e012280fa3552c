//! How a child process ended, as the supervisor saw it. Says nothing about whether the work was
//! good.

use serde::{Deserialize, Serialize};

use crate::domain::resources::in_words;

/// The end of one child process: of an agent's CLI or of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum ProcessEnd {
    /// The process exited by itself with this code.
    Exited {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it, and `ai` did not send that signal.
    Signaled {
        /// Signal number, such as 9 or 11.
        signal: i32,
    },
    /// `ai` stopped it: the wall time was used up.
    TimedOut {
        /// The limit, in milliseconds.
        after_ms: u64,
    },
    /// `ai` stopped it: no output for too long.
    Silent {
        /// The limit, in milliseconds.
        after_ms: u64,
    },
    /// `ai` stopped it: more output than allowed.
    TooMuchOutput {
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// `ai` stopped it because somebody asked, or because the lease was lost.
    Stopped,
    /// The process had told its result and did not end by itself; `ai` ended it.
    Dismissed,
    /// The kernel or a memory limit killed it.
    OutOfMemory,
    /// The kernel ended all of it, since the memory that was declared for it was used up.
    OverMemory {
        /// The limit, in bytes.
        limit_bytes: u64,
    },
    /// The process never ran: not found, not executable, no resources.
    NotStarted {
        /// The operating system's words.
        why: String,
    },
}

/// The reason why a command was stopped from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The lease is held by somebody else, or could not be renewed in time.
    LeaseLost,
    /// The user interrupted `ai`.
    Interrupted,
    /// `ai` is shutting down and will take the run up again.
    Shutdown,
    /// A limit on money, tokens, events or turns, in words.
    Limit(String),
    /// Something else, in words.
    Other(String),
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StopReason::LeaseLost => "its lease was lost",
            StopReason::Interrupted => "it was interrupted",
            StopReason::Shutdown => "`ai` shuts down",
            StopReason::Limit(words) | StopReason::Other(words) => words,
        })
    }
}

impl ProcessEnd {
    /// The exit code, where there is one.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Exited { code } => Some(*code),
            _ => None,
        }
    }

    /// True for exit code 0 only.
    pub fn is_zero(&self) -> bool {
        self.code() == Some(0)
    }

    /// Tells why a command that should have succeeded did not, in words.
    pub fn failure(&self) -> String {
        let code = || Some(format!("exit code {}", self.code()?));
        self.trouble()
            .or_else(code)
            .unwrap_or_else(|| "it did not succeed".to_owned())
    }

    /// Tells why the machine, not the work, is to blame; `None` where the process exited by itself,
    /// or had done all that it was to do.
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Exited { .. } | Self::Dismissed => None,
            Self::Signaled { signal } => Some(format!("killed by signal {signal}")),
            Self::TimedOut { after_ms } => {
                Some(format!("stopped after {} s: time limit", after_ms / 1000))
            }
            Self::Silent { after_ms } => Some(format!(
                "stopped after {} s without output",
                after_ms / 1000
            )),
            Self::TooMuchOutput { limit_bytes } => {
                Some(format!("stopped after {limit_bytes} bytes of output"))
            }
            Self::Stopped => Some("stopped from outside".to_owned()),
            Self::OverMemory { limit_bytes } => Some(format!(
                "ended by its memory limit of {}",
                in_words(*limit_bytes)
            )),
            Self::OutOfMemory => Some("killed: out of memory".to_owned()),
            Self::NotStarted { why } => Some(format!("could not start: {why}")),
        }
    }
}

#[cfg(test)]
#[path = "process_end_tables.rs"]
mod tables;
